//! A map from pipes to values.
//!
//! Owns: the values, in one array without gaps, and the index that finds them.
//! Always true: each pipe once; at most half of the index is in use, so a search ends; the same calls give the same
//! order.
//! Must not know: the meaning of a value.

use crate::PipeId;

/// A map with a pipe as its key, made for a look-up per message and for keys that are consecutive numbers. A pipe's
/// number is its own hash, so nearly every search ends where it begins. Walking the map walks an array.
///
/// ```
/// use highwater_patterns::{PipeId, PipeMap};
///
/// let mut peers = PipeMap::default();
/// peers.insert(PipeId(7), "a");
/// assert_eq!(peers.get(PipeId(7)), Some(&"a"));
/// assert_eq!(peers.remove(PipeId(7)), Some("a"));
/// assert!(peers.is_empty());
/// ```
#[derive(Debug)]
pub struct PipeMap<T> {
    entries: Vec<(PipeId, T)>,
    /// Places in `entries`, or [`NOBODY`]. The length is a power of two. A pipe stands at its number modulo the length,
    /// or behind that place with no free place between.
    index: Vec<u32>,
}

const NOBODY: u32 = u32::MAX;
const SMALLEST_INDEX: usize = 8;

impl<T> Default for PipeMap<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            index: Vec::new(),
        }
    }
}

impl<T> PipeMap<T> {
    /// How many pipes there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no pipes.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The pipes, in an order that follows from the insertions and removals and means nothing.
    pub fn pipes(&self) -> impl Iterator<Item = PipeId> + '_ {
        self.entries.iter().map(|(pipe, _)| *pipe)
    }

    /// The values, in the order of [`pipes`](Self::pipes).
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The values, in the order of [`pipes`](Self::pipes).
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// The value of `pipe`.
    #[inline]
    pub fn get(&self, pipe: PipeId) -> Option<&T> {
        let place = self.place(pipe)?;
        self.entries.get(place).map(|(_, value)| value)
    }

    /// The value of `pipe`.
    #[inline]
    pub fn get_mut(&mut self, pipe: PipeId) -> Option<&mut T> {
        let place = self.place(pipe)?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// Sets the value of `pipe` and gives the former one.
    pub fn insert(&mut self, pipe: PipeId, value: T) -> Option<T> {
        if let Some(known) = self.get_mut(pipe) {
            return Some(std::mem::replace(known, value));
        }
        self.entries.push((pipe, value));
        if self.entries.len() * 2 > self.index.len() {
            self.reindex();
        } else {
            self.enter(self.entries.len() - 1);
        }
        None
    }

    /// Removes `pipe` and gives its value.
    pub fn remove(&mut self, pipe: PipeId) -> Option<T> {
        let (at, place) = self.find(pipe)?;
        self.vacate(at);
        let last = self.entries.len() - 1;
        if place != last
            && let Some((at, _)) = self.find(self.entries[last].0)
        {
            self.index[at] = place as u32;
        }
        let (_, value) = self.entries.swap_remove(place);
        if self.index.len() > SMALLEST_INDEX && self.entries.len() * 8 < self.index.len() {
            self.reindex();
        }
        Some(value)
    }

    /// The place of `pipe` in `entries`. A socket with one pipe needs no index look-up, which saves a chain of loads
    /// for each message.
    #[inline]
    fn place(&self, pipe: PipeId) -> Option<usize> {
        match &self.entries[..] {
            [(only, _)] if *only == pipe => Some(0),
            _ => self.find(pipe).map(|(_, place)| place),
        }
    }

    /// The places of `pipe` in the index and in `entries`.
    #[inline]
    fn find(&self, pipe: PipeId) -> Option<(usize, usize)> {
        let mut at = self.home(pipe);
        loop {
            let place = *self.index.get(at)? as usize;
            if self.entries.get(place)?.0 == pipe {
                return Some((at, place));
            }
            at = self.next(at);
        }
    }

    #[inline]
    fn home(&self, pipe: PipeId) -> usize {
        pipe.0 as usize & self.index.len().wrapping_sub(1)
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.index.len() - 1)
    }

    /// Puts the entry at `place` into the index.
    fn enter(&mut self, place: usize) {
        let mut at = self.home(self.entries[place].0);
        while self.index[at] != NOBODY {
            at = self.next(at);
        }
        self.index[at] = place as u32;
    }

    /// Frees `hole` in the index, and moves entries up that a search would no longer find behind it.
    fn vacate(&mut self, mut hole: usize) {
        let mask = self.index.len() - 1;
        let mut at = self.next(hole);
        while let Some((pipe, _)) = self.entries.get(self.index[at] as usize) {
            let from_home = at.wrapping_sub(self.home(*pipe)) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.index[hole] = self.index[at];
                hole = at;
            }
            at = self.next(at);
        }
        self.index[hole] = NOBODY;
    }

    fn reindex(&mut self) {
        let len = (self.entries.len() * 4)
            .next_power_of_two()
            .max(SMALLEST_INDEX);
        self.index.clear();
        self.index.resize(len, NOBODY);
        self.index.shrink_to_fit();
        for place in 0..self.entries.len() {
            self.enter(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pipe_is_in_once_and_its_value_can_be_replaced() {
        let mut map = PipeMap::default();
        assert_eq!(map.insert(PipeId(u64::MAX), 1), None);
        assert_eq!(map.insert(PipeId(u64::MAX), 2), Some(1));
        assert_eq!(map.len(), 1);
        assert_eq!(map.remove(PipeId(u64::MAX)), Some(2));
        assert_eq!(map.remove(PipeId(u64::MAX)), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes_each_pipe_that_is_there_is_found(
            steps in prop::collection::vec((0..3_u8, 0..4_u64, 0..40_u64), 1..200)
        ) {
            let mut map = PipeMap::default();
            let mut naive = BTreeMap::new();
            for (step, (action, high, low)) in steps.into_iter().enumerate() {
                // Many of these numbers begin their search at the same place.
                let pipe = PipeId(high * 64 + low);
                if action == 0 {
                    prop_assert_eq!(map.remove(pipe), naive.remove(&pipe));
                } else {
                    prop_assert_eq!(map.insert(pipe, step), naive.insert(pipe, step));
                }
                let mut walked: Vec<_> = map.pipes().zip(map.values().copied()).collect();
                walked.sort_unstable();
                prop_assert_eq!(walked, naive.clone().into_iter().collect::<Vec<_>>());
                for id in 0..256 {
                    prop_assert_eq!(map.get(PipeId(id)), naive.get(&PipeId(id)));
                }
            }
        }
    }
}

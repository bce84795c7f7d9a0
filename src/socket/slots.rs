//! The slots of a socket, found by the id of their pipe.
//!
//! Owns: the slots, in one array without gaps, and the index that finds them.
//! Always true: at most half of the index is in use, so a search ends; each slot is in it once.
//! Must not know: what a slot holds, but its id.

use highwater_patterns::PipeId;

use super::slot::Slot;

/// Slots by pipe. Every message looks for one, and ids are numbers in a row: so an id is its own hash, nearly every
/// search ends where it begins, and walking all of them walks an array.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// Places in `slots`, or [`NOBODY`]; a power of two of them. A pipe is at its id modulo the length, or behind it
    /// with nothing free between.
    index: Vec<u32>,
}

const NOBODY: u32 = u32::MAX;
const SMALLEST_INDEX: usize = 8;

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut()
    }

    #[inline]
    pub(super) fn get(&self, pipe: PipeId) -> Option<&Slot> {
        let (_, place) = self.find(pipe)?;
        self.slots.get(place)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, pipe: PipeId) -> Option<&mut Slot> {
        let (_, place) = self.find(pipe)?;
        self.slots.get_mut(place)
    }

    /// Adds `slot`, whose pipe must not be in here.
    pub(super) fn insert(&mut self, slot: Slot) {
        debug_assert!(self.get(slot.id()).is_none(), "a pipe is attached once");
        self.slots.push(slot);
        if self.slots.len() * 2 > self.index.len() {
            self.reindex();
        } else {
            self.enter(self.slots.len() - 1);
        }
    }

    pub(super) fn remove(&mut self, pipe: PipeId) -> Option<Slot> {
        let (at, place) = self.find(pipe)?;
        self.vacate(at);
        let last = self.slots.len() - 1;
        if place != last
            && let Some((at, _)) = self.find(self.slots[last].id())
        {
            self.index[at] = place as u32;
        }
        let slot = self.slots.swap_remove(place);
        if self.index.len() > SMALLEST_INDEX && self.slots.len() * 8 < self.index.len() {
            self.reindex();
        }
        Some(slot)
    }

    /// Where `pipe` is: in the index, and in the array.
    #[inline]
    fn find(&self, pipe: PipeId) -> Option<(usize, usize)> {
        let mut at = self.home(pipe);
        loop {
            let place = *self.index.get(at)? as usize;
            if self.slots.get(place)?.id() == pipe {
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

    /// Puts the slot at `place` into the index.
    fn enter(&mut self, place: usize) {
        let mut at = self.home(self.slots[place].id());
        while self.index[at] != NOBODY {
            at = self.next(at);
        }
        self.index[at] = place as u32;
    }

    /// Frees `hole` in the index, and moves up what a search would no longer find behind it.
    fn vacate(&mut self, mut hole: usize) {
        let mask = self.index.len() - 1;
        let mut at = self.next(hole);
        while let Some(slot) = self.slots.get(self.index[at] as usize) {
            let from_home = at.wrapping_sub(self.home(slot.id())) & mask;
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
        let len = (self.slots.len() * 4)
            .next_power_of_two()
            .max(SMALLEST_INDEX);
        self.index.clear();
        self.index.resize(len, NOBODY);
        self.index.shrink_to_fit();
        for place in 0..self.slots.len() {
            self.enter(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::pipe::{HighWater, Incoming, Outgoing, Pipe};

    fn slot(id: u32) -> Slot {
        let unlimited = HighWater {
            messages: None,
            bytes: None,
        };
        let (outgoing, incoming) = (Outgoing::new(unlimited, false), Incoming::new(unlimited));
        Slot::wire(Arc::new(Pipe::new(PipeId(id), outgoing, incoming)), false)
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes_each_pipe_that_is_there_is_found(
            steps in proptest::collection::vec((any::<bool>(), 0..4_u32, 0..40_u32), 1..200)
        ) {
            let mut slots = Slots::default();
            let mut known = BTreeSet::new();
            for (comes, high, low) in steps {
                // Ids that begin a search at the same place are frequent.
                let id = high * 64 + low;
                if comes && known.insert(id) {
                    slots.insert(slot(id));
                } else if !comes {
                    let gone = slots.remove(PipeId(id)).map(|slot| slot.id().0);
                    prop_assert_eq!(gone, known.take(&id));
                }
                let mut walked: Vec<u32> = slots.iter().map(|slot| slot.id().0).collect();
                walked.sort_unstable();
                prop_assert_eq!(&walked, &known.iter().copied().collect::<Vec<_>>());
                for id in 0..256 {
                    let found = slots.get(PipeId(id)).map(|slot| slot.id().0);
                    prop_assert_eq!(found, known.get(&id).copied());
                }
            }
        }
    }
}

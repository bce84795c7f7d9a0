//! A small map from pipes to whatever a pattern remembers of each.
//!
//! Owns: nothing but the order of its entries.
//! Always true: sorted by pipe, each pipe once; so walking it gives the same order every time.
//! Must not know: what it maps to.

use crate::PipeId;

/// A sorted array: found by halving, cheap to walk; a new pipe, having the highest number, goes to the end.
#[derive(Debug)]
pub(crate) struct PipeMap<T> {
    entries: Vec<(PipeId, T)>,
}

impl<T> Default for PipeMap<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
        }
    }
}

impl<T> PipeMap<T> {
    /// Puts `value` in, and gives back what was there.
    pub(crate) fn insert(&mut self, pipe: PipeId, value: T) -> Option<T> {
        match self.find(pipe) {
            Ok(index) => Some(std::mem::replace(&mut self.entries[index].1, value)),
            Err(index) => {
                self.entries.insert(index, (pipe, value));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, pipe: PipeId) -> Option<T> {
        let index = self.find(pipe).ok()?;
        Some(self.entries.remove(index).1)
    }

    #[inline]
    pub(crate) fn get(&self, pipe: PipeId) -> Option<&T> {
        self.find(pipe).ok().map(|index| &self.entries[index].1)
    }

    pub(crate) fn get_mut(&mut self, pipe: PipeId) -> Option<&mut T> {
        let index = self.find(pipe).ok()?;
        Some(&mut self.entries[index].1)
    }

    pub(crate) fn pipes(&self) -> impl Iterator<Item = PipeId> + '_ {
        self.entries.iter().map(|(pipe, _)| *pipe)
    }

    #[inline]
    fn find(&self, pipe: PipeId) -> Result<usize, usize> {
        self.entries
            .binary_search_by_key(&pipe, |(known, _)| *known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_the_order_of_their_pipes() {
        let mut map = PipeMap::default();
        for id in [3, 1, 2] {
            assert_eq!(map.insert(PipeId(id), id), None);
        }
        assert_eq!(map.insert(PipeId(2), 20), Some(2));
        assert_eq!(map.remove(PipeId(1)), Some(1));
        assert_eq!(map.get(PipeId(1)), None);
        assert_eq!(map.get(PipeId(2)), Some(&20));
        assert_eq!(map.pipes().collect::<Vec<_>>(), [PipeId(2), PipeId(3)]);
    }
}

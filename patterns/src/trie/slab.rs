//! Nodes in chunks, so that memory is taken and given back a chunk at a time.
//!
//! Owns: which places are free.
//! Always true: a node keeps its place. A chunk without nodes has no memory. The lowest free place is taken first, so
//! that the remaining nodes gather in few chunks.
//! Must not know: what a node is.
//!
//! A single array would be copied whole whenever it grows, and would keep the memory of the largest number of nodes
//! there ever was.

use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};

/// Nodes in a chunk; a power of two.
const CHUNK: usize = 64;

/// A collection of nodes whose places do not change.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// Chunks with a free place.
    open: BTreeSet<u32>,
    used: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    nodes: Vec<T>,
    free: Vec<u8>,
}

impl<T: Default> Slab<T> {
    /// With one node, in place 0.
    pub(super) fn with(first: T) -> Self {
        let mut slab = Self {
            chunks: Vec::new(),
            open: BTreeSet::new(),
            used: 0,
        };
        slab.insert(first);
        slab
    }

    /// How many nodes there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// For how many nodes there is memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.nodes.capacity()).sum()
    }

    /// Puts `node` into a free place, and gives the place.
    pub(super) fn insert(&mut self, node: T) -> u32 {
        let at = self.open.first().copied().unwrap_or_else(|| {
            let at = u32::try_from(self.chunks.len()).expect("fewer than 2^32 nodes fit in memory");
            self.chunks.push(Chunk {
                nodes: Vec::new(),
                free: Vec::new(),
            });
            self.open.insert(at);
            at
        });
        let chunk = &mut self.chunks[at as usize];
        let place = match chunk.free.pop() {
            Some(place) => {
                chunk.nodes[place as usize] = node;
                u32::from(place)
            }
            None => {
                chunk.nodes.push(node);
                (chunk.nodes.len() - 1) as u32
            }
        };
        if chunk.free.is_empty() && chunk.nodes.len() == CHUNK {
            self.open.remove(&at);
        }
        self.used += 1;
        at * CHUNK as u32 + place
    }

    /// Frees `place`; if it held the last node of its chunk, the chunk's memory is freed too.
    pub(super) fn remove(&mut self, place: u32) {
        let at = place / CHUNK as u32;
        let place = place as usize % CHUNK;
        let chunk = &mut self.chunks[at as usize];
        chunk.nodes[place] = T::default();
        chunk.free.push(place as u8);
        if chunk.free.len() == chunk.nodes.len() {
            chunk.nodes = Vec::new();
            chunk.free = Vec::new();
        }
        self.open.insert(at);
        self.used -= 1;
        while self.chunks.last().is_some_and(|last| last.nodes.is_empty()) {
            self.chunks.pop();
            self.open.remove(&(self.chunks.len() as u32));
        }
        if self.chunks.len() * 4 < self.chunks.capacity() {
            self.chunks.shrink_to(2 * self.chunks.len());
        }
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: u32) -> &T {
        &self.chunks[place as usize / CHUNK].nodes[place as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, place: u32) -> &mut T {
        &mut self.chunks[place as usize / CHUNK].nodes[place as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_back_while_others_stay_where_they_are() {
        let mut slab = Slab::with(0);
        let places: Vec<u32> = (1..100_000).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.len(), 100_000);
        for (n, place) in places.iter().enumerate().skip(1) {
            if n != 70_000 {
                slab.remove(*place);
            }
        }
        assert_eq!(
            (slab[0], slab[places[0]], slab[places[70_000]]),
            (0, 1, 70_001)
        );
        assert_eq!(slab.len(), 3);
        assert!(slab.capacity() <= 2 * CHUNK);
        slab.remove(places[70_000]);
        assert_eq!(slab.chunks.len(), 1);
        assert!(slab.chunks.capacity() < 10);
        assert!((slab.insert(5) as usize) < CHUNK, "the lowest free place");
    }
}

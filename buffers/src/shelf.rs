//! A store of unused buffers.
//!
//! Owns: which buffer fits, and which is evicted.
//! Always true: the capacity of a buffer counts; its length and content are unspecified.
//! Must not know: which threads share it, and under which lock.

use std::collections::VecDeque;

/// Unused buffers: last in, first out, since the newest is most likely in the processor's cache. If there is no room,
/// the oldest is evicted.
///
/// ```
/// use highwater_buffers::Shelf;
///
/// let mut shelf = Shelf::new();
/// assert!(shelf.keep(vec![1; 1000], 1500).is_empty());
/// assert_eq!(shelf.keep(vec![2; 900], 1500), [vec![1; 1000]], "both are more than 1500 bytes");
/// assert_eq!(shelf.take(901), None);
/// assert_eq!(shelf.take(600), Some(vec![2; 900]));
/// ```
#[derive(Debug, Default)]
pub struct Shelf {
    /// Oldest first.
    buffers: VecDeque<Vec<u8>>,
    /// Bytes of capacity in `buffers`.
    bytes: usize,
}

impl Shelf {
    /// An empty shelf, without memory.
    pub const fn new() -> Self {
        Self {
            buffers: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The bytes of capacity on the shelf.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest buffer that fits a body of `len` bytes: with at least that capacity and at most twice as much. So a
    /// body held for long does not hold much more memory than its size.
    pub fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        let fits = |buffer: &Vec<u8>| buffer.capacity() >= len && buffer.capacity() / 2 <= len;
        let at = self.buffers.iter().rposition(fits)?;
        let buffer = self.buffers.remove(at)?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Keeps `buffer`, and at most `most` bytes of capacity in all. Gives the evicted buffers, oldest first, or
    /// `buffer` itself if it alone exceeds `most`. The caller frees them, after releasing its lock: freeing can take
    /// long.
    pub fn keep(&mut self, buffer: Vec<u8>, most: usize) -> Vec<Vec<u8>> {
        if buffer.capacity() > most {
            return vec![buffer];
        }
        let mut freed = Vec::new();
        while self.bytes + buffer.capacity() > most
            && let Some(oldest) = self.buffers.pop_front()
        {
            self.bytes -= oldest.capacity();
            freed.push(oldest);
        }
        self.bytes += buffer.capacity();
        self.buffers.push_back(buffer);
        freed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_newest_that_fits_is_taken() {
        let mut shelf = Shelf::new();
        for (len, mark) in [(100, 1), (1000, 2), (100, 3), (1000, 4)] {
            shelf.keep(vec![mark; len], usize::MAX);
        }
        assert_eq!(shelf.bytes(), 2200);
        assert_eq!(shelf.take(100).expect("two fit")[0], 3);
        assert_eq!(shelf.take(50).expect("one fits")[0], 1);
        assert_eq!(
            shelf.take(499),
            None,
            "it would hold more than twice as much"
        );
        assert_eq!(shelf.take(500).expect("two fit")[0], 4);
        assert_eq!(shelf.bytes(), 1000);
    }

    #[test]
    fn what_is_too_large_changes_nothing() {
        let mut shelf = Shelf::new();
        shelf.keep(vec![1; 10], 20);
        assert_eq!(shelf.keep(vec![2; 21], 20), [vec![2; 21]]);
        assert_eq!(shelf.take(10), Some(vec![1; 10]));
    }

    proptest! {
        #[test]
        fn it_counts_right_and_stays_within_its_bound(
            steps in prop::collection::vec((any::<bool>(), 1..1000_usize), 1..100),
            most in 1..5000_usize,
        ) {
            let mut shelf = Shelf::new();
            for (keep, len) in steps {
                if keep {
                    shelf.keep(vec![0; len], most);
                } else if let Some(buffer) = shelf.take(len) {
                    prop_assert!((len..=2 * len + 1).contains(&buffer.capacity()));
                }
                let bytes: usize = shelf.buffers.iter().map(Vec::capacity).sum();
                prop_assert_eq!(shelf.bytes(), bytes);
                prop_assert!(bytes <= most);
            }
        }
    }
}

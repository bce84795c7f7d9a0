//! Copies of bodies, in memory of earlier ones.
//!
//! Owns: which bodies are worth it, and the shelf of this process.
//! Always true: at most a megabyte lies here, for the whole process; where two meet at the shelf, neither waits: memory is
//! new then, or freed.
//! Must not know: what is copied, and why.
//!
//! One shelf for all threads, since a body is often made on one and dropped on another: a sender's memory would pile up with
//! the receiver. The allocator knows that as little, and gives memory back to the system at the end of each batch, to ask for
//! it again, page by page, for the next.

use std::sync::Mutex;

use bytes::Bytes;

use crate::{Shelf, body};

/// From this length on, in bytes, [`copied`] uses memory again: for less, an allocator is as quick.
pub const LEAST_REUSED: usize = 8 * 1024;

/// Up to this length: allocators learn to keep memory for what is longer.
const MOST: usize = 256 * 1024;

/// The most memory that lies here: what is still in the processor's cache.
const MOST_BYTES: usize = 1024 * 1024;

static COPIES: Copies = Copies::new();

/// A copy of `bytes`. One of 8 ([`LEAST_REUSED`]) to 256 KiB is made, where possible, in the memory of an earlier one that nobody uses any
/// more; of such, a process keeps at most 1 MiB. The copy may hold twice as much memory as it is long.
///
/// ```
/// let body = highwater_buffers::copied(&[7; 10_000]);
/// assert_eq!(body, [7; 10_000][..]);
/// ```
pub fn copied(bytes: &[u8]) -> Bytes {
    COPIES.copy(bytes)
}

struct Copies(Mutex<Shelf>);

impl Copies {
    const fn new() -> Self {
        Self(Mutex::new(Shelf::new()))
    }

    fn copy(&'static self, bytes: &[u8]) -> Bytes {
        let len = bytes.len();
        if !(LEAST_REUSED..=MOST).contains(&len) {
            return Bytes::copy_from_slice(bytes);
        }
        let buffer = match self.take(len) {
            Some(mut used) => {
                used[..len].copy_from_slice(bytes);
                used
            }
            None => bytes.to_vec(),
        };
        body(buffer, len, |buffer| self.keep(buffer))
    }

    fn take(&self, len: usize) -> Option<Vec<u8>> {
        self.0.try_lock().ok()?.take(len)
    }

    fn keep(&self, buffer: Vec<u8>) {
        if let Ok(mut shelf) = self.0.try_lock() {
            let freed = shelf.keep(buffer, MOST_BYTES);
            drop(shelf);
            drop(freed);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lie(copies: &Copies) -> usize {
        copies.0.lock().expect("nobody panics").bytes()
    }

    #[test]
    fn a_copy_is_made_where_an_earlier_one_was() {
        static MINE: Copies = Copies::new();
        let first = MINE.copy(&[1; LEAST_REUSED]);
        let place = first.as_ptr();
        let other = MINE.copy(&[2; LEAST_REUSED]);
        assert_ne!(other.as_ptr(), place, "both are used");
        drop(first);
        let next = MINE.copy(&[3; LEAST_REUSED]);
        assert_eq!((next.as_ptr(), &next[..]), (place, &[3; LEAST_REUSED][..]));
    }

    #[test]
    fn what_is_short_or_very_long_is_left_to_the_allocator() {
        static MINE: Copies = Copies::new();
        for len in [0, 1, LEAST_REUSED - 1, MOST + 1] {
            let bytes = vec![9; len];
            assert_eq!(MINE.copy(&bytes), bytes);
            assert_eq!(lie(&MINE), 0);
        }
        drop(MINE.copy(&[9; MOST]));
        assert_eq!(lie(&MINE), MOST);
    }

    #[test]
    fn a_burst_leaves_a_megabyte() {
        static MINE: Copies = Copies::new();
        let burst: Vec<Bytes> = (0..1000)
            .map(|_| MINE.copy(&[5; 2 * LEAST_REUSED]))
            .collect();
        assert_eq!(lie(&MINE), 0);
        drop(burst);
        assert_eq!(lie(&MINE), MOST_BYTES);
    }

    #[test]
    fn nobody_waits() {
        static MINE: Copies = Copies::new();
        let body = MINE.copy(&[1; LEAST_REUSED]);
        let shelf = MINE.0.lock().expect("nobody panics");
        let other = MINE.copy(&[2; LEAST_REUSED]);
        drop(body);
        drop(other);
        assert_eq!(shelf.bytes(), 0, "both were freed");
    }

    #[test]
    fn threads_pass_bodies_on_and_none_is_written_while_it_is_used() {
        static MINE: Copies = Copies::new();
        const BODIES: usize = 2_000;
        let (sender, receiver) = std::sync::mpsc::sync_channel(16);
        std::thread::scope(|threads| {
            threads.spawn(move || {
                for number in 0..BODIES {
                    let body = MINE.copy(&vec![number as u8; LEAST_REUSED + number]);
                    sender.send(body).expect("somebody receives");
                }
            });
            for number in 0..BODIES {
                let body = receiver.recv().expect("somebody sends");
                assert_eq!(body.len(), LEAST_REUSED + number);
                assert!(body.iter().all(|byte| *byte == number as u8));
            }
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_copy_ever_shows_the_bytes_of_another(
            bodies in prop::collection::vec((1..3 * LEAST_REUSED, any::<u8>(), any::<bool>()), 1..40),
        ) {
            static MINE: Copies = Copies::new();
            let mut kept = Vec::new();
            for (len, mark, keep) in bodies {
                let body = MINE.copy(&vec![mark; len]);
                prop_assert_eq!(body.len(), len);
                kept.push((body, mark));
                for (body, mark) in &kept {
                    prop_assert!(body.iter().all(|byte| byte == mark));
                }
                if !keep {
                    kept.swap_remove(kept.len() / 2);
                }
            }
        }
    }
}

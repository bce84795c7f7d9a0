//! Memory of dropped bodies, reused for copies of others.
//!
//! Owns: the rule which bodies are kept, the shelf of this process, and the leases on it.
//! Always true: a process keeps at most 1 MiB, and nothing without a lease. A thread that finds the shelf locked does
//! not wait: it allocates or frees instead.
//! Must not know: what is copied, why, and which code has a lease.
//!
//! All threads share one shelf, because a body is often made on one thread and dropped on another: with a shelf per
//! thread, the sender's memory would pile up at the receiver. An allocator has the same difficulty: it gives memory
//! back to the system at the end of each batch, and gets it again page by page for the next.
//!
//! A body comes back through the type that holds it. An owner inside the body would need an allocation for each body,
//! made on one thread and freed on another.
//!
//! Memory kept for ever would cost more than its own size: an allocator gives only the free end of its heap back to the
//! system, so one kept buffer may hold the memory of a whole burst. Leases end that.

use std::ops::Deref;

use bytes::Bytes;

use crate::Shelf;
use crate::sync::{AtomicUsize, Mutex, Ordering, fence};

/// The least length of a reused body, in bytes. For shorter ones an allocator is as fast.
pub const LEAST_REUSED: usize = 8 * 1024;

/// The greatest length of a reused body, in bytes. Allocators keep longer ones themselves.
const MOST: usize = 256 * 1024;

/// The most memory that the shelf keeps, in bytes: about what stays in the processor's cache.
const MOST_BYTES: usize = 1024 * 1024;

#[cfg(not(highwater_model))]
static COPIES: Copies = Copies::new();

#[cfg(highwater_model)]
loom::lazy_static! {
    static ref COPIES: Copies = Copies::new();
}

/// A body whose memory is reused if it has 8 KiB ([`LEAST_REUSED`]) to 256 KiB and no other user when it is dropped. A
/// process keeps at most 1 MiB of such memory for later [`copies`](Self::copied), and none while it has no [`Lease`].
///
/// ```
/// use highwater_buffers::{Lease, Reused};
///
/// let _lease = Lease::new();
/// drop(Reused::from(vec![1; 10_000]));
/// let in_the_same_memory = Reused::copied(&[2; 10_000]);
/// assert_eq!(in_the_same_memory[..], [2; 10_000]);
/// ```
#[derive(Debug, Clone)]
pub struct Reused(Bytes);

impl Reused {
    /// A copy of `bytes`, where possible in reused memory. It may hold twice as much memory as it is long.
    pub fn copied(bytes: &[u8]) -> Self {
        Self(COPIES.copy(bytes))
    }

    /// The body; its memory is not reused.
    #[inline]
    pub fn into_bytes(mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }
}

impl<B: Into<Bytes>> From<B> for Reused {
    #[inline]
    fn from(body: B) -> Self {
        Self(body.into())
    }
}

impl Deref for Reused {
    type Target = Bytes;

    #[inline]
    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl Drop for Reused {
    #[inline]
    fn drop(&mut self) {
        if self.0.len() >= LEAST_REUSED {
            give_back(&mut self.0);
        }
    }
}

/// Out of line, so that short bodies need fewer instructions.
#[cold]
#[inline(never)]
fn give_back(body: &mut Bytes) {
    COPIES.give_back(std::mem::take(body));
}

/// The permission to keep memory. While a process has a lease, it keeps memory for copies; the end of the last lease
/// frees that memory.
///
/// ```
/// use highwater_buffers::{Lease, Reused};
///
/// let lease = Lease::new();
/// drop(Reused::copied(&[1; 10_000]));
/// let _in_the_same_memory = Reused::copied(&[2; 10_000]);
/// drop(lease);
/// ```
#[derive(Debug)]
#[must_use]
pub struct Lease(&'static Copies);

impl Lease {
    /// A further lease.
    pub fn new() -> Self {
        COPIES.lease()
    }
}

impl Default for Lease {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.end_lease();
    }
}

#[derive(Debug)]
struct Copies {
    /// Taken by `try_lock` only. So a forked child, which may inherit a lock held by a thread it does not have, never
    /// hangs.
    shelf: Mutex<Shelf>,
    leases: AtomicUsize,
}

impl Copies {
    #[cfg(not(highwater_model))]
    const fn new() -> Self {
        Self {
            shelf: Mutex::new(Shelf::new()),
            leases: AtomicUsize::new(0),
        }
    }

    /// As above, but not const: loom's types can be made only while a model runs.
    #[cfg(highwater_model)]
    fn new() -> Self {
        Self {
            shelf: Mutex::new(Shelf::new()),
            leases: AtomicUsize::new(0),
        }
    }

    fn lease(&'static self) -> Lease {
        self.begin_lease();
        Lease(self)
    }

    fn begin_lease(&self) {
        self.leases.fetch_add(1, Ordering::SeqCst);
    }

    fn end_lease(&self) {
        if self.leases.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.clear();
        }
    }

    fn copy(&self, bytes: &[u8]) -> Bytes {
        let len = bytes.len();
        if !(LEAST_REUSED..=MOST).contains(&len) {
            return Bytes::copy_from_slice(bytes);
        }
        match self.at_shelf(|shelf| shelf.take(len)).flatten() {
            Some(mut used) => {
                used.clear();
                used.extend_from_slice(bytes);
                Bytes::from(used)
            }
            None => Bytes::copy_from_slice(bytes),
        }
    }

    /// Keeps the memory of `body`, if its size allows that and it has no other user.
    fn give_back(&self, body: Bytes) {
        if body.len() > MOST || !body.is_unique() {
            return;
        }
        // The whole allocation, also the parts before and behind the body. Bytes are copied only if the body starts in
        // the middle.
        let buffer = Vec::from(body);
        // A copy may hold twice as much as it is long.
        if buffer.capacity() <= 2 * MOST {
            // The buffers that make way are dropped here, after the lock has been released.
            drop(self.at_shelf(|shelf| shelf.keep(buffer, MOST_BYTES)));
        }
    }

    /// Runs `work` on the shelf; `None` if another thread holds the lock or there is no lease.
    fn at_shelf<T>(&self, work: impl FnOnce(&mut Shelf) -> T) -> Option<T> {
        if self.leases.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let result = work(&mut *self.shelf.try_lock().ok()?);
        // The last lease may have ended meanwhile, and `clear` may have found the lock held. One of the two fences,
        // here and in `clear`, comes second; the thread of the second one sees the other's writes.
        fence(Ordering::SeqCst);
        if self.leases.load(Ordering::Relaxed) == 0 {
            self.clear();
        }
        Some(result)
    }

    /// The last lease has ended: empties the shelf. A thread that holds the lock now calls `clear` again afterwards.
    fn clear(&self) {
        fence(Ordering::SeqCst);
        let cleared = self
            .shelf
            .try_lock()
            .ok()
            .map(|mut shelf| std::mem::take(&mut *shelf));
        drop(cleared);
    }
}

#[cfg(all(test, highwater_model))]
mod models;

#[cfg(all(test, not(highwater_model)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lie(copies: &Copies) -> usize {
        copies.shelf.lock().expect("nobody panics").bytes()
    }

    #[test]
    fn a_copy_is_made_where_an_earlier_one_was() {
        static MINE: Copies = Copies::new();
        let _lease = MINE.lease();
        let first = MINE.copy(&[1; LEAST_REUSED]);
        let place = first.as_ptr();
        let other = MINE.copy(&[2; LEAST_REUSED]);
        assert_ne!(other.as_ptr(), place, "both are used");
        MINE.give_back(first);
        let next = MINE.copy(&[3; LEAST_REUSED]);
        assert_eq!((next.as_ptr(), &next[..]), (place, &[3; LEAST_REUSED][..]));
    }

    #[test]
    fn a_reused_body_leaves_its_memory_with_its_last_user() {
        let _lease = Lease::new();
        let given = Bytes::from(vec![1; LEAST_REUSED]);
        let place = given.as_ptr();
        let first = Reused::from(given);
        let second = first.clone();
        drop(first);
        let other = Reused::copied(&[2; LEAST_REUSED]);
        assert_ne!(other.as_ptr(), place, "it is used");
        drop(second);
        let next = Reused::copied(&[3; LEAST_REUSED]);
        assert_eq!((next.as_ptr(), &next[..]), (place, &[3; LEAST_REUSED][..]));
        let for_good = next.into_bytes();
        drop(Reused::copied(&[4; LEAST_REUSED]));
        assert_eq!(for_good, [3; LEAST_REUSED][..]);
    }

    #[test]
    fn all_of_the_memory_counts_however_little_of_it_is_used() {
        static MINE: Copies = Copies::new();
        let _lease = MINE.lease();
        let part = |of: usize, at: usize| Bytes::from(vec![1; of]).slice(at..at + LEAST_REUSED);
        for at in [0, 1, 10 * MOST - LEAST_REUSED] {
            MINE.give_back(part(10 * MOST, at));
            assert_eq!(lie(&MINE), 0);
        }
        for (kept, at) in [0, 1, MOST - LEAST_REUSED].into_iter().enumerate() {
            MINE.give_back(part(MOST, at));
            assert_eq!(lie(&MINE), (kept + 1) * MOST);
        }
        let mut spare = Vec::with_capacity(10 * MOST);
        spare.resize(LEAST_REUSED, 1);
        MINE.give_back(Bytes::from(spare));
        MINE.give_back(Bytes::from_static(&[1; LEAST_REUSED]));
        assert_eq!(lie(&MINE), 3 * MOST);
    }

    #[test]
    fn what_is_short_or_very_long_is_left_to_the_allocator() {
        static MINE: Copies = Copies::new();
        let _lease = MINE.lease();
        for len in [0, 1, LEAST_REUSED - 1, MOST + 1] {
            let bytes = vec![9; len];
            assert_eq!(MINE.copy(&bytes), bytes);
        }
        MINE.give_back(MINE.copy(&[9; MOST + 1]));
        assert_eq!(lie(&MINE), 0);
        MINE.give_back(MINE.copy(&[9; MOST]));
        assert_eq!(lie(&MINE), MOST);
    }

    #[test]
    fn a_burst_leaves_a_megabyte() {
        static MINE: Copies = Copies::new();
        let _lease = MINE.lease();
        let burst: Vec<Bytes> = (0..1000)
            .map(|_| MINE.copy(&[5; 2 * LEAST_REUSED]))
            .collect();
        assert_eq!(lie(&MINE), 0);
        burst.into_iter().for_each(|body| MINE.give_back(body));
        assert_eq!(lie(&MINE), MOST_BYTES);
    }

    #[test]
    fn nothing_is_kept_without_a_lease() {
        static MINE: Copies = Copies::new();
        MINE.give_back(MINE.copy(&[1; LEAST_REUSED]));
        assert_eq!(lie(&MINE), 0);
        let first = MINE.lease();
        let second = MINE.lease();
        MINE.give_back(MINE.copy(&[2; LEAST_REUSED]));
        drop(first);
        assert_eq!(lie(&MINE), LEAST_REUSED);
        let used = MINE.copy(&[3; 2 * LEAST_REUSED]);
        drop(second);
        assert_eq!(lie(&MINE), 0);
        MINE.give_back(used);
        assert_eq!(lie(&MINE), 0, "it was used longer than the lease was");
    }

    #[test]
    fn a_last_lease_that_ends_while_somebody_is_at_the_shelf_leaves_nothing() {
        static MINE: Copies = Copies::new();
        let lease = MINE.lease();
        MINE.at_shelf(|shelf| {
            drop(lease);
            shelf.keep(vec![1; LEAST_REUSED], MOST_BYTES)
        });
        assert_eq!(lie(&MINE), 0);
    }

    #[test]
    fn leases_that_end_among_copies_leave_nothing() {
        static MINE: Copies = Copies::new();
        for _ in 0..300 {
            std::thread::scope(|threads| {
                for _ in 0..3 {
                    threads.spawn(|| {
                        let _lease = MINE.lease();
                        MINE.give_back(MINE.copy(&[1; LEAST_REUSED]));
                    });
                }
                MINE.give_back(MINE.copy(&[2; LEAST_REUSED]));
            });
            assert_eq!(lie(&MINE), 0);
        }
    }

    #[test]
    fn nobody_waits() {
        static MINE: Copies = Copies::new();
        let _lease = MINE.lease();
        let body = MINE.copy(&[1; LEAST_REUSED]);
        let shelf = MINE.shelf.lock().expect("nobody panics");
        let other = MINE.copy(&[2; LEAST_REUSED]);
        MINE.give_back(body);
        MINE.give_back(other);
        assert_eq!(shelf.bytes(), 0, "both were freed");
    }

    #[test]
    fn threads_pass_bodies_on_and_none_is_written_while_it_is_used() {
        static MINE: Copies = Copies::new();
        const BODIES: usize = 2_000;
        let _lease = MINE.lease();
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
                MINE.give_back(body);
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
            let _lease = MINE.lease();
            let mut kept = Vec::new();
            for (len, mark, keep) in bodies {
                let body = MINE.copy(&vec![mark; len]);
                prop_assert_eq!(body.len(), len);
                kept.push((body, mark));
                for (body, mark) in &kept {
                    prop_assert!(body.iter().all(|byte| byte == mark));
                }
                if !keep {
                    MINE.give_back(kept.swap_remove(kept.len() / 2).0);
                }
            }
        }
    }
}

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
//! Memory kept for ever would cost more than its own size: an allocator gives only the free end of its heap back to the
//! system, so one kept buffer may hold the memory of a whole burst. Leases end that.

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
pub(crate) static COPIES: Copies = Copies::new();

#[cfg(highwater_model)]
loom::lazy_static! {
    pub(crate) static ref COPIES: Copies = Copies::new();
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

/// The shelf of a process, and the count of the leases on it.
#[derive(Debug)]
pub(crate) struct Copies {
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

    pub(crate) fn copy(&self, bytes: &[u8]) -> Bytes {
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
    pub(crate) fn give_back(&self, body: Bytes) {
        if !(LEAST_REUSED..=MOST).contains(&body.len()) || !body.is_unique() {
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
mod tests;

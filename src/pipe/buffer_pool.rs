//! Buffers of large bodies, used again.
//!
//! Owns: the buffers that nobody uses at present, and how much memory they may be.
//! Always true: what lies here and what is lent to bodies under way is at most 8 MiB together, so that neither a burst
//! nor peers that announce and do not send hold more. A body knows its pool only weakly: it may outlive it, and is
//! then freed like any other.
//! Must not know: links, threads.
//!
//! A free list, last in, first out, that forgets the oldest. New memory costs a page fault for each 4 KiB, and the
//! body is copied as it grows: without the pool a third of the time of a body of 256 KiB went there. One pool for all
//! links of an I/O thread, since one for each link would need a timer to bound what idle links hold.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use crate::sync::Mutex;
use crate::zmtp::Buffers;

/// The most bytes in one pool, lent ones included. Bodies of 16 MiB gain nothing by being kept.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// From this length on a body goes through the pool; below it, a read that brings several bodies and a copy of each cost
/// less than a read for each of them.
const WORTH_KEEPING: usize = 32 * 1024;

/// The buffers that one I/O thread and the readers of its links have at hand.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// The oldest in front; each initialised over its whole length, which is at least [`WORTH_KEEPING`].
    buffers: VecDeque<Vec<u8>>,
    /// Bytes in `buffers`.
    kept: usize,
    /// Bytes in the buffers of bodies under way that came from here.
    lent: usize,
}

impl Buffers for BufferPool {
    fn lend(&self, len: usize) -> Option<Vec<u8>> {
        if len < WORTH_KEEPING {
            return None;
        }
        self.shelf.lock().lend(len)
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut shelf = self.shelf.lock();
        shelf.lent -= buffer.capacity();
        let freed = shelf.keep(buffer);
        drop(shelf);
        drop(freed);
    }

    fn share(self: Arc<Self>, buffer: Vec<u8>, len: usize, lent: bool) -> Bytes {
        if lent {
            self.shelf.lock().lent -= buffer.capacity();
        } else if len < WORTH_KEEPING {
            return Bytes::from(buffer);
        }
        Bytes::from_owner(Body {
            buffer,
            len,
            pool: Arc::downgrade(&self),
        })
    }
}

impl BufferPool {
    /// Keeps the buffer of a body that nobody uses any more. It is freed instead if there is no room, or if the pool is
    /// busy: whoever drops a body does not wait.
    fn keep(&self, buffer: Vec<u8>) {
        let Some(mut shelf) = self.shelf.try_lock() else {
            return;
        };
        let freed = shelf.keep(buffer);
        // Memory is given back to the system outside the lock, which may take long.
        drop(shelf);
        drop(freed);
    }
}

impl Shelf {
    /// The newest buffer that fits: long enough, and at most twice as long, so that a body that is held for long does
    /// not hold much more than itself.
    fn lend(&mut self, len: usize) -> Option<Vec<u8>> {
        let fits = |buffer: &Vec<u8>| buffer.len() >= len && buffer.capacity() / 2 <= len;
        let at = self.buffers.iter().rposition(fits)?;
        let buffer = self.buffers.remove(at)?;
        self.kept -= buffer.capacity();
        self.lent += buffer.capacity();
        Some(buffer)
    }

    /// Keeps `buffer`; what has to be freed for it, the oldest first, or itself.
    fn keep(&mut self, buffer: Vec<u8>) -> Vec<Vec<u8>> {
        let room = MOST_BYTES.saturating_sub(self.lent);
        if buffer.capacity() > room {
            return vec![buffer];
        }
        let mut freed = Vec::new();
        while self.kept + buffer.capacity() > room
            && let Some(oldest) = self.buffers.pop_front()
        {
            self.kept -= oldest.capacity();
            freed.push(oldest);
        }
        self.kept += buffer.capacity();
        self.buffers.push_back(buffer);
        freed
    }
}

/// A body in the hands of the application.
struct Body {
    buffer: Vec<u8>,
    len: usize,
    pool: Weak<BufferPool>,
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.keep(std::mem::take(&mut self.buffer));
        }
    }
}

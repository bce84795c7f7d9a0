//! Buffers of large bodies, used again.
//!
//! Owns: the buffers that are not in use, and the bound on their memory.
//! Always true: the buffers in the pool and those lent to bodies under way are at most 8 MiB together, so neither a
//! burst nor peers that announce bodies and do not send them hold more. A body has a weak reference to its pool: it may
//! outlive the pool, and is then freed like other memory.
//! Must not know: links, threads.
//!
//! New memory costs a page fault for each 4 KiB, and a body is copied as its buffer grows. Without the pool, that took
//! a third of the time in which a body of 256 KiB was received. All links of an I/O thread share one pool: with a pool
//! for each link, a timer would have to empty those of idle links.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use highwater_buffers::{Shelf, body};

use crate::policy::tuning::{POOL_BYTES, WORTH_POOLING_BYTES};
use crate::sync::Mutex;
use crate::zmtp::Buffers;

/// The buffers that one I/O thread and the readers of its links have at hand.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    stock: Mutex<Stock>,
}

#[derive(Debug, Default)]
struct Stock {
    /// Each with memory for [`WORTH_POOLING_BYTES`] bytes at least.
    shelf: Shelf,
    /// Bytes in the buffers of bodies under way that came from here.
    lent: usize,
}

impl Buffers for BufferPool {
    fn lend(&self, len: usize) -> Option<Vec<u8>> {
        if len < WORTH_POOLING_BYTES {
            return None;
        }
        let mut stock = self.stock.lock();
        let mut buffer = stock.shelf.take(len)?;
        stock.lent += buffer.capacity();
        drop(stock);
        buffer.resize(buffer.len().max(len), 0);
        Some(buffer)
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut stock = self.stock.lock();
        stock.lent -= buffer.capacity();
        let freed = stock.keep(buffer);
        drop(stock);
        drop(freed);
    }

    fn share(self: Arc<Self>, buffer: Vec<u8>, len: usize, lent: bool) -> Bytes {
        if lent {
            self.stock.lock().lent -= buffer.capacity();
        } else if len < WORTH_POOLING_BYTES {
            return Bytes::from(buffer);
        }
        let pool = Arc::downgrade(&self);
        body(buffer, len, move |buffer| {
            if let Some(pool) = pool.upgrade() {
                pool.keep(buffer);
            }
        })
    }
}

impl BufferPool {
    /// Keeps the buffer of an unused body. It is freed instead if there is no room, or if the pool is locked: the
    /// thread that drops a body does not wait.
    fn keep(&self, buffer: Vec<u8>) {
        let Some(mut stock) = self.stock.try_lock() else {
            return;
        };
        let freed = stock.keep(buffer);
        // Memory is given back to the system outside the lock, which may take long.
        drop(stock);
        drop(freed);
    }
}

impl Stock {
    /// Keeps `buffer`. Gives the buffers that are to be freed: others to make room for it, or `buffer` itself.
    fn keep(&mut self, buffer: Vec<u8>) -> Vec<Vec<u8>> {
        self.shelf
            .keep(buffer, POOL_BYTES.saturating_sub(self.lent))
    }
}

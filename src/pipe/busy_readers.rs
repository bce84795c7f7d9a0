//! The size of the next read where several readers of an I/O thread are busy, and so share the processor's cache.
//!
//! Owns: the number of busy readers, and whether each reader is counted.
//! Always true: a reader is counted once, and no longer than it lives. A busy reader that finds nothing stays counted
//! until a read brings little or the I/O thread has it back, so that a stream with short gaps stays one.
//! Must not know: the rule by which the size is found (`policy::read_size`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::policy::{ReadSize, is_busy};

/// The number of busy readers of an I/O thread.
#[derive(Debug, Default)]
pub(crate) struct BusyReaders(AtomicUsize);

/// The read size of one reader among them.
#[derive(Debug)]
pub(super) struct SharedReadSize {
    size: ReadSize,
    all: Arc<BusyReaders>,
    /// This reader is among the busy ones.
    busy: bool,
}

impl SharedReadSize {
    pub(super) fn new(all: Arc<BusyReaders>) -> Self {
        Self {
            size: ReadSize::default(),
            all,
            busy: false,
        }
    }

    pub(super) fn get(&self) -> usize {
        self.size.get(self.busy_readers())
    }

    /// The most bytes that the next read may bring: see [`ReadSize::most_room`].
    pub(super) fn most_room(&self) -> usize {
        self.size.most_room(self.busy_readers())
    }

    /// From now on the bytes of a read are decoded at once, so that reads may grow.
    pub(super) fn may_grow(&mut self) {
        self.size.may_grow();
    }

    /// A read brought `read` bytes; `full` says that they filled the buffer.
    pub(super) fn learn(&mut self, read: usize, full: bool) {
        self.set_busy(is_busy(read));
        self.size.learn(read, full, self.busy_readers());
    }

    /// `body` bytes of a large body were read straight into the buffer of the body.
    pub(super) fn is_beside(&mut self, body: usize) {
        if self.size.is_beside(body) {
            self.set_busy(false);
        }
    }

    /// The connection is idle, and in the hands of the I/O thread.
    pub(super) fn begin_anew(&mut self) {
        self.set_busy(false);
        self.size.begin_anew();
    }

    fn busy_readers(&self) -> usize {
        self.all.0.load(Ordering::Relaxed)
    }

    #[inline]
    fn set_busy(&mut self, busy: bool) {
        if busy != self.busy {
            self.busy = busy;
            match busy {
                true => self.all.0.fetch_add(1, Ordering::Relaxed),
                false => self.all.0.fetch_sub(1, Ordering::Relaxed),
            };
        }
    }
}

impl Drop for SharedReadSize {
    fn drop(&mut self) {
        self.set_busy(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tuning::READ_BYTES;

    fn may_grow(all: &Arc<BusyReaders>) -> SharedReadSize {
        let mut size = SharedReadSize::new(Arc::clone(all));
        size.may_grow();
        size
    }

    /// A read that fills its room; the size of the next in KiB.
    fn fill(size: &mut SharedReadSize) -> usize {
        size.learn(size.get(), true);
        size.get() / 1024
    }

    #[test]
    fn those_that_read_much_share_what_is_asked_for_and_others_take_no_part() {
        let all = Arc::default();
        let mut first = may_grow(&all);
        assert_eq!([0; 2].map(|_| fill(&mut first)), [128, 256]);
        assert_eq!(fill(&mut first), 512);

        let mut others: Vec<_> = (0..107).map(|_| may_grow(&all)).collect();
        let few = others[..7].iter_mut().map(fill);
        assert_eq!(few.max(), Some(128));
        assert_eq!(fill(&mut first), 128, "one of eight");
        let many = others.iter_mut().map(fill);
        assert_eq!(many.max(), Some(128));
        assert_eq!(fill(&mut first), 64, "the least");
        assert_eq!(first.most_room(), READ_BYTES, "which is read at once");

        others.truncate(60);
        let (scant, rest) = others.split_at_mut(20);
        let (idle, beside) = rest.split_at_mut(20);
        scant.iter_mut().for_each(|one| one.learn(100, false));
        idle.iter_mut().for_each(SharedReadSize::begin_anew);
        beside
            .iter_mut()
            .for_each(|one| one.is_beside(READ_BYTES / 2));
        assert_eq!([0; 3].map(|_| fill(&mut first)), [128, 256, 512]);
        drop(others);
        drop(first);
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }
}

//! How much one read asks for.
//!
//! Owns: the size of the next read, learnt from those before; how many readers read much at present.
//! Always true: from 64 to 512 KiB; above 64 only for a reader in the hands of whoever decodes at once what it reads, so
//! that no more than a read of 64 KiB is taken beyond a high-water mark on behalf of a socket that does not receive. All
//! readers of an I/O thread that read much ask for at most 1 MiB together, or 64 KiB each.
//! Must not know: where the bytes go.
//!
//! A large read is not only fewer calls. Each makes the kernel open the peer's window a little, and send what waits for
//! that, which costs more than the call: to receive 16 bytes took 24 ns of a stream in reads of 64 KiB, and 20 in reads of
//! 512. But what was read shall still be in the processor's cache when it is decoded, which takes turns among all peers:
//! with 64 of them, to receive 1 KiB took 770 ns in reads of 512 KiB, and 480 in reads of 64.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much one read asks for, to begin with, and however many readers there are.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// How much it asks for if reads have come back full, each twice as large as the last.
const MOST_READ_BYTES: usize = 512 * 1024;

/// What those that read much ask for together, unless they are so many that each asks for the least.
const ALL_READ_BYTES: usize = 1024 * 1024;

/// A buffer so many times as large as what is to be in it is exchanged for a smaller one.
pub(super) const MOST_SLACK: usize = 4;

/// How many readers of an I/O thread have read much the last time, and so share the processor's cache. One that has nothing
/// to read is counted until it has read little or the I/O thread has it back, so that streams do not come and go.
#[derive(Debug, Default)]
pub(crate) struct Crowd(AtomicUsize);

/// The size of the next read.
#[derive(Debug)]
pub(super) struct ReadSize {
    crowd: Arc<Crowd>,
    /// How often [`READ_BYTES`] have been doubled.
    doublings: u8,
    /// Whether what is read is decoded at once.
    may_grow: bool,
    /// Whether the crowd counts this one.
    counted: bool,
}

impl ReadSize {
    pub(super) fn new(crowd: Arc<Crowd>) -> Self {
        Self {
            crowd,
            doublings: 0,
            may_grow: false,
            counted: false,
        }
    }

    pub(super) fn get(&self) -> usize {
        self.learnt().min(self.limit())
    }

    /// A buffer with more room is exchanged for a smaller one: a read fills what room there is.
    pub(super) fn most_room(&self) -> usize {
        let most = MOST_SLACK * self.learnt();
        if self.may_grow {
            most.min(self.limit())
        } else {
            most
        }
    }

    fn learnt(&self) -> usize {
        READ_BYTES << self.doublings
    }

    /// The most that it may be at present: a power of two, so that it changes seldom.
    fn limit(&self) -> usize {
        if !self.may_grow {
            return READ_BYTES;
        }
        let crowd = self.crowd.0.load(Ordering::Relaxed).max(1);
        let share = ALL_READ_BYTES / crowd.next_power_of_two();
        share.clamp(READ_BYTES, MOST_READ_BYTES)
    }

    /// What is read is decoded at once.
    pub(super) fn may_grow(&mut self) {
        self.may_grow = true;
    }

    /// So many bytes came, and filled what room there was, or did not.
    pub(super) fn learn(&mut self, read: usize, full: bool) {
        self.count(read >= READ_BYTES / 2);
        if full && read >= self.learnt() / 2 {
            self.doublings += 1;
        } else if read < self.learnt() / 4 {
            self.doublings = self.doublings.saturating_sub(1);
        }
        while self.learnt() > self.limit() {
            self.doublings -= 1;
        }
    }

    /// So much of a large body is read to its own place. If that is long, so will be the next; and what a read into the
    /// buffer brings of it has to be copied.
    pub(super) fn is_beside(&mut self, body: usize) {
        if body >= READ_BYTES / 2 {
            self.count(false);
            self.doublings = 0;
        }
    }

    /// The connection is idle, and in the hands of the I/O thread.
    pub(super) fn begin_anew(&mut self) {
        self.count(false);
        self.doublings = 0;
        self.may_grow = false;
    }

    #[inline]
    fn count(&mut self, much: bool) {
        if much != self.counted {
            self.counted = much;
            match much {
                true => self.crowd.0.fetch_add(1, Ordering::Relaxed),
                false => self.crowd.0.fetch_sub(1, Ordering::Relaxed),
            };
        }
    }
}

impl Drop for ReadSize {
    fn drop(&mut self) {
        self.count(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_grow(crowd: &Arc<Crowd>) -> ReadSize {
        let mut size = ReadSize::new(Arc::clone(crowd));
        size.may_grow();
        size
    }

    fn fill(size: &mut ReadSize) -> usize {
        size.learn(size.get(), true);
        size.get() / 1024
    }

    /// One that has grown as far as it does.
    fn grown() -> ReadSize {
        let mut size = may_grow(&Arc::default());
        for doubled in [128, 256, 512, 512] {
            assert_eq!(fill(&mut size), doubled);
        }
        size
    }

    #[test]
    fn it_grows_only_for_who_decodes_at_once() {
        let mut size = ReadSize::new(Arc::default());
        size.learn(READ_BYTES, true);
        assert_eq!(size.get(), READ_BYTES);
        grown();
    }

    #[test]
    fn it_grows_with_full_reads_and_shrinks_with_scant_ones() {
        let mut size = grown();
        size.learn(MOST_READ_BYTES / 4, false);
        assert_eq!(size.get(), MOST_READ_BYTES);
        for halved in [256, 128, 64, 64] {
            size.learn(100, true);
            assert_eq!(size.get(), halved * 1024);
        }
    }

    #[test]
    fn a_long_body_beside_the_buffer_ends_it_and_a_short_one_does_not() {
        let mut size = grown();
        size.is_beside(16 * 1024);
        assert_eq!(size.get(), MOST_READ_BYTES);
        size.is_beside(32 * 1024);
        assert_eq!(size.get(), READ_BYTES);
    }

    #[test]
    fn those_that_read_much_share_what_is_asked_for_and_others_take_no_part() {
        let crowd = Arc::default();
        let mut first = may_grow(&crowd);
        assert_eq!([0; 2].map(|_| fill(&mut first)), [128, 256]);
        assert_eq!(fill(&mut first), 512);

        let mut others: Vec<_> = (0..107).map(|_| may_grow(&crowd)).collect();
        let few = others[..7].iter_mut().map(fill);
        assert_eq!(few.max(), Some(128));
        assert_eq!(fill(&mut first), 128, "one of eight");
        let many = others.iter_mut().map(fill);
        assert_eq!(many.max(), Some(128));
        assert_eq!(fill(&mut first), 64, "the least");
        assert_eq!(first.most_room(), READ_BYTES, "which is read at once");

        others.truncate(60);
        let (scant, idle) = others.split_at_mut(30);
        scant.iter_mut().for_each(|one| one.learn(100, false));
        idle.iter_mut().for_each(ReadSize::begin_anew);
        assert_eq!([0; 3].map(|_| fill(&mut first)), [128, 256, 512]);
        drop(others);
        drop(first);
        assert_eq!(crowd.0.load(Ordering::Relaxed), 0);
    }
}

//! How many bytes one read asks for.
//!
//! Owns: the size of the next read, learnt from earlier ones.
//! Always true: 64 to 512 KiB. Above 64 KiB only for a reader whose thread decodes at once: for a socket that does not
//! receive, at most one read of 64 KiB exceeds the high-water mark. All busy readers of an I/O thread together ask for
//! at most 1 MiB, or 64 KiB each.
//! Must not know: where the bytes go; which code counts the busy readers.
//!
//! A large read saves more than calls. Each read makes the kernel open the peer's window a little and send data that
//! waits for it, which costs more than the call: receiving 16 bytes of a stream took 24 ns with reads of 64 KiB, and 20
//! ns with 512 KiB. But the bytes must still be in the processor's cache when they are decoded, which takes turns among
//! all peers. With 64 peers, receiving 1 KiB took 770 ns with reads of 512 KiB, and 480 ns with 64 KiB.

use super::tuning::{ALL_READ_BYTES, MOST_READ_BYTES, MOST_SLACK, READ_BYTES};

/// Whether a reader that has read `read` bytes is busy, so shares the processor's cache with the other busy readers.
pub(crate) fn is_busy(read: usize) -> bool {
    read >= READ_BYTES / 2
}

/// The size of the next read. Each method that needs it is told the number of busy readers, this one included.
#[derive(Debug, Default)]
pub(crate) struct ReadSize {
    /// How often [`READ_BYTES`] have been doubled.
    doublings: u8,
    /// Whether read bytes are decoded at once.
    may_grow: bool,
}

impl ReadSize {
    pub(crate) fn get(&self, busy_readers: usize) -> usize {
        self.learnt().min(self.limit(busy_readers))
    }

    /// The most room that a buffer may have; a larger buffer is replaced, since a read fills all the room.
    pub(crate) fn most_room(&self, busy_readers: usize) -> usize {
        let most = MOST_SLACK * self.learnt();
        if self.may_grow {
            most.min(self.limit(busy_readers))
        } else {
            most
        }
    }

    fn learnt(&self) -> usize {
        READ_BYTES << self.doublings
    }

    /// The present limit of the size: a power of two, so that it changes seldom.
    fn limit(&self, busy_readers: usize) -> usize {
        if !self.may_grow {
            return READ_BYTES;
        }
        let share = ALL_READ_BYTES / busy_readers.max(1).next_power_of_two();
        share.clamp(READ_BYTES, MOST_READ_BYTES)
    }

    /// Read bytes are decoded at once from now on.
    pub(crate) fn may_grow(&mut self) {
        self.may_grow = true;
    }

    /// A read brought `read` bytes; `full`: they filled the room that there was.
    pub(crate) fn learn(&mut self, read: usize, full: bool, busy_readers: usize) {
        if full && read >= self.learnt() / 2 {
            self.doublings += 1;
        } else if read < self.learnt() / 4 {
            self.doublings = self.doublings.saturating_sub(1);
        }
        while self.learnt() > self.limit(busy_readers) {
            self.doublings -= 1;
        }
    }

    /// `body` bytes of a large body are read straight to their place. True if so many that the reader is not busy any
    /// more: the next body is likely as long, and its part in the read buffer has to be copied.
    pub(crate) fn is_beside(&mut self, body: usize) -> bool {
        let long = body >= READ_BYTES / 2;
        if long {
            self.doublings = 0;
        }
        long
    }

    /// The connection is idle, and the I/O thread reads it.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_grow() -> ReadSize {
        let mut size = ReadSize::default();
        size.may_grow();
        size
    }

    /// A read that fills its room; the size of the next in KiB.
    fn fill(size: &mut ReadSize, busy_readers: usize) -> usize {
        size.learn(size.get(busy_readers), true, busy_readers);
        size.get(busy_readers) / 1024
    }

    /// One that has grown as far as it does.
    fn grown() -> ReadSize {
        let mut size = may_grow();
        for doubled in [128, 256, 512, 512] {
            assert_eq!(fill(&mut size, 1), doubled);
        }
        size
    }

    #[test]
    fn it_grows_only_for_who_decodes_at_once() {
        let mut size = ReadSize::default();
        size.learn(READ_BYTES, true, 1);
        assert_eq!(size.get(1), READ_BYTES);
        grown();
    }

    #[test]
    fn it_grows_with_full_reads_and_shrinks_with_scant_ones() {
        let mut size = grown();
        size.learn(MOST_READ_BYTES / 4, false, 1);
        assert_eq!(size.get(1), MOST_READ_BYTES);
        for halved in [256, 128, 64, 64] {
            size.learn(100, true, 1);
            assert_eq!(size.get(1), halved * 1024);
        }
    }

    #[test]
    fn a_long_body_beside_the_buffer_ends_it_and_a_short_one_does_not() {
        let mut size = grown();
        assert!(!size.is_beside(16 * 1024));
        assert_eq!(size.get(1), MOST_READ_BYTES);
        assert!(size.is_beside(32 * 1024));
        assert_eq!(size.get(1), READ_BYTES);
    }

    #[test]
    fn busy_readers_share_what_is_asked_for() {
        let mut size = grown();
        for (busy_readers, share) in [(0, 512), (2, 512), (3, 256), (8, 128), (9, 64), (108, 64)] {
            assert_eq!(size.get(busy_readers), share * 1024, "{busy_readers}");
        }
        assert_eq!(size.most_room(108), READ_BYTES, "which is read at once");
        assert_eq!(fill(&mut size, 108), 64);
        assert_eq!([0; 3].map(|_| fill(&mut size, 1)), [128, 256, 512]);
    }
}

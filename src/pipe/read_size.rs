//! How much one read asks for.
//!
//! Owns: the size of the next read, learnt from those before.
//! Always true: from 64 to 512 KiB; above 64 only for a reader in the hands of whoever decodes at once what it reads, so
//! that no more than a read of 64 KiB is taken beyond a high-water mark on behalf of a socket that does not receive.
//! Must not know: where the bytes go.
//!
//! A large read is not only fewer calls. Each makes the kernel open the peer's window a little, and send what waits for
//! that, which costs more than the call: to receive 16 bytes took 24 ns of a stream in reads of 64 KiB, and 20 in reads of
//! 512.

/// How much one read asks for, to begin with.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// How much it asks for if reads have come back full, each twice as large as the last.
const MOST_READ_BYTES: usize = 512 * 1024;

/// The size of the next read.
#[derive(Debug)]
pub(super) struct ReadSize {
    bytes: usize,
    most: usize,
}

impl Default for ReadSize {
    fn default() -> Self {
        Self {
            bytes: READ_BYTES,
            most: READ_BYTES,
        }
    }
}

impl ReadSize {
    pub(super) fn get(&self) -> usize {
        self.bytes
    }

    /// What is read is decoded at once.
    pub(super) fn may_grow(&mut self) {
        self.most = MOST_READ_BYTES;
    }

    /// So many bytes came, and filled what room there was, or did not.
    pub(super) fn learn(&mut self, read: usize, full: bool) {
        if full && read >= self.bytes / 2 {
            self.bytes = self.most.min(2 * self.bytes);
        } else if read < self.bytes / 4 {
            self.bytes = READ_BYTES.max(self.bytes / 2);
        }
    }

    /// So much of a large body is read to its own place. If that is long, so will be the next; and what a read into the
    /// buffer brings of it has to be copied.
    pub(super) fn is_beside(&mut self, body: usize) {
        if body >= READ_BYTES / 2 {
            self.bytes = READ_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that has grown as far as it does.
    fn grown() -> ReadSize {
        let mut size = ReadSize::default();
        size.may_grow();
        for doubled in [128, 256, 512, 512] {
            size.learn(size.get(), true);
            assert_eq!(size.get(), doubled * 1024);
        }
        size
    }

    #[test]
    fn it_grows_only_for_who_decodes_at_once() {
        let mut size = ReadSize::default();
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
}

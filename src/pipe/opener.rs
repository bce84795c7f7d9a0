//! The reading of sealed traffic.
//!
//! Owns: the opener of one connection, and the sealed bytes that were read.
//! Always true: only opened bytes are decoded. The sealed bytes that wait are less than one frame, whose length is bounded.
//! Memory for them is reserved as they come, up to that frame and one read beyond. A large buffer is given back once it is empty,
//! before the frame is decoded, so that a large body is in memory twice, not three times. After a piece that does not open,
//! nothing more is opened.
//! Must not know: the mechanism; the content of the frames.

use std::io;

use super::Wire;
use crate::policy::tuning::{MOST_READ_BYTES, READ_BYTES};
use crate::zmtp::{Open, ProtocolError};

/// Opens what is read from one connection.
#[derive(Debug)]
pub(super) struct Opener {
    open: Box<dyn Open>,
    sealed: Vec<u8>,
    /// The error of the piece that did not open.
    breach: Option<ProtocolError>,
}

impl Opener {
    /// An opener of traffic whose first bytes, `sealed`, were read already.
    pub(super) fn new(open: Box<dyn Open>, sealed: Vec<u8>) -> Self {
        Self {
            open,
            sealed,
            breach: None,
        }
    }

    /// Reads once, about `wanted` bytes. Gives the number of bytes, and whether they have filled the space.
    pub(super) fn read(&mut self, wire: &dyn Wire, wanted: usize) -> io::Result<(usize, bool)> {
        let free = self.sealed.capacity() - self.sealed.len();
        if free < wanted.min(READ_BYTES) / 2 {
            // Space for as many bytes as wait already, or for those that the frame lacks, if they are fewer: a long frame is
            // seldom moved, and its announced length reserves no memory.
            let lacking = self.open.lacking(&self.sealed);
            let more = self.sealed.len().min(lacking.unwrap_or(usize::MAX));
            self.sealed.try_reserve_exact(wanted.max(more))?;
        }
        let read = wire.read(&mut self.sealed, usize::MAX)?;
        Ok((read, self.sealed.len() == self.sealed.capacity()))
    }

    /// Opens the whole frames, and appends them to `frames`.
    pub(super) fn open(&mut self, frames: &mut Vec<u8>) {
        if self.breach.is_some() {
            return;
        }
        match self.open.open(&self.sealed, frames) {
            Ok(taken) if taken == self.sealed.len() => self.sealed.clear(),
            Ok(taken) => drop(self.sealed.drain(..taken)),
            Err(breach) => {
                self.breach = Some(breach);
                self.sealed = Vec::new();
            }
        }
        if self.sealed.capacity() > 2 * MOST_READ_BYTES.max(self.sealed.len()) {
            self.sealed.shrink_to_fit();
        }
    }

    /// The error of the piece that did not open, if there was one.
    pub(super) fn breach(&self) -> Option<&ProtocolError> {
        self.breach.as_ref()
    }

    /// Whether sealed bytes wait.
    pub(super) fn has_bytes(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// Gives memory back, but for the sealed bytes that wait: an idle connection needs no buffer.
    pub(super) fn release(&mut self) {
        if self.sealed.capacity() > 2 * self.sealed.len() {
            self.sealed.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::testing::MemoryWire;

    /// Opens one piece of this length, without a change.
    #[derive(Debug)]
    struct Whole(usize);

    impl Open for Whole {
        fn open(&mut self, input: &[u8], frames: &mut Vec<u8>) -> Result<usize, ProtocolError> {
            let Some(piece) = input.get(..self.0) else {
                return Ok(0);
            };
            frames.extend_from_slice(piece);
            Ok(self.0)
        }

        fn lacking(&self, input: &[u8]) -> Option<usize> {
            Some(self.0.saturating_sub(input.len()))
        }
    }

    #[test]
    fn a_large_piece_takes_its_own_length_and_none_once_it_is_open() {
        const LEN: usize = 5 << 20;
        let wire = MemoryWire::taking(usize::MAX);
        let mut opener = Opener::new(Box::new(Whole(LEN)), Vec::new());
        let mut frames = Vec::new();
        for piece in vec![7; LEN + 100].chunks(READ_BYTES) {
            wire.feed(piece);
            while opener
                .read(&wire, READ_BYTES)
                .is_ok_and(|(read, _)| read > 0)
            {
                // As far as the allocator gives what it is asked for.
                assert!(opener.sealed.capacity() <= LEN + 2 * READ_BYTES);
                assert!(opener.sealed.capacity() <= 2 * opener.sealed.len() + 2 * READ_BYTES);
                opener.open(&mut frames);
            }
        }
        assert_eq!((frames.len(), opener.sealed.len()), (LEN, 100));
        assert!(opener.sealed.capacity() <= 2 * MOST_READ_BYTES);
    }
}

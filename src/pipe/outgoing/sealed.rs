//! The writing of sealed traffic.
//!
//! Owns: the seal of the connection, and the sealed copies of the frames that are being written.
//! Always true: each frame is sealed once, in the order of the batch, and the next frames are sealed only after the kernel has all
//! that are sealed. The batch stays in clear, so that after a lost connection it is known which of its frames went whole.
//! Must not know: which thread writes; the mechanism.

use std::io::{self, IoSlice};

use crate::pipe::batch::Cursor;
use crate::pipe::{Batch, Wire};
use crate::policy::tuning::{IDLE_BATCH_BYTES, KEPT_BATCH_BYTES, SEALED_AT_ONCE_BYTES};
use crate::zmtp::Seal;

/// The bytes that the kernel has taken by one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// Bytes on the wire.
    pub(super) on_wire: usize,
    /// Bytes of the batch, in clear, that count as written by it.
    pub(super) of_batch: usize,
}

impl Taken {
    /// The same number of bytes, since the traffic is not sealed.
    pub(super) fn plain(bytes: usize) -> Self {
        Self {
            on_wire: bytes,
            of_batch: bytes,
        }
    }
}

/// Seals the frames that are written to one connection.
#[derive(Debug)]
pub(super) struct Sealer {
    seal: Box<dyn Seal>,
    /// The frames between `from` and `to`, sealed; empty once the kernel has them.
    sealed: Vec<u8>,
    /// Bytes of `sealed` that the kernel has taken.
    taken: usize,
    from: Cursor,
    to: Cursor,
    /// Bytes of the batch that count as written.
    written: usize,
}

impl Sealer {
    pub(super) fn new(seal: Box<dyn Seal>) -> Self {
        Self {
            seal,
            sealed: Vec::new(),
            taken: 0,
            from: Cursor::default(),
            to: Cursor::default(),
            written: 0,
        }
    }

    /// The next batch is about to be written, from its beginning.
    pub(super) fn batch_begins(&mut self) {
        debug_assert!(self.is_idle(), "all that is sealed is written first");
        self.to = Cursor::default();
        self.written = 0;
    }

    /// Whether the kernel has taken all that was sealed.
    pub(super) fn is_idle(&self) -> bool {
        self.sealed.is_empty()
    }

    /// How many bytes of the batch are sealed, so that they can no longer be recalled.
    pub(super) fn sealed_to(&self) -> usize {
        self.to.passed
    }

    /// Writes the sealed bytes in one system call. If there are none, seals the next frames of `batch` first.
    pub(super) fn write(&mut self, batch: &Batch, wire: &dyn Wire) -> io::Result<Taken> {
        if self.is_idle() {
            self.from = self.to;
            let most = SEALED_AT_ONCE_BYTES;
            self.to = batch.lay(self.from, most, &mut *self.seal, &mut self.sealed)?;
            self.seal.seal_laid(&mut self.sealed);
        }
        let on_wire = wire.write(&[IoSlice::new(&self.sealed[self.taken..])])?;
        self.taken += on_wire;
        let written = if self.taken == self.sealed.len() {
            self.written_out();
            self.to.passed
        } else {
            batch.passed(self.from, self.taken, &*self.seal)
        };
        let before = std::mem::replace(&mut self.written, written);
        Ok(Taken {
            on_wire,
            of_batch: written - before,
        })
    }

    /// Seals and writes `frames`, which are whole and belong to no batch, unless sealed bytes still wait.
    pub(super) fn write_apart(&mut self, frames: &[u8], wire: &dyn Wire) {
        if !self.is_idle() {
            return;
        }
        let mut sealed = Vec::new();
        self.seal.seal(frames, &mut sealed);
        // The connection is about to end, so a failure is ignored.
        let _ = wire.write(&[IoSlice::new(&sealed)]);
    }

    fn written_out(&mut self) {
        self.taken = 0;
        self.sealed.clear();
        if self.sealed.capacity() > KEPT_BATCH_BYTES {
            self.sealed = Vec::new();
        }
    }

    /// Gives back the memory that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.is_idle() && self.sealed.capacity() > IDLE_BATCH_BYTES {
            self.sealed = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests;

//! Writing where the traffic is sealed.
//!
//! Owns: the seal of the connection, and the sealed form of those frames of the batch that are being written.
//! Always true: frames are sealed in the order in which they are written, each once, and all that is sealed is written before more
//! is; what is lost with the connection is known in whole frames of the batch, which stays as it is.
//! Must not know: who writes, and how a frame is sealed.

use std::io::{self, IoSlice};

use crate::pipe::batch::Cursor;
use crate::pipe::{Batch, Wire};
use crate::policy::tuning::{IDLE_BATCH_BYTES, KEPT_BATCH_BYTES, SEALED_AT_ONCE_BYTES};
use crate::zmtp::Seal;

/// What one write has brought to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// Bytes on the wire.
    pub(super) on_wire: usize,
    /// By how many bytes of the batch the written part of it has grown.
    pub(super) of_batch: usize,
}

impl Taken {
    /// Of a connection whose traffic is not sealed.
    pub(super) fn plain(bytes: usize) -> Self {
        Self {
            on_wire: bytes,
            of_batch: bytes,
        }
    }
}

/// Seals what is written to one connection.
#[derive(Debug)]
pub(super) struct Sealer {
    seal: Box<dyn Seal>,
    /// The frames between `from` and `to`, sealed; empty once the kernel has them.
    sealed: Vec<u8>,
    /// Bytes of `sealed` that the kernel has.
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

    /// Another batch is to be written, from its beginning.
    pub(super) fn batch_begins(&mut self) {
        debug_assert!(self.is_idle(), "all that is sealed is written first");
        self.to = Cursor::default();
        self.written = 0;
    }

    /// Whether the kernel has all that is sealed.
    pub(super) fn is_idle(&self) -> bool {
        self.sealed.is_empty()
    }

    /// Bytes of the batch that can no longer be taken out of it, since they are sealed.
    pub(super) fn sealed_to(&self) -> usize {
        self.to.passed
    }

    /// Writes what is sealed, in one system call, and seals the next frames of `batch` before if nothing is.
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

    /// Writes `frames`, which are whole and belong to no batch, if nothing is half written.
    pub(super) fn write_apart(&mut self, frames: &[u8], wire: &dyn Wire) {
        if !self.is_idle() {
            return;
        }
        let mut sealed = Vec::new();
        self.seal.seal(frames, &mut sealed);
        // Nobody may be there any more to read it, so a failure is ignored.
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

//! The reading of sealed traffic.
//!
//! Owns: the opener of one connection, and the sealed bytes that were read.
//! Always true: only opened bytes are decoded. The sealed bytes that wait are less than one frame, whose length is bounded, and
//! memory for them is reserved as they come. After a piece that does not open, nothing more is opened.
//! Must not know: the mechanism; the content of the frames.

use std::io;

use super::Wire;
use crate::policy::tuning::READ_BYTES;
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
            // As much again as waits: a long frame is moved seldom, and its announced length reserves no memory.
            self.sealed
                .try_reserve_exact(wanted.max(self.sealed.len()))?;
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

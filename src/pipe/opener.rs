//! Reading where the traffic is sealed.
//!
//! Owns: what opens the traffic of the connection, and the bytes of it that are not opened yet.
//! Always true: nothing is decoded that has not been opened; the sealed bytes that wait are less than one frame, whose length is
//! bounded, and memory for them grows as they come. Behind a piece that does not open nothing is opened any more.
//! Must not know: how a frame is opened, and what the frames say.

use std::io;

use super::Wire;
use crate::policy::tuning::READ_BYTES;
use crate::zmtp::{Open, ProtocolError};

/// Opens what is read from one connection.
#[derive(Debug)]
pub(super) struct Opener {
    open: Box<dyn Open>,
    sealed: Vec<u8>,
    /// A piece did not open.
    breach: Option<ProtocolError>,
}

impl Opener {
    /// Opens the traffic that begins with `sealed`.
    pub(super) fn new(open: Box<dyn Open>, sealed: Vec<u8>) -> Self {
        Self {
            open,
            sealed,
            breach: None,
        }
    }

    /// Reads once, up to `wanted` bytes or somewhat more; how many bytes that brought, and whether all the space was used.
    pub(super) fn read(&mut self, wire: &dyn Wire, wanted: usize) -> io::Result<(usize, bool)> {
        let free = self.sealed.capacity() - self.sealed.len();
        if free < wanted.min(READ_BYTES) / 2 {
            // Twice of what waits, so that a long frame is moved seldom, and no more than that, so that its announced length
            // costs us nothing.
            self.sealed
                .try_reserve_exact(wanted.max(self.sealed.len()))?;
        }
        let read = wire.read(&mut self.sealed, usize::MAX)?;
        Ok((read, self.sealed.len() == self.sealed.capacity()))
    }

    /// Opens what is whole, and puts the frames behind those in `frames`.
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

    /// Why nothing more can be opened.
    pub(super) fn breach(&self) -> Option<&ProtocolError> {
        self.breach.as_ref()
    }

    /// Whether bytes wait that are not opened.
    pub(super) fn has_bytes(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// Keeps only what is not opened yet: an idle connection needs no buffer.
    pub(super) fn release(&mut self) {
        if self.sealed.capacity() > 2 * self.sealed.len() {
            self.sealed.shrink_to_fit();
        }
    }
}

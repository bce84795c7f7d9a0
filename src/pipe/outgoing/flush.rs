//! The flush of a pipe, when its socket goes over from sending to receiving.
//!
//! Owns: how many bytes are worth a write when a socket reads on.
//! Always true: before a socket waits for input, everything is written, as far as the kernel takes it, or left to the I/O
//! thread if it is more than one turn.
//! Must not know: the messages that are received.

use super::{Outgoing, State};
use crate::policy::tuning::WORTH_A_WRITE_BYTES;

impl Outgoing {
    /// Writes what waits, since its socket is about to wait for input.
    pub(crate) fn flush(&self) {
        if let Some(mut state) = self.lock_here() {
            state.unflushed = false;
            state.flush(1);
        }
    }

    /// Writes what waits, if it is worth a system call, before its socket reads more from the same peer. Otherwise the
    /// two peers would work in turn, each only after the other has sent all its messages.
    pub(crate) fn flush_much(&self) {
        if let Some(mut state) = self.lock_here() {
            state.flush(WORTH_A_WRITE_BYTES);
        }
    }
}

impl State {
    /// Writes what waits, if it is at least `least` bytes.
    fn flush(&mut self, least: usize) {
        let waiting = self.queued_bytes() + self.commands.len();
        if waiting >= least && self.may_write() {
            self.write_here();
            self.flushed = true;
        }
    }
}

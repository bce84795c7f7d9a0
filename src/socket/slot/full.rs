//! The slot of a pipe whose sender asks for room, or waits for it.
//!
//! Owns: nothing.
//! Must not know: the other pipes, and how the sender waits.

use std::sync::Arc;

use super::Slot;
use super::way::either;
use crate::pipe::Wire;

impl Slot {
    /// How many messages are sure to find room.
    pub(in crate::socket) fn room(&self) -> usize {
        either!(&self.way, end => end.room())
    }

    /// Asks to be told when the pipe holds less than half of its soft mark; false if it does now, or is within the
    /// process.
    pub(in crate::socket) fn ask_for_soft_room(&self) -> bool {
        let wire = self.way.wire();
        wire.is_some_and(|end| end.outgoing().ask_for_soft_room())
    }

    /// See [`Outgoing::wait_here`](crate::pipe::Outgoing::wait_here).
    pub(in crate::socket) fn wait_here(&self) -> Option<Arc<dyn Wire>> {
        self.way.wire()?.outgoing().wait_here()
    }

    /// See [`Outgoing::write_again`](crate::pipe::Outgoing::write_again).
    pub(in crate::socket) fn write_again(&self) -> bool {
        let wire = self.way.wire();
        wire.is_some_and(|end| end.outgoing().write_again())
    }

    /// A sender has waited for the soft mark in vain.
    pub(in crate::socket) fn has_stalled(&self) {
        if let Some(end) = self.way.wire() {
            end.outgoing().has_stalled();
        }
    }
}

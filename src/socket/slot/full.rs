//! A pipe whose sender asks for room, or waits for it.
//!
//! Owns: nothing.
//! Must not know: the other pipes, and how the sender waits.

use std::sync::Arc;

use super::{Slot, Way};
use crate::pipe::Wire;

impl Slot {
    /// How many messages are sure to find room.
    pub(in crate::socket) fn room(&self) -> usize {
        match &self.way {
            Way::Wire { pipe, draft, .. } => pipe.outgoing.room().saturating_sub(draft.queued()),
            Way::Inproc(end) => end.room(),
        }
    }

    /// Asks to be told when the pipe is less heavy; false if it is not, or is of another kind.
    pub(in crate::socket) fn ask_for_soft_room(&self) -> bool {
        match &self.way {
            Way::Wire { pipe, .. } => pipe.outgoing.ask_for_soft_room(),
            Way::Inproc(_) => false,
        }
    }

    /// See [`Outgoing::wait_here`](crate::pipe::Outgoing::wait_here).
    pub(in crate::socket) fn wait_here(&self) -> Option<Arc<dyn Wire>> {
        match &self.way {
            Way::Wire { pipe, .. } => pipe.outgoing.wait_here(),
            Way::Inproc(_) => None,
        }
    }

    /// See [`Outgoing::write_again`](crate::pipe::Outgoing::write_again).
    pub(in crate::socket) fn write_again(&self) -> bool {
        match &self.way {
            Way::Wire { pipe, .. } => pipe.outgoing.write_again(),
            Way::Inproc(_) => false,
        }
    }

    /// The sender has waited for that in vain.
    pub(in crate::socket) fn has_stalled(&self) {
        if let Way::Wire { pipe, .. } = &self.way {
            pipe.outgoing.has_stalled();
        }
    }
}

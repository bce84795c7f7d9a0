//! The reports of an `Outgoing`.

use super::Outgoing;
use crate::zmtp::Output;

/// The counts of one pipe's output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OutgoingCounts {
    /// Messages taken by the pipe.
    pub(crate) messages: u64,
    /// Bytes taken by the kernel, framing and commands included.
    pub(crate) bytes: u64,
    /// Messages replaced by newer ones, where only the latest is kept.
    pub(crate) replaced: u64,
}

/// The outcome of one attempt to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// Everything went to the kernel, and nothing new has come.
    Drained,
    /// The kernel is full; a writable event will follow.
    Blocked,
    /// A sender is at work here; the I/O thread looks again after a yield.
    Contended,
    /// A sender has been at work here for a while and writes by itself; the I/O thread looks again after a pause.
    Streaming,
    /// Enough was written for one turn, and more waits: the I/O thread goes on after the other links.
    Shared,
    /// There is no connection, or it has failed.
    Unwired,
    /// The waiting messages are in a draft: its socket is to be asked for it.
    Drafted,
}

impl Outgoing {
    /// How many messages the kernel has not taken whole.
    pub(crate) fn queued(&self) -> usize {
        self.lock().queued()
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_drained(&self) -> bool {
        let state = self.lock();
        state.is_empty()
    }

    /// How far the output of this connection has left, for the heartbeat.
    pub(crate) fn output(&self) -> Output {
        let state = self.lock();
        let begun =
            state.in_flight.messages > 0 && state.in_flight.written > state.in_flight.commands;
        Output {
            resumed: state.resumed,
            pings_left: state.commands.is_empty()
                && state.in_flight.written >= state.in_flight.commands,
            messages: state.gone + u64::from(begun),
        }
    }

    pub(crate) fn counts(&self) -> OutgoingCounts {
        self.lock().counts
    }
}

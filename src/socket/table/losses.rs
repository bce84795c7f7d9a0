//! Messages that were lost with removed pipes.
//!
//! Owns: how many of them are not counted and told yet.
//! Always true: each lost message is counted and told once.
//! Must not know: why a pipe goes.

use super::Table;
use crate::endpoint::Endpoint;
use crate::sync::late_calls::hold_calls;

/// Messages that were lost with pipes.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) unsent: usize,
    pub(super) unread: usize,
}

impl Table {
    /// Counts and tells the messages that were lost with removed pipes; `endpoint` is that of the pipes, if they had
    /// one in common.
    pub(in crate::socket) fn tell_losses(&mut self, endpoint: Option<&Endpoint>) {
        let Losses { unsent, unread } = std::mem::take(&mut self.losses);
        if unsent + unread > 0 {
            hold_calls();
        }
        self.telemetry.lose_unsent(unsent, endpoint);
        self.telemetry.lose_unread(unread, endpoint);
    }

    /// A message that the pattern had looked at, and that was not received, is lost with its pipe, which has just been removed. The
    /// pipe has counted it as received.
    pub(in crate::socket) fn lost_unread(&mut self) {
        self.losses.unread += 1;
        self.past.received = self.past.received.saturating_sub(1);
    }
}

//! Messages that were lost with removed pipes, or on pipes that stay.
//!
//! Owns: how many of the first are not counted and told yet.
//! Always true: each lost message is counted and told once.
//! Must not know: why a pipe goes.

use highwater_patterns::PipeId;

use super::Table;
use crate::endpoint::Endpoint;
use crate::socket::slot::Slot;
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
        let losses = std::mem::take(&mut self.losses);
        self.tell(losses, endpoint);
    }

    /// Counts and tells the messages that were lost on `pipe`, which stays.
    #[cold]
    pub(super) fn tell_losses_of(&self, pipe: PipeId, losses: Losses) {
        let peer = self.pipes.get(pipe).and_then(Slot::peer);
        self.tell(losses, peer.map(|peer| &peer.endpoint));
    }

    fn tell(&self, losses: Losses, endpoint: Option<&Endpoint>) {
        let Losses { unsent, unread } = losses;
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

//! A mute socket: none of its pipes has room.
//!
//! Owns: nothing; it notes since when the socket is mute, and tells of it once.
//! Always true: `Muted` and `Unmuted` come in turn.
//! Must not know: how a sender waits.

use std::time::Instant;

use super::{Core, State};
use crate::monitor::EventKind;
use crate::pipe::WriteEffects;
use crate::sync::late_calls::hold_calls;

impl Core {
    /// A send found no room: the socket is mute until it has some again.
    pub(super) fn mute(&self, state: &mut State) {
        if state.muted_since.is_none() {
            state.muted_since = Some(Instant::now());
            state.table.note(WriteEffects::MUTED);
            hold_calls();
            self.telemetry.monitor.emit(EventKind::Muted, None, None);
        }
    }

    /// A pipe has room again: wakes the senders that wait for it.
    pub(super) fn has_room(&self, state: &mut State) {
        self.find_homes(state);
        if state.muted_since.is_some() && state.pattern.can_send(&mut state.table) {
            self.unmute(state);
        }
        // If a message may go to any peer, one sender can use the room. Otherwise the first sender may wait for another peer.
        let waiting = if self.facts.any_peer_will_do {
            1
        } else {
            usize::MAX
        };
        self.writable.notify(waiting);
    }

    /// If the socket was mute, it no longer is.
    #[cold]
    pub(super) fn unmute(&self, state: &mut State) {
        if let Some(since) = state.muted_since
            && self.is_here()
        {
            state.muted_since = None;
            let muted = since.elapsed();
            state.time_muted += muted;
            state.share_room(muted);
            hold_calls();
            self.telemetry.monitor.emit(EventKind::Unmuted, None, None);
        }
    }
}

//! Peers that were let in and may no longer be in.
//!
//! Owns: nothing; it ends connections, and counts how often something was revoked.
//! Always true: if the decision about a peer was asked for before a revocation, the peer is not connected after it. It
//! connects again, and the decision is asked for again. Revocations and connections are applied under the socket's lock, so
//! no peer passes between them. The pipe of an accepted
//! peer that was revoked is gone from the table when the call returns: nothing is received from it or sent to it. A pipe that
//! this end has connected belongs to the endpoint and stays; it is used until the I/O thread has ended the connection.
//! Must not know: who decides, and by what.

use std::sync::Weak;
use std::sync::atomic::Ordering;

use highwater_patterns::PipeId;

use super::{Core, State};
use crate::error::{Ended, LinkError};
use crate::monitor::EventKind;
use crate::peer::PeerInfo;
use crate::pipe::PipeEvent;
use crate::security::Watcher;

impl Core {
    /// Has this socket hear of what its decision revokes.
    pub(super) fn watch_decision(&self) {
        let Ok(state) = self.enter() else {
            return;
        };
        let security = state.options.security.clone();
        drop(state);
        security.watched_by(Weak::clone(&self.this) as Weak<dyn Watcher>);
    }

    /// Ends the connections of the peers of whom `is_meant` is true; how many those are.
    pub(crate) fn revoke(&self, is_meant: impl Fn(&PeerInfo) -> bool) -> Result<usize, Ended> {
        let mut state = self.enter()?;
        self.revoked.fetch_add(1, Ordering::Release);
        let meant = state.table.peers_of_whom(is_meant);
        for &pipe in &meant {
            state.table.refuse(pipe, LinkError::Revoked);
            if state.table.ends_with_its_connection(pipe) {
                // The I/O thread ends the connection; here it has ended now. The pattern may have looked at a message of the
                // peer, which `sweep` would keep.
                self.happen(&mut state, PipeEvent::Disconnected { pipe, ends: true });
                self.forget(&mut state, pipe);
            }
        }
        self.end_closed(&mut state);
        self.find_homes(&mut state);
        Ok(meant.len())
    }

    /// Ends the connection behind `pipe` if something was revoked since it was asked whether its peer may come in; true if it
    /// was.
    pub(super) fn is_asked_too_early(
        &self,
        state: &mut State,
        pipe: PipeId,
        peer: &PeerInfo,
    ) -> bool {
        let now = self.revoked.load(Ordering::Relaxed);
        let too_early = peer.asked_after.is_some_and(|then| then != now);
        if too_early {
            state.table.refuse(pipe, LinkError::Revoked);
        }
        too_early
    }
}

impl Watcher for Core {
    fn revoked(&self, is_meant: &dyn Fn(&PeerInfo) -> bool) {
        // In a forked child the peers are the parent's.
        let _ = self.revoke(is_meant);
    }

    fn flawed(&self, path: &str, flaw: &str) {
        let (path, flaw) = (path.to_owned(), flaw.to_owned());
        let kind = EventKind::KeyFile { path, flaw };
        self.telemetry.monitor.emit(kind, None, None);
    }
}

//! Who asks to become a peer.
//!
//! Owns: the answer to a handshake that waits for it.
//! Always true: a seat is taken with the answer, by the pipe that is attached with it, so that of two that ask for one seat
//! at a time one gets it; it is free again when the pipe goes.
//! Must not know: how the peer is told.

use std::sync::Arc;

use highwater_patterns::Admission;

use super::events::{cause_of, introduce};
use super::{Core, State};
use crate::error::LinkError;
use crate::peer::PeerInfo;
use crate::pipe::Pipe;

impl Core {
    /// Whether there is a seat for the `peer` behind `pipe`, or for whoever will be found there.
    pub(super) fn applies(
        &self,
        state: &mut State,
        pipe: Arc<Pipe>,
        peer: Option<&PeerInfo>,
    ) -> Result<(), LinkError> {
        let id = pipe.id;
        let Some(through) = pipe.through else {
            // The pipe of a session. If it was let go, it has only to deliver what it holds, and is in nobody's way.
            let known = state.table.contains(id);
            return match state.pattern.may_connect(id) {
                Admission::Refused(refusal) if known => Err(cause_of(refusal)),
                _ => Ok(()),
            };
        };
        if !state.endpoints.has(through) {
            return Err(LinkError::ClosedHere);
        }
        let State {
            pattern,
            table,
            options,
            ..
        } = state;
        table.attach(pipe);
        // What the marks were when it was made may be long ago.
        table.set_limits(id, options.send_limit(), options.receive_limit());
        let mut admission = pattern.attached(id, table);
        if admission == Admission::Accepted {
            admission = match peer {
                Some(peer) => introduce(state, id, peer),
                None => pattern.may_connect(id),
            };
        }
        if peer.is_some() {
            state.table.set_admitted(id);
        }
        if let Admission::Refused(refusal) = admission {
            self.remove(state, id);
            return Err(cause_of(refusal));
        }
        self.has_room(state);
        Ok(())
    }
}

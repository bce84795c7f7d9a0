//! The applicants: candidates that ask to become peers.
//!
//! Owns: the answer to a handshake that waits for it.
//! Always true: a seat is taken with the answer, by the pipe that is attached with it, so that of two that ask for one seat
//! at a time one gets it; it is free again when the pipe goes.
//! Must not know: how the peer is told.

use std::sync::{Arc, Weak};

use highwater_patterns::{Admission, Peer, PipeId, Twin};

use super::events::cause_of;
use super::{Core, State};
use crate::error::LinkError;
use crate::peer::PeerInfo;
use crate::pipe::{JoinRequest, Pipe, SocketSide};

impl Core {
    /// Whether there is a seat for the `peer` behind `pipe`, or for whoever will be found there.
    pub(super) fn applies(
        &self,
        state: &mut State,
        pipe: Arc<Pipe>,
        peer: Option<&Arc<PeerInfo>>,
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
        // The marks may have changed since the pipe was made.
        table.set_limits(id, options.send_limit(), options.receive_limit());
        let mut admission = pattern.attached(id, table);
        if admission == Admission::Accepted {
            admission = match peer {
                Some(peer) => self.introduce(state, id, peer),
                None => pattern.may_connect(id),
            };
        }
        if let Some(peer) = peer {
            state.table.set_admitted(id, Arc::clone(peer));
        }
        if let Admission::Refused(refusal) = admission {
            self.remove(state, id);
            return Err(cause_of(refusal));
        }
        // With one pipe more the socket may have too many links to read them itself.
        self.give_back_readers(state);
        self.has_room(state);
        Ok(())
    }

    /// As [`applies`](Self::applies), for a connection within the process; of this socket's own `pipe` if it has connected.
    pub(super) fn applies_within(
        &self,
        state: &mut State,
        pipe: Option<PipeId>,
        peer: &PeerInfo,
        join_request: Box<dyn JoinRequest>,
    ) {
        if state.ended().is_some() {
            return join_request.later();
        }
        let admission = match pipe {
            Some(pipe) => self.may_join(state, pipe, peer),
            None => {
                let introduced = Peer {
                    routing_id: peer.routing_id.as_ref(),
                    assigned_id: None,
                    connected_here: false,
                    twin: self.twin(state, peer),
                };
                state.pattern.admits(&introduced)
            }
        };
        if let Admission::Refused(refusal) = admission {
            state.refused_within = true;
            return join_request.refused(cause_of(refusal));
        }
        for event in join_request.admitted() {
            self.happen(state, event);
        }
    }

    /// Whether there is a seat for the `peer` that this socket's `pipe` has found within the process.
    fn may_join(&self, state: &State, pipe: PipeId, peer: &PeerInfo) -> Admission {
        let assigned_id = state.endpoints.assigned_id(pipe, peer);
        if assigned_id.is_some() {
            // Its own since it has connected.
            return Admission::Accepted;
        }
        let introduced = Peer {
            routing_id: peer.routing_id.as_ref(),
            assigned_id,
            connected_here: true,
            twin: self.twin(state, peer),
        };
        if self.facts.one_peer && !state.table.is_unannounced(pipe) {
            state.pattern.may_connect(pipe)
        } else {
            state.pattern.admits(&introduced)
        }
    }

    /// A seat may be free: those that wait for one ask, and so do again those that were refused within the process.
    pub(super) fn ask_again(&self, state: &mut State) {
        self.seat_unseated(state);
        if std::mem::take(&mut state.refused_within) {
            let side: Weak<dyn SocketSide> = self.this.clone();
            self.hub.names().ask_again(&side);
        }
    }

    /// Tells the pattern who is behind `pipe`.
    pub(super) fn introduce(&self, state: &mut State, pipe: PipeId, peer: &PeerInfo) -> Admission {
        let twin = self.twin(state, peer);
        let State {
            pattern,
            table,
            endpoints,
            ..
        } = state;
        let introduced = Peer {
            routing_id: peer.routing_id.as_ref(),
            assigned_id: endpoints.assigned_id(pipe, peer),
            connected_here: peer.connected_here,
            twin,
        };
        let admission = pattern.connected(pipe, &introduced, table);
        if let (Admission::Accepted, Some(twin)) = (admission, twin)
            && self.facts.one_peer
            && twin.gives_way
        {
            // Messages that wait there would wait as long as this connection lasts.
            table.move_unsent(twin.pipe, pipe);
        }
        admission
    }

    /// Where two sockets connect to each other: the other pipe between them, and which of the two stays. Both ends decide
    /// alike: it is the one that the socket with the smaller token has made. But what is settled stays settled.
    fn twin(&self, state: &State, peer: &PeerInfo) -> Option<Twin> {
        let theirs = peer.token?;
        if !state.endpoints.binds_and_connects() {
            return None;
        }
        let pipe = if self.facts.one_peer {
            // Its place is taken by the endpoint, whether that is connected or not.
            let known = state.endpoints.leading_to(theirs)?;
            (!peer.connected_here && state.table.peer(known).is_none()).then_some(known)
        } else {
            state.table.twin(theirs, !peer.connected_here)
        }?;
        let this_stays = if peer.connected_here {
            self.token < theirs
        } else {
            self.facts.one_peer && theirs < self.token
        };
        Some(Twin {
            pipe,
            gives_way: this_stays,
        })
    }
}

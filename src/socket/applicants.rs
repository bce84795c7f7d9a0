//! The applicants: peers that ask for a seat before they are told that they are connected.
//!
//! Owns: the answer to an applicant.
//! Always true: with the answer the pipe is attached, and that takes the seat, so of two applicants for one seat one
//! gets it. The seat is free again when the pipe goes.
//! Must not know: how the peer is told.

use std::sync::{Arc, Weak};

use highwater_patterns::{Admission, Peer, PipeId, Twin};

use super::events::cause_of;
use super::{Core, State};
use crate::error::LinkError;
use crate::peer::PeerInfo;
use crate::pipe::{JoinRequest, Pipe, SocketSide};

impl Core {
    /// Answers whether there is a seat for the `peer` behind `pipe`. `None`: the peer is not known yet.
    pub(super) fn applies(
        &self,
        state: &mut State,
        pipe: Arc<Pipe>,
        peer: Option<&Arc<PeerInfo>>,
    ) -> Result<(), LinkError> {
        let id = pipe.id;
        let Some(through) = pipe.through else {
            // The pipe of a session that was let go needs no seat: it only delivers its waiting messages.
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

    /// As [`applies`](Self::applies), for a connection within the process. `pipe` is this socket's own, if it has
    /// connected.
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
            // This socket has connected with the pipe, so the seat is its own.
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

    /// A seat may be free: the connections within the process that wait for one, or were refused, ask for it.
    pub(super) fn ask_again(&self, state: &mut State) {
        self.seat_unseated(state);
        if std::mem::take(&mut state.refused_within) {
            let side: Weak<dyn SocketSide> = self.this.clone();
            self.hub.names().ask_again(&side);
        }
    }

    /// Tells the pattern that `peer` is behind `pipe`.
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
            && twin.gives_way
            && state.table.peer(twin.pipe).is_none()
        {
            // The other pipe gets no connection as long as this one lasts, so its waiting messages go out here.
            state.table.move_unsent(twin.pipe, pipe);
        }
        admission
    }

    /// If two sockets connect to each other: the other pipe between them, and which of the two stays. Both ends come to
    /// the same decision: the connection stays that was made by the socket with the smaller token. A decision that was
    /// made stays.
    fn twin(&self, state: &State, peer: &PeerInfo) -> Option<Twin> {
        let theirs = peer.token?;
        if !state.endpoints.binds_and_connects() {
            return None;
        }
        let connected = if self.facts.one_peer {
            None
        } else {
            state.table.twin(peer, !peer.connected_here)
        };
        // An endpoint has the seat of the peer to which it leads, or that peer's name, whether it is connected or not.
        let waiting = || {
            let known = state.endpoints.leading_to(theirs)?;
            (!peer.connected_here && state.table.peer(known).is_none()).then_some(known)
        };
        let pipe = connected.or_else(waiting)?;
        let this_stays = if peer.connected_here {
            self.token < theirs
        } else {
            connected.is_none() && theirs < self.token
        };
        Some(Twin {
            pipe,
            gives_way: this_stays,
        })
    }
}

//! Connecting within the process, also to a name that is bound later.
//!
//! Owns: the connections that do not ask for a peer yet, since this end has no seat for one.
//! Always true: a connection asks for a peer only while this end has a seat, so no peer is taken and turned away again.
//! A connection that waits for a seat here asks when there is one.
//! Must not know: why a connection was lost.

use std::sync::Arc;

use highwater_patterns::{Admission, Peer, PipeId};

use super::{Core, State};
use crate::endpoint::Endpoint;
use crate::options::Options;
use crate::origin::Here;
use crate::pipe::{Lane, PipeEvent};

/// A connection that waits until there is a seat here.
#[derive(Debug)]
pub(super) struct Unseated {
    name: Endpoint,
    pipe: PipeId,
    options: Options,
    outgoing: Arc<Lane>,
}

impl Core {
    /// Connects `pipe`, which sends through `outgoing`, to the socket that has bound or will bind `name`: now, or when
    /// there is a seat here.
    pub(super) fn ask_for_peer(
        &self,
        state: &mut State,
        (name, pipe): (&Endpoint, PipeId),
        (options, outgoing): (Options, Arc<Lane>),
        here: Here,
    ) {
        if state.has_seat(pipe, options.immediate) {
            let applicant = self.applicant(options);
            let names = self.hub.names();
            names.connect(name, pipe, applicant, outgoing, here);
        } else {
            state.unseated.push(Unseated {
                name: name.clone(),
                pipe,
                options,
                outgoing,
            });
        }
    }

    /// Connects `pipe`, which has lost its peer within the process, once more; it sends through `outgoing`.
    pub(super) fn join_again(&self, state: &mut State, pipe: PipeId, outgoing: Arc<Lane>) {
        let mut connected = state.endpoints.connected.iter();
        let known = connected.find(|known| known.key.is_none() && known.pipe == Some(pipe));
        let name = known.map(|known| known.endpoint.clone());
        match (name, self.origin().ask()) {
            (Some(name), Some(here)) if state.is_open() => {
                let options = state.options.clone();
                self.ask_for_peer(state, (&name, pipe), (options, outgoing), here);
            }
            _ => self.happen(state, PipeEvent::Disconnected { pipe, ends: true }),
        }
    }

    /// A seat may be free again: the connection that has waited longest for one asks for its peer. Those that were let
    /// go are removed.
    pub(super) fn seat_unseated(&self, state: &mut State) {
        if state.unseated.is_empty() {
            return;
        }
        let State {
            unseated,
            endpoints,
            ..
        } = state;
        unseated.retain(|waiting| {
            let mut connected = endpoints.connected.iter();
            connected.any(|known| known.key.is_none() && known.pipe == Some(waiting.pipe))
        });
        let mut waiting = state.unseated.iter();
        let seated = waiting.position(|next| state.has_seat(next.pipe, next.options.immediate));
        if let (Some(seated), Some(here)) = (seated, self.origin().ask()) {
            let next = state.unseated.remove(seated);
            let applicant = self.applicant(next.options);
            let names = self.hub.names();
            names.connect(&next.name, next.pipe, applicant, next.outgoing, here);
        }
    }
}

impl State {
    /// Whether this end would take a peer for `pipe`; the pattern does not know an `unannounced` pipe yet.
    fn has_seat(&self, pipe: PipeId, unannounced: bool) -> bool {
        if !self.pattern.kind().facts().one_peer {
            return true;
        }
        let somebody = Peer {
            routing_id: None,
            assigned_id: None,
            connected_here: true,
            twin: None,
        };
        let admission = self.pattern.may_connect(pipe);
        admission == Admission::Accepted
            || unannounced && self.pattern.admits(&somebody) == Admission::Accepted
    }
}

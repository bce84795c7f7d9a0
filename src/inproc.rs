//! inproc: sockets of one context, joined by name.
//!
//! Owns: which names are bound, and who waits for a name to be bound.
//! Always true: a name is bound once at a time; a connection made before its name is bound waits, with what it has
//! been given to send. A joined pair stays joined until one of the two lets go; there is no reconnecting.
//! Must not know: patterns, the wire.
//! Source: zmq_inproc(7).

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use highwater_patterns::{PipeId, RoutingId, SocketType};

use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::options::Options;
use crate::origin::Here;
use crate::peer::PeerInfo;
use crate::pipe::{InprocEnd, Lane, Party, PipeEvent, SocketSide};
use crate::stats::Telemetry;
use crate::sync::Mutex;
use crate::zmtp::ProtocolError;

/// The names of one context.
#[derive(Debug, Default)]
pub(crate) struct Names {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bound: HashMap<Endpoint, Bound>,
    waiting: HashMap<Endpoint, Vec<Waiting>>,
}

/// A name that is bound.
#[derive(Debug)]
struct Bound {
    binder: Applicant,
    /// Further connections wait, as if it were not bound.
    paused: bool,
}

/// A socket that binds or connects.
#[derive(Debug, Clone)]
pub(crate) struct Applicant {
    pub(crate) side: Weak<dyn SocketSide>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) socket_type: SocketType,
    pub(crate) options: Options,
}

/// A connection that waits for its name.
#[derive(Debug)]
struct Waiting {
    pipe: PipeId,
    applicant: Applicant,
    outgoing: Arc<Lane>,
}

impl Names {
    /// Binds `name`; false if it is bound already. Connections that have waited for it are joined.
    pub(crate) fn bind(&self, name: &Endpoint, binder: Applicant, _: Here) -> bool {
        let mut state = self.state.lock();
        if state
            .bound
            .get(name)
            .is_some_and(|bound| bound.binder.side.strong_count() > 0)
        {
            return false;
        }
        let waiting = state.waiting.remove(name).unwrap_or_default();
        let bound = Bound {
            binder: binder.clone(),
            paused: false,
        };
        state.bound.insert(name.clone(), bound);
        drop(state);
        binder
            .telemetry
            .monitor
            .emit(EventKind::Listening, Some(name), None);
        for connection in waiting {
            self.join(name, &binder, connection);
        }
        true
    }

    /// Frees `name` if it is bound by `side`.
    pub(crate) fn unbind(&self, name: &Endpoint, side: &Weak<dyn SocketSide>, _: Here) {
        let mut state = self.state.lock();
        if state
            .bound
            .get(name)
            .is_some_and(|bound| bound.binder.side.ptr_eq(side))
        {
            let bound = state.bound.remove(name);
            drop(state);
            if let Some(Bound { binder, .. }) = bound {
                binder
                    .telemetry
                    .monitor
                    .emit(EventKind::Closed, Some(name), None);
            }
        }
    }

    /// Lets further connections to `name`, bound by `side`, wait, or joins those that do.
    pub(crate) fn set_accepting(
        &self,
        name: &Endpoint,
        side: &Weak<dyn SocketSide>,
        accept: bool,
        _: Here,
    ) {
        let mut state = self.state.lock();
        let Some(bound) = state
            .bound
            .get_mut(name)
            .filter(|bound| bound.binder.side.ptr_eq(side))
        else {
            return;
        };
        bound.paused = !accept;
        if accept {
            let binder = bound.binder.clone();
            let waiting = state.waiting.remove(name).unwrap_or_default();
            drop(state);
            for connection in waiting {
                self.join(name, &binder, connection);
            }
        }
    }

    /// Connects `pipe` of `applicant`, which sends through `outgoing`, to `name`, now or when it is bound.
    pub(crate) fn connect(
        &self,
        name: &Endpoint,
        pipe: PipeId,
        applicant: Applicant,
        outgoing: Arc<Lane>,
        _: Here,
    ) {
        applicant
            .telemetry
            .monitor
            .emit(EventKind::Connecting, Some(name), None);
        let connection = Waiting {
            pipe,
            applicant,
            outgoing,
        };
        self.join_or_wait(name, connection);
    }

    /// Joins a connection with the socket that has bound its name, or lets it wait until there is one.
    fn join_or_wait(&self, name: &Endpoint, connection: Waiting) {
        let mut state = self.state.lock();
        let bound = state
            .bound
            .get(name)
            .filter(|bound| bound.binder.side.strong_count() > 0 && !bound.paused)
            .map(|bound| bound.binder.clone());
        match bound {
            Some(binder) => {
                drop(state);
                self.join(name, &binder, connection);
            }
            None => state
                .waiting
                .entry(name.clone())
                .or_default()
                .push(connection),
        }
    }

    /// Gives up a connection that may still wait for its name.
    pub(crate) fn disconnect(
        &self,
        name: &Endpoint,
        side: &Weak<dyn SocketSide>,
        pipe: PipeId,
        _: Here,
    ) {
        let mut state = self.state.lock();
        if let Some(waiting) = state.waiting.get_mut(name) {
            waiting.retain(|waiting| waiting.pipe != pipe || !waiting.applicant.side.ptr_eq(side));
            if waiting.is_empty() {
                state.waiting.remove(name);
            }
        }
    }

    /// Joins a connection with the socket that has bound its name, unless either lets go meanwhile.
    ///
    /// Each may have done so between the look at the name and the moment at which it heard of the other, and then has
    /// not seen this pipe, which it would have ended. Where the one that has bound it is no more, the other goes on as
    /// if it had come later.
    fn join(&self, name: &Endpoint, binder: &Applicant, connection: Waiting) {
        let Some(bound_side) = binder.side.upgrade() else {
            return self.join_or_wait(name, connection);
        };
        let Some(joint) = join(name, binder, bound_side, connection) else {
            return;
        };
        let pipe = joint.pipe;
        let is_bound = self
            .state
            .lock()
            .bound
            .get(name)
            .is_some_and(|bound| bound.binder.side.ptr_eq(&binder.side));
        if !is_bound || joint.outgoing.is_closed() {
            let ended = PipeEvent::Disconnected { pipe, ends: true };
            joint.bound_side.happened(ended);
        }
        if !is_bound {
            joint.bound_side.happened(PipeEvent::Gone(pipe));
        }
    }
}

/// A pipe of the socket that has bound a name, and the lane on which the one that connected sends to it.
#[derive(Debug)]
struct Joint {
    bound_side: Arc<dyn SocketSide>,
    pipe: PipeId,
    outgoing: Arc<Lane>,
}

/// Joins a connection with the socket that has bound its name; what they are to each other, if they came to be.
fn join(
    name: &Endpoint,
    binder: &Applicant,
    bound_side: Arc<dyn SocketSide>,
    connection: Waiting,
) -> Option<Joint> {
    let Waiting {
        pipe,
        applicant,
        outgoing,
    } = connection;
    let connecting_side = applicant.side.upgrade()?;
    if !binder.socket_type.is_compatible(applicant.socket_type) {
        refuse(name, binder, &applicant);
        connecting_side.happened(PipeEvent::Disconnected { pipe, ends: true });
        return None;
    }
    let here = Party {
        side: binder.side.clone(),
        pipe: bound_side.next_pipe_id(),
    };
    let there = Party {
        side: applicant.side.clone(),
        pipe,
    };
    let back = Arc::new(Lane::new(
        here.clone(),
        binder.options.send_high_water_mark,
        binder.options.conflation(binder.socket_type).sent,
    ));
    for (lane, reader) in [(&outgoing, binder), (&back, &applicant)] {
        if reader.options.conflation(reader.socket_type).received {
            lane.conflate_for_reader();
        }
    }
    let is_joined = outgoing.join(here.clone(), binder.options.receive_high_water_mark)
        && back.join(there, applicant.options.receive_high_water_mark);
    if !is_joined {
        return None; // the one that connects has let go
    }

    let reached = [
        (binder, EventKind::Accepted),
        (&applicant, EventKind::Connected),
    ];
    for (party, reached) in reached {
        party.telemetry.handshakes.add(1);
        let (name, address) = (Some(name), Some(ADDRESS));
        party.telemetry.monitor.emit(reached, name, address);
        party
            .telemetry
            .monitor
            .emit(EventKind::HandshakeSucceeded, name, address);
    }
    // First of all it learns where to read: the bound side may send at once, let go at once, and be forgotten with it.
    connecting_side.happened(PipeEvent::Joined {
        pipe,
        incoming: Some(Arc::clone(&back)),
        peer: Arc::new(introduce(name, binder, true)),
    });
    bound_side.happened(PipeEvent::AttachedInproc(InprocEnd::new(
        here.pipe,
        back,
        Some(Arc::clone(&outgoing)),
    )));
    bound_side.happened(PipeEvent::Joined {
        pipe: here.pipe,
        incoming: None,
        peer: Arc::new(introduce(name, &applicant, false)),
    });
    Some(Joint {
        bound_side,
        pipe: here.pipe,
        outgoing,
    })
}

fn refuse(name: &Endpoint, binder: &Applicant, applicant: &Applicant) {
    for (us, them) in [(binder, applicant), (applicant, binder)] {
        let cause = LinkError::Protocol(ProtocolError::IncompatibleSocketType {
            theirs: them.socket_type.name().to_owned(),
            ours: us.socket_type,
        });
        us.telemetry.handshakes_failed.add(1);
        let kind = EventKind::HandshakeFailed(cause);
        us.telemetry.monitor.emit(kind, Some(name), Some(ADDRESS));
    }
}

/// What one side learns of the other.
fn introduce(name: &Endpoint, who: &Applicant, connected_here: bool) -> PeerInfo {
    let routing_id: Option<RoutingId> = who
        .options
        .routing_id
        .clone()
        .filter(|_| who.socket_type.announces_identity());
    PeerInfo {
        endpoint: name.clone(),
        address: ADDRESS.to_owned(),
        connected_here,
        socket_type: Some(who.socket_type),
        routing_id,
        version: (0, 0),
        metadata: who.options.metadata.properties().into(),
        credentials: None,
    }
}

/// What a peer in the same process has for an address.
const ADDRESS: &str = "inproc";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::testing::Told;

    fn applicant(side: &Arc<Told>, socket_type: SocketType) -> Applicant {
        let side: Arc<dyn SocketSide> = side.clone();
        Applicant {
            side: Arc::downgrade(&side),
            telemetry: Arc::default(),
            socket_type,
            options: Options::default(),
        }
    }

    #[test]
    fn a_connection_whose_binder_goes_before_they_are_joined_waits_for_the_next() {
        let name: Endpoint = "inproc://name".parse().expect("a good endpoint");
        let names = Names::default();
        let (gone, next, connecting) = <(Arc<Told>, Arc<Told>, Arc<Told>)>::default();
        let binder = applicant(&gone, SocketType::Pull);
        assert!(names.bind(&name, binder.clone(), Here::in_test()));
        let connection = Waiting {
            pipe: PipeId(1),
            applicant: applicant(&connecting, SocketType::Push),
            outgoing: Arc::new(Lane::new(
                Party {
                    side: applicant(&connecting, SocketType::Push).side,
                    pipe: PipeId(1),
                },
                None,
                false,
            )),
        };
        // Whoever connects has looked the name up, and then:
        drop(gone);
        names.join(&name, &binder, connection);
        assert!(connecting.events.lock().is_empty());

        assert!(names.bind(&name, applicant(&next, SocketType::Pull), Here::in_test()));
        let joined = |told: &Told| {
            let events = told.events.lock();
            let joined = |event: &&PipeEvent| matches!(event, PipeEvent::Joined { .. });
            events.iter().filter(joined).count()
        };
        assert_eq!((joined(&next), joined(&connecting)), (1, 1));
    }
}

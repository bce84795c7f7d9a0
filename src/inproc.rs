//! inproc: sockets of one context, joined by name.
//!
//! Owns: the bound names, and the connections that wait for a name.
//! Always true: a name is bound once at a time. A connection made before its name is bound waits, with its queued
//! messages. So does a connection that the socket behind the name refuses for now. A joined pair stays joined until one
//! of the two ends it; there is no reconnecting.
//! Must not know: patterns, the wire.
//! Source: zmq_inproc(7).

mod asking;
mod joint;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use highwater_patterns::{MayRefuse, PipeId, SocketType};

use crate::endpoint::Endpoint;
use crate::monitor::EventKind;
use crate::options::Options;
use crate::origin::Here;
use crate::pipe::{Lane, PipeEvent, SocketSide};
use crate::stats::Telemetry;
use crate::sync::Mutex;
use asking::{Asking, End};
use joint::{Joint, introduce, link};

/// The names of one context.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    state: Arc<Mutex<State>>,
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
    /// Whether further connections wait as if the name were not bound.
    paused: bool,
}

/// A socket that binds or connects.
#[derive(Debug, Clone)]
pub(crate) struct Applicant {
    pub(crate) side: Weak<dyn SocketSide>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) socket_type: SocketType,
    pub(crate) options: Options,
    /// The number that names the socket to its peers.
    pub(crate) token: u64,
}

/// A connection that waits for its name.
#[derive(Debug)]
struct Waiting {
    pipe: PipeId,
    applicant: Applicant,
    outgoing: Arc<Lane>,
    /// Whether both ends know that the connection is refused for now.
    told: bool,
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
        let mut waiting = state.waiting.remove(name).unwrap_or_default();
        let bound = Bound {
            binder: binder.clone(),
            paused: false,
        };
        state.bound.insert(name.clone(), bound);
        drop(state);
        // Another socket may refuse them, too.
        waiting.iter_mut().for_each(|waiting| waiting.told = false);
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

    /// Stops accepting connections to `name`, bound by `side`, so that they wait; or accepts again, and joins the
    /// waiting ones.
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
            told: false,
        };
        self.join_or_wait(name, connection);
    }

    /// Joins a connection with the socket that has bound its name; if none has, the connection waits.
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

    /// Lets a connection that `binder` has refused wait at its name, unless another socket has bound the name.
    fn wait(&self, name: &Endpoint, binder: &Applicant, connection: Waiting) {
        // A closed applicant is removed from all lists.
        if connection.outgoing.is_closed() {
            return;
        }
        let mut state = self.state.lock();
        let other = state
            .bound
            .get(name)
            .is_some_and(|bound| !bound.binder.side.ptr_eq(&binder.side));
        if other {
            drop(state);
            self.join_or_wait(name, connection);
        } else {
            state
                .waiting
                .entry(name.clone())
                .or_default()
                .push(connection);
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

    /// Joins a connection with the socket that has bound its name, unless one of the two refuses the other. If that may
    /// be, the connecting end is asked first, then the bound end.
    fn join(&self, name: &Endpoint, binder: &Applicant, connection: Waiting) {
        let Some(connecting_side) = connection.applicant.side.upgrade() else {
            return;
        };
        if joint::payloads_differ(binder, &connection.applicant) {
            let mut connection = connection;
            if !std::mem::replace(&mut connection.told, true) {
                joint::tell_of_payloads(name, binder, &connection.applicant);
            }
            return self.wait(name, binder, connection);
        }
        if may_refuse(&connection.applicant, binder) {
            let applies = PipeEvent::AppliesWithin {
                pipe: Some(connection.pipe),
                peer: Arc::new(introduce(name, binder, true)),
                join_request: self.asking(End::Connecting, name, binder, connection),
            };
            return connecting_side.happened(applies);
        }
        self.join_asked(name, binder, connection, |joined| {
            connecting_side.happened(joined);
        });
    }

    /// Joins a connection whose connecting end has agreed; that end gets the event through `tell`.
    ///
    /// Either end may have closed between the look-up of the name and the event of the other, and then did not know
    /// this pipe, which it would have ended. If the bound end has closed, the connection goes on as if made later.
    fn join_asked(
        &self,
        name: &Endpoint,
        binder: &Applicant,
        connection: Waiting,
        tell: impl FnOnce(PipeEvent),
    ) {
        let Some(bound_side) = binder.side.upgrade() else {
            return self.join_or_wait(name, connection);
        };
        let peer = Arc::new(introduce(name, &connection.applicant, false));
        if may_refuse(binder, &connection.applicant) {
            let applies = PipeEvent::AppliesWithin {
                pipe: None,
                peer,
                join_request: self.asking(End::Bound, name, binder, connection),
            };
            return bound_side.happened(applies);
        }
        let Some(Joint {
            joined,
            outgoing,
            end,
        }) = link(name, binder, &*bound_side, connection)
        else {
            return;
        };
        // The connecting end first learns where to read: the bound end may send at once, and end the pipe at once.
        tell(joined);
        let pipe = end.id();
        bound_side.happened(PipeEvent::AttachedInproc(end, Some(Arc::clone(&peer))));
        let incoming = None;
        bound_side.happened(PipeEvent::Joined {
            pipe,
            incoming,
            peer,
        });
        let is_bound = self.is_bound_by(name, binder);
        if !is_bound || outgoing.is_closed() {
            bound_side.happened(PipeEvent::Disconnected { pipe, ends: true });
        }
        if !is_bound {
            bound_side.happened(PipeEvent::Gone(pipe));
        }
    }

    fn asking(
        &self,
        asked: End,
        name: &Endpoint,
        binder: &Applicant,
        connection: Waiting,
    ) -> Box<Asking> {
        Box::new(Asking {
            names: self.clone(),
            name: name.clone(),
            binder: binder.clone(),
            connection,
            asked,
        })
    }

    fn is_bound_by(&self, name: &Endpoint, binder: &Applicant) -> bool {
        let state = self.state.lock();
        let bound = state.bound.get(name);
        bound.is_some_and(|bound| bound.binder.side.ptr_eq(&binder.side))
    }
}

impl Names {
    /// `side` may now admit a peer that it refused: connections that wait at its names ask again, and so do its own
    /// connections at other names.
    pub(crate) fn ask_again(&self, side: &Weak<dyn SocketSide>) {
        let mut state = self.state.lock();
        let State { bound, waiting } = &mut *state;
        let mut asking = Vec::new();
        waiting.retain(|name, connections| {
            if let Some(bound) = bound.get(name).filter(|bound| !bound.paused) {
                let is_asked = bound.binder.side.ptr_eq(side);
                let asks = |waiting: &mut Waiting| is_asked || waiting.applicant.side.ptr_eq(side);
                let again: Vec<Waiting> = connections.extract_if(.., asks).collect();
                asking.push((name.clone(), bound.binder.clone(), again));
            }
            !connections.is_empty()
        });
        drop(state);
        for (name, binder, connections) in asking {
            for connection in connections {
                self.join(&name, &binder, connection);
            }
        }
    }
}

/// Whether `who` may refuse a peer of a suitable type, so has to be asked.
fn may_refuse(who: &Applicant, peer: &Applicant) -> bool {
    (who.socket_type.facts().may_refuse != MayRefuse::Never)
        && who.socket_type.is_compatible(peer.socket_type)
}

#[cfg(test)]
mod tests;

//! inproc: sockets of one context, joined by name.
//!
//! Owns: which names are bound, and who waits for a name to be bound.
//! Always true: a name is bound once at a time; a connection made before its name is bound waits, with what it has
//! been given to send; so does one that the socket behind the name refuses for now, until that has a seat for it. A joined
//! pair stays joined until one of the two lets go; there is no reconnecting.
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
    /// Names the socket to its peers.
    pub(crate) token: u64,
}

/// A connection that waits for its name.
#[derive(Debug)]
struct Waiting {
    pipe: PipeId,
    applicant: Applicant,
    outgoing: Arc<Lane>,
    /// Both ends have been told that it is refused for now.
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
            told: false,
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

    /// Joins a connection with the socket that has bound its name, unless one of the two has no seat for the other: where that
    /// may be, the end that connects is asked, and after it the end that is bound.
    fn join(&self, name: &Endpoint, binder: &Applicant, connection: Waiting) {
        let Some(connecting_side) = connection.applicant.side.upgrade() else {
            return;
        };
        if may_refuse(&connection.applicant, binder) {
            let applies = PipeEvent::AppliesWithin {
                pipe: Some(connection.pipe),
                peer: Arc::new(introduce(name, binder, true)),
                candidate: self.asking(End::Connecting, name, binder, connection),
            };
            return connecting_side.happened(applies);
        }
        self.join_asked(name, binder, connection, |joined| {
            connecting_side.happened(joined);
        });
    }

    /// Likewise, once the end that connects has a seat. It hears by `tell` that it is joined.
    ///
    /// Each may have let go between the look at the name and the moment at which it heard of the other, and then has not
    /// seen this pipe, which it would have ended. Where the one that has bound it is no more, the other goes on as if it
    /// had come later.
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
                candidate: self.asking(End::Bound, name, binder, connection),
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
        // First of all it learns where to read: the bound side may send at once, let go at once, and be forgotten with it.
        tell(joined);
        let pipe = end.id();
        bound_side.happened(PipeEvent::AttachedInproc(end));
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
    /// `side` has a seat again, or may see a connection with other eyes: those that wait at its names ask once more, and so do
    /// its own at the names of others.
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

/// Whether `who` may have no seat for a peer that fits, and so is asked.
fn may_refuse(who: &Applicant, peer: &Applicant) -> bool {
    (who.socket_type.facts().may_refuse != MayRefuse::Never)
        && who.socket_type.is_compatible(peer.socket_type)
}

#[cfg(test)]
mod tests;

//! The endpoints of a socket.
//!
//! Owns: which endpoints a socket has, and with which options a new one begins.
//! Always true: an endpoint in the list has a listener or a session on an I/O thread, or is a name within the process.
//! Must not know: how an endpoint is made, and how it ends.

use std::sync::Arc;

use highwater_patterns::{PipeId, RoutingId};

use super::Core;
use crate::endpoint::Endpoint;
use crate::engine::{EndpointConfig, Key, Status};
use crate::error::{Ended, OptionError};
use crate::options::Options;
use crate::origin::Here;
use crate::peer::PeerInfo;
use crate::transport;
use crate::zmtp::HeartbeatConfig;

/// The endpoints of one socket.
#[derive(Debug, Default, Clone)]
pub(super) struct Endpoints {
    pub(super) bound: Vec<Bound>,
    pub(super) connected: Vec<Connected>,
}

#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) endpoint: Endpoint,
    /// The endpoint as `bind` got it, perhaps with a wildcard, a name, or a relative path.
    pub(super) asked: Endpoint,
    /// `None` within the process.
    pub(super) key: Option<Key>,
    /// False if the listener has ended and only its connections are left.
    pub(super) listens: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Connected {
    pub(super) endpoint: Endpoint,
    /// The endpoint as `connect` got it, perhaps with a relative path.
    pub(super) asked: Endpoint,
    /// `None` within the process.
    pub(super) key: Option<Key>,
    /// `None` within the process.
    pub(super) status: Option<Status>,
    /// `None` if each connection has a pipe of its own.
    pub(super) pipe: Option<PipeId>,
    pub(super) assigned_id: Option<RoutingId>,
    /// The token of the socket at this endpoint, if it has refused us.
    pub(super) leads_to: Option<u64>,
}

impl Endpoints {
    /// The listening endpoint that `named` means.
    pub(super) fn listening_on(&self, named: &Endpoint) -> Option<usize> {
        meant_by(named, &self.bound, |known| {
            known.listens.then_some((&known.endpoint, &known.asked))
        })
    }

    /// The resolved address of the endpoint that `named` means.
    pub(super) fn bound_as(&self, named: &Endpoint) -> Option<Endpoint> {
        let found = meant_by(named, &self.bound, |known| {
            Some((&known.endpoint, &known.asked))
        })?;
        Some(self.bound[found].endpoint.clone())
    }

    /// Whether connections may come through `key`.
    pub(super) fn has(&self, key: Key) -> bool {
        self.bound.iter().any(|known| known.key == Some(key))
            || self.connected.iter().any(|known| known.key == Some(key))
    }

    pub(super) fn connected_to(&self, named: &Endpoint) -> Option<&Connected> {
        self.position_of(named).map(|index| &self.connected[index])
    }

    /// The endpoint that `named` means among those to which the socket has connected.
    pub(super) fn position_of(&self, named: &Endpoint) -> Option<usize> {
        meant_by(named, &self.connected, |known| {
            Some((&known.endpoint, &known.asked))
        })
    }

    /// Whether the socket both binds and connects, so that a peer may connect here to which we connect as well.
    pub(super) fn binds_and_connects(&self) -> bool {
        !self.bound.is_empty() && !self.connected.is_empty()
    }

    /// The session of `pipe` has connected to the socket `token`; false if that was known.
    pub(super) fn leads_to(&mut self, pipe: PipeId, token: u64) -> bool {
        let mut connected = self.connected.iter_mut();
        let known = connected.find(|known| known.pipe == Some(pipe));
        known.is_some_and(|known| known.leads_to.replace(token) != Some(token))
    }

    /// The pipe whose session has connected to the socket `token`.
    pub(super) fn leading_to(&self, token: u64) -> Option<PipeId> {
        let mut connected = self.connected.iter();
        connected
            .find(|known| known.leads_to == Some(token))
            .and_then(|known| known.pipe)
    }

    /// The routing id that this side has given to `peer`, which is behind `pipe`.
    pub(super) fn assigned_id(&self, pipe: PipeId, peer: &PeerInfo) -> Option<&RoutingId> {
        self.connected
            .iter()
            .find(|connected| match connected.pipe {
                Some(known) => known == pipe,
                None => peer.connected_here && peer.endpoint == connected.endpoint,
            })?
            .assigned_id
            .as_ref()
    }
}

/// Which of the `known` endpoints `named` means: the one that resolved to it, or else the first that was given in the same
/// words, or else the one at the path that a relative `ipc://` path in `named` means now. `names` gives the resolved endpoint
/// and the one that was given, unless the entry is out of the question.
pub(crate) fn meant_by<T>(
    named: &Endpoint,
    known: &[T],
    names: impl Fn(&T) -> Option<(&Endpoint, &Endpoint)>,
) -> Option<usize> {
    let resolved_to = |wanted: &Endpoint| {
        known
            .iter()
            .position(|one| names(one).is_some_and(|(resolved, _)| resolved == wanted))
    };
    let given_as = || {
        known
            .iter()
            .position(|one| names(one).is_some_and(|(_, given)| given == named))
    };
    resolved_to(named)
        .or_else(given_as)
        .or_else(|| resolved_to(&transport::absolute(named)))
}

impl Core {
    /// The endpoint to which a socket that is asked for `asked` connects, wherever the process is later.
    pub(crate) fn resolve(asked: &Endpoint) -> Endpoint {
        transport::absolute(asked)
    }

    /// The endpoints bound at this moment, as resolved.
    pub(crate) fn local_endpoints(&self) -> Vec<Endpoint> {
        let Ok(state) = self.enter() else {
            return Vec::new();
        };
        let listening = state.endpoints.bound.iter().filter(|bound| bound.listens);
        listening.map(|bound| bound.endpoint.clone()).collect()
    }

    /// The options for a new endpoint; an error if the socket has ended, or if its builder got an invalid value.
    pub(super) fn open_options<E>(&self, here: Here) -> Result<Options, E>
    where
        E: From<Ended> + From<OptionError>,
    {
        let state = self.lock(here);
        match state.ended {
            Some(ended) => return Err(ended.into()),
            None if state.is_open() => {}
            None => return Err(Ended::Closed.into()),
        }
        match state.options.refused().or(self.hub.refused()) {
            Some(refused) => Err(refused.clone().into()),
            None => Ok(state.options.clone()),
        }
    }

    pub(super) fn config(&self, endpoint: Endpoint, options: Options) -> Arc<EndpointConfig> {
        Arc::new(EndpointConfig {
            endpoint,
            socket_type: self.kind,
            heartbeat: Arc::new(HeartbeatConfig {
                interval: options.heartbeat_interval,
                timeout: options.heartbeat_timeout,
                ttl: options.heartbeat_ttl,
                takes_turns: self.facts.takes_turns,
            }),
            options,
            side: self
                .this
                .upgrade()
                .expect("a socket that is being used exists"),
            telemetry: Arc::clone(&self.telemetry),
            accepted: self.accepted.clone(),
            handshakes: self.handshakes.clone(),
            revoked: Arc::clone(&self.revoked),
            token: self.token,
        })
    }
}

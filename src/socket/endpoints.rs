//! Binding, connecting, and letting go.
//!
//! Owns: which endpoints a socket has, and the way to end each.
//! Always true: an endpoint in the list has a listener or a session on an I/O thread; what is closed is out of the list
//! before its end begins, and a connection that has come through it is let go, also if it becomes known only afterwards.

use std::sync::{Arc, Weak};
use std::time::Instant;

use highwater_patterns::{Admission, Afterlife, PipeId, RoutingId};

use super::{Core, Ended, State};
use crate::endpoint::{Endpoint, Transport};
use crate::engine::{Closing, Drain, DrainReport, EndpointConfig, Key, Status};
use crate::error::{BindError, ConnectError, EndpointError, LinkError, OptionError};
use crate::inproc::Applicant;
use crate::options::{Linger, Options};
use crate::origin::Here;
use crate::peer::PeerInfo;
use crate::pipe::{Incoming, InprocEnd, Lane, Outgoing, Party, Pipe, PipeEvent, SocketSide};
use crate::transport::{self, ListenFailure, ListenOptions, Listener, Stream};
use crate::zmtp::HeartbeatConfig;

/// The endpoints of one socket.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    pub(super) bound: Vec<Bound>,
    pub(super) connected: Vec<Connected>,
}

#[derive(Debug)]
pub(super) struct Bound {
    pub(super) endpoint: Endpoint,
    /// What `bind` was given: with a wildcard, a name, or a relative path perhaps.
    asked: Endpoint,
    /// `None` within the process.
    pub(super) key: Option<Key>,
    /// Otherwise only the connections are left that came through it.
    pub(super) listens: bool,
}

#[derive(Debug)]
pub(super) struct Connected {
    pub(super) endpoint: Endpoint,
    /// What `connect` was given: with a relative path perhaps.
    asked: Endpoint,
    /// `None` within the process.
    pub(super) key: Option<Key>,
    /// Likewise.
    pub(super) status: Option<Status>,
    /// `None` if each connection has a pipe of its own.
    pub(super) pipe: Option<PipeId>,
    assigned_id: Option<RoutingId>,
    /// The socket that was found there last, and has refused us.
    leads_to: Option<u64>,
}

impl Endpoints {
    /// What listens on `named`: the endpoint as it was bound, or else the first that was bound by that text.
    pub(super) fn listening_on(&self, named: &Endpoint) -> Option<usize> {
        let listens = |known: &Bound| known.listens;
        let bound = &self.bound;
        let exactly = bound
            .iter()
            .position(|known| listens(known) && known.endpoint == *named);
        exactly.or_else(|| {
            bound
                .iter()
                .position(|known| listens(known) && known.asked == *named)
        })
    }

    /// The endpoint as it was bound that `named` means: itself, or else the first that was bound by that text.
    fn bound_as(&self, named: &Endpoint) -> Option<Endpoint> {
        let bound = &self.bound;
        let exactly = bound.iter().find(|known| known.endpoint == *named);
        let found = exactly.or_else(|| bound.iter().find(|known| known.asked == *named));
        found.map(|known| known.endpoint.clone())
    }

    /// Whether connections may come through `key`.
    pub(super) fn has(&self, key: Key) -> bool {
        self.bound.iter().any(|known| known.key == Some(key))
            || self.connected.iter().any(|known| known.key == Some(key))
    }

    pub(super) fn connected_to(&self, named: &Endpoint) -> Option<&Connected> {
        self.position_of(named).map(|index| &self.connected[index])
    }

    /// Likewise, for what was connected.
    fn position_of(&self, named: &Endpoint) -> Option<usize> {
        let connected = &self.connected;
        let exactly = connected.iter().position(|known| known.endpoint == *named);
        exactly.or_else(|| connected.iter().position(|known| known.asked == *named))
    }

    /// Whether it may be that a peer connects here to which we connect as well.
    pub(super) fn binds_and_connects(&self) -> bool {
        !self.bound.is_empty() && !self.connected.is_empty()
    }

    /// The session of `pipe` has found the socket `token`; false if that was known.
    pub(super) fn leads_to(&mut self, pipe: PipeId, token: u64) -> bool {
        let mut connected = self.connected.iter_mut();
        let known = connected.find(|known| known.pipe == Some(pipe));
        known.is_some_and(|known| known.leads_to.replace(token) != Some(token))
    }

    /// The pipe whose session has found the socket `token`.
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

impl Core {
    /// Listens on `endpoint`; the endpoint as it came out, with its real port or path.
    pub(crate) fn bind(&self, asked: &Endpoint) -> Result<Endpoint, BindError> {
        let here = self.here()?;
        let options = self.open_options::<BindError>(here)?;
        if asked.transport() == Transport::Inproc {
            return self.bind_inproc(asked, options, here);
        }
        let endpoint = transport::absolute(asked);
        let listen_options = ListenOptions::from(&options);
        let listener =
            transport::listen(&endpoint, &listen_options, rand::random()).map_err(|failure| {
                match failure {
                    ListenFailure::NotBindable(invalid) => BindError::Invalid(invalid),
                    failure => BindError::Io {
                        endpoint,
                        source: failure.into_io(),
                    },
                }
            })?;
        self.accept_from(listener, Some(asked), options, here)
    }

    /// Has an I/O thread accept what comes to `listener`; its endpoint as it came out.
    pub(super) fn accept_from(
        &self,
        listener: Listener,
        asked: Option<&Endpoint>,
        options: Options,
        here: Here,
    ) -> Result<Endpoint, BindError> {
        let endpoint = listener.endpoint().clone();
        let asked = asked.unwrap_or(&endpoint).clone();
        let engine = self.hub.engine(here).map_err(|source| BindError::Io {
            endpoint: endpoint.clone(),
            source,
        })?;
        let config = self.config(endpoint.clone(), options);
        // Under the lock: what comes through an endpoint that is not in the list is turned away.
        let mut state = self.lock(here);
        if !state.is_open() {
            return Err(BindError::Closed);
        }
        state.endpoints.bound.push(Bound {
            endpoint: endpoint.clone(),
            asked,
            key: Some(engine.listen(listener, config)),
            listens: true,
        });
        Ok(endpoint)
    }

    fn bind_inproc(
        &self,
        name: &Endpoint,
        options: Options,
        here: Here,
    ) -> Result<Endpoint, BindError> {
        // Under the lock, and in the list before what waits for the name is joined: who asks meets this endpoint, and may be
        // the one to which this socket connects.
        let mut state = self.lock(here);
        if !state.is_open() {
            return Err(BindError::Closed);
        }
        state.endpoints.bound.push(Bound {
            endpoint: name.clone(),
            asked: name.clone(),
            key: None,
            listens: true,
        });
        let applicant = self.applicant(options);
        if !self.hub.names().bind(name, applicant, here) {
            state.endpoints.bound.pop();
            return Err(BindError::Io {
                endpoint: name.clone(),
                source: std::io::ErrorKind::AddrInUse.into(),
            });
        }
        Ok(name.clone())
    }

    /// This socket, as others in the process get to know it.
    pub(super) fn applicant(&self, options: Options) -> Applicant {
        Applicant {
            side: self.this.clone(),
            telemetry: Arc::clone(&self.telemetry),
            socket_type: self.kind,
            options,
            token: self.token,
        }
    }

    /// Keeps a connection to `endpoint`, whether somebody listens there yet or not.
    pub(crate) fn connect(
        &self,
        asked: &Endpoint,
        assigned_id: Option<RoutingId>,
    ) -> Result<(), ConnectError> {
        let here = self.here()?;
        let options = self.open_options::<ConnectError>(here)?;
        asked.check_connect()?;
        if asked.transport() == Transport::Inproc {
            return self.connect_inproc(asked, options, assigned_id, here);
        }
        self.keep_connected(asked, options, assigned_id, None, here)
    }

    /// Keeps a connection over a wire: by `stream` for as long as that lasts, if it is there already.
    pub(super) fn keep_connected(
        &self,
        asked: &Endpoint,
        options: Options,
        assigned_id: Option<RoutingId>,
        stream: Option<Stream>,
        here: Here,
    ) -> Result<(), ConnectError> {
        let endpoint = &transport::absolute(asked);
        let engine = self.hub.engine(here).map_err(|source| ConnectError::Io {
            endpoint: endpoint.clone(),
            source,
        })?;
        engine.wait_for_turn(here);
        let mut state = self.lock(here);
        if state.endpoints.connected_to(endpoint).is_some() && self.facts.connects_once {
            return Ok(());
        }
        let conflation = options.conflation(self.kind);
        let fate = self.facts.fate(assigned_id.is_some());
        let pipe = (!options.immediate).then(|| {
            Arc::new(Pipe::new(
                self.next_pipe_id(),
                None,
                Outgoing::new(options.send_limit(), conflation.sent).with_fate(fate),
                Incoming::new(options.receive_limit())
                    .conflating(conflation.received)
                    .with_subscriptions(self.facts.hears_subscriptions),
            ))
        });
        let id = pipe.as_ref().map(|pipe| pipe.id);
        if let Some(pipe) = &pipe {
            self.happen(&mut state, PipeEvent::Attached(Arc::clone(pipe)));
            self.assign(&mut state, pipe.id, assigned_id.as_ref())?;
        }
        let status = Status::new();
        let config = self.config(endpoint.clone(), options);
        let key = engine.connect(config, pipe, status.clone(), stream);
        state.endpoints.connected.push(Connected {
            endpoint: endpoint.clone(),
            asked: asked.clone(),
            key: Some(key),
            status: Some(status),
            pipe: id,
            assigned_id,
            leads_to: None,
        });
        Ok(())
    }

    fn connect_inproc(
        &self,
        name: &Endpoint,
        options: Options,
        assigned_id: Option<RoutingId>,
        here: Here,
    ) -> Result<(), ConnectError> {
        let mut state = self.lock(here);
        if state.endpoints.connected_to(name).is_some() && self.facts.connects_once {
            return Ok(());
        }
        let pipe = self.next_pipe_id();
        let party = Party {
            side: self.this.clone(),
            pipe,
        };
        let outgoing = Arc::new(Lane::new(
            party,
            options.send_high_water_mark,
            options.conflation(self.kind).sent,
        ));
        let end = InprocEnd::new(pipe, Arc::clone(&outgoing), None);
        if options.immediate {
            state.table.attach_unannounced(end);
        } else {
            self.happen(&mut state, PipeEvent::AttachedInproc(end));
            self.assign(&mut state, pipe, assigned_id.as_ref())?;
        }
        state.endpoints.connected.push(Connected {
            endpoint: name.clone(),
            asked: name.clone(),
            key: None,
            status: None,
            pipe: Some(pipe),
            assigned_id,
            leads_to: None,
        });
        self.ask_for_peer(&mut state, (name, pipe), (options, outgoing), here);
        Ok(())
    }

    /// Gives the peer behind the new `pipe` the id that the caller wants for it.
    fn assign(
        &self,
        state: &mut State,
        pipe: PipeId,
        wanted: Option<&RoutingId>,
    ) -> Result<(), ConnectError> {
        if let Some(wanted) = wanted
            && state.pattern.assign(pipe, wanted) != Admission::Accepted
        {
            self.let_go(state, pipe);
            state.table.tell_losses(None);
            return Err(ConnectError::DuplicateRoutingId(wanted.clone()));
        }
        Ok(())
    }

    /// Stops listening on `endpoint` and ends the connections that came through it. On return the address is free.
    pub(crate) fn unbind(&self, named: &Endpoint) -> Result<(), EndpointError> {
        let here = self.here()?;
        let mut state = self.lock(here);
        let Some(endpoint) = state.endpoints.bound_as(named) else {
            return Err(EndpointError::NotFound(named.clone()));
        };
        let bound = &mut state.endpoints.bound;
        let ended: Vec<Bound> = bound
            .extract_if(.., |known| known.endpoint == endpoint)
            .collect();
        if ended.iter().any(|bound| bound.key.is_none()) {
            drop(state);
            self.free_name(&endpoint, here);
            state = self.lock(here);
        }
        for bound in &ended {
            let pipes = match bound.key {
                Some(key) => state.table.attached_through(key),
                None => state.table.joined_at(&endpoint),
            };
            for pipe in pipes {
                self.let_go(&mut state, pipe);
            }
        }
        state.table.tell_losses(Some(&endpoint));
        let closing = self.closing(state.options.linger, &[]);
        drop(state);
        for bound in ended {
            self.close_bound(bound.key, &closing, here);
        }
        Ok(())
    }

    /// Gives up the connection to `endpoint`. Unsent messages linger; received ones that were not read are lost.
    pub(crate) fn disconnect(&self, named: &Endpoint) -> Result<(), EndpointError> {
        let here = self.here()?;
        let mut state = self.lock(here);
        let Some(index) = state.endpoints.position_of(named) else {
            return Err(EndpointError::NotFound(named.clone()));
        };
        let Connected {
            endpoint,
            key,
            pipe,
            ..
        } = state.endpoints.connected.swap_remove(index);
        let pipes = match (pipe, key) {
            (Some(pipe), _) => vec![pipe],
            (None, Some(key)) => state.table.attached_through(key),
            (None, None) => Vec::new(),
        };
        for pipe in pipes {
            self.let_go(&mut state, pipe);
        }
        state.table.tell_losses(Some(&endpoint));
        let closing = self.closing(state.options.linger, &[]);
        drop(state);
        self.close_connected(&endpoint, key, pipe, &closing, here);
        Ok(())
    }

    /// The endpoints bound at this moment, as resolved.
    pub(crate) fn local_endpoints(&self) -> Vec<Endpoint> {
        let Ok(state) = self.enter() else {
            return Vec::new();
        };
        let listening = state.endpoints.bound.iter().filter(|bound| bound.listens);
        listening.map(|bound| bound.endpoint.clone()).collect()
    }

    /// Ends the socket. Unsent messages linger in the background, by `linger`; the drain tells when that is over.
    ///
    /// In a forked child it does nothing, and has the socket stay: another thread of the parent may have been changing
    /// it, and will never be done.
    pub(crate) fn close(&self, linger: Option<Linger>) -> Arc<Drain> {
        let drain = Arc::new(Drain::default());
        let Ok(here) = self.here() else {
            std::mem::forget(self.this.upgrade());
            return drain;
        };
        let mut state = self.lock(here);
        // Or whoever waits for them could find them done between the ends of two endpoints.
        let _hold = Drain::hold(&self.with_lingering(&[Arc::clone(&drain)]));
        if state.ended != Some(Ended::Closed) {
            self.end(&mut state, Ended::Closed);
            state.ended = Some(Ended::Closed);
        }
        let endpoints = std::mem::take(&mut state.endpoints);
        drop(state);
        for name in endpoints.bound.iter().filter(|bound| bound.key.is_none()) {
            self.free_name(&name.endpoint, here);
        }
        let mut state = self.lock(here);
        let before = state.table.unsent_within();
        for pipe in state.table.ids() {
            self.let_go(&mut state, pipe);
        }
        state.table.tell_drops();
        state.table.tell_losses(None);
        let lost = state.table.unsent_within() - before;
        for drain in [&drain, self.hub.lingering()] {
            drain.begin();
            drain.finish(0, lost);
        }
        let linger = linger.unwrap_or(state.options.linger);
        let closing = self.closing(linger, &[Arc::clone(&drain)]);
        drop(state);
        for bound in endpoints.bound {
            self.close_bound(bound.key, &closing, here);
        }
        for Connected {
            endpoint,
            key,
            pipe,
            ..
        } in endpoints.connected
        {
            self.close_connected(&endpoint, key, pipe, &closing, here);
        }
        drain
    }

    /// Closes the socket and waits until every message is sent or given up.
    pub(crate) fn close_and_drain(&self, linger: Linger) -> DrainReport {
        let drain = self.close(Some(linger));
        if let Ok(here) = self.here() {
            drain.wait(None, here);
        }
        drain.report()
    }

    /// The pattern forgets `pipe`; what it holds still goes out.
    pub(super) fn let_go(&self, state: &mut State, pipe: PipeId) {
        state.table.disconnect(pipe, true, LinkError::ClosedHere);
        state
            .pattern
            .disconnected(pipe, Afterlife::Ends, &mut state.table);
        self.remove(state, pipe);
        self.changed.notify(usize::MAX);
    }

    /// Frees a name within the process. Goes before the pipes are let go: whoever is joined after that is turned away
    /// by [`Names`](crate::inproc::Names), whoever was joined before is among the pipes when the lock is taken again.
    pub(super) fn free_name(&self, name: &Endpoint, here: Here) {
        let side: Weak<dyn SocketSide> = self.this.clone();
        self.hub.names().unbind(name, &side, here);
    }

    /// Ends a listener; a name within the process is free already.
    pub(super) fn close_bound(&self, key: Option<Key>, closing: &Closing, here: Here) {
        if let (Some(key), Ok(engine)) = (key, self.hub.engine(here)) {
            engine.close_listener(key, closing, here);
        }
    }

    pub(super) fn close_connected(
        &self,
        endpoint: &Endpoint,
        key: Option<Key>,
        pipe: Option<PipeId>,
        closing: &Closing,
        here: Here,
    ) {
        match (key, self.hub.engine(here)) {
            (Some(key), Ok(engine)) => engine.close_session(key, closing),
            _ => {
                if let Some(pipe) = pipe {
                    let side: Weak<dyn SocketSide> = self.this.clone();
                    self.hub.names().disconnect(endpoint, &side, pipe, here);
                }
            }
        }
    }

    /// How endpoints end that nobody reads any more.
    fn closing(&self, linger: Linger, drains: &[Arc<Drain>]) -> Closing {
        Closing {
            deadline: deadline(linger),
            drains: self.with_lingering(drains),
            delivers: false,
        }
    }

    pub(super) fn with_lingering(&self, drains: &[Arc<Drain>]) -> Vec<Arc<Drain>> {
        let mut all = drains.to_vec();
        all.push(Arc::clone(self.hub.lingering()));
        all
    }

    /// The options for a new endpoint, if the socket takes any, and no builder was given a value in vain.
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
            seats: self.seats.clone(),
            token: self.token,
        })
    }
}

/// Until when unsent messages may linger.
fn deadline(linger: Linger) -> Option<Instant> {
    match linger {
        Linger::Discard => Some(Instant::now()),
        Linger::AtMost(most) => Instant::now().checked_add(most),
        Linger::Forever => None,
    }
}

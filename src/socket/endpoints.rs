//! Binding, connecting, and letting go.
//!
//! Owns: which endpoints a socket has, and the way to end each.
//! Always true: an endpoint in the list has a listener or a session on an I/O thread; what is closed is out of the list
//! before its end begins.

use std::sync::Arc;
use std::time::Instant;

use highwater_patterns::{Afterlife, PipeId, RoutingId, SocketType};

use super::{Core, Ended, State};
use crate::endpoint::{Endpoint, Transport};
use crate::engine::{Drain, DrainReport, EndpointConfig, Key};
use crate::error::{BindError, ConnectError, EndpointError};
use crate::options::{Linger, Options};
use crate::pipe::{Incoming, Outgoing, Pipe, PipeEvent, SocketSide};
use crate::transport::{self, ListenFailure, ListenOptions};

/// The endpoints of one socket.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    bound: Vec<(Endpoint, Key)>,
    connected: Vec<Connected>,
}

#[derive(Debug)]
struct Connected {
    endpoint: Endpoint,
    key: Key,
    /// `None` if each connection has a pipe of its own.
    pipe: Option<PipeId>,
    assigned_id: Option<RoutingId>,
}

impl Endpoints {
    /// The routing id that this side has given to the peer behind `pipe`.
    pub(super) fn assigned_id(&self, pipe: PipeId) -> Option<&RoutingId> {
        self.connected
            .iter()
            .find(|connected| connected.pipe == Some(pipe))?
            .assigned_id
            .as_ref()
    }
}

impl Core {
    /// Listens on `endpoint`; the endpoint as it came out, with its real port or path.
    pub(crate) fn bind(&self, endpoint: &Endpoint) -> Result<Endpoint, BindError> {
        let options = self.open_options().map_err(|ended| match ended {
            Ended::Closed => BindError::Closed,
            Ended::Terminated => BindError::Terminated,
        })?;
        if endpoint.transport() == Transport::Inproc {
            return Err(BindError::Unsupported(endpoint.clone()));
        }
        let io_error = |source| BindError::Io {
            endpoint: endpoint.clone(),
            source,
        };
        let engine = self.hub.engine().map_err(io_error)?;
        let listen_options = ListenOptions::from(&options);
        let listener =
            transport::listen(endpoint, &listen_options, rand::random()).map_err(|error| {
                let kind = error.kind();
                match error.reason {
                    ListenFailure::NotBindable(invalid) => BindError::Invalid(invalid),
                    _ => io_error(std::io::Error::new(kind, error)),
                }
            })?;
        let resolved = listener.endpoint().clone();
        let key = engine.listen(listener, self.config(resolved.clone(), options));
        let mut state = self.lock();
        state.endpoints.bound.push((resolved.clone(), key));
        if state.ended.is_some() {
            drop(state);
            // The socket was closed meanwhile, and has not seen this endpoint.
            let _ = self.unbind(&resolved);
            return Err(BindError::Closed);
        }
        Ok(resolved)
    }

    /// Keeps a connection to `endpoint`, whether somebody listens there yet or not.
    pub(crate) fn connect(
        &self,
        endpoint: &Endpoint,
        assigned_id: Option<RoutingId>,
    ) -> Result<(), ConnectError> {
        let options = self.open_options().map_err(|ended| match ended {
            Ended::Closed => ConnectError::Closed,
            Ended::Terminated => ConnectError::Terminated,
        })?;
        if endpoint.transport() == Transport::Inproc {
            return Err(ConnectError::Unsupported(endpoint.clone()));
        }
        endpoint.check_connect()?;
        let engine = self.hub.engine().map_err(|source| ConnectError::Io {
            endpoint: endpoint.clone(),
            source,
        })?;
        let mut state = self.lock();
        if state
            .endpoints
            .connected
            .iter()
            .any(|known| known.endpoint == *endpoint)
            && self.connects_once()
        {
            return Ok(());
        }
        let pipe = (!options.immediate).then(|| {
            Arc::new(Pipe {
                id: self.next_pipe_id(),
                outgoing: Outgoing::new(options.send_limit(), options.conflate),
                incoming: Incoming::new(options.receive_limit()),
            })
        });
        let id = pipe.as_ref().map(|pipe| pipe.id);
        if let Some(pipe) = &pipe {
            self.apply(&mut state, PipeEvent::Attached(Arc::clone(pipe)));
        }
        let key = engine.connect(self.config(endpoint.clone(), options), pipe);
        state.endpoints.connected.push(Connected {
            endpoint: endpoint.clone(),
            key,
            pipe: id,
            assigned_id,
        });
        Ok(())
    }

    /// Stops listening on `endpoint` and ends the connections that came through it. On return the address is free.
    pub(crate) fn unbind(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        let mut state = self.lock();
        let Some(index) = state
            .endpoints
            .bound
            .iter()
            .position(|(known, _)| known == endpoint)
        else {
            return Err(EndpointError::NotFound(endpoint.clone()));
        };
        let (_, key) = state.endpoints.bound.swap_remove(index);
        for pipe in state.table.connected_through(endpoint, false) {
            self.let_go(&mut state, pipe);
        }
        let deadline = deadline(state.options.linger);
        drop(state);
        self.close_listener(key, deadline, &[]);
        Ok(())
    }

    /// Gives up the connection to `endpoint`. Unsent messages linger; received ones that were not read are lost.
    pub(crate) fn disconnect(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        let mut state = self.lock();
        let Some(index) = state
            .endpoints
            .connected
            .iter()
            .position(|known| known.endpoint == *endpoint)
        else {
            return Err(EndpointError::NotFound(endpoint.clone()));
        };
        let Connected { key, pipe, .. } = state.endpoints.connected.swap_remove(index);
        let pipes = match pipe {
            Some(pipe) => vec![pipe],
            None => state.table.connected_through(endpoint, true),
        };
        for pipe in pipes {
            self.let_go(&mut state, pipe);
        }
        let deadline = deadline(state.options.linger);
        drop(state);
        self.close_session(key, deadline, &[]);
        Ok(())
    }

    /// The endpoints bound at this moment, as resolved.
    pub(crate) fn local_endpoints(&self) -> Vec<Endpoint> {
        let state = self.lock();
        state
            .endpoints
            .bound
            .iter()
            .map(|(endpoint, _)| endpoint.clone())
            .collect()
    }

    /// Ends the socket. Unsent messages linger in the background, by `linger`; the drain tells when that is over.
    pub(crate) fn close(&self, linger: Option<Linger>) -> Arc<Drain> {
        let drain = Arc::new(Drain::default());
        let mut state = self.lock();
        if state.ended != Some(Ended::Closed) {
            self.end(&mut state, Ended::Closed);
            state.ended = Some(Ended::Closed);
        }
        let endpoints = std::mem::take(&mut state.endpoints);
        for pipe in state.table.ids() {
            self.let_go(&mut state, pipe);
        }
        let deadline = deadline(linger.unwrap_or(state.options.linger));
        drop(state);
        for (_, key) in endpoints.bound {
            self.close_listener(key, deadline, &[Arc::clone(&drain)]);
        }
        for Connected { key, .. } in endpoints.connected {
            self.close_session(key, deadline, &[Arc::clone(&drain)]);
        }
        drain
    }

    /// Closes the socket and waits until every message is sent or given up.
    pub(crate) fn close_and_drain(&self, linger: Linger) -> DrainReport {
        let drain = self.close(Some(linger));
        drain.wait(None);
        drain.report()
    }

    /// The pattern forgets `pipe`; what it holds still goes out.
    fn let_go(&self, state: &mut State, pipe: PipeId) {
        state.table.disconnect(pipe, true);
        state
            .pattern
            .disconnected(pipe, Afterlife::Ends, &mut state.table);
        if let Some(pipe) = state.table.remove(pipe) {
            pipe.outgoing.close();
            state.pattern.detached(pipe.id, &mut state.table);
        }
        self.changed.notify(usize::MAX);
    }

    fn close_listener(&self, key: Key, deadline: Option<Instant>, drains: &[Arc<Drain>]) {
        if let Ok(engine) = self.hub.engine() {
            engine.close_listener(key, deadline, &self.with_lingering(drains));
        }
    }

    fn close_session(&self, key: Key, deadline: Option<Instant>, drains: &[Arc<Drain>]) {
        if let Ok(engine) = self.hub.engine() {
            engine.close_session(key, deadline, &self.with_lingering(drains));
        }
    }

    fn with_lingering(&self, drains: &[Arc<Drain>]) -> Vec<Arc<Drain>> {
        let mut all = drains.to_vec();
        all.push(Arc::clone(self.hub.lingering()));
        all
    }

    fn open_options(&self) -> Result<Options, Ended> {
        let state = self.lock();
        state.ended.map_or_else(|| Ok(state.options.clone()), Err)
    }

    fn config(&self, endpoint: Endpoint, options: Options) -> Arc<EndpointConfig> {
        Arc::new(EndpointConfig {
            endpoint,
            socket_type: self.kind,
            options,
            side: self
                .this
                .upgrade()
                .expect("a socket that is being used exists"),
            telemetry: Arc::clone(&self.telemetry),
        })
    }

    /// For these types a second connection to the same peer would double its messages. Source: libzmq.
    fn connects_once(&self) -> bool {
        matches!(
            self.kind,
            SocketType::Dealer | SocketType::Sub | SocketType::Pub | SocketType::Req
        )
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

//! Connecting.
//!
//! Owns: nothing; a session is made here and handed to an I/O thread, a search for a name to the context.
//! Always true: the pipe of an endpoint is attached before its connection is begun; if the pattern refuses it, none is
//! begun.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use highwater_patterns::{Admission, PipeId, RoutingId};

use super::endpoints::Connected;
use super::{Core, State};
use crate::endpoint::{Endpoint, Transport};
use crate::engine::Status;
use crate::error::ConnectError;
use crate::options::Options;
use crate::origin::Here;
use crate::pipe::{Incoming, InprocEnd, Lane, Outgoing, Party, Pipe, PipeEvent, SocketSide as _};
use crate::transport::{self, Stream, StreamOptions};

impl Core {
    /// Keeps a connection to `endpoint`, which need not have a listener yet.
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

    /// Keeps a connection over a wire. If the caller has a connected `stream`, that is the only connection.
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
            self.happen(&mut state, PipeEvent::AttachedInproc(end, None));
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

    /// Assigns the routing id that the caller has chosen to the peer behind the new `pipe`.
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

    /// Uses a connected descriptor of the caller, and gives the endpoint that names it.
    pub(crate) fn connect_fd(&self, stream: OwnedFd) -> Result<Endpoint, ConnectError> {
        let here = self.here()?;
        let mut options = self.open_options::<ConnectError>(here)?;
        let endpoint = Endpoint::from_descriptor(stream.as_raw_fd().unsigned_abs());
        let stream = Stream::from_fd(stream, &StreamOptions::from(&options))
            .map_err(ConnectError::Descriptor)?;
        // The descriptor is connected to the peer, so no proxy is asked.
        options.socks_proxy = None;
        // An earlier descriptor of the same number has been closed, since the system has given the number again.
        let _ = self.disconnect(&endpoint);
        self.keep_connected(&endpoint, options, None, Some(stream), here)?;
        Ok(endpoint)
    }
}

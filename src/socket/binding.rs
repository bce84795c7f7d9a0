//! Binding.
//!
//! Owns: nothing; a listener is made here and handed to an I/O thread, a name within the process to the context.
//! Always true: an endpoint is in the list of its socket before a peer can have connected through it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::Core;
use super::endpoints::Bound;
use crate::endpoint::{Endpoint, Transport};
use crate::error::{BindError, Ended};
use crate::inproc::Applicant;
use crate::monitor::EventKind;
use crate::options::{AcceptFilter, Options};
use crate::origin::Here;
use crate::transport::{self, ListenFailure, ListenOptions, Listener};

impl Core {
    /// Listens on `endpoint`, and gives the endpoint with its real port or path.
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

    /// Has an I/O thread accept the connections of `listener`, and gives its endpoint.
    fn accept_from(
        &self,
        listener: Listener,
        asked: Option<&Endpoint>,
        options: Options,
        here: Here,
    ) -> Result<Endpoint, BindError> {
        let endpoint = listener.endpoint().clone();
        let is_reached = endpoint
            .ip()
            .is_some_and(|ip| !ip.to_canonical().is_loopback());
        if is_reached
            && !options.security.is_chosen()
            && options.accept_filter == AcceptFilter::default()
        {
            let monitor = &self.telemetry.monitor;
            monitor.emit(EventKind::Unprotected, Some(&endpoint), None);
        }
        let asked = asked.unwrap_or(&endpoint).clone();
        let engine = self.hub.engine(here).map_err(|source| BindError::Io {
            endpoint: endpoint.clone(),
            source,
        })?;
        let config = self.config(endpoint.clone(), options);
        // Under the lock, since a connection through an endpoint that is not in the list is turned away.
        let mut state = self.lock(here);
        if !state.is_open() {
            return Err(BindError::Ended(Ended::Closed));
        }
        // Here and not on the I/O thread, so that a monitor that is made after `bind` has returned never gets it.
        let monitor = &self.telemetry.monitor;
        monitor.emit(EventKind::Listening, Some(&endpoint), None);
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
        // Under the lock, and in the list before the connections that wait for the name are joined: each of them asks
        // this socket for a seat, and may come from a socket to which this one connects as well.
        let mut state = self.lock(here);
        if !state.is_open() {
            return Err(BindError::Ended(Ended::Closed));
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

    /// This socket, as it introduces itself to others in the process.
    pub(super) fn applicant(&self, options: Options) -> Applicant {
        Applicant {
            side: self.this.clone(),
            telemetry: Arc::clone(&self.telemetry),
            socket_type: self.kind,
            options,
            token: self.token,
        }
    }

    /// Takes over a descriptor that listens already, and gives its address.
    pub(crate) fn bind_fd(&self, listener: OwnedFd) -> Result<Endpoint, BindError> {
        let here = self.here()?;
        let options = self.open_options::<BindError>(here)?;
        let listener = Listener::from_fd(listener, &ListenOptions::from(&options))
            .map_err(BindError::Descriptor)?;
        self.accept_from(listener, None, options, here)
    }
}

//! The control of endpoints while they exist.
//!
//! Owns: nothing; it acts on listeners and names, and reads the states of sessions.
//! Always true: a call that stops or resumes accepting has done so when it returns.

use std::sync::Weak;
use std::time::Duration;

use super::endpoints::{Connected, Endpoints};
use super::{Core, State};
use crate::endpoint::Endpoint;
use crate::error::{Ended, EndpointError, LinkError, ReadyError, WaitError};
use crate::monitor::EndpointState;
use crate::pipe::SocketSide;

impl Core {
    /// Stops accepting connections on `endpoint`, or starts again. On return it is so.
    pub(crate) fn set_accepting(
        &self,
        endpoint: &Endpoint,
        accept: bool,
    ) -> Result<(), EndpointError> {
        let here = self.here()?;
        let state = self.lock(here);
        if state.ended == Some(Ended::Closed) {
            return Err(EndpointError::Ended(Ended::Closed));
        }
        let Some(index) = state.endpoints.listening_on(endpoint) else {
            return Err(EndpointError::NotFound(endpoint.clone()));
        };
        let key = state.endpoints.bound[index].key;
        drop(state);
        match (key, self.hub.engine(here)) {
            (Some(key), Ok(engine)) => engine.accept(key, accept, here),
            _ => {
                let side: Weak<dyn SocketSide> = self.this.clone();
                self.hub
                    .names()
                    .set_accepting(endpoint, &side, accept, here);
            }
        }
        Ok(())
    }

    /// Ends the listener on `endpoint`; the connections that it has accepted stay.
    pub(crate) fn stop_accepting(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        let here = self.here()?;
        let mut state = self.lock(here);
        if state.ended == Some(Ended::Closed) {
            return Err(EndpointError::Ended(Ended::Closed));
        }
        let Some(index) = state.endpoints.listening_on(endpoint) else {
            return Err(EndpointError::NotFound(endpoint.clone()));
        };
        let bound = &mut state.endpoints.bound[index];
        bound.listens = false;
        let key = bound.key;
        drop(state);
        match (key, self.hub.engine(here)) {
            (Some(key), Ok(engine)) => engine.stop_listening(key, here),
            _ => self.free_name(endpoint, here),
        }
        Ok(())
    }

    /// The state of `endpoint`, to which the socket has connected.
    pub(crate) fn endpoint_state(
        &self,
        endpoint: &Endpoint,
    ) -> Result<EndpointState, EndpointError> {
        let state = self.enter()?;
        if state.ended == Some(Ended::Closed) {
            return Err(EndpointError::Ended(Ended::Closed));
        }
        state
            .state_of(endpoint)
            .ok_or_else(|| EndpointError::NotFound(endpoint.clone()))
    }

    /// Waits until `endpoint` is connected or given up for good.
    pub(crate) fn wait_until_ready(
        &self,
        endpoint: &Endpoint,
        timeout: Duration,
    ) -> Result<(), ReadyError> {
        let mut found = None;
        let waited = self.wait_until(timeout, |state| {
            found = state.state_of(endpoint);
            matches!(
                found,
                None | Some(EndpointState::Ready | EndpointState::GivenUp(_))
            )
        });
        match (waited, found) {
            (Err(WaitError::Ended(ended)), _) => Err(ReadyError::Ended(ended)),
            (_, None) => Err(ReadyError::NotFound(endpoint.clone())),
            (_, Some(EndpointState::Ready)) => Ok(()),
            (_, Some(EndpointState::GivenUp(cause))) => Err(ReadyError::GivenUp(cause)),
            (_, Some(unfinished)) => Err(ReadyError::Timeout {
                last_error: unfinished.into_error(),
            }),
        }
    }
}

impl State {
    /// Whether no peer will ever come: the socket has given up for good each endpoint to which it connected, has no
    /// pipe left, and does not listen.
    #[cold]
    pub(super) fn is_given_up(&self) -> bool {
        let is_over =
            |known: &Connected| matches!(self.state_of_connected(known), EndpointState::GivenUp(_));
        let Endpoints { bound, connected } = &self.endpoints;
        !self.table.has_pipe_to_write()
            && !connected.is_empty()
            && !bound.iter().any(|known| known.listens)
            && connected.iter().all(is_over)
    }

    fn state_of(&self, endpoint: &Endpoint) -> Option<EndpointState> {
        let connected = self.endpoints.connected_to(endpoint)?;
        Some(self.state_of_connected(connected))
    }

    fn state_of_connected(&self, connected: &Connected) -> EndpointState {
        if let Some(status) = &connected.status {
            return status.get();
        }
        // Within the process.
        match connected.pipe {
            Some(pipe) if self.table.peer(pipe).is_some() => EndpointState::Ready,
            Some(pipe) if self.table.is_waiting(pipe) => {
                EndpointState::Connecting { last_error: None }
            }
            _ => EndpointState::GivenUp(LinkError::PeerClosed),
        }
    }
}

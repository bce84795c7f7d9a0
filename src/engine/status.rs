//! The state of a configured peer, as `endpoint_state` gives it.
//!
//! Owns: the latest state of one session.
//! Always true: only the session sets it, and tells the socket afterwards.

use std::sync::Arc;

use super::EndpointConfig;
use crate::monitor::EndpointState;
use crate::pipe::PipeEvent;
use crate::sync::Mutex;

/// The state of one session, which its socket reads.
#[derive(Debug, Clone)]
pub(crate) struct Status(Arc<Mutex<EndpointState>>);

impl Status {
    /// The state of a session that has not begun.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(EndpointState::Connecting {
            last_error: None,
        })))
    }

    pub(crate) fn get(&self) -> EndpointState {
        self.0.lock().clone()
    }

    pub(super) fn set(&self, state: EndpointState, config: &EndpointConfig) {
        *self.0.lock() = state;
        config.side.happened(PipeEvent::EndpointChanged);
    }

    /// A further attempt begins.
    pub(super) fn begins(&self, config: &EndpointConfig) {
        let last_error = self.get().into_error();
        self.set(EndpointState::Connecting { last_error }, config);
    }
}

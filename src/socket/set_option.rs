//! Options of a socket in use, by name.
//!
//! Owns: nothing; it sets the options and has pattern and pipes follow them.
//! Always true: a new high-water mark holds for every pipe of the socket, those to come included.
//! Must not know: names, defaults and bounds.

use std::time::Duration;

use super::{Core, State};
use crate::error::{Ended, OptionError};
use crate::options::{self, OptionValue};
use crate::pipe::PipeEvent;

impl Core {
    pub(crate) fn set_option(&self, name: &str, value: &str) -> Result<(), OptionError> {
        let mut state = self.enter()?;
        match state.options.set(name, value, true) {
            Err(OptionError::Unknown { .. }) => {
                let State {
                    pattern,
                    pattern_options,
                    ..
                } = &mut *state;
                options::pattern::set(pattern_options, self.kind, name, value)?;
                pattern.reconfigure(pattern_options);
                state.options.is_settled(name);
                Ok(())
            }
            settled => {
                self.limits_changed(&mut state);
                settled
            }
        }
    }

    /// Sets what peers are told of the payload from now on.
    #[cfg(feature = "serde")]
    pub(crate) fn set_payload(&self, payload: String) -> Result<(), OptionError> {
        self.enter()?.options.set_payload(payload)
    }

    /// As [`set_option`](Self::set_option), with the value as it is.
    pub(crate) fn set_live(&self, name: &str, value: &impl OptionValue) -> Result<(), OptionError> {
        self.set_option(name, &value.print())
    }

    /// The option `send_timeout`.
    pub(crate) fn send_timeout(&self) -> Result<Option<Duration>, Ended> {
        Ok(self.enter()?.options.send_timeout)
    }

    pub(crate) fn option(&self, name: &str) -> Result<String, OptionError> {
        let state = self.enter()?;
        match state.options.get(name) {
            Err(OptionError::Unknown { .. }) => {
                options::pattern::get(&state.pattern_options, self.kind, name)
            }
            settled => settled,
        }
    }

    /// The high-water marks may have changed: sets them for all pipes.
    pub(super) fn limits_changed(&self, state: &mut State) {
        let (send, receive) = (state.options.send_limit(), state.options.receive_limit());
        state.table.limit_departed(state.options.departed_bytes);
        for pipe in state.table.ids() {
            if state.table.set_limits(pipe, send, receive) {
                self.happen(state, PipeEvent::Writable(pipe));
            }
        }
    }
}

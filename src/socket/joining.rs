//! A pipe within the process that has lost its peer, and is joined with one again.
//!
//! Owns: nothing; it asks the names of the context.
//! Must not know: why the two were parted.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::{Core, State};
use crate::pipe::{Lane, PipeEvent};

impl Core {
    /// Connects `pipe` within the process once more, which has lost its peer; it sends through `outgoing`.
    pub(super) fn join_again(&self, state: &mut State, pipe: PipeId, outgoing: Arc<Lane>) {
        let mut connected = state.endpoints.connected.iter();
        let known = connected.find(|known| known.key.is_none() && known.pipe == Some(pipe));
        let name = known.map(|known| known.endpoint.clone());
        match (name, self.origin().ask()) {
            (Some(name), Some(here)) if state.is_open() => {
                let applicant = self.applicant(state.options.clone());
                let names = self.hub.names();
                names.connect(&name, pipe, applicant, outgoing, here);
            }
            _ => self.happen(state, PipeEvent::Disconnected { pipe, ends: true }),
        }
    }
}

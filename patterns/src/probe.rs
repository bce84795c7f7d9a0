//! The probe: one empty message to every new connection, by which a ROUTER learns of the peer.
//!
//! Owns: which pipes have lost a connection since their last probe.
//! Always true: one probe for each connection; on a new pipe it is the first message. A later connection has none while its pipe
//! is at its mark: what waits there was not read on the connections before, their probes among it.
//! Must not know: how a probe is answered.

use crate::{Afterlife, Message, PipeId, Pipes};

/// The probing half of DEALER, ROUTER and REQ.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) enabled: bool,
    lost: Vec<PipeId>,
}

impl Probe {
    pub(crate) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            lost: Vec::new(),
        }
    }

    /// Writes the probe to a new `pipe` before anything else, also if its connection is still to come.
    pub(crate) fn attached(&self, pipe: PipeId, pipes: &mut impl Pipes) {
        if self.enabled {
            pipes.write_always(pipe, Message::EMPTY);
        }
    }

    /// The connection behind `pipe` is over, and later writes are for the next connection: writes its probe first.
    /// May be called instead of [`connected`](Self::connected) and [`disconnected`](Self::disconnected).
    pub(crate) fn over(&self, pipe: PipeId, pipes: &mut impl Pipes) {
        if self.enabled && pipes.has_room(pipe) {
            pipes.write_always(pipe, Message::EMPTY);
        }
    }

    pub(crate) fn connected(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        if self.forget(pipe) {
            self.over(pipe, pipes);
        }
    }

    pub(crate) fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife) {
        if afterwards == Afterlife::Reconnects && !self.lost.contains(&pipe) {
            self.lost.push(pipe);
        }
    }

    pub(crate) fn detached(&mut self, pipe: PipeId) {
        self.forget(pipe);
    }

    fn forget(&mut self, pipe: PipeId) -> bool {
        let index = self.lost.iter().position(|&known| known == pipe);
        index.map(|index| self.lost.swap_remove(index)).is_some()
    }
}

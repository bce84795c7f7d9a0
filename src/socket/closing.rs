//! Ending endpoints, one or all of them.
//!
//! Owns: the order in which an endpoint ends.
//! Always true: an endpoint is out of the list before its end begins. Each connection that came through it is let go,
//! also one of which the socket hears only afterwards. The lock of the socket is never held while waiting.

use std::sync::{Arc, Weak};
use std::time::Instant;

use highwater_patterns::{Afterlife, PipeId};

use super::endpoints::{Bound, Connected, Endpoints};
use super::{Core, State};
use crate::endpoint::Endpoint;
use crate::engine::{Closing, Drain, DrainReport};
use crate::error::{Ended, EndpointError, LinkError};
use crate::options::Linger;
use crate::origin::Here;
use crate::pipe::SocketSide;

impl Core {
    /// Ends the endpoints `ending`, which the caller has taken out of the list or marked as closed; the caller holds no
    /// lock. `part`, called under the lock, lets go of the pipes behind them and says how their links end.
    ///
    /// Names within the process go first: a connection that is joined later is turned away by
    /// [`Names`](crate::inproc::Names), and one that was joined before is among the pipes when `part` is called.
    /// Listeners and sessions go last, without the lock, since the end of a listener is waited for.
    pub(super) fn end_endpoints(
        &self,
        ending: &Endpoints,
        here: Here,
        part: impl FnOnce(&mut State) -> Closing,
    ) {
        for name in ending.bound.iter().filter(|bound| bound.key.is_none()) {
            self.free_name(&name.endpoint, here);
        }
        let closing = part(&mut self.lock(here));
        for bound in &ending.bound {
            self.close_bound(bound, &closing, here);
        }
        for connected in &ending.connected {
            self.close_connected(connected, &closing, here);
        }
    }

    /// Stops listening on `endpoint` and ends the connections that came through it. On return the address is free.
    pub(crate) fn unbind(&self, named: &Endpoint) -> Result<(), EndpointError> {
        let here = self.here()?;
        let mut state = self.lock(here);
        let Some(endpoint) = state.endpoints.bound_as(named) else {
            return Err(EndpointError::NotFound(named.clone()));
        };
        let bound = &mut state.endpoints.bound;
        let ending = Endpoints {
            bound: bound
                .extract_if(.., |known| known.endpoint == endpoint)
                .collect(),
            connected: Vec::new(),
        };
        drop(state);
        self.end_endpoints(&ending, here, |state| {
            for bound in &ending.bound {
                let pipes = match bound.key {
                    Some(key) => state.table.attached_through(key),
                    None => state.table.joined_at(&endpoint),
                };
                self.let_go_all(state, pipes);
            }
            state.table.tell_losses(Some(&endpoint));
            self.find_homes(state);
            self.closing(state.options.linger, &[])
        });
        Ok(())
    }

    /// Gives up the connection to `endpoint`. Unsent messages linger; received ones that were not read are lost.
    pub(crate) fn disconnect(&self, named: &Endpoint) -> Result<(), EndpointError> {
        let here = self.here()?;
        let mut state = self.lock(here);
        let Some(index) = state.endpoints.position_of(named) else {
            return Err(EndpointError::NotFound(named.clone()));
        };
        let connected = state.endpoints.connected.swap_remove(index);
        drop(state);
        let (key, pipe, endpoint) = (connected.key, connected.pipe, connected.endpoint.clone());
        let ending = Endpoints {
            bound: Vec::new(),
            connected: vec![connected],
        };
        self.end_endpoints(&ending, here, |state| {
            let pipes = match (pipe, key) {
                (Some(pipe), _) => vec![pipe],
                (None, Some(key)) => state.table.attached_through(key),
                (None, None) => Vec::new(),
            };
            self.let_go_all(state, pipes);
            state.table.tell_losses(Some(&endpoint));
            self.find_homes(state);
            self.closing(state.options.linger, &[])
        });
        Ok(())
    }

    /// Ends the socket. Unsent messages linger in the background, by `linger`; the drain tells when that is over.
    ///
    /// In a forked child it does nothing, and the socket is never freed: a thread of the parent may have held its lock
    /// at the fork.
    pub(crate) fn close(&self, linger: Option<Linger>) -> Arc<Drain> {
        let drain = Arc::new(Drain::default());
        let Ok(here) = self.here() else {
            std::mem::forget(self.this.upgrade());
            return drain;
        };
        let mut state = self.lock(here);
        // Otherwise the drains could be done between the ends of two endpoints.
        let _hold = Drain::hold(&self.with_lingering(&[Arc::clone(&drain)]));
        if state.ended != Some(Ended::Closed) {
            self.end(&mut state, Ended::Closed);
            state.ended = Some(Ended::Closed);
        }
        let ending = std::mem::take(&mut state.endpoints);
        drop(state);
        self.end_endpoints(&ending, here, |state| {
            let before = state.table.unsent_within();
            let pipes = state.table.ids();
            self.let_go_all(state, pipes);
            state.table.tell_drops();
            state.table.tell_losses(None);
            let lost = state.table.unsent_within() - before;
            for drain in [&drain, self.hub.lingering()] {
                drain.begin();
                drain.finish(0, lost);
            }
            let linger = linger.unwrap_or(state.options.linger);
            self.closing(linger, &[Arc::clone(&drain)])
        });
        drain
    }

    /// Closes the socket and waits until every message is sent or given up.
    pub(crate) fn close_and_drain(&self, linger: Linger) -> DrainReport {
        self.drained(&self.close(Some(linger)))
    }

    /// Waits until `drain`, which closing has given, is over.
    pub(crate) fn drained(&self, drain: &Drain) -> DrainReport {
        if let Ok(here) = self.here() {
            drain.wait(None, here);
        }
        drain.report()
    }

    /// The pattern forgets `pipe`; its waiting messages still go out.
    pub(super) fn let_go(&self, state: &mut State, pipe: PipeId) {
        state.table.disconnect(pipe, true, LinkError::ClosedHere);
        state
            .pattern
            .disconnected(pipe, Afterlife::Ends, &mut state.table);
        self.remove(state, pipe);
        self.changed.notify(usize::MAX);
    }

    fn let_go_all(&self, state: &mut State, pipes: Vec<PipeId>) {
        for pipe in pipes {
            self.let_go(state, pipe);
        }
    }

    /// Frees a name within the process.
    pub(super) fn free_name(&self, name: &Endpoint, here: Here) {
        let side: Weak<dyn SocketSide> = self.this.clone();
        self.hub.names().unbind(name, &side, here);
    }

    fn close_bound(&self, bound: &Bound, closing: &Closing, here: Here) {
        // A name within the process is free already.
        if let (Some(key), Ok(engine)) = (bound.key, self.hub.engine(here)) {
            engine.close_listener(key, closing, here);
        }
    }

    fn close_connected(&self, connected: &Connected, closing: &Closing, here: Here) {
        match (connected.key, self.hub.engine(here)) {
            (Some(key), Ok(engine)) => engine.close_session(key, closing),
            _ => {
                if let Some(pipe) = connected.pipe {
                    let side: Weak<dyn SocketSide> = self.this.clone();
                    let names = self.hub.names();
                    names.disconnect(&connected.endpoint, &side, pipe, here);
                }
            }
        }
    }

    /// How endpoints end whose messages are not received any more.
    fn closing(&self, linger: Linger, drains: &[Arc<Drain>]) -> Closing {
        Closing {
            deadline: deadline(linger),
            drains: self.with_lingering(drains),
            delivers: false,
        }
    }

    /// These drains and that of the context. That one is told first: a call that waits for another of them finds its messages in
    /// [`Context::lingered`](crate::Context::lingered) when it returns.
    pub(super) fn with_lingering(&self, drains: &[Arc<Drain>]) -> Vec<Arc<Drain>> {
        let mut all = vec![Arc::clone(self.hub.lingering())];
        all.extend_from_slice(drains);
        all
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

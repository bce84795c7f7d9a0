//! Handing over to a successor: listening no more, and letting connections go in good order.
//!
//! Owns: how far a socket has retired.
//! Always true: a pipe that retires takes no message any more, and is read until its peer has closed; the socket ends
//! once the last pipe has been read to the end. A socket that answers (REP) answers all that it takes: of each pipe what had
//! come when it began to retire, after which the pipe retires.
//! Must not know: who the successor is.
//! Source: our own. libzmq's zmq_unbind ends connections with what is under way on them.
//!
//! ```text
//!   retire: listeners close --> each pipe takes no more --> all sent, our side closed --> the peer closes --> read to
//!           the end, forgotten --> no pipe left: the socket ends
//! ```

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use highwater_patterns::{Afterlife, Pattern, PipeId};

use super::retirement_handle::Retirement;
use super::{Core, Ended, State, Table};
use crate::engine::{Closing, Drain, Hold};
use crate::pipe::SocketSide;

/// The state of a socket's retirement.
#[derive(Debug)]
pub(super) struct Retiring {
    drain: Arc<Drain>,
    /// Until those within the process have ended, of which the I/O threads know nothing.
    within: Option<Hold>,
}

impl Core {
    /// Begins to retire; at most for `within`, connections are given time to end in good order. Does nothing in a forked
    /// child.
    pub(crate) fn retire(&self, within: Duration) -> Retirement {
        let origin = self.origin();
        let side: Weak<dyn SocketSide> = self.this.clone();
        let drain = Arc::new(Drain::telling(side));
        let Ok(here) = self.here() else {
            return Retirement { drain, origin };
        };
        self.retires.store(true, Ordering::Relaxed);
        let mut state = self.lock(here);
        if let Some(retiring) = &state.retiring {
            let drain = Arc::clone(&retiring.drain);
            return Retirement { drain, origin };
        }
        if state.ended.is_some() {
            return Retirement { drain, origin };
        }
        let drains = self.with_lingering(&[Arc::clone(&drain)]);
        let hold = Drain::hold(&drains);
        state.retiring = Some(Retiring {
            within: Some(Drain::hold(&[Arc::clone(&drain)])),
            drain: Arc::clone(&drain),
        });
        let ending = state.endpoints.clone();
        drop(state);
        self.end_endpoints(&ending, here, |state| {
            for bound in &mut state.endpoints.bound {
                bound.listens = false;
            }
            self.go_on_retiring(state);
            Closing {
                deadline: Instant::now().checked_add(within),
                drains,
                delivers: true,
            }
        });
        for known in &ending.connected {
            // Within the process, one whose name was never bound has nobody who could let go of it.
            let mut state = self.lock(here);
            if let (None, Some(pipe)) = (known.key, known.pipe)
                && state.table.is_waiting(pipe)
            {
                self.let_go(&mut state, pipe);
                state.table.tell_losses(Some(&known.endpoint));
            }
        }
        drop(hold);
        Retirement { drain, origin }
    }

    /// Something was settled for which a socket that retires may have waited.
    #[inline]
    pub(super) fn sweep_if_retiring(&self) {
        // It is set before the lock is taken under which it is first asked what is to be waited for.
        if self.retires.load(Ordering::Relaxed)
            && let Ok(mut state) = self.enter()
        {
            self.sweep(&mut state);
        }
    }

    /// While the socket retires: has each pipe retire that may, and ends the socket after the last.
    pub(super) fn go_on_retiring(&self, state: &mut State) {
        let answers = self.facts.answers;
        state.table.begin_retiring();
        if answers {
            self.take_last(state);
        }
        for pipe in state.table.not_retired(answers) {
            // A request that a poll has looked at is still to be received.
            if !answers || state.pattern.looked_at() != Some(pipe) {
                self.retire_pipe(state, pipe);
            }
        }
        let Some(retiring) = &mut state.retiring else {
            return;
        };
        if state.table.lanes_have_ended() {
            retiring.within = None;
        }
        if retiring.drain.is_done() && state.table.ids().is_empty() {
            self.end(state, Ended::Closed);
        }
    }

    /// A socket that answers takes from each pipe what had come when that began to retire. What comes afterwards is ignored:
    /// there would be no way back for its answer, and whoever asks learns by the end of the connection that nobody has
    /// taken it.
    fn take_last(&self, state: &mut State) {
        let State { pattern, table, .. } = state;
        let begun = table.take_last();
        for pipe in &begun {
            pattern.readable(*pipe, table);
        }
        for pipe in table.took_last() {
            if pattern.looked_at() != Some(pipe) {
                ignore(pattern, table, pipe);
            }
        }
        if !begun.is_empty() {
            self.wake_reader(state);
        }
    }

    /// A pipe takes no more messages; what has been sent goes out, and what comes can be received.
    fn retire_pipe(&self, state: &mut State, pipe: PipeId) {
        let State { pattern, table, .. } = state;
        table.retire(pipe);
        pattern.disconnected(pipe, Afterlife::Ends, table);
        if self.facts.answers {
            ignore(pattern, table, pipe);
        } else {
            pattern.readable(pipe, table);
        }
        self.changed.notify(usize::MAX);
        self.writable.notify(usize::MAX);
    }
}

/// Messages that arrive on `pipe` are not taken any more.
fn ignore(pattern: &mut Pattern, table: &mut Table, pipe: PipeId) {
    pattern.ignore(pipe);
    table.deafen(pipe);
}

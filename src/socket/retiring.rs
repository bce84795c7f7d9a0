//! Retiring: the socket stops listening and ends its connections so that no message is lost.
//!
//! Owns: the progress of a socket that retires.
//! Always true: a pipe that retires takes no message any more, and is read until its peer has closed. The socket ends
//! when the last pipe was read to the end. A socket that answers (REP) takes of each pipe the requests that had come
//! when it began to retire, and answers them; then the pipe retires.
//! Must not know: the socket that takes over from this one.
//! Source: our own. libzmq's zmq_unbind ends connections together with the messages under way on them.
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
use super::{Core, State, Table};
use crate::engine::{Closing, Drain, Hold};
use crate::error::Ended;
use crate::pipe::SocketSide;

/// The state of a socket's retirement.
#[derive(Debug)]
pub(super) struct Retiring {
    drain: Arc<Drain>,
    /// Keeps the drain from being done until the pipes within the process have ended, which the I/O threads do not
    /// know.
    within: Option<Hold>,
}

impl Core {
    /// Begins to retire. Connections that have not ended in good order after `within` are cut. Does nothing in a forked
    /// child.
    pub(crate) fn retire(&self, within: Duration) -> Retirement {
        let origin = self.origin();
        let socket = Weak::clone(&self.this);
        let side: Weak<dyn SocketSide> = self.this.clone();
        let drain = Arc::new(Drain::telling(side));
        let Ok(here) = self.here() else {
            return Retirement {
                drain,
                origin,
                socket,
            };
        };
        self.retires.store(true, Ordering::Relaxed);
        let mut state = self.lock(here);
        if let Some(retiring) = &state.retiring {
            let drain = Arc::clone(&retiring.drain);
            return Retirement {
                drain,
                origin,
                socket,
            };
        }
        if state.ended.is_some() {
            return Retirement {
                drain,
                origin,
                socket,
            };
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
            // A connection within the process whose name was never bound has no peer that could end it.
            let mut state = self.lock(here);
            if let (None, Some(pipe)) = (known.key, known.pipe)
                && state.table.is_waiting(pipe)
            {
                self.let_go(&mut state, pipe);
                state.table.tell_losses(Some(&known.endpoint));
            }
        }
        drop(hold);
        Retirement {
            drain,
            origin,
            socket,
        }
    }

    /// A request was answered or abandoned: if the socket retires, it may go on now.
    #[inline]
    pub(super) fn sweep_if_retiring(&self) {
        // `retire` sets this before it takes the lock. If it is not seen here, `retire` takes the lock after the request was
        // settled, and sees that.
        if self.retires.load(Ordering::Relaxed)
            && let Ok(mut state) = self.enter()
        {
            self.sweep(&mut state);
        }
    }

    /// While the socket retires: retires each pipe that owes no answer, and ends the socket after the last one. A socket
    /// that answers takes from each pipe the requests that had come when the pipe began to retire.
    pub(super) fn go_on_retiring(&self, state: &mut State) {
        let answers = self.facts.answers;
        state.table.begin_retiring();
        let (pipes, begun) = state.table.retiring_pipes(answers);
        for pipe in &begun {
            state.pattern.readable(*pipe, &mut state.table);
        }
        for pipe in pipes {
            if answers && state.pattern.looked_at() == Some(pipe) {
                // A request that a poll has found is still to be received.
                state.table.keep_retiring(pipe);
                continue;
            }
            // Later requests are ignored: they could not be answered any more, and their sender sees by the end of the
            // connection that they were not taken.
            if state.table.has_taken_last(pipe) {
                ignore(&mut state.pattern, &mut state.table, pipe);
            }
            if state.table.may_retire(pipe, answers) {
                self.retire_pipe(state, pipe);
            }
        }
        if !begun.is_empty() {
            self.wake_reader(state);
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

    /// Retires `pipe`: it takes no more messages; waiting ones still go out, and arriving ones can be received.
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

/// Messages that arrive on `pipe` are dropped from now on.
fn ignore(pattern: &mut Pattern, table: &mut Table, pipe: PipeId) {
    pattern.ignore(pipe);
    table.deafen(pipe);
}

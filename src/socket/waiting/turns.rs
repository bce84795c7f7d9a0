//! A task that looks for input at each turn of its executor, for a short time, before it waits to be woken.
//!
//! Owns: when a task reads the socket's links itself, and for how long.
//! Always true: between two turns it holds nothing that anybody waits for. If it has no next turn, the I/O thread takes the
//! links back at its next tick.
//! Must not know: executors, wakers.
//!
//! To be woken takes two threads, the I/O thread and that of the executor: the message waits for both. A task has no thread
//! to block on the links, so it polls them as [busy-polling](crate::policy) threads do, with a turn of the executor between
//! two polls.

use std::time::Instant;

use crate::policy::PolledWait;
use crate::socket::State;

/// The wait of one task, as far as it busy-polls.
#[derive(Debug, Default)]
pub(super) struct Turns(Option<PolledWait>);

/// What to do after an attempt that found no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Input that the I/O thread had read has come with the links: a new attempt, now.
    Attempt,
    /// A new attempt at the next turn of the executor.
    Next,
    /// To be woken once there is input.
    Sleep,
}

impl Turns {
    /// Whether a wait has begun whose length is not noted yet.
    pub(super) fn has_begun(&self) -> bool {
        self.0.is_some()
    }

    /// The next step of a task that has found no message. `counted`: it is one of those in `State::polls`.
    #[cold]
    pub(super) fn next(&mut self, state: &mut State, counted: bool) -> Turn {
        let now = Instant::now();
        let polled = match &mut self.0 {
            Some(polled) => {
                polled.has_waited(now);
                polled
            }
            None => {
                state.busy_poll.forget_cost();
                self.0.insert(state.busy_poll.begin(now, None))
            }
        };
        let is_alone = state.polls == usize::from(counted) && !state.leading;
        if !polled.goes_on() || !is_alone || !state.table.is_lendable() {
            return Turn::Sleep;
        }
        let borrowed = state.table.borrow_readers();
        if borrowed.is_empty() {
            return Turn::Next;
        }
        for pipe in borrowed {
            state.pattern.readable(pipe, &mut state.table);
        }
        Turn::Attempt
    }

    /// The thread lets others run before the task has its next turn. Without the lock.
    pub(super) fn yields(&mut self) {
        if let Some(polled) = &mut self.0 {
            let before = Instant::now();
            std::thread::yield_now();
            polled.has_yielded(before, Instant::now());
        }
    }

    /// The wait is over.
    #[cold]
    pub(super) fn end(&mut self, state: &mut State) {
        if let Some(polled) = self.0.take() {
            state.busy_poll.learn(polled, Instant::now());
        }
    }
}

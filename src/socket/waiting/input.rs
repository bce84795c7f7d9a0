//! A receive that finds nothing: waiting for a message, on the socket's own links where that is faster, else asleep.
//!
//! Owns: the rules of how a receiver waits.
//! Always true: see [`waiting`](super).
//! Must not know: which message a receiver wants.

use std::sync::Arc;

use highwater_patterns::{Pattern, Pipes};

use super::deadline::{Deadline, Wait};
use crate::origin::Here;
use crate::pipe::Lane;
use crate::socket::{Core, Ended, Locked, RecvFailure, State, Table, left, spin};

/// After so many turns without a message, a receive leaves the lock to others for a moment.
const TURNS_IN_VAIN: u32 = 8;

/// How a receive waits for a message.
#[derive(Debug, Clone, Copy)]
struct WaitForInput {
    deadline: Deadline,
    /// It has done more than to write what this thread has left in other sockets.
    has_waited: bool,
    /// It has looked out for what comes from within the process.
    has_spun: bool,
    /// Once it has asked whether this is the socket's own process.
    here: Option<Here>,
    /// It has let others have the lock, having looked at as much as one may.
    has_let_others: bool,
    /// How often it has found no message.
    turns: u32,
}

impl WaitForInput {
    fn begin(state: &mut State, wait: Wait) -> Self {
        Self {
            deadline: Deadline::new(wait, state.options.receive_timeout),
            has_waited: false,
            has_spun: false,
            here: None,
            has_let_others: false,
            turns: 0,
        }
    }
}

impl Core {
    /// Receives by `read`, waiting for a message as long as `wait` allows.
    #[inline]
    pub(crate) fn recv_with<T>(
        &self,
        wait: Wait,
        mut read: impl FnMut(&mut Pattern, &mut Table) -> Option<T>,
    ) -> Result<T, RecvFailure> {
        let mut state = self.lock_here().map_err(RecvFailure::Ended)?;
        let mut waiting = None;
        state.table.look_anew();
        loop {
            match self.attempt_recv(&mut state, &mut read) {
                Ok(Some(taken)) => {
                    if let Some(waiting) = waiting {
                        self.has_waited_for_input(waiting);
                    }
                    state.leave();
                    return Ok(taken);
                }
                Ok(None) => state = self.wait_for_input(state, wait, &mut waiting)?,
                Err(ended) => return Err(RecvFailure::Ended(ended)),
            }
        }
    }

    /// There is no message: waits until there may be one, as long as `wait` allows.
    #[cold]
    fn wait_for_input<'a>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        waiting: &mut Option<WaitForInput>,
    ) -> Result<Locked<'a>, RecvFailure> {
        let begins = waiting.is_none();
        let waiting = waiting.get_or_insert_with(|| WaitForInput::begin(&mut state, wait));
        let deadline = waiting.deadline;
        waiting.turns += 1;
        if state.table.has_looked_enough() || waiting.turns.is_multiple_of(TURNS_IN_VAIN) {
            return self.let_others(state, waiting);
        }
        if begins && !matches!(deadline, Deadline::Passed) && left::is_left_elsewhere(self) {
            state = state.unlocked(left::flush);
            return Ok(state);
        }
        waiting.has_waited = true;
        self.give_back_readers(&mut state);
        let within = state.table.has_lanes();
        // Not before looking out for what comes from within the process, which is there sooner than the answer.
        if waiting.here.is_none()
            && (waiting.has_spun || !within || matches!(deadline, Deadline::Passed))
        {
            waiting.here = self.origin().ask();
            if waiting.here.is_none() {
                state.ended = Some(Ended::Forked);
                return Err(RecvFailure::Ended(Ended::Forked));
            }
        }
        if within && self.look_within(&mut state) {
            // A message came from within the process.
        } else if matches!(deadline, Deadline::Passed) && self.read_lent(&mut state) {
            // What a wait would have found is there.
        } else if deadline.has_passed() {
            // A wake-up meant for this thread goes to the next.
            self.readable.notify(1);
            return Err(RecvFailure::Timeout);
        } else if !state.leading
            && state.polls == 0
            && state.table.is_lendable()
            && let Some(here) = waiting.here
            && self.leader.prepare()
        {
            state = self.lead(state, deadline, here);
        } else if within && !waiting.has_spun {
            waiting.has_spun = true;
            state = self.spin(state);
        } else if let Some(here) = waiting.here {
            let listener = self.readable.listen();
            let news = state.table.listen_within();
            if news.is_empty() {
                drop(state);
                deadline.sleep(listener, here);
                state = self.lock(here);
            } else {
                self.readable_within(&mut state, &news);
            }
        }
        Ok(state)
    }

    /// A receive has looked at as much as one may under one hold of the lock, or time and again in vain: others have their
    /// turn, and it begins anew if there is time. A call that may not wait does so once.
    #[cold]
    fn let_others<'a>(
        &'a self,
        state: Locked<'a>,
        waiting: &mut WaitForInput,
    ) -> Result<Locked<'a>, RecvFailure> {
        let again = waiting.has_let_others || !matches!(waiting.deadline, Deadline::Passed);
        waiting.has_let_others = true;
        if again && waiting.deadline.has_passed() {
            self.readable.notify(1);
            return Err(RecvFailure::Timeout);
        }
        let mut state = state.unlocked(|| {
            left::flush();
            self.room.give_way();
        });
        state.table.look_anew();
        // Else whoever is always found with something keeps all other lent links unread.
        if self.is_here() {
            self.read_lent(&mut state);
        }
        Ok(state)
    }

    /// A receive has waited for the message that it has got.
    #[cold]
    fn has_waited_for_input(&self, waiting: WaitForInput) {
        if waiting.has_waited {
            // There may be more for one more of those who wait, or the links to lead.
            self.readable.notify(1);
        }
    }

    /// Looks out for a message from within the process for some microseconds, as long as that has paid lately.
    fn spin<'a>(&'a self, mut state: Locked<'a>) -> Locked<'a> {
        let turns = state.spin.begin();
        let lanes: Vec<Arc<Lane>> = state
            .table
            .lanes()
            .map(|(_, lane)| Arc::clone(lane))
            .collect();
        let mut found = false;
        let mut state = state.unlocked(|| {
            found = spin::look_out(turns, || lanes.iter().any(|lane| lane.is_ready()))
        });
        state.table.settle();
        state.spin.learn(found);
        state
    }
}

//! A receive that finds nothing: it waits for a message, on the socket's own links if that is faster, otherwise asleep.
//!
//! Owns: the rules of how a receiver waits.
//! Always true: see [`waiting`](super).
//! Must not know: which message a receiver wants.

use std::sync::Arc;
use std::time::Instant;

use highwater_patterns::{Pattern, Pipes};

use super::deadline::Deadline;
use super::step::{Known, Step, Steps};
use crate::error::Ended;
use crate::origin::Here;
use crate::pipe::Lane;
use crate::policy::tuning::TURNS_IN_VAIN;
use crate::socket::caller::{Caller, Wait};
use crate::socket::{Core, Locked, RecvFailure, State, Table, spin, unflushed};

/// How a receive waits for a message.
#[derive(Debug, Clone, Copy)]
struct WaitForInput {
    deadline: Deadline,
    /// The steps that the receive has already taken.
    done: Steps,
    /// Set by [`Step::AskProcess`].
    here: Option<Here>,
    /// How often it has found no message.
    turns: u32,
}

impl WaitForInput {
    fn begin(state: &State, wait: Wait) -> Self {
        Self {
            deadline: Deadline::new(wait, state.options.receive_timeout),
            done: Steps::default(),
            here: None,
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
        let caller = Caller::Thread(wait);
        let mut waiting = None;
        state.table.refill_budget();
        loop {
            match self.attempt_recv(&mut state, caller, &mut read) {
                Ok(Some(taken)) => {
                    if let Some(waiting) = waiting {
                        self.has_waited_for_input(waiting);
                    }
                    state.unlock();
                    return Ok(taken);
                }
                Ok(None) => {
                    state = self.wait_for_input(state.handed_on(), wait, &mut waiting)?;
                }
                Err(ended) => return Err(RecvFailure::Ended(ended)),
            }
        }
    }

    /// There is no message: waits until there may be one, as long as `wait` allows. The order is that of [`Step`].
    #[cold]
    fn wait_for_input<'a>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        waiting: &mut Option<WaitForInput>,
    ) -> Result<Locked<'a>, RecvFailure> {
        let waiting = waiting.get_or_insert_with(|| WaitForInput::begin(&state, wait));
        waiting.turns += 1;
        self.give_back_readers(&mut state);
        for step in Step::of_turn(self.known(&state, waiting)) {
            waiting.done.add(step);
            match step {
                Step::FlushElsewhere => return Ok(state.unlocked(unflushed::flush)),
                Step::AskProcess => {
                    waiting.here = self.origin().ask();
                    if waiting.here.is_none() {
                        state.ended = Some(Ended::Forked);
                        return Err(RecvFailure::Ended(Ended::Forked));
                    }
                }
                Step::PollLanes if self.poll_lanes(&mut state) => return Ok(state),
                Step::PollLinks if self.read_links(&mut state) => return Ok(state),
                Step::GiveUp if waiting.deadline.has_passed() => {
                    // A wake-up meant for this thread goes to the next.
                    self.readable.notify(1);
                    return Err(RecvFailure::Timeout);
                }
                Step::PollLanes | Step::PollLinks | Step::GiveUp => {}
                Step::LetOthers => return Ok(self.let_others(state)),
                Step::Lead => {
                    if let Some(here) = waiting.here
                        && self.leader.prepare()
                    {
                        return Ok(self.lead(state, waiting.deadline, here));
                    }
                }
                Step::Spin => return Ok(self.spin(state)),
                Step::Sleep => {
                    if let Some(here) = waiting.here {
                        return Ok(self.sleep(state, waiting.deadline, here));
                    }
                }
            }
        }
        Ok(state)
    }

    /// The facts with which a turn of a receive begins.
    fn known(&self, state: &State, waiting: &WaitForInput) -> Known {
        let WaitForInput {
            deadline,
            done,
            turns,
            ..
        } = *waiting;
        Known {
            deadline,
            done,
            is_spent: state.table.has_spent_budget() || turns.is_multiple_of(TURNS_IN_VAIN),
            left_elsewhere: done.is_empty() && unflushed::is_left_elsewhere(self),
            has_lanes: state.table.has_lanes(),
            may_lead: !state.leading && state.polls == 0 && state.table.is_lendable(),
        }
    }

    /// Sleeps until there may be a message or the deadline passes, unless one has come from within the process.
    fn sleep<'a>(&'a self, mut state: Locked<'a>, deadline: Deadline, here: Here) -> Locked<'a> {
        let sleeper = self.sleeper(&self.readable);
        let news = state.table.listen_within();
        if news.is_empty() {
            drop(state);
            sleeper.sleep(deadline, here);
            return self.lock(here);
        }
        self.lanes_readable(&mut state, &news);
        state
    }

    /// A receive has spent its budget, or several turns have found no message: it releases the lock for other threads,
    /// and begins anew.
    #[cold]
    fn let_others<'a>(&'a self, state: Locked<'a>) -> Locked<'a> {
        let mut state = state.unlocked(|| {
            unflushed::flush();
            self.room.give_way();
        });
        state.table.refill_budget();
        // Otherwise a peer that always has messages would keep all other lent links unread.
        if self.is_here() {
            self.read_links(&mut state);
        }
        state
    }

    /// A receive has waited for the message that it has got.
    #[cold]
    fn has_waited_for_input(&self, waiting: WaitForInput) {
        if waiting.done.are_waits() {
            self.receivers.had_turn(self.lending.uses());
            // There may be another message for the next waiting thread, or the links for it to lead.
            self.readable.notify(1);
        }
    }

    /// Spins for some microseconds for a message from within the process, if spinning has found one lately.
    fn spin<'a>(&'a self, mut state: Locked<'a>) -> Locked<'a> {
        let plan = state.spin.begin(Instant::now);
        let lanes: Vec<Arc<Lane>> = state
            .table
            .lanes()
            .map(|(_, lane)| Arc::clone(lane))
            .collect();
        let mut looked = spin::Looked::default();
        let mut state = state.unlocked(|| {
            looked = spin::look_out(plan, || lanes.iter().any(|lane| lane.is_ready()))
        });
        state.table.collect_drafts();
        state.spin.learn(looked.found);
        if let Some(now) = looked.late {
            state.spin.met_crowd(now);
        }
        if looked.found {
            // The attempt that follows finds the message: it need not fail first.
            self.poll_lanes(&mut state);
        }
        state
    }
}

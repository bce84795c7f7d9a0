//! A send that finds no room, or a pipe above its soft mark: it waits for the peer.
//!
//! Owns: the rules of how a sender waits.
//! Always true: see [`waiting`](super).
//! Must not know: the content of a message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_patterns::{Outbound, Pattern, PipeId, Refusal};
use rustix::event::{PollFd, PollFlags, poll};

use super::deadline::Deadline;
use crate::origin::Here;
use crate::pipe::{PipeEvent, Wire, WriteEffects};
use crate::policy::tuning::{MOST_QUEUED, OUTPUT_WAIT, STALL, WAIT_YIELDS};
use crate::socket::attempt::Given;
use crate::socket::caller::{Caller, Wait};
use crate::socket::{Core, Locked, State, Table, Unsent, unflushed};
use crate::wake::timespec;

impl Core {
    /// Sends by `put`, waiting for room as long as `wait` allows. Takes `message` by reference, since moving it through
    /// several calls costs more than encoding it; after a failure it is as it was.
    ///
    /// Through [`send_locked`](Self::send_locked), which gives the lock back, a stream of 16-byte messages had 0.81 of the
    /// throughput.
    #[inline]
    pub(crate) fn send_with<T, M: Outbound>(
        &self,
        wait: Wait,
        message: &mut M,
        mut put: impl FnMut(&mut Pattern, &mut Table, &mut M) -> Result<T, Refusal>,
    ) -> Result<T, Unsent> {
        match self.lock_here() {
            Ok(mut state) => {
                match self.attempt_send(&mut state, Caller::Thread(wait), message, &mut put) {
                    Ok(Given::Done(done)) => {
                        state.unlock();
                        Ok(done)
                    }
                    given => {
                        let (state, outcome) =
                            self.send_on(state.handed_on(), wait, message, &mut put, given);
                        drop(state);
                        outcome
                    }
                }
            }
            Err(ended) => Err(Unsent::Ended(ended)),
        }
    }

    /// As [`send_with`](Self::send_with), with the lock held before and after, so that many sends pay for it once.
    #[inline]
    pub(crate) fn send_locked<'a, T, M: Outbound>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        message: &mut M,
        mut put: impl FnMut(&mut Pattern, &mut Table, &mut M) -> Result<T, Refusal>,
    ) -> (Locked<'a>, Result<T, Unsent>) {
        match self.attempt_send(&mut state, Caller::Thread(wait), message, &mut put) {
            Ok(Given::Done(done)) => (state, Ok(done)),
            given => self.send_on(state.handed_on(), wait, message, &mut put, given),
        }
    }

    /// Goes on after a first attempt that has failed, or has had effects.
    ///
    /// Apart from it, and never inlined, so that the first attempt keeps the lock in registers. A lock that goes
    /// through memory costs a send a third of its time (docs/DECISIONS.md, "Store-to-load forwarding").
    #[cold]
    #[inline(never)]
    fn send_on<'a, T, M: Outbound>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        message: &mut M,
        put: &mut impl FnMut(&mut Pattern, &mut Table, &mut M) -> Result<T, Refusal>,
        mut given: Result<Given<T>, Unsent>,
    ) -> (Locked<'a>, Result<T, Unsent>) {
        let mut waiting = None;
        loop {
            match given {
                Ok(Given::Done(done)) => return (state, Ok(done)),
                Ok(Given::Acted(done, effects)) => {
                    return (self.has_sent(state, wait, waiting, effects), Ok(done));
                }
                Err(Unsent::Refused(Refusal::Full)) => {
                    let outcome;
                    (state, outcome) = self.wait_for_room(state, wait, &mut waiting);
                    if let Err(unsent) = outcome {
                        return (state, Err(unsent));
                    }
                }
                Err(unsent) => {
                    self.has_failed(&mut state, waiting, unsent);
                    return (state, Err(unsent));
                }
            }
            given = self.attempt_send(&mut state, Caller::Thread(wait), message, put);
        }
    }

    /// A message is on its way, with these `effects`; its send has perhaps waited for room.
    #[cold]
    fn has_sent<'a>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        waited: Option<WaitForRoom>,
        effects: WriteEffects,
    ) -> Locked<'a> {
        if waited.is_some() {
            self.sender_had_turn(&mut state);
        }
        if effects.contains(WriteEffects::UNFLUSHED) {
            unflushed::remember(self);
        }
        if effects.contains(WriteEffects::OVER_SOFT_MARK) && !matches!(wait, Wait::No) {
            let deadline = Deadline::new(wait, state.options.send_timeout);
            state = self.wait_for_soft_room(state, deadline);
        }
        state
    }

    /// A send has failed for a reason that waiting would not change; it has perhaps waited before.
    #[cold]
    fn has_failed(&self, state: &mut State, waited: Option<WaitForRoom>, unsent: Unsent) {
        if waited.is_some() && matches!(unsent, Unsent::Refused(_)) {
            self.unmute(state);
            self.sender_had_turn(state);
        }
    }

    /// After a send above the soft mark: waits until the only peer has caught up, as long as that takes bytes and the
    /// call may wait. Otherwise a thousand messages of a megabyte would fill a gigabyte of memory that is in no cache.
    #[cold]
    fn wait_for_soft_room<'a>(&'a self, mut state: Locked<'a>, deadline: Deadline) -> Locked<'a> {
        let Some(here) = self.origin().ask() else {
            return state;
        };
        state.table.set_senders_wait(true);
        while let (None, Some(taken)) = (state.ended, state.table.ask_for_soft_room()) {
            if deadline.has_passed() {
                break;
            }
            if let Some(output) = state.table.wait_here() {
                let takes;
                (state, takes) = self.wait_for_output(state, output, deadline);
                if takes {
                    continue;
                }
            }
            let remaining = deadline.remaining(STALL);
            let sleeper = self.sleeper(&self.writable);
            let mut told = false;
            state = state.unlocked(|| told = sleeper.sleep_for(remaining, here));
            if !told && remaining == STALL && state.table.ask_for_soft_room() == Some(taken) {
                state.table.has_stalled();
                break;
            }
        }
        self.writable.notify(1);
        state
    }

    /// Waits a while until the kernel takes more of the only pipe, and writes; false if it takes nothing.
    fn wait_for_output<'a>(
        &'a self,
        state: Locked<'a>,
        (pipe, wire): (PipeId, Arc<dyn Wire>),
        deadline: Deadline,
    ) -> (Locked<'a>, bool) {
        let remaining = deadline.remaining(OUTPUT_WAIT);
        let mut takes = false;
        let mut state = state.unlocked(|| takes = takes_bytes(&*wire, remaining));
        if takes && state.table.write_again(pipe) {
            self.happen(&mut state, PipeEvent::Writable(pipe));
        }
        (state, takes)
    }

    /// No pipe has room: waits until one may have some, as long as `wait` allows.
    #[cold]
    fn wait_for_room<'a>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        waiting: &mut Option<WaitForRoom>,
    ) -> (Locked<'a>, Result<(), Unsent>) {
        let here = match waiting {
            Some(waiting) => Some(waiting.here),
            None => self.origin().ask(),
        };
        let Some(here) = here else {
            let forked = self.forked(&mut state);
            return (state, Err(forked));
        };
        let waiting = waiting.get_or_insert_with(|| WaitForRoom::begin(&mut state, wait, here));
        if waiting.deadline.has_passed() {
            return (state, Err(Unsent::Refused(Refusal::Full)));
        }
        if std::mem::take(&mut state.queues) {
            state = self.queue(state, waiting);
        } else if waiting.patient
            && self.writable.total_listeners() == 0
            && let Some(output) = state.table.wait_here()
        {
            (state, waiting.patient) = self.wait_for_output(state, output, waiting.deadline);
        } else if waiting.yields > 0 {
            // A reader within the process is probably running at this moment.
            waiting.yields -= 1;
            state = state.unlocked(std::thread::yield_now);
        } else {
            let sleeper = self.sleeper(&self.writable);
            state = state.unlocked(|| sleeper.sleep(waiting.deadline, here));
        }
        // A call that has waited does not queue again.
        state.sends_unasked = 0;
        // Another sender may have cleared the mark of a mute socket meanwhile.
        state.table.note(WriteEffects::MUTED);
        (state, Ok(()))
    }

    /// There is room, and others wait for their turn: goes to the end of their queue. In vain if none of them comes.
    fn queue<'a>(&'a self, state: Locked<'a>, waiting: &WaitForRoom) -> Locked<'a> {
        let sleeper = self.sleeper(&self.writable);
        // The first of them uses the room, and wakes the next.
        self.writable.notify(1);
        let (begun, turns) = (Instant::now(), self.senders.turns());
        let remaining = waiting.deadline.remaining(MOST_QUEUED);
        let mut is_woken = false;
        let state = state.unlocked(|| is_woken = sleeper.sleep_for(remaining, waiting.here));
        if !is_woken && state.muted_since.is_none() && self.senders.turns() == turns {
            self.has_queued_in_vain(begun);
        }
        state
    }
}

/// How a send waits for room.
#[derive(Debug, Clone, Copy)]
struct WaitForRoom {
    deadline: Deadline,
    /// The proof that this is the socket's process, which a wait needs.
    here: Here,
    /// Each wait for the kernel so far has ended with bytes taken.
    patient: bool,
    /// How many more times it yields before it sleeps.
    yields: u32,
}

impl WaitForRoom {
    fn begin(state: &mut State, wait: Wait, here: Here) -> Self {
        let deadline = Deadline::new(wait, state.options.send_timeout);
        state.table.set_senders_wait(!deadline.has_passed());
        let within = state.table.has_lanes();
        Self {
            deadline,
            here,
            patient: true,
            yields: if within { WAIT_YIELDS } else { 0 },
        }
    }
}

/// Waits until `wire` takes bytes, or has failed; false if neither is so after `timeout`.
fn takes_bytes(wire: &dyn Wire, timeout: Duration) -> bool {
    let descriptor = wire.as_fd();
    let mut descriptors = [PollFd::new(&descriptor, PollFlags::OUT)];
    poll(&mut descriptors, Some(&timespec(timeout))).is_ok_and(|ready| ready > 0)
}

//! Those who wait go first: a caller that never has to wait lets them have a turn now and then.
//!
//! Owns: when a turn is owed to those who wait, and how a thread and a task give it.
//! Always true: a call that has its outcome gives the turn, after it has released the lock, for a limited time. Where nobody
//! waits, nothing of this runs.
//! Must not know: what a turn is used for.
//!
//! A wake-up takes some 20 us until its thread or task attempts again. A caller that goes on meanwhile takes a thousand messages,
//! or all the room there is.

use std::thread;
use std::time::{Duration, Instant};

use crate::policy::tuning::{
    LOCK_NAP, MOST_PASSED_MESSAGES, MOST_TURNS_SKIPPED, TURN_GIVEN, TURN_YIELDS, TURNS_OF_TASK,
};
use crate::socket::attempt::Caller;
use crate::socket::{Core, State};
use crate::sync::{AtomicU32, Event, Ordering, give_turn_after};

/// From this count of `State::ready_turns` on, a turn is owed to those who wait. It was given so often as the count is above.
const TURN_OWED: u32 = 1 << 16;

/// How those who wait for a message, or for room, have come to their turns.
#[derive(Debug, Default)]
pub(in crate::socket) struct Precedence {
    /// The count of messages when one of them last had its turn, or was given one.
    since: AtomicU32,
    /// How many turns are not given after the last that was given in vain: who was woken does not come.
    penalty: AtomicU32,
    /// How many of these are left.
    skip: AtomicU32,
}

impl Precedence {
    /// One who has waited has its outcome, when the socket has counted so many messages.
    pub(super) fn had_turn(&self, count: u32) {
        self.since.store(count, Ordering::Relaxed);
        self.penalty.store(0, Ordering::Relaxed);
        self.skip.store(0, Ordering::Relaxed);
    }

    /// Whether those who wait, while others have taken all up to `count`, are owed a turn now.
    fn is_owed(&self, count: u32) -> bool {
        let passed = count.wrapping_sub(self.since.load(Ordering::Relaxed));
        if passed < MOST_PASSED_MESSAGES {
            return false;
        }
        self.since.store(count, Ordering::Relaxed);
        let skip = self.skip.load(Ordering::Relaxed);
        self.skip.store(skip.saturating_sub(1), Ordering::Relaxed);
        skip == 0
    }

    /// A turn was given, and nobody came.
    fn was_in_vain(&self) {
        let penalty = self.penalty.load(Ordering::Relaxed);
        let penalty = (penalty * 2).clamp(1, MOST_TURNS_SKIPPED);
        self.penalty.store(penalty, Ordering::Relaxed);
        self.skip.store(penalty, Ordering::Relaxed);
    }
}

/// Whether one who was woken by `event` has not come yet.
fn is_awaited(event: &Event) -> bool {
    event.total_listeners() > 0 && event.is_notified()
}

impl Core {
    /// Messages were received, one of them by `caller`, who did not have to wait.
    pub(in crate::socket) fn gives_receivers_a_turn(&self, state: &mut State, caller: Caller) {
        let count = self.lending.uses();
        if is_awaited(&self.readable) && self.receivers.is_owed(count) {
            self.gives_turn(state, caller, true);
        }
    }

    /// Messages were sent, one of them by `caller`: as many as no send has counted yet.
    #[cold]
    pub(in crate::socket) fn gives_senders_a_turn(&self, state: &mut State, caller: Caller) {
        let sent = std::mem::take(&mut state.sends_unasked);
        state.sends_counted = state.sends_counted.wrapping_add(sent);
        if is_awaited(&self.writable) && self.senders.is_owed(state.sends_counted) {
            self.gives_turn(state, caller, false);
        }
    }

    fn gives_turn(&self, state: &mut State, caller: Caller, receivers: bool) {
        match caller {
            Caller::Thread { waits } => {
                let limit = if waits { TURN_GIVEN } else { TURN_YIELDS };
                give_turn_after(self, receivers, limit);
            }
            // Its next poll goes to the other tasks of its executor first.
            Caller::Task => state.ready_turns = TURN_OWED,
        }
    }

    /// Whether a task has its executor poll others first, once more: it was ready often enough, or those who wait are owed a
    /// turn.
    #[cold]
    pub(super) fn task_gives_turn(&self, state: &mut State) -> bool {
        let given = state.ready_turns.checked_sub(TURN_OWED);
        let waits = || is_awaited(&self.readable) || is_awaited(&self.writable);
        let goes_on = given.is_some_and(|given| given <= 1 || given <= TURNS_OF_TASK && waits());
        if !goes_on {
            state.ready_turns = 0;
        }
        goes_on || given.is_none()
    }

    /// The thread has released the lock and gives a turn to those who wait: it goes on once one of them has come.
    #[cold]
    pub(in crate::socket) fn lets_others_go_first(&self, receivers: bool, limit: Duration) {
        let (event, precedence) = if receivers {
            (&self.readable, &self.receivers)
        } else {
            (&self.writable, &self.senders)
        };
        let begun = Instant::now();
        while is_awaited(event) {
            match begun.elapsed() {
                past if past >= limit => return precedence.was_in_vain(),
                past if past < TURN_YIELDS => thread::yield_now(),
                _ => thread::sleep(LOCK_NAP),
            }
        }
    }
}

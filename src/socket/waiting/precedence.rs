//! Waiters go first: a caller that never has to wait gives them a turn now and then.
//!
//! A waiter is a thread or task that has found no message, or no room, and is to be woken. Its turn is the time in which a
//! caller that goes on leaves the socket to it.
//!
//! Owns: when a turn is owed to the waiters, and how a thread and a task give it.
//! Always true: a call that has its outcome gives the turn, after it has released the lock, for a limited time. Without a
//! waiter nothing of this runs.
//! Must not know: what a turn is used for.
//!
//! A wake-up takes some 20 us until its thread or task attempts again. A caller that goes on meanwhile takes a thousand messages,
//! or all the room there is.

use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use crate::policy::tuning::{
    LOCK_NAP, MOST_PASSED_MESSAGES, MOST_QUEUED, MOST_SHARED_TURNS, MOST_TURN_REST, SHARED_TURN,
    TURN_GIVEN, TURN_REST, TURN_YIELDS, TURNS_OF_TASK,
};
use crate::socket::attempt::ASK_EVERY;
use crate::socket::caller::{Caller, Wait};
use crate::socket::{Core, State};
use crate::sync::{AtomicU32, Event, Ordering, give_turn_after, notify_one_more};

/// From this count of `State::ready_turns` on, a turn is owed to the waiters. The count above it says how often it was given.
const TURN_OWED: u32 = 1 << 16;

/// The turns of those that wait for a message, or of those that wait for room. Times are those since the socket was made.
#[derive(Debug, Default)]
pub(in crate::socket) struct Precedence {
    /// The count of messages when one of them last had its turn, or was given one.
    since: AtomicU32,
    /// Changed under the lock of the socket.
    turns: AtomicU32,
    /// When the turn began that is being given, in ns; zero if none is.
    begun: AtomicU64,
    /// No turn is given before this time, in ns: one was given in vain.
    rests_until: AtomicU64,
}

impl Precedence {
    /// A waiter has its outcome, when the socket has counted `count` messages.
    pub(super) fn had_turn(&self, count: u32) {
        self.since.store(count, Ordering::Relaxed);
        let turns = self.turns().wrapping_add(1);
        self.turns.store(turns, Ordering::Relaxed);
    }

    /// How many waiters had their outcome; wraps.
    pub(super) fn turns(&self) -> u32 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Whether the waiters are owed a turn, as other callers have taken all messages up to `count`. If so, it begins now.
    fn is_owed(&self, count: u32, now: impl FnOnce() -> Duration) -> bool {
        let passed = count.wrapping_sub(self.since.load(Ordering::Relaxed));
        if passed < MOST_PASSED_MESSAGES {
            return false;
        }
        self.since.store(count, Ordering::Relaxed);
        let now = nanos(now());
        let is_owed = now >= self.rests_until.load(Ordering::Relaxed);
        if is_owed {
            self.begun.store(now, Ordering::Relaxed);
        }
        is_owed
    }

    /// Whether nobody came for too long, so that others go on.
    fn rests(&self, now: Duration) -> bool {
        nanos(now) < self.rests_until.load(Ordering::Relaxed)
    }

    /// A sender has queued from `begun` to `now`, though there is room, and nobody came.
    fn queued_in_vain(&self, begun: Duration, now: Duration) {
        let rest = now.saturating_sub(begun) * TURN_REST;
        self.rests_until.store(nanos(now + rest), Ordering::Relaxed);
    }

    /// The turn that was given has ended; `in_vain`: nobody came.
    fn turn_ends(&self, in_vain: bool, now: Duration) {
        let begun = self.begun.swap(0, Ordering::Relaxed);
        if in_vain && begun != 0 {
            let now = nanos(now);
            let lasted = now.saturating_sub(begun);
            let rest = nanos(MOST_TURN_REST).min(lasted * u64::from(TURN_REST));
            self.rests_until.store(now + rest, Ordering::Relaxed);
        }
    }
}

/// The time in ns, at least 1: 0 stands for no time.
fn nanos(time: Duration) -> u64 {
    time.as_nanos().clamp(1, u128::from(u64::MAX / 256)) as u64
}

/// For how long a thread gives a turn at most, in a call that waits so: no longer than the call may take.
fn longest_turn(wait: Wait, configured: Option<Duration>) -> Duration {
    match wait {
        Wait::No => TURN_YIELDS,
        Wait::AtMost(timeout) => timeout.min(TURN_GIVEN),
        Wait::Configured => configured.unwrap_or(TURN_GIVEN).min(TURN_GIVEN),
    }
}

/// The receivers of the turn that a task gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskTurn {
    /// None: the task goes on.
    Own,
    /// The other tasks of its executor: the waiters are among them, or no turn is owed to waiters.
    ToTasks,
    /// Other threads as well: the turn before has gone by, and the waiters that were woken have not come.
    ToThreads,
}

/// Whether a waiter that was woken by `event` has not made its attempt yet.
fn is_awaited(event: &Event) -> bool {
    event.total_listeners() > 0 && event.is_notified()
}

impl Core {
    /// Messages were received, one of them by `caller`, which did not have to wait.
    pub(in crate::socket) fn gives_receivers_a_turn(&self, state: &mut State, caller: Caller) {
        let count = self.lending.uses();
        if is_awaited(&self.readable) && self.receivers.is_owed(count, || self.age()) {
            self.gives_turn(state, caller, true);
        }
    }

    /// A sender that has waited has its outcome. There may be room for the next.
    pub(super) fn sender_had_turn(&self, state: &mut State) {
        self.senders.had_turn(state.sends_counted);
        self.writable.notify(1);
        state.ask_soon();
    }

    /// A sender has queued since `begun`, though there is room, and nobody came to wake it.
    pub(super) fn has_queued_in_vain(&self, begun: Instant) {
        let begun = begun.saturating_duration_since(self.made);
        self.senders.queued_in_vain(begun, self.age());
    }

    /// Messages were sent, one of them by `caller`: as many as no send has counted yet. Whether the caller is to queue behind the
    /// senders that wait, before it sends another.
    #[cold]
    pub(in crate::socket) fn gives_senders_a_turn(
        &self,
        state: &mut State,
        caller: Caller,
    ) -> bool {
        let sent = std::mem::take(&mut state.sends_unasked);
        state.sends_counted = state.sends_counted.wrapping_add(sent);
        if state.shared_turns > 0 && self.writable.total_listeners() > 0 {
            state.shared_turns -= 1;
            state.ask_soon();
            if self.facts.any_peer_will_do
                && state.may_queue(caller)
                && !self.senders.rests(self.age())
            {
                state.queues = true;
                return true;
            }
        }
        if is_awaited(&self.writable) && self.senders.is_owed(state.sends_counted, || self.age()) {
            self.gives_turn(state, caller, false);
        }
        false
    }

    fn gives_turn(&self, state: &mut State, caller: Caller, receivers: bool) {
        match caller {
            Caller::Thread(wait) => {
                let options = &state.options;
                let configured = if receivers {
                    options.receive_timeout
                } else {
                    options.send_timeout
                };
                give_turn_after(self, receivers, longest_turn(wait, configured));
            }
            // Its next poll goes to the other tasks of its executor first.
            Caller::Task => state.ready_turns = TURN_OWED,
        }
    }

    /// The turn that a task gives before it goes on: it was ready often enough, or the waiters are owed one. `event` wakes those
    /// that wait for the same as the task.
    ///
    /// A task that was ready often has found plenty of messages, or of room. So one waiter more is woken, even if another that
    /// was woken has not made its attempt yet. If they were woken one at a time, each would wait for a turn of every task that
    /// is awake: the last of `n` tasks would come after some n² turns.
    #[cold]
    pub(super) fn task_gives_turn(&self, state: &mut State, event: &Event) -> TaskTurn {
        let Some(given) = state.ready_turns.checked_sub(TURN_OWED) else {
            state.ready_turns = 0;
            notify_one_more(event);
            return TaskTurn::ToTasks;
        };
        if given <= 1 {
            return TaskTurn::ToTasks;
        }
        let sides = [
            (&self.receivers, &self.readable),
            (&self.senders, &self.writable),
        ];
        if given <= TURNS_OF_TASK && sides.iter().any(|(_, event)| is_awaited(event)) {
            return TaskTurn::ToThreads;
        }
        state.ready_turns = 0;
        let now = self.age();
        for (precedence, event) in sides {
            precedence.turn_ends(is_awaited(event), now);
        }
        TaskTurn::Own
    }

    /// The thread has released the lock and gives a turn to the waiters: it goes on once one of them has made its attempt.
    #[cold]
    pub(in crate::socket) fn lets_others_go_first(&self, receivers: bool, limit: Duration) {
        let (event, precedence) = if receivers {
            (&self.readable, &self.receivers)
        } else {
            (&self.writable, &self.senders)
        };
        let begun = Instant::now();
        let mut in_vain = false;
        while !in_vain && is_awaited(event) {
            match begun.elapsed() {
                past if past >= limit => in_vain = true,
                past if past < TURN_YIELDS => thread::yield_now(),
                _ => thread::sleep(LOCK_NAP),
            }
        }
        precedence.turn_ends(in_vain, self.age());
    }

    /// The time since the socket was made.
    fn age(&self) -> Duration {
        self.made.elapsed()
    }
}

impl State {
    /// The socket was mute for the time `muted`, and has room: the senders share that message by message.
    pub(in crate::socket) fn share_room(&mut self, muted: Duration) {
        let earned = muted.as_nanos() / SHARED_TURN.as_nanos();
        let earned = earned.min(u128::from(MOST_SHARED_TURNS)) as u32;
        self.shared_turns = (self.shared_turns + earned).min(MOST_SHARED_TURNS);
        self.ask_soon();
    }

    /// Whether `caller` can wait at the end of the queue though there is room.
    fn may_queue(&self, caller: Caller) -> bool {
        let most = match caller {
            Caller::Thread(Wait::Configured) => self.options.send_timeout,
            Caller::Thread(Wait::AtMost(timeout)) => Some(timeout),
            Caller::Thread(Wait::No) | Caller::Task => Some(Duration::ZERO),
        };
        most.is_none_or(|most| most >= MOST_QUEUED)
    }

    /// While room is shared, the next send asks whether a waiter is owed a turn, as if it were the last of many.
    /// The count of messages, which is there for the turns alone, runs ahead meanwhile.
    fn ask_soon(&mut self) {
        if self.shared_turns > 0 {
            self.sends_unasked = self.sends_unasked.max(ASK_EVERY - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);
    const WATCHED: Duration = Duration::from_millis(100);

    /// A caller takes a message each `pace` for [`WATCHED`], beside a waiter that never comes. Gives the time of all turns
    /// that it gives in vain, each of which takes `turn`. After each `others` messages another waiter has its turn.
    fn given_in_vain(pace: Duration, turn: Duration, others: u32) -> Duration {
        let (precedence, mut now) = (Precedence::default(), Duration::ZERO);
        let (mut given, mut count) = (Duration::ZERO, 0);
        while now < WATCHED {
            (now, count) = (now + pace, count + 1);
            if count % others == 0 {
                precedence.had_turn(count);
            }
            if precedence.is_owed(count, || now) {
                now += turn;
                given += turn;
                precedence.turn_ends(true, now);
            }
        }
        given
    }

    #[test]
    fn turns_in_vain_take_a_small_part_of_the_time_at_any_pace() {
        for pace in [MICRO / 20, MICRO, MICRO * 10] {
            for turn in [MICRO, MICRO * 50, MICRO * 1_000, MICRO * 4_000] {
                for others in [1_000, u32::MAX] {
                    let given = given_in_vain(pace, turn, others);
                    let most = WATCHED / TURN_REST + turn;
                    assert!(given <= most, "{pace:?} {turn:?} {others}: {given:?}");
                    assert!(!given.is_zero(), "{pace:?} {turn:?} {others}");
                }
            }
        }
    }

    #[test]
    fn a_turn_that_somebody_comes_to_is_given_again_soon() {
        let precedence = Precedence::default();
        for turn in 1..100 {
            assert!(precedence.is_owed(turn * MOST_PASSED_MESSAGES, || MICRO * turn));
            precedence.turn_ends(false, MICRO * turn);
        }
    }

    #[test]
    fn a_call_gives_no_longer_turn_than_it_may_take() {
        let short = MICRO * 70;
        assert_eq!(longest_turn(Wait::AtMost(short), None), short);
        assert_eq!(longest_turn(Wait::Configured, Some(short)), short);
        assert_eq!(longest_turn(Wait::No, None), TURN_YIELDS);
        for long in [None, Some(MICRO * 10_000)] {
            assert_eq!(longest_turn(Wait::Configured, long), TURN_GIVEN);
        }
        assert_eq!(longest_turn(Wait::AtMost(MICRO * 10_000), None), TURN_GIVEN);
    }
}

//! Spinning for a message from within the process before sleeping. Waking a sleeping thread takes five to ten
//! microseconds; a thread running on another core has answered by then.
//!
//! Owns: the numbers of turns and yields, judged by earlier ones.
//! Always true: after repeated failures spinning takes few turns, and now and then many. Where a yield has cost milliseconds,
//! because others need the processor, the thread sleeps without a yield for a while.
//! Must not know: the thing looked for; how a turn is taken; the clock.

use std::time::Instant;

use super::crowd::Crowd;
use super::tuning::{
    FEWEST_SPIN_TURNS, LONG_SPIN_EVERY, LONG_SPIN_TURNS, MOST_SPIN_TURNS, WAIT_YIELDS,
};

/// The experience of earlier spins.
#[derive(Debug)]
pub(crate) struct Spin {
    turns: u32,
    times: u32,
    /// Whether a long spin is allowed now and then.
    patient: bool,
    crowd: Crowd,
}

/// What one wait does before it sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpinPlan {
    pub(crate) turns: u32,
    /// Yields after the turns.
    pub(crate) yields: u32,
}

impl Spin {
    pub(crate) fn new(patient: bool) -> Self {
        Self {
            turns: MOST_SPIN_TURNS,
            times: 0,
            patient,
            crowd: Crowd::default(),
        }
    }

    /// What to do in the wait that begins now. Looks at `clock` only where a crowd was met lately.
    pub(crate) fn begin(&mut self, clock: impl FnOnce() -> Instant) -> SpinPlan {
        SpinPlan {
            turns: self.next_turns(),
            yields: if self.is_crowded(clock) {
                0
            } else {
                WAIT_YIELDS
            },
        }
    }

    fn is_crowded(&mut self, clock: impl FnOnce() -> Instant) -> bool {
        if self.crowd.is_forgotten() {
            return false;
        }
        let now = clock();
        self.crowd.forget_old(now);
        self.crowd.is_there(now)
    }

    /// A yield that has ended `now` took longer than [`LATE_YIELD`](super::tuning::LATE_YIELD).
    #[cold]
    pub(crate) fn met_crowd(&mut self, now: Instant) {
        self.crowd.was_met(now);
    }

    fn next_turns(&mut self) -> u32 {
        self.times = self.times.wrapping_add(1);
        match self.turns {
            FEWEST_SPIN_TURNS if self.patient && self.times.is_multiple_of(LONG_SPIN_EVERY) => {
                LONG_SPIN_TURNS
            }
            turns => turns,
        }
    }

    /// Something was `found`, or nothing.
    pub(crate) fn learn(&mut self, found: bool) {
        self.turns = if found {
            MOST_SPIN_TURNS
        } else {
            (self.turns / 2).max(FEWEST_SPIN_TURNS)
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::tuning::{CROWDED_FIRST, CROWDED_MOST};

    #[test]
    fn it_takes_fewer_turns_each_time_that_it_is_in_vain_and_all_of_them_again_when_it_is_not() {
        let mut spin = Spin::new(false);
        assert_eq!(spin.next_turns(), MOST_SPIN_TURNS);
        spin.learn(false);
        assert_eq!(spin.next_turns(), MOST_SPIN_TURNS / 2);
        (0..100).for_each(|_| spin.learn(false));
        assert!((0..100).all(|_| spin.next_turns() == FEWEST_SPIN_TURNS));
        spin.learn(true);
        assert_eq!(spin.next_turns(), MOST_SPIN_TURNS);
    }

    #[test]
    fn who_is_patient_takes_many_turns_now_and_then() {
        let mut spin = Spin::new(true);
        (0..100).for_each(|_| spin.learn(false));
        let long = (0..10 * LONG_SPIN_EVERY).filter(|_| spin.next_turns() == LONG_SPIN_TURNS);
        assert_eq!(long.count(), 10);
    }

    /// Counts the waits of `span` that yield, where a wait takes a millisecond and each yield meets a crowd.
    fn yielding(spin: &mut Spin, now: &mut Instant, span: Duration) -> usize {
        let end = *now + span;
        let mut count = 0;
        while *now < end {
            let yields = spin.begin(|| *now).yields > 0;
            *now += Duration::from_millis(1);
            if yields {
                count += 1;
                spin.met_crowd(*now);
            }
        }
        count
    }

    #[test]
    fn where_a_yield_costs_milliseconds_waits_sleep_without_one_for_a_while() {
        let (mut spin, mut now) = (Spin::new(false), Instant::now());
        let plan = spin.begin(|| unreachable!("no crowd was met"));
        assert_eq!(plan.yields, WAIT_YIELDS);
        spin.met_crowd(now);
        let plan = spin.begin(|| now);
        assert!(plan.yields == 0 && plan.turns > 0, "{plan:?}");
        now += CROWDED_FIRST;
        assert_eq!(spin.begin(|| now).yields, WAIT_YIELDS, "that is over");
        now += CROWDED_FIRST * 2;
        spin.begin(|| now);
        spin.begin(|| unreachable!("it is forgotten"));
        // In a crowd that lasts, one wait in each longest time yields.
        yielding(&mut spin, &mut now, CROWDED_MOST * 2);
        assert!((9..=11).contains(&yielding(&mut spin, &mut now, CROWDED_MOST * 10)));
    }
}

//! Looking out for a message from within the process before sleeping: a thread that sleeps is woken no faster than in five
//! or ten microseconds, and one at work on another core has answered by then.
//!
//! Owns: for how long, judged by the times before.
//! Always true: where it has come to nothing again and again, it takes a few turns only, and now and then many.
//! Must not know: what is looked for.

use crate::sync::Fact;

/// How often a thread looks: as often as this where that has paid, half as often after each time that it has not.
const MOST_TURNS: u32 = 200;
const FEWEST_TURNS: u32 = 10;

/// Where that has come to nothing, now and then for long: of two threads that sleep after each message, none finds the
/// other at work.
const LONG_TURNS: u32 = 4000;
const LONG_EVERY: u32 = 32;

/// How often it then lets others go first.
pub(super) const YIELDS: u32 = 4;

/// What looking out has been like.
#[derive(Debug)]
pub(super) struct Spin {
    turns: u32,
    times: u32,
    /// Now and then it may take long.
    patient: bool,
}

impl Spin {
    pub(super) fn new(patient: bool) -> Self {
        Self {
            turns: MOST_TURNS,
            times: 0,
            patient,
        }
    }

    /// Turns to take now.
    pub(super) fn begin(&mut self) -> u32 {
        self.times = self.times.wrapping_add(1);
        match self.turns {
            FEWEST_TURNS if self.patient && self.times.is_multiple_of(LONG_EVERY) => LONG_TURNS,
            turns => turns,
        }
    }

    /// Something was `found`, or nothing.
    pub(super) fn learn(&mut self, found: bool) {
        self.turns = if found {
            MOST_TURNS
        } else {
            (self.turns / 2).max(FEWEST_TURNS)
        };
    }
}

/// Looks until something is `ready`, for so many turns, and for a few yields; whether it is.
pub(super) fn look_out(turns: u32, ready: impl Fn() -> bool) -> bool {
    let turns = if several_cores() { turns } else { 0 };
    let turning = (0..turns).any(|_| {
        std::hint::spin_loop();
        ready()
    });
    turning
        || (0..YIELDS).any(|_| {
            std::thread::yield_now();
            ready()
        })
}

/// Whether another thread can be at work while this one looks out for it.
fn several_cores() -> bool {
    static SEVERAL: Fact = Fact::unknown();
    SEVERAL.get(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn it_takes_fewer_turns_each_time_that_it_is_in_vain_and_all_of_them_again_when_it_is_not() {
        let mut spin = Spin::new(false);
        assert_eq!(spin.begin(), MOST_TURNS);
        spin.learn(false);
        assert_eq!(spin.begin(), MOST_TURNS / 2);
        (0..100).for_each(|_| spin.learn(false));
        assert!((0..100).all(|_| spin.begin() == FEWEST_TURNS));
        spin.learn(true);
        assert_eq!(spin.begin(), MOST_TURNS);
    }

    #[test]
    fn who_is_patient_takes_many_turns_now_and_then() {
        let mut spin = Spin::new(true);
        (0..100).for_each(|_| spin.learn(false));
        let long = (0..10 * LONG_EVERY).filter(|_| spin.begin() == LONG_TURNS);
        assert_eq!(long.count(), 10);
    }

    #[test]
    fn it_ends_with_what_it_looks_for_and_after_the_yields_without() {
        let looks = Cell::new(0);
        let at = |wanted| {
            looks.set(looks.get() + 1);
            looks.get() == wanted
        };
        assert!(look_out(5, || at(3)) && looks.get() == 3);
        looks.set(0);
        assert!(!look_out(5, || at(0)));
        assert!(looks.get() >= YIELDS && looks.get() <= 5 + YIELDS);
    }
}

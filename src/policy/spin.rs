//! Spinning for a message from within the process before sleeping. Waking a sleeping thread takes five to ten
//! microseconds; a thread running on another core has answered by then.
//!
//! Owns: the number of turns, judged by earlier ones.
//! Always true: after repeated failures spinning takes few turns, and now and then many.
//! Must not know: the thing looked for; how a turn is taken.

use super::tuning::{FEWEST_SPIN_TURNS, LONG_SPIN_EVERY, LONG_SPIN_TURNS, MOST_SPIN_TURNS};

/// What earlier spins have shown.
#[derive(Debug)]
pub(crate) struct Spin {
    turns: u32,
    times: u32,
    /// Whether a long spin is allowed now and then.
    patient: bool,
}

impl Spin {
    pub(crate) fn new(patient: bool) -> Self {
        Self {
            turns: MOST_SPIN_TURNS,
            times: 0,
            patient,
        }
    }

    /// Turns to take now.
    pub(crate) fn begin(&mut self) -> u32 {
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
    use super::*;

    #[test]
    fn it_takes_fewer_turns_each_time_that_it_is_in_vain_and_all_of_them_again_when_it_is_not() {
        let mut spin = Spin::new(false);
        assert_eq!(spin.begin(), MOST_SPIN_TURNS);
        spin.learn(false);
        assert_eq!(spin.begin(), MOST_SPIN_TURNS / 2);
        (0..100).for_each(|_| spin.learn(false));
        assert!((0..100).all(|_| spin.begin() == FEWEST_SPIN_TURNS));
        spin.learn(true);
        assert_eq!(spin.begin(), MOST_SPIN_TURNS);
    }

    #[test]
    fn who_is_patient_takes_many_turns_now_and_then() {
        let mut spin = Spin::new(true);
        (0..100).for_each(|_| spin.learn(false));
        let long = (0..10 * LONG_SPIN_EVERY).filter(|_| spin.begin() == LONG_SPIN_TURNS);
        assert_eq!(long.count(), 10);
    }
}

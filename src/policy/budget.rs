//! The budget of one hold of a socket's lock: how much it may look at that no call returns.
//!
//! Owns: the rest of the budget.
//! Always true: a cost is due for everything that a peer can send without end and that no call returns: heartbeats,
//! subscriptions, dropped messages, their frames if there are many, and each further read of a connection. A thread
//! whose budget is spent releases the lock, checks its deadline and begins anew; the rest of the input stays in place.
//! Must not know: which thread looks, and for what.

use super::tuning::{FRAMES_A_UNIT, HOLD_BUDGET, TOPIC_BYTES_A_UNIT};

/// The rest of the budget.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(HOLD_BUDGET)
    }
}

impl Budget {
    /// A hold of the lock begins, or its thread has let other threads in.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        self.0 = HOLD_BUDGET;
    }

    /// Whether the budget is spent.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes `cost` from the budget; false if the budget is spent then.
    #[inline]
    pub(crate) fn spend(&mut self, cost: u32) -> bool {
        self.0 = self.0.saturating_sub(cost);
        self.0 > 0
    }
}

/// The cost of a subscribe or cancel with a topic of `len` bytes: in the worst case the search takes a step per byte.
pub(crate) fn cost_of_topic(len: usize) -> u32 {
    u32::try_from(1 + len / TOPIC_BYTES_A_UNIT).unwrap_or(u32::MAX)
}

/// The additional cost of a message with many frames.
pub(crate) fn cost_of_frames(frames: usize) -> u32 {
    u32::try_from(frames / FRAMES_A_UNIT).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tuning::READ_COST;

    #[test]
    fn it_is_spent_by_few_reads_or_long_topics_and_by_many_small_things() {
        let count = |cost| {
            let mut budget = Budget::default();
            let mut times = 1;
            while budget.spend(cost) {
                times += 1;
            }
            assert!(budget.is_spent());
            budget.refill();
            assert!(!budget.is_spent());
            times
        };
        assert_eq!(count(1), HOLD_BUDGET);
        assert_eq!(count(READ_COST), 8);
        assert_eq!(count(cost_of_topic(20_000)), 7);
        assert_eq!(count(cost_of_topic(usize::MAX)), 1);
        assert_eq!(count(cost_of_frames(65_536)), 1);
        assert_eq!(count(1 + cost_of_frames(5)), HOLD_BUDGET);
    }
}

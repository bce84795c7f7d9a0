//! How much one hold of a socket's lock may look at that it gives to nobody.
//!
//! Owns: what is left of that.
//! Always true: what costs is what a peer can send without end and no call returns: heartbeats, subscriptions, messages that
//! are dropped, their frames if there are many, and each further read of a connection. Once it is spent, whoever looks lets go of the lock, looks at its
//! deadline and begins anew; what was not looked at stays where it is.
//! Must not know: who looks, and for what.

use super::tuning::{FRAMES_A_UNIT, HOLD_BUDGET, TOPIC_BYTES_A_UNIT};

/// What is left to look at.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(HOLD_BUDGET)
    }
}

impl Budget {
    /// A hold of the lock begins, or whoever has it has let others in.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        self.0 = HOLD_BUDGET;
    }

    /// Enough has been looked at.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Something was looked at that costs so much; false if it was the last.
    #[inline]
    pub(crate) fn spend(&mut self, cost: u32) -> bool {
        self.0 = self.0.saturating_sub(cost);
        self.0 > 0
    }
}

/// What a subscription to a topic of so many bytes costs, or its end: to find it takes a step a byte at worst.
pub(crate) fn cost_of_topic(len: usize) -> u32 {
    u32::try_from(1 + len / TOPIC_BYTES_A_UNIT).unwrap_or(u32::MAX)
}

/// What a message of so many frames costs, beside that it is one.
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

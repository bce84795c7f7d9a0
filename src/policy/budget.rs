//! How much one hold of a socket's lock may look at that it gives to nobody.
//!
//! Owns: what is left of that.
//! Always true: what costs is what a peer can send without end and no call returns: heartbeats, subscriptions, messages that
//! are dropped, their frames if there are many, and each further read of a connection. Once it is spent, whoever looks lets go of the lock, looks at its
//! deadline and begins anew; what was not looked at stays where it is.
//! Must not know: who looks, and for what.

/// What one hold of the lock may look at; one unit takes some 50 to 500 ns.
const WHOLE: u32 = 4096;

/// What one more read of a connection costs: eight of them, of up to 512 KiB each, are all.
pub(crate) const READ: u32 = WHOLE / 8;

/// So many bytes of a topic cost as much as a subscription by itself.
const TOPIC_BYTES: usize = 32;

/// So many frames of a message cost as much as a message by itself, and as much as none if there are fewer: one of 65,536
/// frames takes a millisecond.
const FRAMES: usize = 8;

/// What is left to look at.
#[derive(Debug)]
pub(crate) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(WHOLE)
    }
}

impl Budget {
    /// A hold of the lock begins, or whoever has it has let others in.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        self.0 = WHOLE;
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
    u32::try_from(1 + len / TOPIC_BYTES).unwrap_or(u32::MAX)
}

/// What a message of so many frames costs, beside that it is one.
pub(crate) fn cost_of_frames(frames: usize) -> u32 {
    u32::try_from(frames / FRAMES).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(count(1), WHOLE);
        assert_eq!(count(READ), 8);
        assert_eq!(count(cost_of_topic(20_000)), 7);
        assert_eq!(count(cost_of_topic(usize::MAX)), 1);
        assert_eq!(count(cost_of_frames(65_536)), 1);
        assert_eq!(count(1 + cost_of_frames(5)), WHOLE);
    }
}

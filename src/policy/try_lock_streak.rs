//! What the I/O thread does when a sender holds the lock of a pipe.
//!
//! Owns: the number of failed attempts in a row.
//! Always true: the next attempt follows after a yield, or after a while if the sender is likely to be writing a batch.
//! Must not know: what the sender does.

use super::NextLook;
use super::tuning::WRITING_AFTER_FAILURES;

/// The I/O thread's failures to lock one pipe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TryLockStreak {
    in_a_row: u8,
    /// Whether a sender writes large bodies, which take long to copy: the I/O thread then tries again as soon as it
    /// can, so that both work at once.
    large: bool,
}

impl TryLockStreak {
    /// A sender holds the lock.
    pub(crate) fn failed(&mut self) -> NextLook {
        self.in_a_row = WRITING_AFTER_FAILURES.min(self.in_a_row + 1);
        if self.in_a_row < WRITING_AFTER_FAILURES || self.large {
            return NextLook::Soon;
        }
        self.in_a_row = 0;
        NextLook::Later
    }

    /// The I/O thread has the lock. `large`: the last batch was so long that the sender writes large bodies.
    pub(crate) fn succeeded(&mut self, large: bool) {
        *self = Self { in_a_row: 0, large };
    }

    /// As bits, which the I/O thread keeps outside the lock.
    pub(crate) fn to_bits(self) -> u32 {
        u32::from_le_bytes([self.in_a_row, u8::from(self.large), 0, 0])
    }

    /// The value that [`to_bits`](Self::to_bits) has encoded.
    pub(crate) fn from_bits(bits: u32) -> Self {
        let [in_a_row, large, ..] = bits.to_le_bytes();
        Self {
            in_a_row,
            large: large != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_is_met_again_and_again_is_left_alone_for_a_while() {
        let mut streak = TryLockStreak::default();
        for _ in 0..3 {
            assert_eq!(streak.failed(), NextLook::Soon);
            assert_eq!(streak.failed(), NextLook::Soon);
            assert_eq!(streak.failed(), NextLook::Later);
        }
        streak.failed();
        streak.succeeded(false);
        assert_eq!(streak.failed(), NextLook::Soon);
    }

    #[test]
    fn a_sender_of_large_batches_is_not() {
        let mut streak = TryLockStreak::default();
        streak.succeeded(true);
        assert!((0..100).all(|_| streak.failed() == NextLook::Soon));
    }

    #[test]
    fn it_is_kept_in_bits_as_it_is() {
        let mut streak = TryLockStreak::default();
        for large in [false, true] {
            streak.succeeded(large);
            streak.failed();
            assert_eq!(TryLockStreak::from_bits(streak.to_bits()), streak);
        }
    }
}

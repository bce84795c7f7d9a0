//! What the I/O thread does when it finds a sender at work in a way out.
//!
//! Owns: how often in a row that was so.
//! Always true: it comes back after a yield, or after a while where the sender is likely writing a batch.
//! Must not know: what the sender does.

use super::Pumped;
use crate::pipe::batch::LARGE;
use crate::sync::{AtomicBool, AtomicU32, Ordering};

/// To add a message takes less time than to come back: a sender that is found at work so often in a row is writing.
const WRITES: u32 = 3;

/// Used by the I/O thread alone.
#[derive(Debug, Default)]
pub(super) struct Meetings {
    in_a_row: AtomicU32,
    /// A sender writes large bodies, for which there is always much to copy: the I/O thread stays and takes its turn as
    /// soon as it can, so that both work at once.
    large: AtomicBool,
}

impl Meetings {
    /// A sender is at work.
    pub(super) fn met(&self) -> Pumped {
        let met = self.in_a_row.load(Ordering::Relaxed) + 1;
        if met < WRITES || self.large.load(Ordering::Relaxed) {
            self.in_a_row.store(met.min(WRITES), Ordering::Relaxed);
            return Pumped::Contended;
        }
        self.in_a_row.store(0, Ordering::Relaxed);
        Pumped::Streaming
    }

    /// None is; the last batch had gathered so much.
    pub(super) fn passed(&self, last_batch: usize) {
        self.in_a_row.store(0, Ordering::Relaxed);
        self.large.store(last_batch >= LARGE, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_is_met_again_and_again_is_left_alone_for_a_while() {
        let meetings = Meetings::default();
        for _ in 0..3 {
            assert_eq!(meetings.met(), Pumped::Contended);
            assert_eq!(meetings.met(), Pumped::Contended);
            assert_eq!(meetings.met(), Pumped::Streaming);
        }
        meetings.met();
        meetings.passed(LARGE - 1);
        assert_eq!(meetings.met(), Pumped::Contended);
    }

    #[test]
    fn a_sender_of_large_batches_is_not() {
        let meetings = Meetings::default();
        meetings.passed(LARGE);
        assert!((0..100).all(|_| meetings.met() == Pumped::Contended));
    }
}

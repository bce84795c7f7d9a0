//! Which links have bytes that the I/O thread is to write, and when.
//!
//! Owns: the links to be written at once, and those that are left to their senders for a while.
//! Must not know: who writes, and how.

use std::time::{Duration, Instant};

use super::Key;
use crate::policy::tuning::{FIRST_LOOK, LONGEST_LOOK};

/// The links of one thread with bytes to write.
#[derive(Debug)]
pub(super) struct Scheduled {
    /// To be written at once.
    pub(super) flushing: Vec<Key>,
    /// Left to their senders until the next look.
    pub(super) streaming: Vec<Key>,
    next_look: Option<Instant>,
    /// How long the looks are apart at present.
    look_after: Duration,
}

impl Default for Scheduled {
    fn default() -> Self {
        Self {
            flushing: Vec::new(),
            streaming: Vec::new(),
            next_look: None,
            look_after: FIRST_LOOK,
        }
    }
}

impl Scheduled {
    /// Whether some link is to be written at once.
    pub(super) fn is_due(&self) -> bool {
        !self.flushing.is_empty()
    }

    /// Looks at the streams again, when it is time: one that has ended has bytes to write.
    pub(super) fn look(&mut self) {
        if self.next_look.is_some_and(|look| look <= Instant::now()) {
            self.next_look = None;
            self.look_after = LONGEST_LOOK.min(2 * self.look_after);
            // A link may have come here twice: from a duty, and when its kernel had room again.
            self.streaming.sort_unstable();
            self.streaming.dedup();
            self.flushing.append(&mut self.streaming);
        }
    }

    /// When to look at the streams again; `None` if there are none.
    pub(super) fn next_look(&mut self, now: Instant) -> Option<Instant> {
        if self.streaming.is_empty() {
            self.next_look = None;
            self.look_after = FIRST_LOOK;
        } else {
            self.next_look.get_or_insert(now + self.look_after);
        }
        self.next_look
    }
}

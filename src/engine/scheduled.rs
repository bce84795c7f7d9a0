//! The schedule of links that have bytes for the I/O thread to write.
//!
//! Owns: the links to be written at once, and those that are left to their senders for a while.
//! Must not know: how a link is written.

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
    /// The present interval between two looks.
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

    /// Moves the links that are left to their senders to those to be written, when it is time: a stream may have ended
    /// and left bytes.
    pub(super) fn look(&mut self) {
        if self.next_look.is_some_and(|look| look <= Instant::now()) {
            self.next_look = None;
            self.look_after = LONGEST_LOOK.min(2 * self.look_after);
            // A link may be here twice: from a duty, and from an event that its kernel buffer has room.
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

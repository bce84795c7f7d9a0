//! A crowded processor: other threads keep it for milliseconds whenever this one yields.
//!
//! Owns: for how long the processor is taken to be crowded.
//! Always true: each crowd that is met soon after the last one counts for four times as long, up to a limit.
//! Must not know: the clock; how to yield.

use std::time::{Duration, Instant};

use super::tuning::{CROWDED_FIRST, CROWDED_MOST};

/// Whether the processor is taken to be crowded.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Until when it is, and for how long it was taken to be.
    last: Option<(Instant, Duration)>,
}

impl Crowd {
    pub(super) fn is_there(&self, now: Instant) -> bool {
        self.last.is_some_and(|(until, _)| now < until)
    }

    /// Whether none was met lately, so that nobody has to look at the clock.
    pub(super) fn is_forgotten(&self) -> bool {
        self.last.is_none()
    }

    /// Forgets one that was met so long ago that the next counts as the first.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.last = self
            .last
            .filter(|(until, last)| now.saturating_duration_since(*until) <= *last);
    }

    /// A yield that has ended `now` took too long.
    pub(super) fn was_met(&mut self, now: Instant) {
        let lasts = match self.last {
            Some((until, last)) if now.saturating_duration_since(until) <= last => {
                (last * 4).min(CROWDED_MOST)
            }
            _ => CROWDED_FIRST,
        };
        self.last = now.checked_add(lasts).map(|until| (until, lasts));
    }
}

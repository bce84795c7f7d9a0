//! How long a call may wait.
//!
//! Owns: the moment at which a call gives up.
//! Always true: the clock is not read for a call that does not wait, or that waits without limit.
//! Must not know: the event for which the call waits.

use std::time::{Duration, Instant};

use crate::socket::caller::Wait;

/// A moment to give up, computed when first needed.
#[derive(Debug, Clone, Copy)]
pub(in crate::socket) enum Deadline {
    Passed,
    At(Instant),
    Never,
}

impl Deadline {
    pub(in crate::socket) fn after(timeout: Option<Duration>) -> Self {
        match timeout.map(|timeout| Instant::now().checked_add(timeout)) {
            Some(Some(at)) => Self::At(at),
            // The moment is too far away for an `Instant`.
            Some(None) | None => Self::Never,
        }
    }

    pub(in crate::socket) fn new(wait: Wait, configured: Option<Duration>) -> Self {
        match wait {
            Wait::No => Self::Passed,
            Wait::AtMost(timeout) => Self::after(Some(timeout)),
            Wait::Configured => Self::after(configured),
        }
    }

    pub(in crate::socket) fn has_passed(self) -> bool {
        match self {
            Self::Passed => true,
            Self::At(at) => at <= Instant::now(),
            Self::Never => false,
        }
    }

    pub(in crate::socket) fn instant(self) -> Option<Instant> {
        match self {
            Self::At(at) => Some(at),
            Self::Passed | Self::Never => None,
        }
    }

    /// The time that remains, at most `most`.
    pub(in crate::socket) fn remaining(self, most: Duration) -> Duration {
        self.instant().map_or(most, |at| {
            most.min(at.saturating_duration_since(Instant::now()))
        })
    }
}

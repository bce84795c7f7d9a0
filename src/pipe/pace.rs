//! How a socket sends: message by message, or in a stream.
//!
//! Owns: when it last wrote at once, and whether it has waited for input since.
//! Always true: the clock is asked only where a link is idle, so a stream never asks it.
//! Must not know: what is sent, or to whom.

use std::time::{Duration, Instant};

/// Whether a socket holds a conversation, whose messages are best written at once, or sends a stream, which is best
/// gathered. One for all its pipes: replies to a hundred peers make a stream.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// The socket has waited for input since it last wrote.
    waited: bool,
    /// The pipe written to last has more than its soft budget of bytes, and its peer takes some.
    heavy: bool,
    last_write: Option<Instant>,
}

impl Pace {
    /// That of something to be written at once in any case.
    pub(super) fn urgent() -> Self {
        Self {
            waited: true,
            ..Self::default()
        }
    }

    /// That of a stream which no pause ends, for tests on slow machines.
    #[cfg(test)]
    pub(crate) fn of_a_stream() -> Self {
        Self {
            last_write: Some(Instant::now() + Duration::from_secs(3600)),
            ..Self::default()
        }
    }

    /// The socket has waited for input: what comes next is an answer.
    pub(crate) fn waited(&mut self) {
        self.waited = true;
    }

    /// Whether it has waited for input since it last wrote.
    pub(super) fn has_waited(&self) -> bool {
        self.waited
    }

    /// How heavy the pipe is that was written to last.
    #[inline]
    pub(super) fn set_heavy(&mut self, heavy: bool) {
        self.heavy = heavy;
    }

    /// Whether the sender had better wait until less is queued. Tells once.
    pub(crate) fn take_heavy(&mut self) -> bool {
        std::mem::take(&mut self.heavy)
    }

    /// Whether the next message is best written at once.
    pub(super) fn is_conversation(&self) -> bool {
        self.waited
            || self
                .last_write
                .is_none_or(|last| last.elapsed() > IDLE_AFTER)
    }

    /// The socket has just written to an idle link.
    pub(super) fn has_written(&mut self) {
        self.waited = false;
        self.last_write = Some(Instant::now());
    }
}

/// A socket that has not written for so long is idle: its next message is written at once.
const IDLE_AFTER: Duration = Duration::from_micros(20);

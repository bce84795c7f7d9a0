//! How a socket sends: message by message, or in a stream.
//!
//! Owns: when it last wrote at once, whether it has waited for input since, and how much it sends between two waits.
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
    /// Messages sent since it last waited.
    sent: u32,
    /// Between the last two waits it sent many messages: what follows the first will be worth waiting for.
    in_bursts: bool,
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
        let sent = std::mem::take(&mut self.sent);
        if sent > 0 {
            self.in_bursts = sent > MOST_ANSWERS;
        }
    }

    /// The socket has sent a message.
    #[inline]
    pub(super) fn has_sent(&mut self) {
        self.sent = self.sent.saturating_add(1);
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
        if self.in_bursts {
            !self.waited && self.is_idle(IDLE_IN_BURSTS)
        } else {
            self.waited || self.is_idle(IDLE_AFTER)
        }
    }

    fn is_idle(&self, after: Duration) -> bool {
        self.last_write.is_none_or(|last| last.elapsed() > after)
    }

    /// The socket has left the beginning of a stream to the I/O thread.
    pub(super) fn has_begun(&mut self) {
        if self.waited {
            self.has_written();
        }
    }

    /// The socket has just written to an idle link.
    pub(super) fn has_written(&mut self) {
        self.waited = false;
        self.last_write = Some(Instant::now());
    }
}

/// A socket that has not written for so long is idle: its next message is written at once.
const IDLE_AFTER: Duration = Duration::from_micros(20);

/// The same for a socket that sends in bursts, which may well take that long to fill.
const IDLE_IN_BURSTS: Duration = Duration::from_micros(200);

/// With more messages than this between two waits a socket sends in bursts. As many peers can hold a conversation with
/// it, a message each.
const MOST_ANSWERS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `messages` between two waits.
    fn cycle(pace: &mut Pace, messages: u32) {
        pace.waited();
        (0..messages).for_each(|_| pace.has_sent());
        pace.waited();
    }

    #[test]
    fn an_answer_is_written_at_once_and_a_burst_of_them_is_not() {
        let mut pace = Pace::default();
        cycle(&mut pace, 1);
        assert!(pace.is_conversation());
        cycle(&mut pace, MOST_ANSWERS + 1);
        assert!(!pace.is_conversation());
        // A wait without a message in between says nothing.
        pace.waited();
        assert!(!pace.is_conversation());
        cycle(&mut pace, 1);
        assert!(pace.is_conversation());
    }

    #[test]
    fn whoever_has_left_a_burst_to_the_io_thread_does_not_break_into_it() {
        let mut pace = Pace::default();
        cycle(&mut pace, MOST_ANSWERS + 1);
        pace.last_write = None;
        pace.has_begun();
        assert!(!pace.has_waited() && pace.last_write.is_some());
    }
}

//! When a busy receiver checks its idle peers: those whose links it has borrowed and read to the end, and those within
//! the process. No other thread would notice their messages.
//!
//! Owns: after how many messages the clock is read, and after how much time the links are polled.
//! Always true: the clock is read at least once in [`IDLE_CHECK_MESSAGES`] messages. Two checks are at least
//! [`SHORTEST_IDLE_CHECK`] apart, and not much more while an idle peer is found to have sent something.
//! Must not know: what is checked, and how.

use std::time::{Duration, Instant};

use super::tuning::{IDLE_CHECK_MESSAGES, LONGEST_IDLE_CHECK, SHORTEST_IDLE_CHECK};

/// The pace of the checks of one socket.
#[derive(Debug)]
pub(crate) struct IdleCheck {
    /// The clock is read after this many messages.
    messages: u32,
    read_at: Option<Instant>,
    /// The next check is due.
    due_at: Option<Instant>,
    pause: Duration,
}

impl IdleCheck {
    pub(crate) fn new() -> Self {
        Self {
            messages: 1,
            read_at: None,
            due_at: None,
            pause: SHORTEST_IDLE_CHECK,
        }
    }

    /// After how many more messages the clock is to be read again.
    pub(crate) fn messages(&self) -> u32 {
        self.messages
    }

    /// The clock was read after that many messages: true if a check is due. If the messages took longer than the
    /// shortest time between two checks, the clock is read after fewer.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let took = self.read_at.replace(now).map(|before| now - before);
        if let Some(took) = took {
            self.messages = if took > SHORTEST_IDLE_CHECK {
                (self.messages / 4).max(1)
            } else {
                (self.messages * 2).min(IDLE_CHECK_MESSAGES)
            };
        }
        self.due_at.is_none_or(|due| due <= now)
    }

    /// A receiver has waited on all links and read those with input, which replaces a check.
    pub(crate) fn waited(&mut self, now: Instant) {
        self.read_at = Some(now);
        self.due_at = now.checked_add(self.pause);
    }

    /// A check is over; `found` says whether an idle peer had sent something.
    pub(crate) fn checked(&mut self, now: Instant, found: bool) {
        self.pause = if found {
            SHORTEST_IDLE_CHECK
        } else {
            LONGEST_IDLE_CHECK.min(2 * self.pause)
        };
        self.due_at = now.checked_add(self.pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives a message each `pace`, for a second; how long each check was after the one before.
    fn checks(pace: Duration, found: bool) -> Vec<Duration> {
        let mut check = IdleCheck::new();
        let begun = Instant::now();
        let (mut now, mut last, mut gaps) = (begun, begun, Vec::new());
        while now - begun < Duration::from_secs(1) {
            now += pace * check.messages();
            if check.is_due(now) {
                gaps.push(now - last);
                last = now;
                check.checked(now, found);
            }
        }
        gaps
    }

    #[test]
    fn a_fast_receiver_checks_each_100_us_while_that_finds_something() {
        let gaps = checks(Duration::from_nanos(50), true);
        assert!(gaps[1..].iter().all(|gap| *gap >= SHORTEST_IDLE_CHECK));
        assert!(
            gaps.iter().all(|gap| *gap < 2 * SHORTEST_IDLE_CHECK),
            "{gaps:?}"
        );
    }

    #[test]
    fn a_check_that_finds_nothing_becomes_rarer_up_to_a_millisecond() {
        let gaps = checks(Duration::from_nanos(50), false);
        assert!(gaps[10..].iter().all(|gap| *gap >= LONGEST_IDLE_CHECK));
        assert!(gaps.iter().all(|gap| *gap < 2 * LONGEST_IDLE_CHECK));
    }

    #[test]
    fn a_slow_receiver_soon_checks_at_each_message() {
        let pace = Duration::from_millis(10);
        let gaps = checks(pace, false);
        assert!(gaps.iter().all(|gap| *gap == pace), "{gaps:?}");
    }

    #[test]
    fn the_clock_is_read_rarely_again_once_messages_are_fast() {
        let mut check = IdleCheck::new();
        let mut now = Instant::now();
        for _ in 0..10 {
            now += Duration::from_millis(1);
            check.is_due(now);
        }
        assert_eq!(check.messages(), 1);
        for _ in 0..10 {
            now += Duration::from_micros(2);
            check.is_due(now);
        }
        assert_eq!(check.messages(), IDLE_CHECK_MESSAGES);
    }
}

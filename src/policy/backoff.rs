//! How long to wait before connecting again.
//!
//! Owns: the growing pause of one session.
//! Always true: a pause is between three quarters of its nominal length and all of it.
//! Must not know: clocks; randomness comes in as an argument.

use std::time::Duration;

use super::tuning::{LEAST_LIFE, MOST_LIFE};

/// Exponential back-off with jitter.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
    /// The last pause, before jitter.
    last: Duration,
    failures: usize,
}

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            next: first.min(most),
            last: Duration::ZERO,
            failures: 0,
        }
    }

    /// The pause before the next attempt. `jitter`, from 0 to 1, is the part of a quarter by which the pause is
    /// shortened.
    pub(crate) fn pause(&mut self, jitter: f64) -> Duration {
        let pause = self.next - self.next.mul_f64(0.25 * jitter.clamp(0.0, 1.0));
        self.last = self.next;
        self.next = self.next.saturating_mul(2).min(self.most);
        self.failures += 1;
        pause
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> usize {
        self.failures
    }

    /// An attempt has led to a connection. Pauses go on growing until a connection has [lived](Self::lived) long
    /// enough: a peer that is disconnected right after each handshake comes back ever more slowly.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A connection has ended after this time.
    pub(crate) fn lived(&mut self, time: Duration) {
        if time >= self.last.clamp(LEAST_LIFE, MOST_LIFE) {
            self.next = self.first.min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most_and_start_over_once_a_connection_has_lived() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let pauses: Vec<_> = (0..4).map(|_| backoff.pause(0.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
        assert_eq!(backoff.failures(), 4);
        backoff.succeeded();
        assert_eq!(backoff.failures(), 0);
        backoff.lived(LEAST_LIFE / 2);
        assert_eq!(backoff.pause(0.0).as_millis(), 350);
        assert_eq!(backoff.failures(), 1);
        backoff.lived(LEAST_LIFE);
        assert_eq!(backoff.pause(0.0).as_millis(), 100);
    }

    #[test]
    fn the_longest_pause_there_is_can_be_asked_for() {
        for jitter in [0.0, f64::MIN_POSITIVE, 1.0] {
            let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
            for _ in 0..2 {
                assert!(backoff.pause(jitter) >= Duration::MAX / 4 * 3);
            }
        }
    }

    #[test]
    fn after_a_long_pause_a_connection_has_to_live_longer_but_not_for_ever() {
        for (pause, life) in [(3, 3), (30, 5)] {
            let pause = Duration::from_secs(pause);
            let mut backoff = Backoff::new(pause, Duration::MAX);
            let second = Duration::from_secs(1);
            backoff.pause(0.0);
            backoff.lived(second * life - second);
            assert_eq!(backoff.pause(0.0), 2 * pause);
            let mut backoff = Backoff::new(pause, Duration::MAX);
            backoff.pause(0.0);
            backoff.lived(second * life);
            assert_eq!(backoff.pause(0.0), pause);
        }
    }

    #[test]
    fn jitter_takes_off_at_most_a_quarter() {
        for jitter in [0.0, 0.3, 1.0] {
            let pause = Backoff::new(Duration::from_secs(1), Duration::MAX).pause(jitter);
            assert!((750..=1000).contains(&pause.as_millis()), "{pause:?}");
        }
    }
}

//! How long to wait before connecting again.
//!
//! Owns: the growing pause of one session.
//! Always true: a pause is between three quarters of its nominal length and all of it.
//! Must not know: clocks; randomness comes in as an argument.

use std::time::Duration;

/// Exponential back-off with jitter.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
    failures: usize,
}

impl Backoff {
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            next: first.min(most),
            failures: 0,
        }
    }

    /// The pause before the next attempt. `jitter`, from 0 to 1, says how much of a quarter is left off.
    pub(super) fn pause(&mut self, jitter: f64) -> Duration {
        let pause = self.next.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0));
        self.next = self.next.saturating_mul(2).min(self.most);
        self.failures += 1;
        pause
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> usize {
        self.failures
    }

    /// An attempt has succeeded.
    pub(super) fn reset(&mut self) {
        self.next = self.first.min(self.most);
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most_and_start_over_after_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let pauses: Vec<_> = (0..4).map(|_| backoff.pause(0.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
        assert_eq!(backoff.failures(), 4);
        backoff.reset();
        assert_eq!(backoff.pause(0.0).as_millis(), 100);
    }

    #[test]
    fn jitter_takes_off_at_most_a_quarter() {
        for jitter in [0.0, 0.3, 1.0] {
            let pause = Backoff::new(Duration::from_secs(1), Duration::MAX).pause(jitter);
            assert!((750..=1000).contains(&pause.as_millis()), "{pause:?}");
        }
    }
}

//! Busy-polling: looking for input before sleeping. Sleeping and being woken costs several times as much as a message
//! between two processes, in time and in processor time. So a thread polls first if the wait is likely to be short.
//!
//! Owns: whether a wait busy-polls and for how long, judged by earlier waits.
//! Always true: one wait busy-polls at most for the limit. After repeated failures only one wait in 65 busy-polls, and
//! hardly more where busy-polling costs more processor time than sleeping (`poll_cost.rs`). The thread yields between two
//! polls. If other threads run in the yields, it soon sleeps. If they keep its processor, the socket does not busy-poll for
//! a while.
//! Must not know: what is polled; how to yield.

use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::poll_cost::PollCost;
use super::tuning::{GIVEN_YIELD, LATE_YIELD, MOST_GIVEN, MOST_SKIPPED, SHORT_WAIT_LIMITS};

/// The experience of earlier waits of one socket.
#[derive(Debug)]
pub(crate) struct BusyPoll {
    limit: Duration,
    /// The last wait was short.
    short: bool,
    /// The number of waits that slept at once after the last failed busy-poll.
    penalty: u32,
    /// The number of waits that are still to sleep at once.
    skip: u32,
    cost: PollCost,
    crowd: Crowd,
}

/// One wait, with the busy-polling at its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolledWait {
    begun: Instant,
    /// The time since the wait before.
    away: Duration,
    /// Whether it only finds out whether busy-polling has become cheap.
    is_probe: bool,
    limit: Duration,
    /// How many yields have let other threads run.
    given: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The wait sleeps at once.
    Skipped,
    /// The wait busy-polls, or has found input by it.
    Polling,
    /// The wait has busy-polled for the limit, without input.
    InVain,
    /// Other threads have run in several yields.
    Given,
    /// Other threads keep the processor.
    Crowded,
}

impl BusyPoll {
    /// Busy-polls for `limit` at most; the first wait counts as short.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            short: true,
            penalty: 0,
            skip: 0,
            cost: PollCost::default(),
            crowd: Crowd::default(),
        }
    }

    /// The wait that begins is worth any cost: the socket has sent since its last wait, so its peer waits as well; or a task
    /// waits, and to wake it takes two threads.
    pub(crate) fn forget_cost(&mut self) {
        self.cost.forget();
    }

    /// A wait begins; it ends at `deadline` at the latest.
    pub(crate) fn begin(&mut self, now: Instant, deadline: Option<Instant>) -> PolledWait {
        let left = deadline.map_or(self.limit, |at| at.saturating_duration_since(now));
        let probe = self.cost.probe();
        let limit = self.limit.min(left).min(probe.unwrap_or(left));
        let likely = self.short && !limit.is_zero() && !self.crowd.is_there(now);
        let stage = if likely && !self.sleeps_at_once() {
            Stage::Polling
        } else {
            Stage::Skipped
        };
        PolledWait {
            begun: now,
            away: self.cost.away(now),
            is_probe: probe.is_some(),
            limit,
            given: 0,
            stage,
        }
    }

    /// Whether a wait that is likely to be short is to sleep at once all the same. Either reason counts its own waits.
    fn sleeps_at_once(&mut self) -> bool {
        let skips = self.skip > 0;
        self.skip -= u32::from(skips);
        self.cost.sleeps() | skips
    }

    /// The wait has ended, for whatever reason.
    pub(crate) fn learn(&mut self, wait: PolledWait, now: Instant) {
        let took = now.saturating_duration_since(wait.begun);
        self.short = took < self.limit.saturating_mul(SHORT_WAIT_LIMITS);
        self.cost.wait_ends(now);
        match wait.stage {
            Stage::Skipped | Stage::Given => {}
            Stage::Polling => {
                self.penalty = 0;
                self.cost.learn(took, wait.away);
            }
            Stage::InVain => {
                self.cost.learn(took, wait.away);
                if !wait.is_probe {
                    self.penalty = (self.penalty * 2).clamp(1, MOST_SKIPPED);
                    self.skip = self.penalty;
                }
            }
            Stage::Crowded => self.crowd.was_met(now),
        }
    }
}

impl PolledWait {
    /// Whether to poll once more; if not, to sleep.
    pub(crate) fn goes_on(&self) -> bool {
        self.stage == Stage::Polling
    }

    /// A poll found nothing; it is `now`.
    pub(crate) fn has_waited(&mut self, now: Instant) {
        let is_over = now.saturating_duration_since(self.begun) >= self.limit;
        if self.stage == Stage::Polling && is_over {
            self.stage = Stage::InVain;
        }
    }

    /// A poll found nothing, and the thread yielded from `before` to `after`.
    pub(crate) fn has_yielded(&mut self, before: Instant, after: Instant) {
        let away = after.saturating_duration_since(before);
        self.given += u32::from(away > GIVEN_YIELD);
        if away > LATE_YIELD {
            self.stage = Stage::Crowded;
        } else if after.saturating_duration_since(self.begun) >= self.limit {
            self.stage = Stage::InVain;
        } else if self.given == MOST_GIVEN {
            self.stage = Stage::Given;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tuning::CROWDED_FIRST;

    const LIMIT: Duration = Duration::from_micros(100);
    const MICRO: Duration = Duration::from_micros(1);

    /// The policy and its clock.
    struct Scene {
        policy: BusyPoll,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                policy: BusyPoll::new(LIMIT),
                now: Instant::now(),
            }
        }

        /// Waits, polling every microsecond if at all, for what comes after `until`; true if it busy-polled.
        fn wait(&mut self, until: Duration) -> bool {
            let mut wait = self.policy.begin(self.now, None);
            let polls = wait.goes_on();
            let mut after = Duration::ZERO;
            while wait.goes_on() && after < until {
                after += MICRO;
                wait.has_yielded(self.now + after - MICRO, self.now + after);
            }
            self.now += until;
            self.policy.learn(wait, self.now);
            polls
        }

        /// A turn of this wait takes as long as a slice of another thread; true if it busy-polled at all.
        fn wait_in_a_crowd(&mut self) -> bool {
            let mut wait = self.policy.begin(self.now, None);
            let polls = wait.goes_on();
            if polls {
                let slice = Duration::from_millis(4);
                wait.has_yielded(self.now, self.now + slice);
                self.now += slice;
            }
            self.now += MICRO * 20;
            self.policy.learn(wait, self.now);
            polls
        }
    }

    #[test]
    fn short_waits_are_busy_polled_and_long_ones_are_not() {
        let mut scene = Scene::new();
        assert!((0..100).all(|_| scene.wait(MICRO * 10)));
        scene.wait(Duration::from_millis(1));
        assert!((0..100).all(|_| !scene.wait(Duration::from_millis(1))));
    }

    #[test]
    fn one_short_wait_is_enough_to_busy_poll_again() {
        let mut scene = Scene::new();
        scene.wait(Duration::from_secs(1));
        assert!(!scene.wait(MICRO * 150), "the wait before was long");
        assert!(!scene.wait(MICRO * 10), "the last busy-poll was in vain");
        assert!(scene.wait(MICRO * 10));
    }

    #[test]
    fn busy_polling_in_vain_becomes_rare() {
        let mut scene = Scene::new();
        let polled = (0..65_000).filter(|_| scene.wait(MICRO * 150)).count();
        assert!((1000..1010).contains(&polled), "{polled} times");
        // And common again once it was worth it.
        while !scene.wait(MICRO * 10) {}
        assert!((0..100).all(|_| scene.wait(MICRO * 10)));
    }

    #[test]
    fn no_wait_busy_polls_for_longer_than_the_limit_or_the_deadline() {
        let mut policy = BusyPoll::new(LIMIT);
        let now = Instant::now();
        for deadline in [None, Some(MICRO * 30)] {
            let mut wait = policy.begin(now, deadline.map(|left| now + left));
            let end = deadline.unwrap_or(LIMIT);
            wait.has_yielded(now + end - MICRO * 2, now + end - MICRO);
            assert!(wait.goes_on());
            wait.has_yielded(now + end - MICRO, now + end);
            assert!(!wait.goes_on());
        }
        assert!(!policy.begin(now, Some(now)).goes_on(), "no time is left");
        assert!(!BusyPoll::new(Duration::ZERO).begin(now, None).goes_on());
        assert!(BusyPoll::new(Duration::MAX).begin(now, None).goes_on());
    }

    #[test]
    fn a_thread_that_has_let_others_run_a_few_times_sleeps_and_may_busy_poll_again() {
        let mut policy = BusyPoll::new(LIMIT);
        let now = Instant::now();
        for _ in 0..3 {
            let mut wait = policy.begin(now, None);
            let mut turns = 0;
            while wait.goes_on() {
                let begun = now + MICRO * (3 * turns);
                wait.has_yielded(begun, begun + MICRO * 3);
                turns += 1;
            }
            assert_eq!(turns, MOST_GIVEN);
            policy.learn(wait, now + MICRO * 20);
        }
    }

    #[test]
    fn where_others_need_the_processor_a_socket_does_not_busy_poll_for_a_while() {
        let mut scene = Scene::new();
        assert!(scene.wait_in_a_crowd());
        assert!(!scene.wait(MICRO * 10), "it was crowded just now");
        scene.now += CROWDED_FIRST;
        scene.wait(MICRO * 10);
        assert!(scene.wait(MICRO * 10), "that is over");
    }

    #[test]
    fn a_lasting_crowd_is_met_once_a_second() {
        let mut scene = Scene::new();
        let met = |scene: &mut Scene, lasts: Duration| {
            let end = scene.now + lasts;
            let mut met = 0;
            while scene.now < end {
                met += u32::from(scene.wait_in_a_crowd());
            }
            met
        };
        let second = Duration::from_secs(1);
        assert!(met(&mut scene, second) <= 5);
        assert!((9..=11).contains(&met(&mut scene, second * 10)));
    }
}

//! Whether busy-polling costs a socket more processor time than sleeping would.
//!
//! Owns: the experience with the last busy-polls, and the waits that sleep at once because of it.
//! Always true: a socket that works for a fifth of its time is never kept from busy-polling.
//! Must not know: what is polled; why else a wait may sleep.
//!
//! To sleep and be woken takes some 20 µs of processor time, a busy-poll all of the time until a message comes. A receiver of
//! one message each 50 µs that busy-polls for each takes 2.7 times the processor time of libzmq's. The length of the waits alone
//! does not tell such a receiver: a publisher that publishes for 20 µs and then waits for credit for 30 µs, and so on, loses a
//! third of its throughput if it sleeps. So a busy-poll counts as costly only if the thread did little else: a receiver at a
//! slow pace works for some 3 µs between two waits.

use std::time::{Duration, Instant};

use super::tuning::{
    CHEAP_POLL_COUNTS, COSTLY_POLL, COSTLY_POLL_RATIO, COSTLY_POLL_SLEEPS, COSTLY_POLLS,
};

/// The experience with the busy-polls of one socket.
#[derive(Debug, Default)]
pub(super) struct PollCost {
    /// The costly busy-polls of late: each adds one, and a cheap one takes some away.
    costly: u32,
    /// The number of waits that are still to sleep at once.
    sleeps: u32,
    /// The end of the last wait.
    ended: Option<Instant>,
}

impl PollCost {
    /// Nothing is learned from the busy-polls before, and no wait sleeps at once.
    pub(super) fn forget(&mut self) {
        (self.costly, self.sleeps) = (0, 0);
    }

    /// The time since the last wait.
    pub(super) fn away(&self, now: Instant) -> Duration {
        self.ended
            .map_or(Duration::MAX, |ended| now.saturating_duration_since(ended))
    }

    /// Whether the wait that begins is to sleep at once.
    pub(super) fn sleeps(&mut self) -> bool {
        let sleeps = self.sleeps > 0;
        self.sleeps -= u32::from(sleeps);
        sleeps
    }

    /// For how long the wait that begins may busy-poll, if it is a probe: as long as is cheap.
    pub(super) fn probe(&self) -> Option<Duration> {
        (self.costly + 1 == COSTLY_POLLS).then_some(COSTLY_POLL)
    }

    /// A wait ends `now`.
    pub(super) fn wait_ends(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// A wait that has busy-polled took so long, after the thread was `away` for some time.
    pub(super) fn learn(&mut self, took: Duration, away: Duration) {
        if took <= COSTLY_POLL || took <= away.saturating_mul(COSTLY_POLL_RATIO) {
            self.costly = self.costly.saturating_sub(CHEAP_POLL_COUNTS);
            return;
        }
        self.costly += 1;
        if self.costly == COSTLY_POLLS {
            self.sleeps = COSTLY_POLL_SLEEPS;
            // The next wait after these is a probe, and if it is costly, that is enough. It is often cheap at a slow pace, too:
            // the thread has woken late, so the next message comes early. Then some further ones decide.
            self.costly -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::BusyPoll;

    const MICRO: Duration = Duration::from_micros(1);
    /// The processor time of a sleep, and how late it ends: about as measured.
    const SLEEP_COSTS: Duration = Duration::from_micros(25);
    const WAKES_LATE: Duration = Duration::from_micros(30);

    /// A socket that receives, and its clock.
    struct Scene {
        policy: BusyPoll,
        now: Instant,
        polled: u32,
        slept: u32,
        /// The processor time of all waits.
        cost: Duration,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                policy: BusyPoll::new(MICRO * 100),
                now: Instant::now(),
                polled: 0,
                slept: 0,
                cost: Duration::ZERO,
            }
        }

        /// Works for so long, and waits for a message that comes at `arrival`, unless it is there.
        fn work_and_wait(&mut self, work: Duration, arrival: Instant) {
            self.now += work;
            if self.now >= arrival {
                return;
            }
            let mut wait = self.policy.begin(self.now, None);
            let polls = wait.goes_on();
            let mut at = self.now;
            while wait.goes_on() && at < arrival {
                at += MICRO;
                wait.has_yielded(at - MICRO, at);
            }
            let is_found = polls && at >= arrival;
            self.cost += at - self.now;
            if !is_found {
                self.cost += SLEEP_COSTS;
                at = arrival + WAKES_LATE;
            }
            self.polled += u32::from(polls);
            self.slept += u32::from(!polls);
            self.now = at;
            self.policy.learn(wait, at);
        }

        /// Receives messages that come one each `pace`, whatever this socket does.
        fn paced(&mut self, pace: Duration, messages: u32) {
            let begun = self.now;
            for message in 1..=messages {
                self.work_and_wait(MICRO * 3, begun + pace * message);
            }
        }

        /// Receives messages each of which comes so long after a wait for it has begun.
        fn asked_for(&mut self, work: Duration, after: Duration, messages: u32) {
            for _ in 0..messages {
                self.work_and_wait(work, self.now + work + after);
            }
        }
    }

    #[test]
    fn at_a_slow_pace_waits_cost_about_as_much_as_if_all_of_them_slept() {
        for micros in [30, 50, 75, 100, 150] {
            let mut scene = Scene::new();
            let messages = 20_000;
            scene.paced(MICRO * micros, messages);
            let most = SLEEP_COSTS * messages * 6 / 5;
            assert!(scene.cost <= most, "{micros}: {:?}", scene.cost / messages);
            assert!(scene.polled > 0, "it is tried now and then");
        }
    }

    #[test]
    fn at_a_fast_pace_each_wait_busy_polls() {
        for micros in [5, 10, 20] {
            let mut scene = Scene::new();
            scene.paced(MICRO * micros, 10_000);
            assert_eq!(scene.slept, 0, "{micros}");
        }
    }

    #[test]
    fn a_slow_pace_that_becomes_fast_is_busy_polled_again_soon() {
        let mut scene = Scene::new();
        scene.paced(MICRO * 75, 1000);
        scene.slept = 0;
        scene.paced(MICRO * 10, 1000);
        assert!(scene.slept <= COSTLY_POLL_SLEEPS, "{}", scene.slept);
        scene.slept = 0;
        scene.paced(MICRO * 10, 1000);
        assert_eq!(scene.slept, 0);
    }

    #[test]
    fn a_socket_that_works_for_a_fifth_of_its_time_busy_polls_however_long_its_waits_are() {
        // A publisher that publishes a burst, and then waits for credit.
        for (work, wait) in [(5, 10), (10, 30), (20, 30), (20, 60), (45, 90)] {
            let mut scene = Scene::new();
            scene.asked_for(MICRO * work, MICRO * wait, 10_000);
            assert_eq!(scene.slept, 0, "{work} {wait}");
        }
    }

    #[test]
    fn short_waits_with_some_long_ones_among_them_busy_poll() {
        let mut scene = Scene::new();
        for wait in 0..10_000 {
            let long = wait % 2 == 0;
            scene.asked_for(MICRO, MICRO * if long { 60 } else { 10 }, 1);
        }
        assert_eq!(scene.slept, 0);
    }

    #[test]
    fn a_message_that_comes_early_at_a_slow_pace_changes_nothing() {
        let mut scene = Scene::new();
        for wait in 0..20_000 {
            let early = wait % 7 == 0;
            scene.asked_for(MICRO * 3, MICRO * if early { 8 } else { 50 }, 1);
        }
        assert!(scene.polled < scene.slept / 5, "{} polled", scene.polled);
    }

    #[test]
    fn a_conversation_busy_polls_however_long_its_answers_take() {
        let mut scene = Scene::new();
        scene.paced(MICRO * 75, 1000);
        scene.slept = 0;
        for _ in 0..10_000 {
            scene.policy.forget_cost();
            scene.asked_for(MICRO, MICRO * 60, 1);
        }
        assert_eq!(scene.slept, 0);
    }
}

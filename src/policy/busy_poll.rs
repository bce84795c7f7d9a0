//! Busy-polling: looking for input before sleeping. Sleeping and being woken costs several times as much as a message
//! between two processes, in time and in processor time. So a thread polls first if the wait is likely to be short.
//!
//! Owns: whether a wait busy-polls and for how long, judged by earlier waits.
//! Always true: one wait busy-polls at most for the limit. After repeated failures only one wait in 65 busy-polls. The time
//! spent on busy-polling is at most what sleeping instead would have cost, and now and then four times as much for one wait, or twice if the socket only receives.
//! The thread yields between two polls. If other threads run in the yields, it soon sleeps. If they keep its processor, the
//! socket does not busy-poll for a while.
//! Must not know: what is polled; how to yield.

use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::tuning::{
    ANSWER_SLEEP_COSTS, GIVEN_YIELD, LATE_YIELD, MESSAGE_SLEEP_COSTS, MOST_GIVEN, MOST_SKIPPED,
    PAID_IN_A_ROW, SHORT_WAIT_LIMITS, SLEEP_COST,
};

/// What earlier waits of one socket have shown.
#[derive(Debug)]
pub(crate) struct BusyPoll {
    limit: Duration,
    /// The last wait was short.
    short: bool,
    /// The number of waits that slept at once after the last failed busy-poll.
    penalty: u32,
    /// The number of waits that are still to sleep at once.
    skip: u32,
    /// What busy-polling has cost more than sleeping would have, since it was last given up.
    overspent: Duration,
    /// How many busy-polls in a row have cost less than sleeping would have.
    paid: u32,
    crowd: Crowd,
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// The socket has sent something since its last wait: probably an answer, and its peer waits as well. If both sleep, each
    /// has to wake the other, so a busy-poll may take longer.
    Answer,
    /// The socket has only received.
    Message,
}

/// One wait, with the busy-polling at its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolledWait {
    begun: Instant,
    /// How long it may busy-poll.
    most: Duration,
    /// The same, or until the deadline.
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
            overspent: Duration::ZERO,
            paid: 0,
            crowd: Crowd::default(),
        }
    }

    /// A wait begins; it ends at `deadline` at the latest.
    pub(crate) fn begin(
        &mut self,
        awaited: Awaited,
        now: Instant,
        deadline: Option<Instant>,
    ) -> PolledWait {
        let most = self.most(awaited);
        let limit = deadline.map_or(most, |at| most.min(at.saturating_duration_since(now)));
        let likely = self.short && !limit.is_zero() && !self.crowd.is_there(now);
        let stage = if likely && self.skip == 0 {
            Stage::Polling
        } else {
            self.skip -= u32::from(likely);
            Stage::Skipped
        };
        PolledWait {
            begun: now,
            most,
            limit,
            given: 0,
            stage,
        }
    }

    /// What a sleep that is saved is worth: the longer the limit that the caller has set, the more.
    fn worth(&self) -> Duration {
        SLEEP_COST.max(self.limit / ANSWER_SLEEP_COSTS)
    }

    /// How long one wait may busy-poll.
    fn most(&self, awaited: Awaited) -> Duration {
        let costs = match awaited {
            Awaited::Answer => ANSWER_SLEEP_COSTS,
            Awaited::Message => MESSAGE_SLEEP_COSTS,
        };
        self.limit.min(self.worth() * costs)
    }

    /// A busy-poll of length `took` has found input. It is worth the sleep that it saved. At a pace of one message each 50 µs
    /// or more, a receiver that polls for each message would spend several times what sleeping costs.
    fn has_found(&mut self, took: Duration, most: Duration) {
        let worth = self.worth();
        self.overspent = self.overspent.saturating_add(took).saturating_sub(worth);
        if self.overspent > most {
            self.skip_some();
            // Two peers whose tries came at fixed intervals could miss each other for ever. The clock has no such order.
            self.skip -= took.subsec_nanos() % (self.penalty / 2 + 1);
        } else if took > worth {
            self.paid = 0;
        } else {
            // One is not enough: at a slow pace a message comes early now and then.
            self.paid += 1;
            if self.paid == PAID_IN_A_ROW {
                (self.paid, self.penalty) = (0, 0);
            }
        }
    }

    /// Busy-polling does not pay at present: some waits sleep at once, twice as many each time. Then a few waits in a row
    /// try again, so that two threads that both sleep meet each other awake.
    fn skip_some(&mut self) {
        self.penalty = (self.penalty * 2).clamp(1, MOST_SKIPPED);
        self.skip = self.penalty;
        self.overspent = Duration::ZERO;
        self.paid = 0;
    }

    /// The wait has ended, for whatever reason.
    pub(crate) fn learn(&mut self, wait: PolledWait, now: Instant) {
        let took = now.saturating_duration_since(wait.begun);
        self.short = took < wait.most.saturating_mul(SHORT_WAIT_LIMITS);
        match wait.stage {
            Stage::Skipped | Stage::Given => {}
            Stage::Polling => self.has_found(took, wait.most),
            Stage::InVain => self.skip_some(),
            Stage::Crowded => self.crowd.was_met(now),
        }
    }
}

impl PolledWait {
    /// Whether to poll once more; if not, to sleep.
    pub(crate) fn goes_on(&self) -> bool {
        self.stage == Stage::Polling
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
    use super::Awaited::{Answer, Message};
    use super::*;
    use crate::policy::tuning::CROWDED_FIRST;

    const LIMIT: Duration = Duration::from_micros(100);
    const MICRO: Duration = Duration::from_micros(1);

    /// The policy and its clock.
    struct Scene {
        policy: BusyPoll,
        awaited: Awaited,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                policy: BusyPoll::new(LIMIT),
                awaited: Answer,
                now: Instant::now(),
            }
        }

        /// Of a socket that only receives.
        fn of_a_receiver() -> Self {
            Self {
                awaited: Message,
                ..Self::new()
            }
        }

        /// Waits, polling every microsecond if at all, for what comes after `until`; true if it busy-polled.
        fn wait(&mut self, until: Duration) -> bool {
            let mut wait = self.policy.begin(self.awaited, self.now, None);
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
            let mut wait = self.policy.begin(self.awaited, self.now, None);
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
            let mut wait = policy.begin(Answer, now, deadline.map(|left| now + left));
            let end = deadline.unwrap_or(LIMIT);
            wait.has_yielded(now + end - MICRO * 2, now + end - MICRO);
            assert!(wait.goes_on());
            wait.has_yielded(now + end - MICRO, now + end);
            assert!(!wait.goes_on());
        }
        assert!(
            !policy.begin(Answer, now, Some(now)).goes_on(),
            "no time is left"
        );
        assert!(
            !BusyPoll::new(Duration::ZERO)
                .begin(Answer, now, None)
                .goes_on()
        );
        assert!(
            BusyPoll::new(Duration::MAX)
                .begin(Answer, now, None)
                .goes_on()
        );
    }

    #[test]
    fn a_thread_that_has_let_others_run_a_few_times_sleeps_and_may_busy_poll_again() {
        let mut policy = BusyPoll::new(LIMIT);
        let now = Instant::now();
        for _ in 0..3 {
            let mut wait = policy.begin(Answer, now, None);
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

    /// Busy-polls of a second in which something comes each `pace`, and the time spent on them.
    fn spends(scene: &mut Scene, pace: Duration) -> (u32, Duration) {
        let end = scene.now + Duration::from_secs(1);
        let mut polled = 0;
        while scene.now < end {
            polled += u32::from(scene.wait(pace));
        }
        (polled, pace * polled)
    }

    #[test]
    fn a_pace_at_which_sleeping_is_cheaper_is_slept_through() {
        for micros in [40, 50, 75, 99] {
            let pace = MICRO * micros;
            let waits = 1_000_000 / micros;
            let (polled, spent) = spends(&mut Scene::new(), pace);
            assert!(polled > 0, "it is tried now and then");
            assert!(polled < waits / 7, "{polled} of {waits} at {pace:?}");
            assert!(spent < SLEEP_COST * waits, "{spent:?} at {pace:?}");
        }
    }

    #[test]
    fn a_pace_at_which_busy_polling_is_cheaper_is_polled_at_each_wait() {
        for micros in [5, 13, 25] {
            let mut scene = Scene::new();
            assert!((0..10_000).all(|_| scene.wait(MICRO * micros)), "{micros}");
        }
    }

    #[test]
    fn who_only_receives_busy_polls_less() {
        for micros in [30, 40, 50, 75, 99] {
            let pace = MICRO * micros;
            let waits = 1_000_000 / micros;
            let (polled, _) = spends(&mut Scene::of_a_receiver(), pace);
            // No wait busy-polls for longer than two sleeps cost.
            let spent = pace.min(SLEEP_COST * MESSAGE_SLEEP_COSTS) * polled;
            assert!(polled > 0, "it is tried now and then");
            assert!(spent < SLEEP_COST * waits / 4, "{spent:?} at {pace:?}");
        }
        for micros in [5, 13, 25] {
            let mut scene = Scene::of_a_receiver();
            assert!((0..10_000).all(|_| scene.wait(MICRO * micros)), "{micros}");
        }
    }

    #[test]
    fn a_message_that_comes_early_at_a_slow_pace_does_not_end_the_sleeping() {
        for mut scene in [Scene::new(), Scene::of_a_receiver()] {
            let (mut polled, waits) = (0, 20_000);
            for wait in 0..waits {
                let early = wait % 7 == 0;
                polled += u32::from(scene.wait(MICRO * if early { 8 } else { 50 }));
            }
            assert!(polled < waits / 5, "{polled} of {waits}");
        }
    }

    #[test]
    fn a_conversation_with_a_long_wait_in_four_goes_on_busy_polling() {
        let mut scene = Scene::new();
        let pause = |wait: u32| MICRO * if wait.is_multiple_of(4) { 60 } else { 10 };
        assert!((0..10_000).all(|wait| scene.wait(pause(wait))));
    }

    #[test]
    fn a_slow_pace_that_becomes_fast_is_busy_polled_again() {
        let mut scene = Scene::new();
        spends(&mut scene, MICRO * 75);
        let slept = (0..1000).filter(|_| !scene.wait(MICRO * 10)).count();
        assert!(slept <= MOST_SKIPPED as usize, "{slept} waits slept");
        assert!((0..1000).all(|_| scene.wait(MICRO * 10)));
    }

    /// A round trip between two: what is looked for comes soon if the other busy-polls, and later if it has to be woken.
    fn round_trip(scenes: &mut [Scene; 2], nanos: u32) -> [bool; 2] {
        let now = scenes[0].now.max(scenes[1].now);
        let waits = scenes
            .each_mut()
            .map(|scene| scene.policy.begin(Answer, now, None));
        let polls = waits.map(|wait| wait.goes_on());
        for (one, scene) in scenes.iter_mut().enumerate() {
            let answer = MICRO * if polls[1 - one] { 13 } else { 45 };
            let woken = MICRO * if polls[one] { 0 } else { 30 };
            scene.now =
                now + answer + woken + Duration::from_nanos(u64::from(nanos >> one & 0x7ff));
            scene.policy.learn(waits[one], scene.now);
        }
        polls
    }

    #[test]
    fn two_that_both_sleep_find_each_other_awake_whoever_tries_first() {
        for apart in 0..64 {
            let mut scenes = [Scene::new(), Scene::new()];
            for scene in &mut scenes {
                spends(scene, MICRO * 75);
            }
            (0..apart).for_each(|_| {
                scenes[0].wait(MICRO * 75);
            });
            let (mut random, mut turns) = (apart, 0);
            while round_trip(&mut scenes, random >> 8) != [true; 2] {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                turns += 1;
                assert!(turns < 10_000, "they sleep for ever, {apart} apart");
            }
            assert!((0..1000).all(|_| round_trip(&mut scenes, 0) == [true; 2]));
        }
    }

    #[test]
    fn a_longer_limit_says_that_a_sleep_saved_is_worth_more() {
        let mut scene = Scene::new();
        scene.policy = BusyPoll::new(Duration::from_millis(1));
        assert!((0..1000).all(|_| scene.wait(MICRO * 200)));
    }
}

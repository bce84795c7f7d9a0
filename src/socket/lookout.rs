//! Looking out before sleeping (busy polling): to sleep and be woken costs several times what a message takes from one
//! process to the next, in time and in processor time. So a thread looks out first, where the wait is likely short.
//!
//! Owns: whether and how long to look out, judged by the waits before.
//! Always true: one wait looks out for the limit at most; where that is in vain again and again, one wait in 65 does. A
//! thread that looks out lets others run; if some do, it soon sleeps, and if they keep its processor, nobody looks out for
//! a while.
//! Must not know: what is looked for.

use std::time::{Duration, Instant};

/// A wait shorter than so many limits, with what waking up took, foretells one that is worth looking out for.
const SHORT: u32 = 2;

/// After a look-out in vain so many waits do without at the most; one at first, then twice as many each time.
const MOST_LET_BE: u32 = 64;

/// A thread that gave way and came back so late shares its processor with others that have work for longer. They keep
/// it for milliseconds each time; whoever sleeps instead is let in as soon as it is woken.
const LATE: Duration = Duration::from_millis(1);

/// For how long nobody looks out then: the first at first, four times as long each time that it is soon so again.
const CROWDED_FIRST: Duration = Duration::from_millis(10);
const CROWDED_MOST: Duration = Duration::from_secs(1);

/// One that came back later than this has let another run. After so many of these it sleeps: where many threads look out
/// on a few processors, they would keep it from those that have something to do.
const GIVEN: Duration = Duration::from_micros(2);
const MOST_GIVEN: u32 = 4;

/// What the waits on links have been like.
#[derive(Debug)]
pub(super) struct Lookout {
    limit: Duration,
    /// The last wait was short.
    short: bool,
    /// After the last look-out in vain so many waits did without; so many still have to.
    penalty: u32,
    let_be: u32,
    /// The processor was crowded; until then it is taken to be, for so long in all.
    crowded: Option<(Instant, Duration)>,
}

/// One wait, and the look-out at its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    begun: Instant,
    limit: Duration,
    /// How often others were let run, and did.
    given: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// This wait does without.
    LetBe,
    /// Going on; or done, since it was found.
    Looking,
    InVain,
    /// Others have something to do.
    Given,
    Crowded,
}

impl Lookout {
    /// Looks out for `limit` at most; takes the first wait for a short one.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            short: true,
            penalty: 0,
            let_be: 0,
            crowded: None,
        }
    }

    /// A wait begins, which ends at `deadline` in any case.
    pub(super) fn begin(&mut self, now: Instant, deadline: Option<Instant>) -> Look {
        let left = deadline.map_or(self.limit, |at| at.saturating_duration_since(now));
        let limit = self.limit.min(left);
        let likely = self.short && !limit.is_zero() && !self.is_crowded(now);
        let stage = if likely && self.let_be == 0 {
            Stage::Looking
        } else {
            self.let_be -= u32::from(likely);
            Stage::LetBe
        };
        Look {
            begun: now,
            limit,
            given: 0,
            stage,
        }
    }

    fn is_crowded(&self, now: Instant) -> bool {
        self.crowded.is_some_and(|(until, _)| now < until)
    }

    /// The wait is over, by whatever end.
    pub(super) fn learn(&mut self, look: Look, now: Instant) {
        self.short = now.saturating_duration_since(look.begun) < self.limit.saturating_mul(SHORT);
        match look.stage {
            Stage::LetBe | Stage::Given => {}
            Stage::Looking => self.penalty = 0,
            Stage::InVain => {
                self.penalty = (self.penalty * 2).clamp(1, MOST_LET_BE);
                self.let_be = self.penalty;
            }
            Stage::Crowded => {
                let lasts = match self.crowded {
                    Some((until, last)) if now.saturating_duration_since(until) <= last => {
                        (last * 4).min(CROWDED_MOST)
                    }
                    _ => CROWDED_FIRST,
                };
                self.crowded = now.checked_add(lasts).map(|until| (until, lasts));
            }
        }
    }
}

impl Look {
    /// Whether to look once more; if not, to sleep.
    pub(super) fn goes_on(&self) -> bool {
        self.stage == Stage::Looking
    }

    /// Nothing was found: lets others run.
    pub(super) fn turn(&mut self) {
        let before = self.begun.elapsed();
        std::thread::yield_now();
        self.has_turned(before, self.begun.elapsed());
    }

    /// Others were let run between these times, counted from the beginning.
    fn has_turned(&mut self, before: Duration, after: Duration) {
        let away = after.saturating_sub(before);
        self.given += u32::from(away > GIVEN);
        if away > LATE {
            self.stage = Stage::Crowded;
        } else if after >= self.limit {
            self.stage = Stage::InVain;
        } else if self.given == MOST_GIVEN {
            self.stage = Stage::Given;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_micros(100);
    const MICRO: Duration = Duration::from_micros(1);

    /// A lookout and its clock.
    struct Scene {
        lookout: Lookout,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                lookout: Lookout::new(LIMIT),
                now: Instant::now(),
            }
        }

        /// Waits, looking every microsecond if at all, for what comes after `until`; true if it was looked out for.
        fn wait(&mut self, until: Duration) -> bool {
            let mut look = self.lookout.begin(self.now, None);
            let looks = look.goes_on();
            let mut after = Duration::ZERO;
            while look.goes_on() && after < until {
                after += MICRO;
                look.has_turned(after - MICRO, after);
            }
            self.now += until;
            self.lookout.learn(look, self.now);
            looks
        }

        /// A turn of this wait takes as long as a slice of another thread; true if it was looked out for at all.
        fn wait_in_a_crowd(&mut self) -> bool {
            let mut look = self.lookout.begin(self.now, None);
            let looks = look.goes_on();
            if looks {
                let slice = Duration::from_millis(4);
                look.has_turned(Duration::ZERO, slice);
                self.now += slice;
            }
            self.now += MICRO * 20;
            self.lookout.learn(look, self.now);
            looks
        }
    }

    #[test]
    fn short_waits_are_looked_out_for_and_long_ones_are_not() {
        let mut scene = Scene::new();
        assert!((0..100).all(|_| scene.wait(MICRO * 10)));
        scene.wait(Duration::from_millis(1));
        assert!((0..100).all(|_| !scene.wait(Duration::from_millis(1))));
    }

    #[test]
    fn one_short_wait_is_enough_to_look_out_again() {
        let mut scene = Scene::new();
        scene.wait(Duration::from_secs(1));
        assert!(!scene.wait(MICRO * 150), "the wait before was long");
        assert!(!scene.wait(MICRO * 10), "the last look-out was in vain");
        assert!(scene.wait(MICRO * 10));
    }

    #[test]
    fn looking_out_in_vain_becomes_rare() {
        let mut scene = Scene::new();
        let looked = (0..65_000).filter(|_| scene.wait(MICRO * 150)).count();
        assert!((1000..1010).contains(&looked), "{looked} times");
        // And common again once it was worth it.
        while !scene.wait(MICRO * 10) {}
        assert!((0..100).all(|_| scene.wait(MICRO * 10)));
    }

    #[test]
    fn no_wait_looks_out_for_longer_than_the_limit_or_the_deadline() {
        let mut lookout = Lookout::new(LIMIT);
        let now = Instant::now();
        for deadline in [None, Some(MICRO * 30)] {
            let mut look = lookout.begin(now, deadline.map(|left| now + left));
            let end = deadline.unwrap_or(LIMIT);
            look.has_turned(end - MICRO * 2, end - MICRO);
            assert!(look.goes_on());
            look.has_turned(end - MICRO, end);
            assert!(!look.goes_on());
        }
        assert!(!lookout.begin(now, Some(now)).goes_on(), "no time is left");
        assert!(!Lookout::new(Duration::ZERO).begin(now, None).goes_on());
        assert!(Lookout::new(Duration::MAX).begin(now, None).goes_on());
    }

    #[test]
    fn who_has_let_others_run_a_few_times_sleeps_and_may_look_out_again() {
        let mut lookout = Lookout::new(LIMIT);
        let now = Instant::now();
        for _ in 0..3 {
            let mut look = lookout.begin(now, None);
            let mut turns = 0;
            while look.goes_on() {
                look.has_turned(MICRO * (3 * turns), MICRO * (3 * turns + 3));
                turns += 1;
            }
            assert_eq!(turns, MOST_GIVEN);
            lookout.learn(look, now + MICRO * 20);
        }
    }

    #[test]
    fn where_others_need_the_processor_nobody_looks_out_for_a_while() {
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

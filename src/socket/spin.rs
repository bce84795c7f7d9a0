//! Spinning for a message from within the process, and then yielding.
//!
//! Owns: how a turn is taken.
//! Always true: it ends with the first turn that finds something, and with the first yield that takes too long.
//! Must not know: how many turns and yields pay (`policy::spin`); what is looked for.

use std::time::Instant;

use crate::policy::SpinPlan;
use crate::policy::tuning::LATE_YIELD;
use crate::sync::MachineFact;

/// The outcome of a look-out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Looked {
    /// Something is ready.
    pub(super) found: bool,
    /// When a yield ended that took longer than [`LATE_YIELD`].
    pub(super) late: Option<Instant>,
}

/// Looks until something is `ready`, for the turns and yields of `plan`, or until a yield takes too long.
pub(super) fn look_out(plan: SpinPlan, ready: impl Fn() -> bool) -> Looked {
    look_out_by(plan, std::thread::yield_now, Instant::now, ready)
}

fn look_out_by(
    plan: SpinPlan,
    yields: impl Fn(),
    clock: impl Fn() -> Instant,
    ready: impl Fn() -> bool,
) -> Looked {
    let turns = if several_cores() { plan.turns } else { 0 };
    let turning = (0..turns).any(|_| {
        std::hint::spin_loop();
        ready()
    });
    let mut looked = Looked {
        found: turning,
        late: None,
    };
    if turning || plan.yields == 0 {
        return looked;
    }
    let mut before = clock();
    for _ in 0..plan.yields {
        yields();
        let after = clock();
        looked.found = ready();
        looked.late = (after.saturating_duration_since(before) > LATE_YIELD).then_some(after);
        if looked.found || looked.late.is_some() {
            break;
        }
        before = after;
    }
    looked
}

/// Whether another thread can run while this one spins.
fn several_cores() -> bool {
    static SEVERAL: MachineFact = MachineFact::unknown();
    SEVERAL.get(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    const PLAN: SpinPlan = SpinPlan {
        turns: 5,
        yields: 4,
    };

    #[test]
    fn it_ends_with_what_it_looks_for_and_after_the_yields_without() {
        let looks = Cell::new(0);
        let at = |wanted| {
            looks.set(looks.get() + 1);
            looks.get() == wanted
        };
        assert!(look_out(PLAN, || at(3)).found && looks.get() == 3);
        looks.set(0);
        // No yield is late by this clock.
        let begun = Instant::now();
        assert!(!look_out_by(PLAN, || (), || begun, || at(0)).found);
        assert!(looks.get() >= PLAN.yields && looks.get() <= PLAN.turns + PLAN.yields);
    }

    #[test]
    fn it_ends_with_the_first_yield_that_takes_too_long() {
        let (yields, now) = (Cell::new(0), Cell::new(Instant::now()));
        let away = || {
            yields.set(yields.get() + 1);
            now.set(now.get() + LATE_YIELD + Duration::from_nanos(1));
        };
        let looked = look_out_by(PLAN, away, || now.get(), || false);
        assert_eq!((yields.get(), looked.late), (1, Some(now.get())));
        assert!(!looked.found);
        // A message that has come meanwhile is found all the same, and the crowd is noted.
        let looked = look_out_by(PLAN, away, || now.get(), || yields.get() == 2);
        assert!(looked.found && looked.late.is_some());
    }

    #[test]
    fn a_plan_without_yields_gives_none_away() {
        let plan = SpinPlan { yields: 0, ..PLAN };
        let looked = look_out_by(plan, || panic!("a yield"), || panic!("the clock"), || false);
        assert_eq!(looked, Looked::default());
    }
}

//! Spinning for a message from within the process, and then yielding.
//!
//! Owns: how a turn is taken.
//! Always true: it ends with the first turn that finds something.
//! Must not know: how many turns pay (`policy::spin`); what is looked for.

use crate::policy::tuning::WAIT_YIELDS;
use crate::sync::Fact;

/// Looks until something is `ready`, for so many turns, and for a few yields; whether it is.
pub(super) fn look_out(turns: u32, ready: impl Fn() -> bool) -> bool {
    let turns = if several_cores() { turns } else { 0 };
    let turning = (0..turns).any(|_| {
        std::hint::spin_loop();
        ready()
    });
    turning
        || (0..WAIT_YIELDS).any(|_| {
            std::thread::yield_now();
            ready()
        })
}

/// Whether another thread can run while this one spins.
fn several_cores() -> bool {
    static SEVERAL: Fact = Fact::unknown();
    SEVERAL.get(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn it_ends_with_what_it_looks_for_and_after_the_yields_without() {
        let looks = Cell::new(0);
        let at = |wanted| {
            looks.set(looks.get() + 1);
            looks.get() == wanted
        };
        assert!(look_out(5, || at(3)) && looks.get() == 3);
        looks.set(0);
        assert!(!look_out(5, || at(0)));
        assert!(looks.get() >= WAIT_YIELDS && looks.get() <= 5 + WAIT_YIELDS);
    }
}

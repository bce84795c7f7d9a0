//! Forks of a process of a test, in safe code: the crate `fork` has the call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::PATIENCE;

/// Asserts that a call is refused, and how.
macro_rules! refused {
    ($call:expr, $how:pat $(if $guard:expr)?) => {
        match $call {
            Err($how) $(if $guard)? => {}
            other => panic!("{} gives {other:?}", stringify!($call)),
        }
    };
}
pub(crate) use refused;

/// A forked child, seen by its parent; killed when dropped.
#[derive(Debug)]
pub(crate) struct Forked {
    pid: Pid,
    ended: bool,
}

/// Forks; `None` in the child, which has to [`leave`].
///
/// To be called in a process that was started for it (see [`Child`](super::Child)), not among the threads of the test
/// harness.
pub(crate) fn fork() -> Option<Forked> {
    match fork::fork().expect("a process can be forked") {
        fork::Fork::Child => None,
        fork::Fork::Parent(pid) => Some(Forked {
            pid: Pid::from_raw(pid).expect("a child has a number"),
            ended: false,
        }),
    }
}

/// Does `act` in a forked child, and ends the child: well, unless `act` panics.
pub(crate) fn leave(act: impl FnOnce()) -> ! {
    let outcome = catch_unwind(AssertUnwindSafe(act));
    std::process::exit(i32::from(outcome.is_err()));
}

impl Forked {
    /// Whether the child has ended; well, or this panics.
    pub(crate) fn has_ended(&mut self) -> bool {
        if !self.ended {
            let status = waitpid(Some(self.pid), WaitOptions::NOHANG).expect("it is our child");
            if let Some((_, status)) = status {
                self.ended = true;
                assert_eq!(status.exit_status(), Some(0), "the forked child failed");
            }
        }
        self.ended
    }

    /// Waits until the child has ended, which must be soon and well.
    pub(crate) fn end(mut self, what: &str) {
        let begun = Instant::now();
        while !self.has_ended() {
            assert!(begun.elapsed() < PATIENCE, "the forked child hangs: {what}");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !self.ended {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = waitpid(Some(self.pid), WaitOptions::empty());
        }
    }
}

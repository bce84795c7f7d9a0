//! The ways in which a call waits for room or a message.
//!
//! Owns: which thread waits in which way, and which is woken.
//! Always true: a thread registers to be woken under the lock under which its attempt failed. A woken thread that
//! leaves passes the wake-up on, so one message never leaves two threads asleep.
//!
//! An attempt (`Core::attempt_send`, `Core::attempt_recv`) knows nothing of this. Under the lock with which a failed
//! attempt returns, its caller waits in one of these ways:
//!
//! | way | file | used by |
//! |---|---|---|
//! | blocking or timed, for a message, in the order of `step.rs`: on links (`leader.rs`), spinning, asleep | `input.rs` | `recv` |
//! | blocking or timed, for room | `room.rs` | `send` |
//! | as a task: an attempt at each poll, busy-polling by turns of the executor (`turns.rs`), then the task's waker (`registration.rs`) | `task.rs` | `recv_async`, `send_async` and the like |
//! | polled: a check, then a waker that is told when the next check is worth while | `watch.rs` | `Poll`, `Proxy` |
//! | blocking, for peers or subscriptions | here | `wait_for_peers` and the like |
//!
//! Source: the hand-over of links is our own; libzmq wakes the receiver from its I/O thread each time.

mod deadline;
mod input;
mod leader;
mod precedence;
mod readiness;
mod registration;
mod room;
mod sleeper;
mod step;
mod task;
mod turns;
mod watch;

use std::time::Duration;

pub(in crate::socket) use precedence::Precedence;
pub use readiness::Readiness;
pub(in crate::socket) use registration::OwedWakes;
pub(crate) use registration::{Registration, call_waker};
pub(crate) use task::TaskWait;
pub use watch::Interest;
pub(crate) use watch::Watch;

use super::{Core, State};
use crate::error::WaitError;
use deadline::Deadline;
pub(super) use leader::{LeaderWake, ready_now};

impl Core {
    /// Waits until `there` says so.
    pub(crate) fn wait_until(
        &self,
        timeout: Duration,
        mut there: impl FnMut(&mut State) -> bool,
    ) -> Result<(), WaitError> {
        let deadline = Deadline::after(Some(timeout));
        loop {
            let here = self.here()?;
            let mut state = self.lock(here);
            if let Some(ended) = state.ended {
                return Err(ended.into());
            }
            if there(&mut state) {
                return Ok(());
            }
            if deadline.has_passed() {
                return Err(WaitError::Timeout);
            }
            let sleeper = self.sleeper(&self.changed);
            drop(state);
            sleeper.sleep(deadline, here);
        }
    }
}

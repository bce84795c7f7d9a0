//! A send that finds no room, or too much before it: waiting for the peer.
//!
//! Owns: the rules of how a sender waits.
//! Always true: as in [`wait`](super::wait).
//! Must not know: what is sent.

use std::sync::Arc;
use std::time::Duration;

use event_listener::Listener;
use highwater_patterns::{Message, Pattern, PipeId, Refusal};
use rustix::event::{PollFd, PollFlags, poll};

use super::spin::YIELDS;
use super::wait::{Deadline, Unsent, Wait};
use super::{Core, Locked, State, Table};
use crate::pipe::{PipeEvent, Wire};
use crate::wake::timespec;

/// A peer that has taken nothing for so long does not catch up.
const STALL: Duration = Duration::from_millis(10);

/// How long a sender waits for the kernel to take more before it leaves that to the I/O thread.
const OUTPUT_WAIT: Duration = Duration::from_millis(1);

impl Core {
    /// After a send: waits until the only peer has caught up, as long as it does and the call may wait. A thousand
    /// messages of a megabyte are a gigabyte, all of it memory that no cache has seen before.
    #[cold]
    pub(super) fn ease(&self, state: &mut Locked<'_>, deadline: Deadline) {
        if !self.is_here() {
            return;
        }
        state.table.set_senders_wait(true);
        while let (None, Some(taken)) = (state.ended, state.table.ask_for_ease()) {
            if deadline.has_passed() {
                break;
            }
            if let Some(output) = state.table.wait_here()
                && self.wait_for_output(state, output, deadline)
            {
                continue;
            }
            let left = deadline.left(STALL);
            let listener = self.writable.listen();
            let mut told = false;
            state.unlocked(|| told = listener.wait_timeout(left).is_some());
            if !told && left == STALL && state.table.ask_for_ease() == Some(taken) {
                state.table.has_stalled();
                break;
            }
        }
        self.writable.notify(1);
    }

    /// Waits a while until the kernel takes more of the only pipe, and writes; false if it takes nothing.
    fn wait_for_output(
        &self,
        state: &mut Locked<'_>,
        (pipe, wire): (PipeId, Arc<dyn Wire>),
        deadline: Deadline,
    ) -> bool {
        let left = deadline.left(OUTPUT_WAIT);
        let mut takes = false;
        state.unlocked(|| takes = takes_bytes(&*wire, left));
        if takes && state.table.write_again(pipe) {
            self.happen(state, PipeEvent::Writable(pipe));
        }
        takes
    }

    /// There is no room for `message`: tries again whenever there may be some, as long as `wait` allows.
    #[cold]
    pub(super) fn send_later<T>(
        &self,
        state: &mut Locked<'_>,
        wait: Wait,
        message: &mut Message,
        put: &mut dyn FnMut(&mut Pattern, &mut Table, &mut Message) -> Result<T, Refusal>,
    ) -> Result<T, Unsent> {
        if !self.is_here() {
            return self.forked(state);
        }
        let deadline = Deadline::new(wait, state.options.send_timeout);
        state.table.set_senders_wait(!deadline.has_passed());
        let mut patient = true;
        let mut yields = if state.table.has_lanes() { YIELDS } else { 0 };
        loop {
            self.mute(state);
            if deadline.has_passed() {
                return Err(Unsent::Refused(Refusal::Full));
            }
            if patient && let Some(output) = state.table.wait_here() {
                patient = self.wait_for_output(state, output, deadline);
            } else if yields > 0 {
                // A reader within the process is likely at work this very moment.
                yields -= 1;
                state.unlocked(std::thread::yield_now);
            } else {
                let listener = self.writable.listen();
                state.unlocked(|| deadline.sleep(listener));
            }
            if let Some(ended) = state.ended {
                return Err(Unsent::Ended(ended));
            }
            let State { pattern, table, .. } = &mut **state;
            match put(pattern, table, message) {
                Err(Refusal::Full) => {}
                settled => {
                    self.unmute(state);
                    // There may be room for one more of those who wait.
                    self.writable.notify(1);
                    return settled.map_err(Unsent::Refused);
                }
            }
        }
    }
}

/// Waits until `wire` takes bytes, or has failed; false if neither is so after `timeout`.
fn takes_bytes(wire: &dyn Wire, timeout: Duration) -> bool {
    let descriptor = wire.as_fd();
    let mut descriptors = [PollFd::new(&descriptor, PollFlags::OUT)];
    poll(&mut descriptors, Some(&timespec(timeout))).is_ok_and(|ready| ready > 0)
}

//! A send that finds no room, or too much before it: waiting for the peer.
//!
//! Owns: the rules of how a sender waits.
//! Always true: as in [`wait`](super::wait).
//! Must not know: what is sent.

use std::sync::Arc;
use std::time::Duration;

use event_listener::Listener;
use highwater_patterns::{PipeId, Refusal};
use rustix::event::{PollFd, PollFlags, poll};

use super::spin::YIELDS;
use super::wait::{Deadline, Unsent, Wait};
use super::{Core, Locked, State};
use crate::origin::Here;
use crate::pipe::{Notices, PipeEvent, Wire};
use crate::wake::timespec;

/// A peer that has taken nothing for so long does not catch up.
const STALL: Duration = Duration::from_millis(10);

/// How long a sender waits for the kernel to take more before it leaves that to the I/O thread.
const OUTPUT_WAIT: Duration = Duration::from_millis(1);

impl Core {
    /// After a send: waits until the only peer has caught up, as long as it does and the call may wait. A thousand
    /// messages of a megabyte are a gigabyte, all of it memory that no cache has seen before.
    #[cold]
    pub(super) fn ease<'a>(&'a self, mut state: Locked<'a>, deadline: Deadline) -> Locked<'a> {
        if !self.is_here() {
            return state;
        }
        state.table.set_senders_wait(true);
        while let (None, Some(taken)) = (state.ended, state.table.ask_for_ease()) {
            if deadline.has_passed() {
                break;
            }
            if let Some(output) = state.table.wait_here() {
                let takes;
                (state, takes) = self.wait_for_output(state, output, deadline);
                if takes {
                    continue;
                }
            }
            let left = deadline.left(STALL);
            let listener = self.writable.listen();
            let mut told = false;
            state = state.unlocked(|| told = listener.wait_timeout(left).is_some());
            if !told && left == STALL && state.table.ask_for_ease() == Some(taken) {
                state.table.has_stalled();
                break;
            }
        }
        self.writable.notify(1);
        state
    }

    /// Waits a while until the kernel takes more of the only pipe, and writes; false if it takes nothing.
    fn wait_for_output<'a>(
        &'a self,
        state: Locked<'a>,
        (pipe, wire): (PipeId, Arc<dyn Wire>),
        deadline: Deadline,
    ) -> (Locked<'a>, bool) {
        let left = deadline.left(OUTPUT_WAIT);
        let mut takes = false;
        let mut state = state.unlocked(|| takes = takes_bytes(&*wire, left));
        if takes && state.table.write_again(pipe) {
            self.happen(&mut state, PipeEvent::Writable(pipe));
        }
        (state, takes)
    }

    /// Nobody has room: waits until there may be some, as long as `wait` allows.
    #[cold]
    pub(super) fn wait_for_room<'a>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        waiting: &mut Option<WaitForRoom>,
    ) -> (Locked<'a>, Result<(), Unsent>) {
        let here = match waiting {
            Some(waiting) => Some(waiting.here),
            None => self.origin().ask(),
        };
        let Some(here) = here else {
            let ended = self.forked(&mut state);
            return (state, Err(ended));
        };
        let waiting = waiting.get_or_insert_with(|| WaitForRoom::begin(&mut state, wait, here));
        if state.is_given_up() {
            return (state, Err(Unsent::GivenUp));
        }
        self.mute(&mut state);
        if waiting.deadline.has_passed() {
            return (state, Err(Unsent::Refused(Refusal::Full)));
        }
        if waiting.patient
            && let Some(output) = state.table.wait_here()
        {
            (state, waiting.patient) = self.wait_for_output(state, output, waiting.deadline);
        } else if waiting.yields > 0 {
            // A reader within the process is likely at work this very moment.
            waiting.yields -= 1;
            state = state.unlocked(std::thread::yield_now);
        } else {
            let listener = self.writable.listen();
            state = state.unlocked(|| waiting.deadline.sleep(listener, here));
        }
        // Another may have been told meanwhile.
        state.table.note(Notices::MUTED);
        let outcome = state
            .ended
            .map_or(Ok(()), |ended| Err(Unsent::Ended(ended)));
        (state, outcome)
    }

    /// A send has waited, and waits no more: there may be room for one more of those who do.
    pub(super) fn has_waited(&self) {
        self.writable.notify(1);
    }
}

/// How a send waits for room.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitForRoom {
    deadline: Deadline,
    /// What it has asked first.
    here: Here,
    /// The kernel has taken something whenever it was waited for.
    patient: bool,
    /// Turns left to give away before it sleeps.
    yields: u32,
}

impl WaitForRoom {
    fn begin(state: &mut State, wait: Wait, here: Here) -> Self {
        let deadline = Deadline::new(wait, state.options.send_timeout);
        state.table.set_senders_wait(!deadline.has_passed());
        let within = state.table.has_lanes();
        Self {
            deadline,
            here,
            patient: true,
            yields: if within { YIELDS } else { 0 },
        }
    }
}

/// Waits until `wire` takes bytes, or has failed; false if neither is so after `timeout`.
fn takes_bytes(wire: &dyn Wire, timeout: Duration) -> bool {
    let descriptor = wire.as_fd();
    let mut descriptors = [PollFd::new(&descriptor, PollFlags::OUT)];
    poll(&mut descriptors, Some(&timespec(timeout))).is_ok_and(|ready| ready > 0)
}

//! The way out of a pipe: what a socket has sent and the kernel has not taken.
//!
//! Owns: the two batches (one being filled, one being written), their counts, and who may write now.
//! Always true: at most one thread writes; a message is in exactly one batch; while `scheduled`, the I/O thread will look
//! here again; every change of the [state](State) happens under the one lock.
//! Must not know: sockets, patterns, how the I/O thread finds its work.
//! Source: the high-water mark as in RFC 30 and libzmq's ZMQ_SNDHWM: whole messages, per peer.
//!
//! ```text
//!             push                      direct write, or the I/O thread
//!   message ---------> back ---swap---> front ---------> kernel
//!                       ^                 |  short write: the kernel is full until it has room
//!                       +--- rewind <-----+  connection lost: what was not delivered stays
//! ```

use std::io;
use std::time::Instant;

use highwater_patterns::{Message, Outbound};

use super::{Batch, Duty, HighWater, Notices, Wire};
use crate::origin::Origin;
use crate::policy::WritePolicy;
use crate::sync::{AtomicU32, Mutex, MutexGuard};

mod draft;
mod flush;
mod kernel;
mod life;
mod pump;
mod recall;
mod report;
mod state;
mod subscriptions;

pub(crate) use draft::Draft;
use kernel::Waiter;
pub(crate) use recall::Fate;
pub(crate) use report::{OutgoingCounts, Pumped};
use state::{Entry, InFlight, State, Writer};
pub(crate) use subscriptions::Change;
pub(super) use subscriptions::{MOST_BYTES, Unsaid};

/// With so many bytes of commands unwritten, no more heartbeats are added.
const MOST_COMMAND_BYTES: usize = 16 * 1024;

/// A blocking send would rather wait than let more bytes than this pile up, as long as the peer takes some.
const SOFT_BUDGET: usize = 1024 * 1024;

/// The outgoing half of a pipe; shared by the senders of a socket and its I/O thread.
#[derive(Debug)]
pub(crate) struct Outgoing {
    state: Mutex<State>,
    origin: Origin,
    /// A [`TryLockStreak`](crate::policy::TryLockStreak) in bits, used by the I/O thread alone.
    streak: AtomicU32,
}

impl Outgoing {
    pub(crate) fn new(limit: HighWater, conflate: bool) -> Self {
        let origin = Origin::here();
        Self {
            origin,
            streak: AtomicU32::new(0),
            state: Mutex::new(State::new(limit, conflate, origin)),
        }
    }

    /// Takes a copy of `message` in bytes, behind what is in `draft`. Refused if the pipe is at its high-water mark or closed,
    /// and then it will tell when there is room. If this turns out to be a stream, `draft` is lent.
    ///
    /// The socket's `policy` decides whether it is written at once.
    ///
    /// Not inlined, so that nothing of it is in the way of what goes into a draft.
    #[inline(never)]
    fn push(
        &self,
        message: &impl Outbound,
        policy: &mut WritePolicy,
        draft: &mut Draft,
    ) -> Notices {
        let Some(mut state) = self.lock_here() else {
            return Notices::FOREIGN;
        };
        if !draft.is_settled() {
            state.take_in(draft);
        }
        let mut streams = false;
        if !state.has_room() {
            streams = state.make_room();
            if !streams {
                return state.refuse();
            }
        }
        state.conflate();
        state.back.push(message);
        state.counts.messages += 1;
        policy.have_been_sent(draft.take_untold().saturating_add(1));
        let mut notices = Notices::NONE;
        streams |= state.after_push(policy, &mut notices);
        notices |= Notices::OVER_BUDGET.when(state.is_heavy());
        if streams {
            notices |= state.lend(draft);
        }
        notices | state.foreign()
    }

    /// Takes a copy of the one message in `framed`; refused if there is no room. As [`push`](Self::push)
    /// otherwise, and never lent.
    #[inline]
    pub(crate) fn push_framed(&self, framed: &Batch, policy: &mut WritePolicy) -> Notices {
        let Some(mut state) = self.lock_here() else {
            return Notices::FOREIGN;
        };
        if !state.has_room() && !state.make_room() {
            return state.refuse();
        }
        state.conflate();
        state.back.extend_from(framed);
        state.counts.messages += framed.messages() as u64;
        policy.have_been_sent(1);
        let mut notices = Notices::NONE;
        state.after_push(policy, &mut notices);
        notices | state.foreign()
    }

    /// Takes `message` whatever the high-water mark says; false if the pipe is closed.
    pub(crate) fn push_always(&self, message: &Message) -> bool {
        let Some(mut state) = self.lock_here().filter(|state| !state.is_closed()) else {
            return false;
        };
        state.back.push(message);
        state.counts.messages += 1;
        state.after_push(&mut WritePolicy::urgent(), &mut Notices::default());
        true
    }

    /// Whether a push would take a message; if not, the pipe remembers to tell when it would.
    pub(crate) fn has_room(&self) -> bool {
        let Some(mut state) = self.lock_here() else {
            return false;
        };
        let room = state.has_room() || state.make_room();
        state.fullness.wanted |= !room;
        room
    }

    /// How many messages of any size are sure to find room.
    pub(crate) fn room(&self) -> usize {
        self.lock_here().map_or(0, |state| {
            if state.is_closed() {
                0
            } else {
                state.limit.room(state.queued())
            }
        })
    }

    /// Queues a PING or a PONG: `encode` appends it, framed. It goes out before the messages that wait, also while the last
    /// linger, and is dropped where no connection exists, or so many wait that the peer does not read: it cannot make us
    /// hoard answers. The I/O thread writes it, with all that have gathered by then: a write for each would have a peer
    /// that sends nothing else keep its reader busy.
    pub(crate) fn heartbeat(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let Some(mut state) = self.lock_here() else {
            return;
        };
        let goes_out = state.line.wire().is_some() && state.entry != Entry::Ended;
        if goes_out && state.commands.len() < MOST_COMMAND_BYTES {
            encode(&mut state.commands);
            if !state.scheduled && state.may_write() {
                state.schedule();
            }
        }
    }

    /// Changes the high-water mark, at once; true if a pipe found full has room now.
    pub(crate) fn set_limit(&self, limit: HighWater) -> bool {
        let mut state = self.lock();
        state.limit = limit;
        state.look_for_room();
        let has_room = state.fullness.wanted && state.has_room();
        state.fullness.wanted &= !has_room;
        has_room
    }

    /// Asks to be told when less than half of the soft budget is queued; false if that is so already.
    pub(crate) fn ask_for_ease(&self) -> bool {
        let mut state = self.lock();
        state.fullness.ease_wanted = state.queued_bytes() > SOFT_BUDGET / 2;
        state.fullness.ease_wanted
    }

    /// A sender has waited in vain: no other shall, until the kernel takes something again.
    pub(crate) fn has_stalled(&self) {
        let mut state = self.lock();
        state.fullness.ease_wanted = false;
        state.fullness.stalled_at = Some(state.counts.bytes);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.state.lock();
        state.check();
        state
    }

    /// The lock; `None` in a forked child whose parent was here at the fork.
    #[inline]
    fn lock_here(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.state.lock_here(|| self.origin.is_here())?;
        state.check();
        Some(state)
    }
}

impl State {
    #[inline]
    fn queued(&self) -> usize {
        self.back.messages() + self.in_flight.messages
    }

    #[inline]
    fn queued_bytes(&self) -> usize {
        self.back.len() + self.in_flight.bytes
    }

    #[inline]
    fn is_heavy(&self) -> bool {
        self.queued_bytes() > SOFT_BUDGET
            && self.kernel.is_full()
            && self.fullness.stalled_at != Some(self.counts.bytes)
    }

    fn is_empty(&self) -> bool {
        self.back.is_empty()
            && self.in_flight.bytes == 0
            && self.commands.is_empty()
            && self.unsaid.is_empty()
    }

    #[inline]
    fn has_room(&self) -> bool {
        !self.is_closed()
            && (self.conflate || self.limit.is_above(self.queued(), self.queued_bytes()))
    }

    fn is_low(&self) -> bool {
        self.limit.is_far_above(self.queued(), self.queued_bytes())
    }

    /// Where only the latest message is kept, what waits makes way for the next.
    #[inline]
    fn conflate(&mut self) {
        if self.conflate && self.back.messages() > 0 {
            self.counts.replaced += self.back.messages() as u64;
            self.back.clear();
        }
    }

    /// A message found no room.
    #[cold]
    fn refused(&mut self) {
        self.fullness.wanted = true;
        if !self.is_closed() {
            self.fullness.since.get_or_insert_with(Instant::now);
        }
    }

    /// There may be room again for a message like one that was refused.
    fn look_for_room(&mut self) {
        if let Some(since) = self.fullness.since
            && self.has_room()
        {
            self.fullness.time += since.elapsed();
            self.fullness.since = None;
        }
    }

    /// Before a send is refused: writes, if nobody else does, and says whether that made room.
    #[cold]
    fn make_room(&mut self) -> bool {
        if !self.is_closed() && self.may_write() {
            self.write_here();
        }
        self.has_room()
    }

    /// There is no room: the socket will be told when there is.
    #[cold]
    fn refuse(&mut self) -> Notices {
        self.refused();
        Notices::REFUSED | self.foreign()
    }

    /// Says so if this is a forked child, and the connection is its parent's.
    #[inline]
    fn foreign(&self) -> Notices {
        Notices::FOREIGN.when(self.entry == Entry::Foreign)
    }

    /// Before anything leaves this process: whether the connection is this process's own. If not, the pipe takes no
    /// message any more.
    #[cold]
    fn is_here(&mut self) -> bool {
        if !self.origin.is_here() {
            self.entry = Entry::Foreign;
        }
        self.entry != Entry::Foreign
    }

    /// Decides who writes what was just added; true if it made a batch, which is written.
    #[inline]
    fn after_push(&mut self, policy: &mut WritePolicy, notices: &mut Notices) -> bool {
        self.waiter = if policy.is_left_to_senders() {
            Waiter::Sender
        } else {
            Waiter::Poller
        };
        if !self.may_write() || self.line.live().is_none() {
            return false;
        }
        let is_batch = self.back.gathered() >= policy.batch_bytes();
        if is_batch {
            policy.has_filled();
            self.write_here();
        } else if !self.scheduled || policy.has_waited() {
            self.begin(policy);
        }
        if !self.unflushed && !self.back.is_empty() {
            self.unflushed = true;
            *notices |= Notices::UNFLUSHED;
        }
        is_batch
    }

    /// The link is idle, or the socket has waited for input. In a conversation the sender writes; in a stream it leaves
    /// the beginning to the I/O thread and goes on filling.
    #[cold]
    fn begin(&mut self, policy: &mut WritePolicy) {
        if policy.begin(Instant::now()) {
            self.write_here();
            policy.has_begun(Instant::now());
        } else if !self.scheduled {
            self.schedule();
        }
    }

    fn schedule(&mut self) {
        if !self.is_here() {
            return;
        }
        if let Some(wire) = self.line.wire() {
            self.scheduled = true;
            wire.duty(Duty::Flush);
        }
    }

    /// Writes under the lock until everything is out or the kernel is full. A failure is left to the I/O thread.
    fn write_here(&mut self) {
        let Some(wire) = self.line.live().cloned() else {
            return;
        };
        if !self.is_here() {
            return;
        }
        while !self.kernel.is_full() && (!self.front.is_empty() || self.turn_over()) {
            let outcome = self.front.write_from(self.in_flight.written, &*wire);
            if let Err(error) = self.account(outcome, &*wire, self.waiter) {
                self.line.fail();
                wire.duty(Duty::OutputLost(error.into()));
                return;
            }
        }
    }

    /// Makes the filled batch the one to be written; false if there is nothing to write.
    fn turn_over(&mut self) -> bool {
        debug_assert!(
            self.front.is_empty() && self.in_flight.written == 0,
            "one batch is written at a time"
        );
        self.tell_unsaid();
        let commands_len = self.commands.len();
        if !self.commands.is_empty() {
            let mut commands = std::mem::take(&mut self.commands);
            self.back.prepend(&mut commands);
        }
        if self.back.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.back, &mut self.front);
        self.in_flight = InFlight {
            messages: self.front.messages(),
            bytes: self.front.len(),
            commands: commands_len,
            written: 0,
        };
        self.last_batch = self.front.gathered();
        true
    }

    /// Books what one write has done to `front`.
    fn account(
        &mut self,
        outcome: io::Result<usize>,
        wire: &dyn Wire,
        waiter: Waiter,
    ) -> io::Result<()> {
        match outcome {
            Ok(taken) => {
                self.in_flight.written += taken;
                self.counts.bytes += taken as u64;
                if taken > 0 && self.kernel.takes_again() {
                    self.resumed = self.resumed.wrapping_add(1);
                }
                if self.in_flight.written == self.front.len() {
                    self.written_out();
                }
                self.look_for_room();
                let room = self.fullness.wanted && self.is_low();
                let ease = self.fullness.ease_wanted && self.queued_bytes() <= SOFT_BUDGET / 2;
                self.fullness.wanted &= !room;
                self.fullness.ease_wanted &= !ease;
                if room || ease {
                    wire.duty(Duty::Room);
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.block(wire, waiter);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The kernel has all of `front`. Its memory, which is still in the processor's cache, is what is filled next, unless
    /// somebody has begun to fill the other.
    fn written_out(&mut self) {
        self.gone += self.in_flight.messages as u64;
        self.front.clear();
        self.in_flight = InFlight::default();
        if self.back.is_empty() {
            std::mem::swap(&mut self.back, &mut self.front);
        }
    }
}

#[cfg(test)]
mod tests;

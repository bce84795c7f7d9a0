//! The way out of a pipe: what a socket has sent and the kernel has not taken.
//!
//! Owns: the two batches (one being filled, one being written), their counts, and who may write now.
//! Always true: at most one thread writes; a message is in exactly one batch; `flying` messages are in `front`;
//! while `scheduled`, the I/O thread will look here again; every change of a flag happens under the one lock.
//! Must not know: sockets, patterns, how the I/O thread finds its work.
//! Source: the high-water mark as in RFC 30 and libzmq's ZMQ_SNDHWM: whole messages, per peer.
//!
//! ```text
//!             push                      direct write, or the I/O thread
//!   message ---------> back ---swap---> front ---------> kernel
//!                       ^                 |  short write: `blocked` until the kernel has room
//!                       +--- rewind <-----+  connection lost: what was not delivered stays
//! ```

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_patterns::{Message, Outbound};

use super::{Batch, Duty, HighWater, Notices, Wire};
use crate::origin::Origin;
use crate::policy::{StreamDetector, WritePolicy};
use crate::sync::{AtomicU32, Mutex, MutexGuard};

mod blocked;
mod draft;
mod flush;
mod life;
mod pump;
mod recall;
mod report;
mod subscriptions;

use blocked::Blocked;
pub(crate) use draft::Draft;
pub(crate) use recall::Fate;
pub(crate) use report::{OutgoingCounts, Pumped};
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
    /// A [`TryLockStreak`] in bits, used by the I/O thread alone.
    streak: AtomicU32,
}

#[derive(Debug)]
struct State {
    /// Being filled by senders.
    back: Batch,
    /// Being written. Empty while `busy`: the I/O thread has taken it along.
    front: Batch,
    /// Bytes of `front` that the kernel has.
    written: usize,
    /// Messages in `front`, also while the I/O thread has it.
    flying: usize,
    /// Bytes of `front`, likewise.
    flying_bytes: usize,
    /// Bytes of commands at the beginning of `front`.
    flying_commands: usize,
    /// Messages that the kernel has whole.
    gone: u64,
    /// What `gone` was when the connection began.
    gone_before: u64,
    /// The connection before has ended in the midst of the first message here.
    is_cut: bool,
    /// So often has a peer cut the first message off.
    cuts: usize,
    /// The kernel was full when last written to.
    was_full: bool,
    /// How often it has taken something after it had been full.
    resumed: u32,
    /// What the last batch had gathered when it became the one to be written.
    last_batch: usize,
    /// Encoded commands, to be written before `back`; never counted against the high-water mark.
    commands: Vec<u8>,
    /// What of subscriptions is not among them, since the peer does not read.
    unsaid: Unsaid,
    /// The I/O thread writes, outside the lock.
    busy: bool,
    blocked: Blocked,
    /// It is left to the senders to wait for the kernel.
    left_to_senders: bool,
    /// The I/O thread has a duty here.
    scheduled: bool,
    /// What is being filled is a sender's [`Draft`], and not `back`.
    lent: bool,
    /// The socket found the pipe full and waits to hear of room.
    wanted: bool,
    /// When a message was first refused, while there is no room since.
    full_since: Option<Instant>,
    time_full: Duration,
    /// A sender waits until the pipe holds less than half of its soft budget.
    eased: bool,
    /// What the kernel had taken when a sender last waited in vain.
    stalled_at: Option<u64>,
    /// A write failed; the I/O thread has been told and will end the connection.
    broken: bool,
    /// No message is taken any more.
    closed: bool,
    /// Nor would one ever go out: this is a forked child, and the connection is its parent's.
    stranded: bool,
    origin: Origin,
    /// Nothing else either: the stream is closed on our side.
    ended: bool,
    wire: Option<Arc<dyn Wire>>,
    fate: Fate,
    /// A connection on which nothing is written before the socket knows who is behind it.
    coming: Option<Arc<dyn Wire>>,
    /// It is known that this is not the peer there was before.
    another_peer: bool,
    /// What the I/O thread has taken along was to go to a connection that has been cut meanwhile.
    cut_while_busy: bool,
    detector: StreamDetector,
    /// The socket knows that something waits here, and will flush it before it waits for input.
    left: bool,
    /// It has done so since the I/O thread last looked.
    flushed: bool,
    limit: HighWater,
    conflate: bool,
    counts: OutgoingCounts,
}

impl Outgoing {
    pub(crate) fn new(limit: HighWater, conflate: bool) -> Self {
        let origin = Origin::here();
        Self {
            origin,
            streak: AtomicU32::new(0),
            state: Mutex::new(State {
                back: Batch::default(),
                front: Batch::default(),
                written: 0,
                flying: 0,
                flying_bytes: 0,
                flying_commands: 0,
                gone: 0,
                gone_before: 0,
                is_cut: false,
                cuts: 0,
                was_full: false,
                resumed: 0,
                last_batch: 0,
                commands: Vec::new(),
                unsaid: Unsaid::default(),
                busy: false,
                blocked: Blocked::default(),
                left_to_senders: false,
                scheduled: false,
                lent: false,
                wanted: false,
                full_since: None,
                time_full: Duration::ZERO,
                eased: false,
                stalled_at: None,
                broken: false,
                closed: false,
                stranded: false,
                origin,
                ended: false,
                wire: None,
                fate: Fate::default(),
                coming: None,
                another_peer: false,
                cut_while_busy: false,
                detector: StreamDetector::default(),
                left: false,
                flushed: false,
                limit,
                conflate,
                counts: OutgoingCounts::default(),
            }),
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
        let Some(mut state) = self.lock_here().filter(|state| !state.closed) else {
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
        state.wanted |= !room;
        room
    }

    /// How many messages of any size are sure to find room.
    pub(crate) fn room(&self) -> usize {
        self.lock_here().map_or(0, |state| {
            if state.closed {
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
        if state.wire.is_some() && !state.ended && state.commands.len() < MOST_COMMAND_BYTES {
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
        state.wanted && state.has_room() && {
            state.wanted = false;
            true
        }
    }

    /// Asks to be told when less than half of the soft budget is queued; false if that is so already.
    pub(crate) fn ask_for_ease(&self) -> bool {
        let mut state = self.lock();
        state.eased = state.queued_bytes() > SOFT_BUDGET / 2;
        state.eased
    }

    /// A sender has waited in vain: no other shall, until the kernel takes something again.
    pub(crate) fn has_stalled(&self) {
        let mut state = self.lock();
        state.eased = false;
        state.stalled_at = Some(state.counts.bytes);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The lock; `None` in a forked child whose parent was here at the fork.
    #[inline]
    fn lock_here(&self) -> Option<MutexGuard<'_, State>> {
        self.state.lock_here(|| self.origin.is_here())
    }
}

impl State {
    #[inline]
    fn queued(&self) -> usize {
        self.back.messages() + self.flying
    }

    #[inline]
    fn queued_bytes(&self) -> usize {
        self.back.len() + self.flying_bytes
    }

    #[inline]
    fn is_heavy(&self) -> bool {
        self.queued_bytes() > SOFT_BUDGET
            && self.blocked.is_full()
            && self.stalled_at != Some(self.counts.bytes)
    }

    fn is_empty(&self) -> bool {
        self.back.is_empty()
            && self.flying_bytes == 0
            && self.commands.is_empty()
            && self.unsaid.is_empty()
    }

    #[inline]
    fn has_room(&self) -> bool {
        !self.closed && (self.conflate || self.limit.is_above(self.queued(), self.queued_bytes()))
    }

    /// Whether nobody else writes, and the kernel takes something.
    #[inline]
    fn may_write(&self) -> bool {
        !self.busy && !self.blocked.is_full() && !self.broken
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
        self.wanted = true;
        if !self.closed {
            self.full_since.get_or_insert_with(Instant::now);
        }
    }

    /// There may be room again for a message like one that was refused.
    fn look_for_room(&mut self) {
        if let Some(since) = self.full_since
            && self.has_room()
        {
            self.time_full += since.elapsed();
            self.full_since = None;
        }
    }

    /// Before a send is refused: writes, if nobody else does, and says whether that made room.
    #[cold]
    fn make_room(&mut self) -> bool {
        if !self.closed && self.may_write() {
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
        Notices::FOREIGN.when(self.stranded)
    }

    /// Before anything leaves this process: whether the connection is this process's own. If not, the pipe takes no
    /// message any more.
    #[cold]
    fn is_here(&mut self) -> bool {
        self.stranded |= !self.origin.is_here();
        self.closed |= self.stranded;
        !self.stranded
    }

    /// Decides who writes what was just added; true if it made a batch, which is written.
    #[inline]
    fn after_push(&mut self, policy: &mut WritePolicy, notices: &mut Notices) -> bool {
        self.left_to_senders = policy.is_left_to_senders();
        if !self.may_write() || self.wire.is_none() {
            return false;
        }
        let is_batch = self.back.gathered() >= policy.batch_bytes();
        if is_batch {
            policy.has_filled();
            self.write_here();
        } else if !self.scheduled || policy.has_waited() {
            self.begin(policy);
        }
        if !self.left && !self.back.is_empty() {
            self.left = true;
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
        if let Some(wire) = &self.wire {
            self.scheduled = true;
            wire.duty(Duty::Flush);
        }
    }

    /// Writes under the lock until everything is out or the kernel is full. A failure is left to the I/O thread.
    fn write_here(&mut self) {
        let Some(wire) = self.wire.clone() else {
            return;
        };
        if !self.is_here() {
            return;
        }
        while !self.blocked.is_full() && (!self.front.is_empty() || self.turn_over()) {
            let outcome = self.front.write_from(self.written, &*wire);
            if let Err(error) = self.account(outcome, &*wire, !self.left_to_senders) {
                self.broken = true;
                wire.duty(Duty::OutputLost(error.into()));
                return;
            }
        }
    }

    /// Makes the filled batch the one to be written; false if there is nothing to write.
    fn turn_over(&mut self) -> bool {
        debug_assert!(
            self.front.is_empty() && self.written == 0,
            "one batch is written at a time"
        );
        self.tell_unsaid();
        self.flying_commands = self.commands.len();
        if !self.commands.is_empty() {
            let mut commands = std::mem::take(&mut self.commands);
            self.back.prepend(&mut commands);
        }
        if self.back.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.back, &mut self.front);
        self.flying = self.front.messages();
        self.flying_bytes = self.front.len();
        self.last_batch = self.front.gathered();
        true
    }

    /// Books what one write has done to `front`.
    fn account(
        &mut self,
        outcome: io::Result<usize>,
        wire: &dyn Wire,
        watch: bool,
    ) -> io::Result<()> {
        match outcome {
            Ok(taken) => {
                self.written += taken;
                self.counts.bytes += taken as u64;
                if self.was_full && taken > 0 {
                    self.was_full = false;
                    self.resumed = self.resumed.wrapping_add(1);
                }
                if self.written == self.front.len() {
                    self.written_out();
                }
                self.look_for_room();
                let room = self.wanted && self.is_low();
                let ease = self.eased && self.queued_bytes() <= SOFT_BUDGET / 2;
                self.wanted &= !room;
                self.eased &= !ease;
                if room || ease {
                    wire.duty(Duty::Room);
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.block(wire, watch);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The kernel has all of `front`. Its memory, which is still in the processor's cache, is what is filled next, unless
    /// somebody has begun to fill the other.
    fn written_out(&mut self) {
        self.gone += self.flying as u64;
        self.front.clear();
        self.flying_commands = 0;
        self.written = 0;
        self.flying = 0;
        self.flying_bytes = 0;
        if self.back.is_empty() {
            std::mem::swap(&mut self.back, &mut self.front);
        }
    }
}

#[cfg(test)]
mod tests;

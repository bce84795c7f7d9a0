//! The push of a message into a pipe, and the decision whether the sender or the I/O thread writes it.
//!
//! Owns: nothing; it fills the batch at the back.
//! Always true: when the call returns, a message that was taken is in the batch or with the kernel. If it waits while
//! there is a connection, the I/O thread has a duty here, or is told when the kernel has room.
//! Must not know: how a batch is written.

use std::time::Instant;

use highwater_patterns::{Message, Outbound};

use super::kernel::Waiter;
use super::{Draft, Outgoing, SendSide, State};
use crate::pipe::{Batch, WriteEffects};
use crate::policy::WritePolicy;

impl Outgoing {
    /// Takes back `draft` and encodes `message` behind it. Refused if the pipe is at its high-water mark or closed;
    /// then it tells the socket when there is room. If the sender streams, the batch is handed out as `draft` again.
    ///
    /// The socket's `policy` decides whether the message is written at once.
    ///
    /// Not inlined, to keep the path of a message into a draft short.
    #[inline(never)]
    pub(super) fn push(
        &self,
        message: &impl Outbound,
        policy: &mut WritePolicy,
        draft: &mut Draft,
    ) -> WriteEffects {
        let Some(mut state) = self.lock_here() else {
            return WriteEffects::FOREIGN;
        };
        if !draft.is_handed_back() {
            state.take_draft(draft);
        }
        let mut streams = false;
        if !state.has_room() {
            streams = state.write_for_room();
            if !streams {
                return state.refuse();
            }
        }
        state.conflate();
        state.back.push(message);
        state.counts.messages += 1;
        policy.have_been_sent(draft.take_untold().saturating_add(1));
        let mut effects = WriteEffects::NONE;
        streams |= state.after_push(policy, &mut effects);
        effects |= WriteEffects::OVER_SOFT_MARK.when(state.is_over_soft_mark());
        if streams {
            effects |= state.hand_out(draft);
        }
        effects | state.foreign()
    }

    /// As [`push`](Self::push), for a message that was encoded before, alone, into `framed`; the batch is never handed
    /// out.
    #[inline]
    pub(crate) fn push_framed(&self, framed: &Batch, policy: &mut WritePolicy) -> WriteEffects {
        let Some(mut state) = self.lock_here() else {
            return WriteEffects::FOREIGN;
        };
        if !state.has_room() && !state.write_for_room() {
            return state.refuse();
        }
        state.conflate();
        state.back.extend_from(framed);
        state.counts.messages += framed.messages() as u64;
        policy.have_been_sent(1);
        let mut effects = WriteEffects::NONE;
        state.after_push(policy, &mut effects);
        effects | state.foreign()
    }

    /// Takes `message` even above the high-water mark; false if the pipe is closed.
    pub(crate) fn push_always(&self, message: &Message) -> bool {
        let Some(mut state) = self.lock_here().filter(|state| !state.is_closed()) else {
            return false;
        };
        state.back.push(message);
        state.counts.messages += 1;
        state.after_push(&mut WritePolicy::urgent(), &mut WriteEffects::default());
        true
    }
}

impl State {
    /// If only the latest message is kept, drops the waiting ones.
    #[inline]
    pub(super) fn conflate(&mut self) {
        if self.conflate && self.back.messages() > 0 {
            self.counts.replaced += self.back.messages() as u64;
            self.back.clear();
        }
    }

    /// Refuses a message for want of room: the socket will be told when there is room.
    #[cold]
    fn refuse(&mut self) -> WriteEffects {
        self.refused();
        WriteEffects::REFUSED | self.foreign()
    }

    /// [`WriteEffects::FOREIGN`] if this is a forked child, and the connection is its parent's.
    #[inline]
    pub(super) fn foreign(&self) -> WriteEffects {
        WriteEffects::FOREIGN.when(self.send_side == SendSide::Foreign)
    }

    /// Decides whether the sender or the I/O thread writes the message that was just added. True if it completed a
    /// batch, which was written here.
    #[inline]
    pub(super) fn after_push(
        &mut self,
        policy: &mut WritePolicy,
        effects: &mut WriteEffects,
    ) -> bool {
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
            *effects |= WriteEffects::UNFLUSHED;
        }
        is_batch
    }

    /// The first message of a batch. In a conversation the sender writes it at once; in a stream it leaves the batch to
    /// the I/O thread and goes on filling it.
    #[cold]
    fn begin(&mut self, policy: &mut WritePolicy) {
        if policy.begin(Instant::now()) {
            self.write_here();
            policy.has_begun(Instant::now());
        } else if !self.scheduled {
            self.schedule();
        }
    }
}

//! A draft: the batch of a pipe while its sender fills it, under the lock of the socket alone.
//!
//! Owns: the batch while its sender has it, and how many messages may go into it before the pipe is asked again.
//! Always true: a batch is handed out only to a sender that has just written one, since that probably fills the next,
//! and only while the I/O thread has a duty here, which asks for the draft back. The messages of a draft come after all
//! others of the pipe. `Core::lock`, by which every call but a send or a receive takes the socket's lock, collects the
//! drafts first, and so does each event; a flush hands its pipe's draft back.
//! Must not know: who collects a draft, and why.

use highwater_patterns::Outbound;

use super::{Outgoing, State};
use crate::pipe::{Batch, WriteEffects};
use crate::policy::WritePolicy;

/// Messages that a socket has sent and its pipe does not know of; guarded by the socket's lock.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    batch: Batch,
    /// How many messages may be added before the pipe is asked again.
    room: usize,
    /// The value of `room` when the batch was handed out.
    granted: usize,
    /// How many added messages the socket's write policy was not told of yet.
    untold: u32,
    /// The socket knows that there is a draft to collect.
    noted: bool,
    /// How many messages the pipe could not take, since it was closed meanwhile.
    lost: usize,
}

impl Draft {
    /// Encodes `message` into the draft, or has `pipe` take it. Refused if there is no room; then the pipe tells the
    /// socket when there is.
    #[inline(always)]
    pub(crate) fn push(
        &mut self,
        message: &impl Outbound,
        pipe: &Outgoing,
        policy: &mut WritePolicy,
    ) -> WriteEffects {
        if self.room == 0 || policy.has_waited() {
            return pipe.push(message, policy, self);
        }
        self.room -= 1;
        self.batch.push(message);
        if self.batch.gathered() >= policy.batch_bytes() {
            return pipe.write_draft(policy, self);
        }
        WriteEffects::NONE
    }

    /// How many messages were added that the pipe has not counted yet.
    fn added(&self) -> usize {
        self.granted - self.room
    }

    /// How many messages were added since the last call.
    pub(super) fn take_untold(&mut self) -> u32 {
        std::mem::take(&mut self.untold)
    }

    /// Whether the pipe has its batch back.
    #[inline]
    pub(crate) fn is_handed_back(&self) -> bool {
        self.room == 0 && self.batch.is_empty()
    }

    /// Gives the batch back to `pipe`.
    #[inline]
    pub(crate) fn hand_back(&mut self, pipe: &Outgoing) {
        if !self.is_handed_back() {
            pipe.take_back_draft(self);
        }
    }

    /// As [`hand_back`](Self::hand_back), for the last time; gives the number of messages that `pipe` could not take.
    pub(crate) fn end(&mut self, pipe: &Outgoing) -> usize {
        self.hand_back(pipe);
        self.noted = false;
        std::mem::take(&mut self.lost)
    }

    /// As [`push`](Self::push), at a place that `pipe` has kept.
    pub(crate) fn push_at_place(
        &mut self,
        message: &impl Outbound,
        pipe: &Outgoing,
        policy: &mut WritePolicy,
    ) -> (WriteEffects, bool) {
        pipe.push_at_place(message, policy, self)
    }

    /// Messages in here.
    pub(crate) fn queued(&self) -> usize {
        self.batch.messages()
    }

    /// Whether a message fits, or the pipe has room for one.
    pub(crate) fn has_room(&mut self, pipe: &Outgoing) -> bool {
        self.room > 0 || {
            self.hand_back(pipe);
            pipe.has_room()
        }
    }
}

impl Outgoing {
    /// Takes over `draft`, which has become large enough to be written, and writes it unless another thread is about
    /// to.
    #[cold]
    fn write_draft(&self, policy: &mut WritePolicy, draft: &mut Draft) -> WriteEffects {
        let Some(mut state) = self.lock_here() else {
            return WriteEffects::FOREIGN;
        };
        state.take_draft(draft);
        policy.have_been_sent(draft.take_untold());
        let mut effects = WriteEffects::NONE;
        if state.after_push(policy, &mut effects) {
            effects |= state.hand_out(draft);
        }
        effects | state.foreign()
    }

    /// Takes over what is in `draft`. The I/O thread writes it, unless a sender does so before.
    #[cold]
    fn take_back_draft(&self, draft: &mut Draft) {
        let Some(mut state) = self.lock_here() else {
            return;
        };
        state.take_draft(draft);
        draft.batch.shrink();
        if !state.scheduled && !state.is_empty() {
            state.schedule();
        }
    }
}

impl State {
    /// Takes over the batch in `draft`, and counts its messages.
    #[cold]
    pub(super) fn take_draft(&mut self, draft: &mut Draft) {
        self.drafted = false;
        let added = draft.added();
        (draft.room, draft.granted) = (0, 0);
        draft.untold = draft.untold.saturating_add(added as u32);
        self.counts.messages += added as u64;
        if self.is_closed() {
            draft.lost += draft.batch.messages();
        } else if self.back.is_empty() {
            std::mem::swap(&mut self.back, &mut draft.batch);
        } else {
            self.back.extend_from(&draft.batch);
        }
        draft.batch.clear();
    }

    /// Hands the batch that is being filled out to the sender, for as many messages as the mark allows.
    pub(super) fn hand_out(&mut self, draft: &mut Draft) -> WriteEffects {
        let is_plain = !self.is_closed() && !self.conflate;
        let is_at_work = self.line.live().is_some() && self.scheduled && !self.kernel.is_full();
        let room = self.limit.room(self.queued());
        if !is_plain || !is_at_work || room == 0 {
            return WriteEffects::NONE;
        }
        debug_assert!(draft.is_handed_back(), "a draft is handed out once");
        self.drafted = true;
        (draft.room, draft.granted) = (room, room);
        std::mem::swap(&mut self.back, &mut draft.batch);
        let newly_left = !std::mem::replace(&mut self.unflushed, true);
        let newly_noted = !std::mem::replace(&mut draft.noted, true);
        WriteEffects::UNFLUSHED.when(newly_left) | WriteEffects::DRAFTED.when(newly_noted)
    }
}

#[cfg(test)]
mod tests;

//! Places: room in a pipe that is kept for messages to come.
//!
//! Owns: nothing; it takes places off the high-water mark and gives them back.
//! Always true: what waits and the places together stay within the mark. Only a mark that was lowered can be exceeded, by
//! what was there before. A pipe that refuses a place tells the socket when there is one, as of a message.
//! Must not know: who has a place, and for how long.

use highwater_patterns::Outbound;

use super::{Draft, Outgoing, State};
use crate::pipe::{HighWater, WriteEffects};
use crate::policy::WritePolicy;

impl Outgoing {
    /// Keeps a place, if there is room for a message. The draft of the pipe is here.
    #[cold]
    pub(crate) fn reserve(&self) -> bool {
        let Some(mut state) = self.lock_here() else {
            return false;
        };
        let room = state.has_room() || state.write_for_room();
        if room {
            state.take_place();
        } else {
            state.refused();
        }
        room
    }

    /// Keeps a place for a message that had one in another pipe, even if there is no room.
    #[cold]
    pub(crate) fn take_place_over(&self) {
        let mut state = self.lock();
        state.take_place();
    }

    /// A place is not used: true if the pipe was found full and has room now.
    #[cold]
    pub(crate) fn give_place_back(&self) -> bool {
        let mut state = self.lock();
        state.free_place();
        state.found_room()
    }

    /// As [`push`](Self::push), at a place that was kept; refused only if the pipe is closed. It repeats the end of
    /// `push`: a function for both cost each send 7 instructions, of 321. Beside the effects, whether the
    /// pipe was found full and has room now: with a mark in bytes, the place may have held more than the message takes.
    #[cold]
    pub(super) fn push_at_place(
        &self,
        message: &impl Outbound,
        policy: &mut WritePolicy,
        draft: &mut Draft,
    ) -> (WriteEffects, bool) {
        let Some(mut state) = self.lock_here() else {
            return (WriteEffects::FOREIGN, false);
        };
        if !draft.is_handed_back() {
            state.take_draft(draft);
        }
        state.free_place();
        if state.is_closed() {
            return (WriteEffects::REFUSED | state.foreign(), false);
        }
        state.conflate();
        state.back.push(message);
        state.counts.messages += 1;
        policy.have_been_sent(draft.take_untold().saturating_add(1));
        let mut effects = WriteEffects::NONE;
        state.after_push(policy, &mut effects);
        let has_room = state.found_room();
        (effects | state.foreign(), has_room)
    }
}

impl State {
    pub(super) fn set_mark(&mut self, mark: HighWater) {
        self.mark = mark;
        self.limit = mark.beside(self.reserved);
    }

    fn set_reserved(&mut self, reserved: usize) {
        self.reserved = reserved;
        self.limit = self.mark.beside(reserved);
    }

    fn take_place(&mut self) {
        self.set_reserved(self.reserved + 1);
    }

    fn free_place(&mut self) {
        debug_assert!(self.reserved > 0, "nobody has a place here");
        self.set_reserved(self.reserved.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;

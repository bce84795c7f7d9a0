//! What sends have brought about beside that their messages are on their way.
//!
//! Owns: the set of effects that the core acts on once a send has succeeded.
//! Always true: a send that finds the set empty is done; what concerns one pipe has been noted in the table by then.
//! Must not know: what the core does about a effect.

use highwater_patterns::{Message, Outbound, PipeId};

use super::Table;
use crate::pipe::WriteEffects;

impl Table {
    /// The next send that succeeds has to act on `effects`, too.
    pub(in crate::socket) fn note(&mut self, effects: WriteEffects) {
        self.effects |= effects;
    }

    /// Whether a send that has succeeded has anything to act on.
    #[inline]
    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// What a send that has succeeded has to act on. Each effect is given once.
    pub(in crate::socket) fn take_effects(&mut self) -> WriteEffects {
        std::mem::take(&mut self.effects)
    }

    /// A write of `message` to `pipe` has brought about `effects`: notes what concerns that pipe, and keeps the rest for
    /// the core. Whether the message was taken.
    #[cold]
    pub(super) fn note_write(
        &mut self,
        pipe: PipeId,
        effects: WriteEffects,
        message: &impl Outbound,
    ) -> bool {
        if effects.contains(WriteEffects::FOREIGN) {
            self.note_foreign(pipe, message.to_message());
        }
        if effects.contains(WriteEffects::UNFLUSHED) {
            self.note_unflushed(pipe);
        }
        if effects.contains(WriteEffects::DRAFTED) {
            self.drafts.push(pipe);
        }
        // One of several peers is not waited for.
        let heavy = effects.contains(WriteEffects::OVER_SOFT_MARK) && self.pipes.len() == 1;
        self.effects |= WriteEffects::OVER_SOFT_MARK.when(heavy);
        !effects.contains(WriteEffects::REFUSED)
    }

    /// In a forked child, `message` has met a connection of the parent. To the core it looks like a pipe that was closed, which
    /// senders check for anyway.
    #[cold]
    pub(super) fn note_foreign(&mut self, pipe: PipeId, message: Message) {
        self.foreign = Some(message);
        self.closed.push(pipe);
        self.effects |= WriteEffects::CLOSED;
    }

    /// The message that has met a connection of the parent; its pattern may have given it up.
    pub(in crate::socket) fn take_foreign(&mut self) -> Option<Message> {
        self.foreign.take()
    }
}

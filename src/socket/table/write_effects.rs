//! The effects of sends on which the socket must act.
//!
//! Owns: the set of effects that the core acts on once a send has succeeded.
//! Always true: a send that finds the set empty is done. Effects that concern one pipe are noted in the table by then.
//! Must not know: what the core does about an effect.

use highwater_patterns::{Message, Outbound, PipeId};

use super::Table;
use crate::pipe::WriteEffects;

impl Table {
    /// Adds `effects`, for the next send that succeeds.
    pub(in crate::socket) fn note(&mut self, effects: WriteEffects) {
        self.effects |= effects;
    }

    /// Whether a send that has succeeded has effects to act on.
    #[inline]
    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// Takes the effects on which a send that has succeeded has to act. Each effect is given once.
    pub(in crate::socket) fn take_effects(&mut self) -> WriteEffects {
        std::mem::take(&mut self.effects)
    }

    /// A write of `message` to `pipe` has had these `effects`: notes those that concern the pipe, and keeps the rest
    /// for the core. True if the message was taken.
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
        // A sender waits for a slow peer only if it is the only one.
        let heavy = effects.contains(WriteEffects::OVER_SOFT_MARK) && self.pipes.len() == 1;
        self.effects |= WriteEffects::OVER_SOFT_MARK.when(heavy);
        !effects.contains(WriteEffects::REFUSED)
    }

    /// In a forked child, `message` was refused by a connection of the parent. It is noted like a pipe that was closed,
    /// for which senders check anyway.
    #[cold]
    pub(super) fn note_foreign(&mut self, pipe: PipeId, message: Message) {
        self.foreign = Some(message);
        self.closed.push(pipe);
        self.effects |= WriteEffects::CLOSED;
    }

    /// Takes the message that was refused by a connection of the parent; the pattern may not have given it back.
    pub(in crate::socket) fn take_foreign(&mut self) -> Option<Message> {
        self.foreign.take()
    }
}

//! Writing messages into the pipes of a socket.
//!
//! Owns: the buffer in which a message for many pipes is encoded.
//! Always true: a message for many pipes is encoded once, and the buffer is empty between two messages.
//! Must not know: which pipe a message should take.

use highwater_patterns::{Outbound, PipeId};

use super::Table;
use crate::pipe::WriteEffects;

impl Table {
    /// Queues `message` on `pipe`; false if there is no room, and then `message` is as it was.
    #[inline(always)]
    pub(super) fn write_to(&mut self, pipe: PipeId, message: &mut impl Outbound) -> bool {
        let Some(slot) = self.pipes.get_mut(pipe) else {
            return false;
        };
        let effects = slot.push(message, &mut self.write_policy);
        effects.is_empty() || self.note_write(pipe, effects, message)
    }

    /// Queues `message`, encoded once, on each of `pipes`; calls `full` for each that has no room.
    #[inline]
    pub(super) fn write_to_all(
        &mut self,
        pipes: &[PipeId],
        message: &impl Outbound,
        full: &mut dyn FnMut(PipeId),
    ) {
        self.framed.push(message);
        let mut all = WriteEffects::NONE;
        for pipe in pipes {
            let (framed, policy) = (&self.framed, &mut self.write_policy);
            let slot = self.pipes.get_mut(*pipe);
            let effects = slot.map_or(WriteEffects::REFUSED, |slot| {
                slot.push_copy(message, framed, policy)
            });
            if effects.contains(WriteEffects::REFUSED) {
                full(*pipe);
            }
            if effects.contains(WriteEffects::UNFLUSHED) {
                self.note_unflushed(*pipe);
            }
            all |= effects;
        }
        // Now, and not before the next message: a large body of this one may have an owner that waits for its end.
        self.framed.clear();
        if all.contains(WriteEffects::FOREIGN)
            && let Some(any) = pipes.first()
        {
            self.note_foreign(*any, message.to_message());
        }
    }
}

//! What is sent, on its way into the pipes of a socket.
//!
//! Owns: the frame of a message for many pipes.
//! Always true: a message for many pipes is framed once.
//! Must not know: which pipe they should take.

use highwater_patterns::{Outbound, PipeId};

use super::Table;
use crate::pipe::Notices;

impl Table {
    /// Queues `message` on `pipe` and says so, or leaves it as it is.
    #[inline(always)]
    pub(super) fn write_to(&mut self, pipe: PipeId, message: &mut impl Outbound) -> bool {
        let Some(slot) = self.pipes.get_mut(pipe) else {
            return false;
        };
        let notices = slot.push(message, &mut self.write_policy);
        notices.is_empty() || self.note_write(pipe, notices, message)
    }

    /// Queues `message`, framed once, on each of `pipes`; calls `full` for each that has no room.
    #[inline]
    pub(super) fn write_to_all(
        &mut self,
        pipes: &[PipeId],
        message: &impl Outbound,
        full: &mut dyn FnMut(PipeId),
    ) {
        self.framed.clear();
        self.framed.push(message);
        let mut all = Notices::NONE;
        for pipe in pipes {
            let (framed, policy) = (&self.framed, &mut self.write_policy);
            let slot = self.pipes.get_mut(*pipe);
            let notices = slot.map_or(Notices::REFUSED, |slot| {
                slot.push_copy(message, framed, policy)
            });
            if notices.contains(Notices::REFUSED) {
                full(*pipe);
            }
            if notices.contains(Notices::UNFLUSHED) {
                self.note_unflushed(*pipe);
            }
            all |= notices;
        }
        if all.contains(Notices::FOREIGN)
            && let Some(any) = pipes.first()
        {
            self.note_foreign(*any, message.to_message());
        }
    }
}

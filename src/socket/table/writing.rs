//! What is sent, on its way into the pipes of a socket.
//!
//! Owns: the frame of a message for many pipes.
//! Always true: a message and a body that is still its owner's take the same way.
//! Must not know: which pipe they should take.

use highwater_patterns::PipeId;

use super::Table;
use crate::pipe::Encode;

impl Table {
    /// Queues `message` on `pipe` and says so, or leaves it as it is.
    #[inline(always)]
    pub(super) fn write_to(&mut self, pipe: PipeId, message: &mut impl Encode) -> bool {
        let pace = &mut self.pace;
        let taken = self
            .pipes
            .get_mut(pipe)
            .is_some_and(|slot| slot.push(message, pace));
        if self.pace.take_news() {
            self.see_to(pipe, taken, message);
        }
        taken
    }

    /// Queues `message`, framed once, on each of `pipes`; calls `full` for each that has no room.
    #[inline]
    pub(super) fn write_to_all(
        &mut self,
        pipes: &[PipeId],
        message: &impl Encode,
        full: &mut dyn FnMut(PipeId),
    ) {
        self.framed.clear();
        message.encode_into(&mut self.framed);
        for pipe in pipes {
            let (framed, pace) = (&self.framed, &mut self.pace);
            let taken = self
                .pipes
                .get_mut(*pipe)
                .is_some_and(|slot| slot.push_copy(message, framed, pace));
            if !taken {
                full(*pipe);
            }
            if self.pace.take_left() {
                self.leave(*pipe);
            }
        }
        if self.pace.is_stranded()
            && let Some(any) = pipes.first()
        {
            self.strand(*any, message.to_message());
        }
    }
}

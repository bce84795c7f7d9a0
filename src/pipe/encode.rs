//! What a pipe takes from a sender: a message, or a body that is still its owner's.
//!
//! Owns: the way of either into a batch, and over to the other side within the process.
//! Always true: the same bytes arrive, whichever of the two was sent.
//! Must not know: whether there is room.

use highwater_patterns::{Body, Message};

use super::{Batch, InprocEnd};

/// Something that a pipe may take.
pub(crate) trait Encode: Clone {
    /// Encodes it behind what is in `batch`.
    fn encode_into(&self, batch: &mut Batch);

    /// Moves it to the other side, a body as a copy of its bytes; false if there is no room, and then nothing has changed.
    fn push_within(&mut self, end: &mut InprocEnd) -> bool;

    /// A message of its own of it, for those who keep one.
    fn to_message(&self) -> Message;
}

impl Encode for Message {
    #[inline(always)]
    fn encode_into(&self, batch: &mut Batch) {
        batch.push(self);
    }

    #[inline(always)]
    fn push_within(&mut self, end: &mut InprocEnd) -> bool {
        end.push(self)
    }

    fn to_message(&self) -> Message {
        self.clone()
    }
}

impl Encode for Body<'_> {
    #[inline(always)]
    fn encode_into(&self, batch: &mut Batch) {
        batch.push_body(*self);
    }

    #[inline(always)]
    fn push_within(&mut self, end: &mut InprocEnd) -> bool {
        end.push_body(*self)
    }

    fn to_message(&self) -> Message {
        (*self).into()
    }
}

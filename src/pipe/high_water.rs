//! The high-water mark: how much may wait in one direction of one pipe.
//!
//! Source: RFC 30, and libzmq's ZMQ_SNDHWM and ZMQ_RCVHWM: whole messages, per peer. The mark in bytes is our own.

/// How much may wait in one direction of one pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HighWater {
    /// Whole messages; `None` for no limit.
    pub(crate) messages: Option<usize>,
    /// Bytes on the wire; `None` for no limit. One message always fits.
    pub(crate) bytes: Option<usize>,
}

impl HighWater {
    /// Whether one more message may wait, where `messages` of `bytes` together wait already.
    #[inline]
    pub(super) fn is_above(self, messages: usize, bytes: usize) -> bool {
        self.messages.is_none_or(|most| messages < most)
            && self.bytes.is_none_or(|most| bytes == 0 || bytes < most)
    }

    /// How many more messages of any size may wait at least, where `messages` wait already.
    pub(super) fn room(self, messages: usize) -> usize {
        let most = self.messages.unwrap_or(usize::MAX);
        if self.bytes.is_none() {
            most.saturating_sub(messages)
        } else {
            0
        }
    }

    /// The room that is left below the mark beside `reserved` messages to come. Their sizes are not known: with a mark in bytes, one of
    /// them leaves nothing to others.
    pub(super) fn beside(self, reserved: usize) -> Self {
        let messages = match (self.bytes, reserved) {
            (_, 0) => return self,
            (None, _) => self.messages.map(|most| most.saturating_sub(reserved)),
            (Some(_), _) => Some(0),
        };
        Self { messages, ..self }
    }

    /// Whether less than half of the mark waits, so that a pipe that was full takes messages again.
    pub(super) fn is_far_above(self, messages: usize, bytes: usize) -> bool {
        self.messages.is_none_or(|most| messages <= most / 2)
            && self.bytes.is_none_or(|most| bytes <= most / 2)
    }
}

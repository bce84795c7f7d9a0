//! When the I/O thread leaves a batch to its senders.
//!
//! Owns: what the I/O thread saw at its last look, and how long it has been patient.
//! Always true: a batch to which nobody adds is written at the second look at it.
//! Must not know: what is in a batch.

use super::{OutgoingCounts, Pumped};

/// How often the I/O thread looks at a batch that is being filled, yielding between, before it takes it for part of a
/// stream, whose sender will write by itself.
pub(super) const FEW_LOOKS: u32 = 16;

/// How many looks without anything new it takes to think that a conversation in bursts is over: to be woken for the next
/// one costs as much as a few looks.
const PATIENCE: u32 = 8;

/// What the I/O thread knows of one way out from its looks at it.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// The counts at the last look.
    seen: OutgoingCounts,
    /// How often in a row it has found more messages.
    growing: u32,
    /// So many looks without anything new are left.
    patience: u32,
}

impl Looks {
    /// How to go on without writing, or `None` if what waits is to be written now. `is_idle`: nothing waits; `flushed`: the
    /// socket has written by itself since the last look, since it was about to wait for input.
    ///
    /// A stream is left alone only while its sender writes something between two looks, and a conversation while it
    /// flushes: what they leave behind at their end waits for two looks at the most.
    pub(super) fn look(
        &mut self,
        counts: OutgoingCounts,
        is_idle: bool,
        flushed: bool,
    ) -> Option<Pumped> {
        let more = self.seen.messages != counts.messages;
        let writes = self.seen.bytes != counts.bytes;
        self.seen = counts;
        if flushed {
            self.growing = 0;
            self.patience = PATIENCE;
            return Some(Pumped::Streaming);
        }
        if more && (self.growing <= FEW_LOOKS || writes) {
            self.growing += 1;
            return Some(if self.growing <= FEW_LOOKS {
                Pumped::Contended
            } else {
                Pumped::Streaming
            });
        }
        self.growing = 0;
        if is_idle && self.patience > 0 {
            self.patience -= 1;
            return Some(Pumped::Streaming);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(messages: u64, bytes: u64) -> OutgoingCounts {
        OutgoingCounts {
            messages,
            bytes,
            replaced: 0,
        }
    }

    #[test]
    fn a_batch_that_has_just_grown_is_looked_at_again_and_then_written() {
        let mut looks = Looks::default();
        assert_eq!(
            looks.look(counts(1, 0), false, false),
            Some(Pumped::Contended)
        );
        assert_eq!(looks.look(counts(1, 0), false, false), None);
        assert_eq!(looks.look(counts(1, 9), true, false), None);
    }

    #[test]
    fn a_stream_is_left_to_its_sender_only_as_long_as_that_writes() {
        let mut looks = Looks::default();
        for messages in 1..=u64::from(FEW_LOOKS) {
            let look = looks.look(counts(messages, 0), false, false);
            assert_eq!(look, Some(Pumped::Contended));
        }
        for messages in 100..200 {
            let look = looks.look(counts(messages, messages), false, false);
            assert_eq!(look, Some(Pumped::Streaming));
        }
        assert_eq!(looks.look(counts(201, 199), false, false), None);
    }

    #[test]
    fn a_conversation_is_left_to_its_socket_until_it_has_been_quiet_for_a_while() {
        let mut looks = Looks::default();
        for messages in 1..100 {
            let look = looks.look(counts(messages, messages), messages % 2 == 0, true);
            assert_eq!(look, Some(Pumped::Streaming));
        }
        for _ in 0..PATIENCE {
            let look = looks.look(counts(99, 99), true, false);
            assert_eq!(look, Some(Pumped::Streaming));
        }
        assert_eq!(looks.look(counts(99, 99), true, false), None);
    }

    #[test]
    fn what_a_conversation_leaves_behind_is_written_at_the_second_look() {
        let mut looks = Looks::default();
        assert!(looks.look(counts(10, 9), false, true).is_some());
        assert_eq!(looks.look(counts(10, 9), false, false), None);
    }
}

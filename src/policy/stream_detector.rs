//! When the I/O thread leaves a batch to its senders.
//!
//! Owns: the counts that the I/O thread saw at its last look at one pipe, and how many looks it has waited.
//! Always true: a batch to which no sender adds is written at the second look.
//! Must not know: the content of a batch.

use super::tuning::{
    ENOUGH_TO_WRITE_BYTES, FEW_LOOKS, MOST_HELD_LOOKS, MOST_LOOKS, OWN_BYTES, PATIENCE_LOOKS,
};

/// What the I/O thread does after it has looked at a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextLook {
    /// Again as soon as the sender has had a chance to go on.
    Soon,
    /// Again in a while: the sender writes its batches itself.
    Later,
}

/// What the I/O thread knows of one pipe from its looks at it.
#[derive(Debug, Default)]
pub(crate) struct StreamDetector {
    /// The messages that the pipe had taken by the last look.
    seen_messages: u64,
    /// The bytes that the kernel had taken by the last look, or by the I/O thread's last write.
    seen_bytes: u64,
    /// How many looks in a row have found more messages.
    growing: u32,
    /// Bytes that senders have written during these looks.
    own: u64,
    /// How many more looks may find nothing new.
    patience: u32,
    /// How many looks in a row have left waiting messages to a conversation.
    held: u32,
}

impl StreamDetector {
    /// When to look again without writing; `None` if the waiting bytes are to be written now. `messages`: taken by the
    /// pipe so far. `bytes`: taken by the kernel so far. `waiting`: bytes that wait. `flushed`: the socket has written
    /// by itself since the last look, before it waited for input.
    ///
    /// After a pause a stream is confirmed by two looks: if nothing arrived between them, it has ended.
    pub(crate) fn look(
        &mut self,
        messages: u64,
        bytes: u64,
        waiting: usize,
        flushed: bool,
    ) -> Option<NextLook> {
        let more = self.seen_messages != messages;
        self.own += bytes - self.seen_bytes;
        (self.seen_messages, self.seen_bytes) = (messages, bytes);
        if flushed {
            self.patience = PATIENCE_LOOKS;
            self.held = 0;
        }
        if self.patience > 0 {
            if waiting == 0 {
                self.patience -= 1;
                self.growing = 0;
                self.held = 0;
                return Some(NextLook::Later);
            }
            if more && self.held < MOST_HELD_LOOKS {
                self.held += 1;
                return Some(NextLook::Later);
            }
            self.patience -= 1;
        }
        self.growing += 1;
        let streams = self.own >= OWN_BYTES;
        if more && streams && self.growing > FEW_LOOKS {
            self.own = 0;
            self.growing = FEW_LOOKS - 1;
            return Some(NextLook::Later);
        }
        let enough = waiting >= ENOUGH_TO_WRITE_BYTES && !streams;
        if more && self.growing <= MOST_LOOKS && !enough {
            return Some(NextLook::Soon);
        }
        self.growing = 0;
        self.own = 0;
        None
    }

    /// The I/O thread has written, and no sender: the kernel has now taken `bytes`.
    pub(crate) fn has_written(&mut self, bytes: u64) {
        self.seen_bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_has_just_grown_is_looked_at_again_and_then_written() {
        let mut detector = StreamDetector::default();
        assert_eq!(detector.look(1, 0, 9, false), Some(NextLook::Soon));
        assert_eq!(detector.look(1, 0, 9, false), None);
        assert_eq!(detector.look(1, 9, 0, false), None);
    }

    #[test]
    fn a_stream_is_left_to_its_sender_while_that_writes_and_until_a_second_look_finds_no_more() {
        let mut detector = StreamDetector::default();
        for messages in 1..=u64::from(FEW_LOOKS) {
            let look = detector.look(messages, messages * OWN_BYTES, 9, false);
            assert_eq!(look, Some(NextLook::Soon));
        }
        assert_eq!(
            detector.look(100, 100 * OWN_BYTES, 9, false),
            Some(NextLook::Later)
        );
        for messages in (200..300).step_by(2) {
            let look = detector.look(messages, messages * OWN_BYTES, 9, false);
            assert_eq!(look, Some(NextLook::Soon));
            let look = detector.look(messages + 1, messages * OWN_BYTES, 9, false);
            assert_eq!(look, Some(NextLook::Later));
        }
        assert!(detector.look(301, 300 * OWN_BYTES, 9, false).is_some());
        assert_eq!(detector.look(301, 300 * OWN_BYTES, 9, false), None);
    }

    #[test]
    fn a_large_beginning_is_not_waited_for() {
        let mut detector = StreamDetector::default();
        assert!(
            detector
                .look(1, 0, ENOUGH_TO_WRITE_BYTES - 1, false)
                .is_some()
        );
        assert_eq!(detector.look(2, 0, ENOUGH_TO_WRITE_BYTES, false), None);
    }

    #[test]
    fn a_long_burst_is_no_stream_and_is_written_in_the_end() {
        let mut detector = StreamDetector::default();
        for messages in 1..=u64::from(MOST_LOOKS) {
            let look = detector.look(messages, 0, 9, false);
            assert_eq!(look, Some(NextLook::Soon));
        }
        assert_eq!(detector.look(1000, 0, 9, false), None);
        // It goes on; that the I/O thread has written makes no stream of it.
        detector.has_written(OWN_BYTES);
        for messages in 1..=u64::from(MOST_LOOKS) {
            let look = detector.look(1000 + messages, OWN_BYTES + 18, 9, false);
            assert_eq!(look, Some(NextLook::Soon));
        }
    }

    #[test]
    fn a_conversation_is_left_to_its_socket_until_it_has_been_quiet_for_a_while() {
        let mut detector = StreamDetector::default();
        for messages in 1..100 {
            let look = detector.look(messages, messages, 0, true);
            assert_eq!(look, Some(NextLook::Later));
        }
        for _ in 1..PATIENCE_LOOKS {
            let look = detector.look(99, 99, 0, false);
            assert_eq!(look, Some(NextLook::Later));
        }
        assert_eq!(detector.look(99, 99, 0, false), None);
    }

    #[test]
    fn a_burst_of_a_conversation_is_left_to_its_socket_for_some_looks_while_it_grows() {
        let mut detector = StreamDetector::default();
        assert!(detector.look(1, 1, 0, true).is_some());
        for messages in 2..2 + u64::from(MOST_HELD_LOOKS) {
            let look = detector.look(messages, 1, 9, false);
            assert_eq!(look, Some(NextLook::Later));
        }
        // Then as any other.
        assert_eq!(detector.look(99, 1, 9, false), Some(NextLook::Soon));
        assert_eq!(detector.look(99, 1, 9, false), None);
        // Once its socket has written, that begins anew.
        assert_eq!(detector.look(100, 99, 9, true), Some(NextLook::Later));
    }

    #[test]
    fn who_writes_no_more_by_itself_holds_no_conversation() {
        let mut detector = StreamDetector::default();
        assert!(detector.look(1, 1, 0, true).is_some());
        let mut messages = 1;
        let mut written = 0;
        while written < PATIENCE_LOOKS {
            messages += 1;
            written += u32::from(detector.look(messages, 1, 9, false).is_none());
            assert!(messages < 10_000, "it is written in the end");
        }
        assert_eq!(
            detector.look(messages + 1, 1, 9, false),
            Some(NextLook::Soon)
        );
    }

    #[test]
    fn what_a_conversation_leaves_behind_is_written_at_the_second_look() {
        let mut detector = StreamDetector::default();
        assert!(detector.look(10, 9, 9, true).is_some());
        assert_eq!(detector.look(10, 9, 9, false), None);
    }
}

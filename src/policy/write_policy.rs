//! How a socket sends: message by message, or in a stream.
//!
//! Owns: when the socket last wrote at once, whether it has waited for input since, and how much it sends between two
//! pauses.
//! Always true: the time is needed only while a link is idle, so a stream reads no clock.
//! Must not know: the clock; the messages and their peers.

use std::time::Instant;

use super::BatchSize;
use super::tuning::{IDLE_AFTER, MOST_ANSWERS};

/// Whether a socket holds a conversation, whose messages are best written at once, or sends a stream, which is best
/// gathered. One policy serves all pipes of a socket: replies to a hundred peers make a stream.
#[derive(Debug, Default)]
pub(crate) struct WritePolicy {
    /// Whether the socket has waited for input since its last write.
    waited: bool,
    /// Whether the socket had written when it waited last, and nobody has [asked](Self::take_has_sent) since.
    has_sent: bool,
    last_write: Option<Instant>,
    /// Messages sent since the last wait or pause.
    sent: u32,
    /// How many bytes a pipe gathers before the sender writes them itself.
    batch_size: BatchSize,
    /// Whether there is a single pipe.
    alone: bool,
    /// Whether the last sender without room has waited for it.
    senders_wait: bool,
}

impl WritePolicy {
    /// A policy that writes every message at once.
    pub(crate) fn urgent() -> Self {
        Self {
            waited: true,
            ..Self::default()
        }
    }

    /// A policy of a stream that no pause ends, for tests on slow machines.
    #[cfg(test)]
    pub(crate) fn of_a_stream() -> Self {
        Self {
            last_write: Some(Instant::now() + std::time::Duration::from_secs(3600)),
            ..Self::default()
        }
    }

    /// Sets the number of pipes.
    pub(crate) fn set_pipes(&mut self, pipes: usize) {
        self.alone = pipes == 1;
        self.batch_size.set_pipes(pipes);
    }

    /// A sender has found no room, and does or does not wait for it.
    pub(crate) fn set_senders_wait(&mut self, wait: bool) {
        self.senders_wait = wait;
    }

    /// Whether the senders may wait for the kernel: they do wait, and there is a single connection to wait for.
    pub(crate) fn is_left_to_senders(&self) -> bool {
        self.alone && self.senders_wait
    }

    /// How many bytes a pipe gathers before the sender writes them itself.
    #[inline]
    pub(crate) fn batch_bytes(&self) -> usize {
        self.batch_size.get()
    }

    /// A sender writes a full batch: this is a stream, and its next batch may be larger.
    #[inline]
    pub(crate) fn has_filled(&mut self) {
        self.batch_size.has_filled();
    }

    /// The socket has waited for input: its next message is an answer.
    pub(crate) fn waited(&mut self) {
        self.has_sent |= !self.waited;
        self.waited = true;
        self.batch_size.begin_anew();
    }

    /// The socket has sent this many messages.
    #[inline]
    pub(crate) fn have_been_sent(&mut self, messages: u32) {
        self.sent = self.sent.saturating_add(messages);
    }

    /// Whether the socket has written before the wait for input that begins now, and after the one for which this was asked
    /// before.
    pub(crate) fn take_has_sent(&mut self) -> bool {
        std::mem::take(&mut self.has_sent)
    }

    /// Whether the socket has waited for input since its last write.
    pub(crate) fn has_waited(&self) -> bool {
        self.waited
    }

    /// Whether the current message is best written at once. It is if it is the first after a pause; or the first after a
    /// wait, unless many messages followed the last such. The messages that follow are worth gathering.
    pub(crate) fn begin(&mut self, now: Instant) -> bool {
        if !self.waited && !self.is_idle(now) {
            return false;
        }
        let in_bursts = std::mem::take(&mut self.sent) > MOST_ANSWERS;
        let at_once = !self.waited || !in_bursts;
        if !at_once {
            self.has_begun(now);
        }
        at_once
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.last_write
            .is_none_or(|last| now.saturating_duration_since(last) > IDLE_AFTER)
    }

    /// The socket has just written to an idle link, or has left the beginning of a burst to the I/O thread.
    pub(crate) fn has_begun(&mut self, now: Instant) {
        self.waited = false;
        self.last_write = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `messages` after a wait, all of them at `now`; whether the first was to be written at once.
    fn cycle(policy: &mut WritePolicy, now: Instant, messages: u32) -> bool {
        policy.waited();
        policy.have_been_sent(1);
        let at_once = policy.begin(now);
        policy.has_begun(now);
        (1..messages).for_each(|_| policy.have_been_sent(1));
        at_once
    }

    #[test]
    fn an_answer_is_written_at_once_and_the_first_of_a_burst_is_not() {
        let (mut policy, now) = (WritePolicy::default(), Instant::now());
        assert!(cycle(&mut policy, now, 1));
        assert!(cycle(&mut policy, now, MOST_ANSWERS));
        assert!(
            cycle(&mut policy, now, MOST_ANSWERS + 1),
            "nothing foretells it"
        );
        assert!(!cycle(&mut policy, now, MOST_ANSWERS + 1));
        assert!(!cycle(&mut policy, now, 1), "it was taken for a burst");
        assert!(cycle(&mut policy, now, 1));
    }

    #[test]
    fn whether_the_socket_has_sent_between_two_waits_is_told_once() {
        let (mut policy, now) = (WritePolicy::default(), Instant::now());
        policy.waited();
        policy.take_has_sent();
        policy.waited();
        assert!(
            !policy.take_has_sent(),
            "two waits, and nothing between them"
        );
        cycle(&mut policy, now, 1);
        policy.waited();
        policy.waited();
        assert!(policy.take_has_sent());
        assert!(!policy.take_has_sent());
    }

    #[test]
    fn after_a_pause_without_a_wait_a_burst_is_forgotten() {
        let (mut policy, begun) = (WritePolicy::default(), Instant::now());
        cycle(&mut policy, begun, MOST_ANSWERS + 1);
        policy.have_been_sent(1);
        let mut other = WritePolicy::default();
        cycle(&mut other, begun, MOST_ANSWERS + 1);
        other.have_been_sent(1);
        assert!(!other.begin(begun + IDLE_AFTER), "not long enough");
        assert!(policy.begin(begun + 2 * IDLE_AFTER));
    }

    #[test]
    fn a_message_after_a_pause_is_written_at_once_and_one_without_a_pause_is_not() {
        let (mut policy, begun) = (WritePolicy::default(), Instant::now());
        assert!(policy.begin(begun), "nothing has been written yet");
        policy.has_begun(begun);
        assert!(!policy.begin(begun + IDLE_AFTER));
        assert!(policy.begin(begun + 2 * IDLE_AFTER));
    }
}

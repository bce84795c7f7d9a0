//! The end of a pipe whose socket retires: it writes no more, and reads what has come by then.
//!
//! Owns: nothing; what it counts and notes is in the slot.
//! Must not know: the other pipes, and when the socket is done.

use super::Slot;
use super::way::either;

impl Slot {
    /// Takes no more messages: what was sent still goes out, what comes is still read.
    pub(in crate::socket) fn retire(&mut self) {
        self.retired = true;
        either!(&mut self.way, end => end.end_output());
    }

    pub(in crate::socket) fn has_retired(&self) -> bool {
        self.retired
    }

    /// A request was taken.
    pub(in crate::socket) fn asked(&mut self) {
        self.unanswered += 1;
    }

    /// A request was answered, or never will be.
    pub(in crate::socket) fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// The socket answers, and begins to retire: what has come is still taken and answered, what comes is not.
    /// False if it has begun before.
    pub(in crate::socket) fn take_last(&mut self) -> bool {
        let begins = self.takes.is_none();
        self.takes
            .get_or_insert_with(|| either!(&mut self.way, end => end.come()));
        begins
    }

    /// Whether it has taken all that it was to take, and does not know yet that what comes is to be ignored.
    #[inline]
    pub(in crate::socket) fn has_taken_last(&self) -> bool {
        self.takes.is_some_and(|takes| self.taken() >= takes) && !self.deaf
    }

    fn taken(&self) -> u64 {
        either!(&self.way, end => end.taken())
    }

    /// Further input is ignored from now on.
    pub(in crate::socket) fn deafen(&mut self) {
        self.deaf = true;
    }

    /// Forgets what has come, if it is to be ignored: how many messages, of which the peer learns by the end of the
    /// connection that nobody has taken them. Within the process they stay until the pipe goes.
    pub(in crate::socket) fn ignore_input(&mut self) -> Option<usize> {
        self.deaf
            .then(|| either!(&mut self.way, end => end.ignore_input()))
    }

    /// Whether a request has come, before the socket began to retire, that is not answered.
    pub(in crate::socket) fn owes_answers(&self) -> bool {
        self.unanswered > 0 || !self.deaf && !either!(&self.way, end => end.is_idle())
    }
}

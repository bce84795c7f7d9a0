//! The slot of a pipe whose socket retires: it takes no more messages, and reads those that had come by then.
//!
//! Owns: nothing; the counts and marks are in the slot.
//! Must not know: the other pipes, and when the socket is done.

use super::Slot;
use super::way::either;

impl Slot {
    /// Takes no more messages: waiting ones still go out, and arriving ones are still read.
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

    /// A request was answered or abandoned.
    pub(in crate::socket) fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// A socket that answers begins to retire: the requests that have come are still taken and answered, later ones are
    /// not. False if this pipe has begun before.
    pub(in crate::socket) fn take_last(&mut self) -> bool {
        let begins = self.takes.is_none();
        self.takes
            .get_or_insert_with(|| either!(&mut self.way, end => end.come()));
        begins
    }

    /// Whether the last request was taken, and further input is not ignored yet.
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

    /// If further input is ignored, drops what has come and gives the number of messages. Their sender sees by the end
    /// of the connection that they were not taken. Within the process they stay until the pipe goes.
    pub(in crate::socket) fn ignore_input(&mut self) -> Option<usize> {
        self.deaf
            .then(|| either!(&mut self.way, end => end.ignore_input()))
    }

    /// Whether a request that had come before the socket began to retire is not answered yet.
    pub(in crate::socket) fn owes_answers(&self) -> bool {
        self.unanswered > 0 || !self.deaf && !either!(&self.way, end => end.is_idle())
    }
}

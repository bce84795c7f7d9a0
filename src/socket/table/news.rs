//! What sends have brought about beside that their messages are on their way.
//!
//! Owns: the one flag by which a send that has succeeded learns that there is something to see to.
//! Always true: whatever a send has to see to sets the flag, so a send that finds it clear is done.
//! Must not know: what is done about it.

use highwater_patterns::{Message, PipeId};

use super::Table;
use crate::pipe::Encode;

impl Table {
    /// The next send that succeeds has something to see to.
    pub(in crate::socket) fn tell(&mut self) {
        self.news = true;
    }

    /// Whether a send that has succeeded has anything to see to: `take_newly_left`, `take_stranded`, `take_closed`,
    /// `take_heavy`, or what it was told. Tells once.
    #[inline]
    pub(in crate::socket) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Whether that is so.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.news
    }

    /// A write to `pipe` has brought about something that this socket has to see to.
    #[cold]
    pub(super) fn see_to(&mut self, pipe: PipeId, taken: bool, message: &impl Encode) {
        self.news = true;
        if !taken && self.pace.is_stranded() {
            self.strand(pipe, message.to_message());
        }
        if self.pace.take_left() {
            self.leave(pipe);
        }
        if self.pace.take_lent() {
            self.lent.push(pipe);
        }
    }

    /// In a forked child, `message` has met a connection of the parent. Looks like a pipe that was closed, for which
    /// senders look out anyway.
    #[cold]
    pub(super) fn strand(&mut self, pipe: PipeId, message: Message) {
        self.stranded = Some(message);
        self.closed.push(pipe);
        self.news = true;
    }

    /// The message of which that was so; its pattern may have given it up.
    pub(in crate::socket) fn take_stranded(&mut self) -> Option<Message> {
        self.stranded.take()
    }
}

//! What sends have brought about beside that their messages are on their way.
//!
//! Owns: the set of notices that the core acts on once a send has succeeded.
//! Always true: a send that finds the set empty is done; what concerns one pipe has been noted in the table by then.
//! Must not know: what the core does about a notice.

use highwater_patterns::{Message, Outbound, PipeId};

use super::Table;
use crate::pipe::Notices;

impl Table {
    /// The next send that succeeds has to act on `notices`, too.
    pub(in crate::socket) fn note(&mut self, notices: Notices) {
        self.notices |= notices;
    }

    /// Whether a send that has succeeded has anything to act on.
    #[inline]
    pub(crate) fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// What a send that has succeeded has to act on. Each notice is given once.
    pub(in crate::socket) fn take_notices(&mut self) -> Notices {
        std::mem::take(&mut self.notices)
    }

    /// A write of `message` to `pipe` has brought about `notices`: notes what concerns that pipe, and keeps the rest for
    /// the core. Whether the message was taken.
    #[cold]
    pub(super) fn note_write(
        &mut self,
        pipe: PipeId,
        notices: Notices,
        message: &impl Outbound,
    ) -> bool {
        if notices.contains(Notices::FOREIGN) {
            self.note_foreign(pipe, message.to_message());
        }
        if notices.contains(Notices::UNFLUSHED) {
            self.note_unflushed(pipe);
        }
        if notices.contains(Notices::DRAFTED) {
            self.drafts.push(pipe);
        }
        // One of several peers is not waited for.
        let heavy = notices.contains(Notices::OVER_SOFT_MARK) && self.pipes.len() == 1;
        self.notices |= Notices::OVER_SOFT_MARK.when(heavy);
        !notices.contains(Notices::REFUSED)
    }

    /// In a forked child, `message` has met a connection of the parent. To the core it looks like a pipe that was closed, which
    /// senders check for anyway.
    #[cold]
    pub(super) fn note_foreign(&mut self, pipe: PipeId, message: Message) {
        self.foreign = Some(message);
        self.closed.push(pipe);
        self.notices |= Notices::CLOSED;
    }

    /// The message that has met a connection of the parent; its pattern may have given it up.
    pub(in crate::socket) fn take_foreign(&mut self) -> Option<Message> {
        self.foreign.take()
    }
}

//! The port through which a pattern reaches the pipes of its socket.
//!
//! Owns: nothing; each call goes to one pipe or to several.
//! Always true: a pipe that is gone takes nothing and gives nothing.
//! Must not know: which pipe a message should take.

use highwater_patterns::{
    ConnectionRead, DropCause, Message, Outbound, PipeId, Pipes, Recall, Recalled, Received,
};

use super::Table;
use super::losses::Losses;
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::pipe::Change;
use crate::socket::slot::Slot;
use crate::stats::Dropped;
use crate::sync::hold_drops;
use crate::sync::late_calls::hold_calls;

impl Pipes for Table {
    #[inline(always)]
    fn try_write(&mut self, pipe: PipeId, message: &mut impl Outbound) -> bool {
        self.write_to(pipe, message)
    }

    #[inline]
    fn try_write_all(
        &mut self,
        pipes: &[PipeId],
        message: &impl Outbound,
        full: &mut dyn FnMut(PipeId),
    ) {
        self.write_to_all(pipes, message, full);
    }

    fn write_always(&mut self, pipe: PipeId, message: Message) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.push_always(message);
        }
    }

    fn has_room(&mut self, pipe: PipeId) -> bool {
        self.pipes.get_mut(pipe).is_some_and(Slot::has_room)
    }

    fn is_closed(&self, pipe: PipeId) -> bool {
        self.pipes.get(pipe).is_none_or(Slot::is_closed)
    }

    fn reserve(&mut self, pipe: PipeId) -> bool {
        self.pipes.get_mut(pipe).is_some_and(Slot::reserve)
    }

    fn try_read(&mut self, pipe: PipeId) -> Option<Received> {
        self.read_from(pipe)
    }

    fn has_spent_budget(&self) -> bool {
        self.budget.is_spent()
    }

    fn removed_topic(&mut self, bytes: usize) {
        self.spend_on_topic(bytes);
    }

    fn go_on_later(&mut self) -> bool {
        self.defer_rest()
    }

    fn discard(&mut self, pipe: PipeId) -> usize {
        self.discard_from(pipe)
    }

    #[inline(always)]
    fn try_read_into(&mut self, pipe: PipeId, into: &mut Message) -> bool {
        let single = self
            .pipes
            .get_mut(pipe)
            .is_some_and(|slot| slot.next_single(into));
        single || self.read_any_message(pipe, into)
    }

    #[inline]
    fn read_connection(&mut self, pipe: PipeId) -> ConnectionRead {
        self.read_once(pipe)
    }

    fn replace(&mut self, pipe: PipeId, message: &mut Message) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.replace(message);
        }
    }

    fn subscribe(&mut self, pipe: PipeId, topic: &[u8]) {
        self.subscription(pipe, topic, Change::Wanted);
    }

    fn subscribe_again(&mut self, pipe: PipeId, topic: &[u8]) {
        self.subscription(pipe, topic, Change::WantedAgain);
    }

    fn cancel(&mut self, pipe: PipeId, topic: &[u8]) {
        self.subscription(pipe, topic, Change::Unwanted);
    }

    fn cancel_unknown(&mut self, pipe: PipeId, topic: &[u8]) {
        self.subscription(pipe, topic, Change::NeverWanted);
    }

    fn close(&mut self, pipe: PipeId) {
        if !self.facts.names_peers {
            return self.turn_away(pipe, LinkError::Evicted);
        }
        let handed_over = self.pipes.get_mut(pipe).is_some_and(Slot::hand_over);
        if !handed_over {
            self.turn_away(pipe, LinkError::DuplicateRoutingId);
        }
    }

    fn recall(&mut self, pipe: PipeId, recall: Recall) -> Recalled {
        self.take_back(pipe, recall)
    }

    fn cut_off(&mut self, pipe: PipeId) -> Option<usize> {
        self.most_cuts(pipe)
    }

    fn given_up(&mut self, pipe: PipeId, message: &Message) {
        self.tell_given_up(pipe, message);
    }

    fn drop_waiting(&mut self, pipe: PipeId) {
        let unsent = self.pipes.get_mut(pipe).map_or(0, Slot::drop_waiting);
        self.tell_losses_of(pipe, Losses { unsent, unread: 0 });
    }

    fn move_waiting(&mut self, from: PipeId, to: PipeId) {
        self.move_unsent(from, to);
    }

    fn unread(&mut self, pipe: PipeId) -> usize {
        self.pipes.get(pipe).map_or(0, Slot::unread)
    }

    fn dropped(&mut self, pipe: Option<PipeId>, cause: DropCause) {
        hold_drops();
        count(&mut self.dropped, cause);
        self.budget.spend(1);
        if let Some(slot) = pipe.and_then(|pipe| self.pipes.get_mut(pipe)) {
            count(slot.dropped(), cause);
        }
        if cause == DropCause::SlowSubscriber
            && let Some(slot) = pipe.and_then(|pipe| self.pipes.get_mut(pipe))
            && slot.missed()
            && let Some(peer) = slot.peer()
        {
            hold_calls();
            let (endpoint, address) = (Some(&peer.endpoint), Some(peer.address.as_str()));
            self.telemetry
                .monitor
                .emit(EventKind::DroppingStarted, endpoint, address);
        }
        if cause == DropCause::Malformed
            && let Some(pipe) = pipe
        {
            self.retiring.changes(pipe);
        }
        self.note_drop(pipe);
    }
}

impl Table {
    fn subscription(&self, pipe: PipeId, topic: &[u8], change: Change) {
        if let Some(slot) = self.pipes.get(pipe) {
            slot.subscription(topic, change);
        }
    }
}

/// Counts one more dropped message.
fn count(dropped: &mut Dropped, cause: DropCause) {
    let counter = match cause {
        DropCause::SlowSubscriber => &mut dropped.slow_subscriber,
        DropCause::Unroutable => &mut dropped.unroutable,
        DropCause::NoRoom => &mut dropped.no_room,
        DropCause::LateReply => &mut dropped.late_reply,
        DropCause::Unwanted => &mut dropped.unwanted,
        DropCause::Unanswered => &mut dropped.unanswered,
        DropCause::Malformed => &mut dropped.malformed,
        DropCause::TooManyTopics => &mut dropped.too_many_topics,
        DropCause::Unexpected => &mut dropped.unexpected,
    };
    *counter += 1;
}

//! The socket's end of a pipe within the process.
//!
//! Owns: the ends of the two lanes, and whether the pattern was told of messages in the incoming one.
//! Always true: it is only touched under the socket's lock.
//! Must not know: the other pipes, patterns, and what the slot knows about the peer.

use std::sync::Arc;

use highwater_patterns::{Message, Outbound, Recall, Recalled, Received};

use super::counts::{Counts, Measured};
use crate::pipe::{Batch, Change, HighWater, InprocEnd, Lane, WriteEffects};
use crate::policy::{Budget, WritePolicy};

/// The socket's end of a pipe within the process.
#[derive(Debug)]
pub(super) struct LaneEnd {
    end: InprocEnd,
    /// How often the pattern had looked into the pipe when it was last told of messages there.
    told_at: Option<u64>,
}

impl LaneEnd {
    pub(super) fn new(end: InprocEnd) -> Self {
        Self { end, told_at: None }
    }

    pub(super) fn end(&self) -> &InprocEnd {
        &self.end
    }

    /// The other side is there.
    pub(super) fn joined(&mut self, incoming: Arc<Lane>) {
        self.end.joined(incoming);
    }

    /// See [`Slot::set_limits`](super::Slot::set_limits). Always false: the lane itself tells the side that waits for
    /// room.
    pub(super) fn set_limits(&self, send: HighWater, receive: HighWater) -> bool {
        self.end.set_limits(send.messages, receive.messages);
        false
    }

    /// Takes no more messages: what was sent is still there for the other side.
    pub(super) fn end_output(&mut self) {
        self.end.end_output();
    }

    /// How many messages have arrived, read or not.
    pub(super) fn come(&self) -> u64 {
        let counts = self.end.counts();
        counts.queued_in as u64 + counts.received
    }

    /// How many messages were read.
    pub(super) fn taken(&self) -> u64 {
        self.end.counts().received
    }

    /// Does nothing: messages in a lane stay until the pipe goes, and are counted then.
    pub(super) fn ignore_input(&self) -> usize {
        0
    }

    /// As [`is_drained`](Self::is_drained): within the process no message arrives in parts.
    pub(super) fn is_idle(&self) -> bool {
        self.end.is_drained()
    }

    /// Whether each message that has arrived was read.
    pub(super) fn is_drained(&self) -> bool {
        self.end.is_drained()
    }

    /// See [`Slot::let_go`](super::Slot::let_go).
    pub(super) fn let_go(&mut self) -> (usize, usize) {
        self.end.end()
    }

    #[inline(always)]
    pub(super) fn push(
        &mut self,
        message: &mut impl Outbound,
        _policy: &mut WritePolicy,
    ) -> WriteEffects {
        WriteEffects::REFUSED.when(!self.end.push(message))
    }

    /// Keeps a place for a message to come.
    pub(super) fn reserve(&mut self) -> bool {
        self.end.reserve()
    }

    /// Keeps a place that another pipe has kept.
    pub(super) fn take_place_over(&mut self) {
        self.end.outgoing().reserve();
    }

    /// A place is not used. Always false: the lane itself tells the side that waits for room.
    pub(super) fn give_place_back(&mut self) -> bool {
        self.end.outgoing().free_place();
        false
    }

    /// Queues a message at a place that was kept.
    pub(super) fn push_at_place(
        &mut self,
        message: &mut impl Outbound,
        _policy: &mut WritePolicy,
    ) -> (WriteEffects, bool) {
        let is_taken = self.end.push_at_place(message);
        (WriteEffects::REFUSED.when(!is_taken), false)
    }

    /// Queues a copy of the message.
    #[inline]
    pub(super) fn push_copy(
        &mut self,
        message: &impl Outbound,
        _framed: &Batch,
        _policy: &mut WritePolicy,
    ) -> WriteEffects {
        WriteEffects::REFUSED.when(!self.end.push_copy(message))
    }

    pub(super) fn push_always(&mut self, message: &mut Message) {
        self.end.push_always(message);
    }

    #[inline]
    pub(super) fn has_room(&mut self) -> bool {
        self.end.has_room()
    }

    /// See [`Slot::is_closed`](super::Slot::is_closed).
    pub(super) fn is_closed(&self) -> bool {
        self.end.is_closed()
    }

    /// How many messages are sure to find room.
    pub(super) fn room(&self) -> usize {
        self.end.room()
    }

    /// The pipe has room again: ends the count of the time in which it was full.
    pub(super) fn note_room(&mut self) {
        self.end.note_room(true);
    }

    #[inline(always)]
    pub(super) fn next_single(&mut self, into: &mut Message) -> bool {
        self.end.pop_message(into)
    }

    /// The next message or subscription; it costs nothing of the budget.
    #[inline]
    pub(super) fn next(&mut self, _budget: &mut Budget) -> Option<Received> {
        self.end.pop()
    }

    #[inline]
    pub(super) fn replace(&mut self, message: &mut Message) {
        self.end.replace(message);
    }

    /// Tells the peer of a change of `topic`.
    pub(super) fn subscription(&self, topic: &[u8], change: Change) {
        self.end.push_control(topic, change);
    }

    /// Moves the waiting messages to `other`.
    pub(super) fn move_unsent(&self, other: &Self) {
        self.end.move_unsent(&other.end);
    }

    /// See [`Slot::recall`](super::Slot::recall).
    pub(super) fn recall(&mut self, recall: Recall) -> (Recalled, usize) {
        self.end.recall(recall)
    }

    /// Cuts the connection: gives the number of messages that this end has not read.
    pub(super) fn cut(&mut self) -> usize {
        self.end.cut()
    }

    /// See [`Slot::renew`](super::Slot::renew).
    pub(super) fn renew(&mut self) -> (usize, usize) {
        self.end.renew()
    }

    /// How many messages have arrived and were not read.
    pub(super) fn unread(&self) -> usize {
        self.end.counts().queued_in
    }

    /// The pattern is being told of messages here.
    pub(super) fn note_told(&mut self) {
        self.told_at = Some(self.end.looks());
    }

    /// See [`Slot::is_passed_over`](super::Slot::is_passed_over).
    pub(super) fn is_passed_over(&self) -> bool {
        self.told_at == Some(self.end.looks())
            && self.end.incoming().is_some_and(|lane| lane.is_ready())
    }

    /// The counts of messages.
    pub(super) fn counts(&self) -> Counts {
        let counts = self.end.counts();
        Counts {
            sent: counts.sent,
            received: counts.received,
            bytes_sent: 0,
            replaced: counts.replaced,
            queued_to_send: counts.queued_out,
            queued_to_receive: counts.queued_in,
        }
    }

    /// The other values of the statistics: no bytes are counted, and no connection is lost and made again.
    pub(super) fn measured(&self) -> Measured {
        Measured {
            time_muted: self.end.time_full(),
            ..Measured::default()
        }
    }
}

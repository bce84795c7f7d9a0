//! The socket's end of a pipe over a wire.
//!
//! Owns: the draft of what is written, the reading end, and the version that the peer speaks.
//! Always true: it is only touched under the socket's lock.
//! Must not know: the other pipes, patterns, and what the slot knows about the peer.

use std::sync::Arc;

use highwater_patterns::{Message, Outbound, Recall, Recalled, Received};

use super::counts::{Counts, Measured};
use crate::error::LinkError;
use crate::peer::PeerInfo;
use crate::pipe::{
    Batch, Change, Draft, Duty, HighWater, Intake, Key, Outgoing, Pipe, Wire, WriteEffects,
};
use crate::policy::{Budget, WritePolicy};
use crate::zmtp::Version;

/// The socket's end of a pipe over a wire.
#[derive(Debug)]
pub(super) struct WireEnd {
    pipe: Arc<Pipe>,
    draft: Draft,
    intake: Box<Intake>,
    version: Version,
    /// The peer was turned away: the I/O thread was told to end the connection.
    turned_away: bool,
    /// The routing id of the peer was given to a new peer.
    handed_over: bool,
}

impl WireEnd {
    /// With `translate`, messages in the form of subscriptions are read as such.
    pub(super) fn new(pipe: Arc<Pipe>, translate: bool) -> Self {
        Self {
            intake: Box::new(Intake::new(Arc::clone(&pipe), translate)),
            version: Version::V3_1,
            draft: Draft::default(),
            turned_away: false,
            handed_over: false,
            pipe,
        }
    }

    #[inline]
    pub(super) fn outgoing(&self) -> &Outgoing {
        &self.pipe.outgoing
    }

    #[inline]
    pub(super) fn intake(&self) -> &Intake {
        &self.intake
    }

    #[inline]
    pub(super) fn intake_mut(&mut self) -> &mut Intake {
        &mut self.intake
    }

    /// See [`Slot::through`](super::Slot::through).
    pub(super) fn through(&self) -> Option<Key> {
        self.pipe.through
    }

    /// The pipe has a connection. `retired`: the pipe takes no more messages.
    pub(super) fn connected(
        &mut self,
        wire: &Arc<dyn Wire>,
        peer: &PeerInfo,
        held_back: bool,
        retired: bool,
    ) {
        self.version = if peer.version >= (3, 1) {
            Version::V3_1
        } else {
            Version::V3_0
        };
        if retired {
            // The socket has retired during the handshake: the I/O thread is to end our side of the connection.
            wire.duty(Duty::Flush);
        }
        self.intake.connected(Arc::clone(wire), held_back);
        if self.handed_over {
            wire.duty(Duty::HandOver);
        }
        self.turned_away = false;
    }

    /// The connection is lost. If the pattern has `refused` the peer, drops the unread messages and gives their number.
    pub(super) fn disconnected(&mut self, refused: bool) -> usize {
        self.intake.disconnected();
        if refused {
            self.intake.forget_unread()
        } else {
            0
        }
    }

    /// Has the I/O thread end the connection, if there is one.
    pub(super) fn close(&mut self, cause: LinkError) {
        if let Some(wire) = self.intake.wire()
            && !std::mem::replace(&mut self.turned_away, true)
        {
            wire.duty(Duty::Close(cause));
        }
    }

    /// See [`Slot::set_limits`](super::Slot::set_limits).
    pub(super) fn set_limits(&self, send: HighWater, receive: HighWater) -> bool {
        if self.pipe.incoming.set_limit(receive)
            && let Some(wire) = self.intake.wire()
        {
            wire.duty(Duty::Resume);
        }
        self.pipe.outgoing.set_limit(send)
    }

    /// Takes no more messages: waiting ones still go out.
    pub(super) fn end_output(&mut self) {
        self.pipe.outgoing.close();
        if let Some(wire) = self.intake.wire() {
            // If all is written already, the I/O thread closes our side now.
            wire.duty(Duty::Flush);
        }
    }

    /// See [`Slot::hand_over`](super::Slot::hand_over). `admitted`: the peer was admitted, and its connection is not
    /// known yet.
    pub(super) fn hand_over(&mut self, admitted: bool) -> bool {
        let wire = self.intake.wire().cloned();
        if self.pipe.through.is_none() || wire.is_none() && !admitted {
            return false;
        }
        self.handed_over = true;
        self.end_output();
        if let Some(wire) = wire {
            wire.duty(Duty::HandOver);
        }
        true
    }

    /// How many messages have arrived, read or not.
    pub(super) fn come(&mut self) -> u64 {
        self.intake.count_waiting() as u64 + self.intake.messages()
    }

    /// How many messages were read.
    pub(super) fn taken(&self) -> u64 {
        self.intake.messages()
    }

    /// How many messages were read, or replaced by later ones.
    pub(super) fn given(&self) -> u64 {
        self.intake.messages() + self.pipe.incoming.replaced()
    }

    /// Drops the messages that have arrived, and gives their number.
    pub(super) fn ignore_input(&mut self) -> usize {
        self.intake.ignore()
    }

    /// Whether each byte that has arrived was decoded and read, so that not even a part of a message waits.
    pub(super) fn is_idle(&self) -> bool {
        self.intake.is_idle()
    }

    /// Whether each message that was delivered was read.
    pub(super) fn is_drained(&self) -> bool {
        self.intake.is_drained()
    }

    /// See [`Slot::let_go`](super::Slot::let_go).
    pub(super) fn let_go(&mut self) -> (usize, usize) {
        (self.pipe.outgoing.let_go(), self.intake.discard())
    }

    #[inline(always)]
    pub(super) fn push(
        &mut self,
        message: &mut impl Outbound,
        policy: &mut WritePolicy,
    ) -> WriteEffects {
        self.draft.push(message, &self.pipe.outgoing, policy)
    }

    /// Keeps a place for a message to come.
    pub(super) fn reserve(&mut self) -> bool {
        self.hand_draft_back();
        self.pipe.outgoing.reserve()
    }

    /// Keeps a place that another pipe has kept.
    pub(super) fn take_place_over(&mut self) {
        self.hand_draft_back();
        self.pipe.outgoing.take_place_over();
    }

    /// A place is not used: true if the pipe was full and has room now.
    pub(super) fn give_place_back(&mut self) -> bool {
        self.pipe.outgoing.give_place_back()
    }

    /// Queues a message at a place that was kept. Beside the effects, whether the pipe was full and has room now.
    pub(super) fn push_at_place(
        &mut self,
        message: &mut impl Outbound,
        policy: &mut WritePolicy,
    ) -> (WriteEffects, bool) {
        self.draft
            .push_at_place(message, &self.pipe.outgoing, policy)
    }

    /// Queues a message that was encoded before into `framed`.
    #[inline]
    pub(super) fn push_copy(
        &mut self,
        _message: &impl Outbound,
        framed: &Batch,
        policy: &mut WritePolicy,
    ) -> WriteEffects {
        self.hand_draft_back();
        self.pipe.outgoing.push_framed(framed, policy)
    }

    pub(super) fn push_always(&mut self, message: &mut Message) {
        self.hand_draft_back();
        self.pipe.outgoing.push_always(message);
    }

    /// Gives the draft back to the pipe.
    #[inline]
    fn hand_draft_back(&mut self) {
        self.draft.hand_back(&self.pipe.outgoing);
    }

    /// As [`hand_draft_back`](Self::hand_draft_back), for the last time; gives the number of messages that the pipe
    /// could not take.
    #[inline]
    pub(super) fn collect_draft(&mut self) -> usize {
        self.draft.end(&self.pipe.outgoing)
    }

    /// Writes the waiting messages, as far as the kernel takes them.
    #[inline]
    pub(super) fn flush(&mut self) {
        self.hand_draft_back();
        self.pipe.outgoing.flush();
    }

    #[inline]
    pub(super) fn has_room(&mut self) -> bool {
        self.draft.has_room(&self.pipe.outgoing)
    }

    /// See [`Slot::is_closed`](super::Slot::is_closed).
    pub(super) fn is_closed(&self) -> bool {
        self.pipe.outgoing.is_closed()
    }

    /// How many messages are sure to find room.
    pub(super) fn room(&self) -> usize {
        self.pipe
            .outgoing
            .room()
            .saturating_sub(self.draft.queued())
    }

    #[inline(always)]
    pub(super) fn next_single(&mut self, into: &mut Message) -> bool {
        self.intake.next_single(into)
    }

    /// The next message or subscription; `None` also once `budget` is spent.
    #[inline]
    pub(super) fn next(&mut self, budget: &mut Budget) -> Option<Received> {
        self.intake.next(budget)
    }

    #[inline]
    pub(super) fn replace(&mut self, message: &mut Message) {
        self.intake.replace(message);
    }

    /// Tells the peer of a change of `topic`, in the form of its version.
    pub(super) fn subscription(&self, topic: &[u8], change: Change) {
        self.pipe.outgoing.subscription(topic, change, self.version);
    }

    /// Moves the waiting messages to `other`, unless this pipe has a connection.
    pub(super) fn move_unsent(&self, other: &Self) {
        if let Some(batch) = self.pipe.outgoing.give_up() {
            other.pipe.outgoing.take_over(&batch);
        }
    }

    /// See [`Slot::recall`](super::Slot::recall).
    pub(super) fn recall(&mut self, recall: Recall) -> (Recalled, usize) {
        self.hand_draft_back();
        let ends = self.pipe.through.is_some();
        self.pipe.outgoing.recall(recall, ends)
    }

    /// Drops the messages that wait for a connection, and gives their number.
    pub(super) fn drop_waiting(&mut self) -> usize {
        self.hand_draft_back();
        self.pipe.outgoing.drop_waiting()
    }

    /// How many messages have arrived and were not read.
    pub(super) fn unread(&self) -> usize {
        self.intake.unread()
    }

    /// The counts of messages.
    pub(super) fn counts(&self) -> Counts {
        let out = self.pipe.outgoing.counts();
        Counts {
            sent: out.messages,
            received: self.intake.messages() + self.pipe.incoming.replaced(),
            bytes_sent: out.bytes,
            replaced: out.replaced + self.intake.replaced(),
            queued_to_send: self.pipe.outgoing.queued(),
            queued_to_receive: self.pipe.incoming.queued(),
        }
    }

    /// The other values of the statistics.
    pub(super) fn measured(&self) -> Measured {
        Measured {
            unexpected: self.pipe.unexpected(),
            bytes_received: self.pipe.bytes_received(),
            reconnects: self.pipe.reconnects(),
            time_muted: self.pipe.outgoing.time_full(),
            round_trip: self.pipe.round_trip(),
        }
    }
}

//! A slot: the socket's end of one pipe, over a wire or within the process.
//!
//! Owns: the end of the pipe, and what is known about the peer.
//! Always true: it is only touched under the socket's lock.
//! Must not know: the other pipes.

mod counts;
mod full;
mod lane_end;
mod places;
mod replacing;
mod report;
mod retiring;
mod senders;
mod way;
mod wire_end;

use std::sync::Arc;

use highwater_patterns::{Message, Outbound, PipeId, Received};

use crate::error::LinkError;
use crate::peer::PeerInfo;
use crate::pipe::{
    Batch, Change, HighWater, InprocEnd, Intake, Key, Lane, Pipe, Wire, WriteEffects,
};
use crate::policy::{Budget, WritePolicy};
use crate::stats::Dropped;
pub(super) use counts::Counts;
use lane_end::LaneEnd;
use senders::Senders;
use way::{Way, either};
use wire_end::WireEnd;

/// The socket's end of one pipe.
#[derive(Debug)]
pub(super) struct Slot {
    id: PipeId,
    way: Way,
    peer: Option<Arc<PeerInfo>>,
    senders: Senders,
    /// The pipe takes no message any more, and is removed when it was read to the end.
    ending: bool,
    /// Its place in the [list](super::table) of pipes that are ending.
    pub(super) leaving: Leaving,
    /// The pattern has refused the peer; its messages are never read.
    refused: bool,
    /// The pattern does not know of the pipe yet.
    unannounced: bool,
    /// The pattern has admitted this peer, whose handshake is not done yet.
    admitted: Option<Arc<PeerInfo>>,
    /// The pipe has retired: it takes no message any more, and ends when the peer has closed.
    retired: bool,
    /// How many requests were taken and are not answered yet.
    unanswered: u32,
    /// In a socket that answers and retires: how many messages are taken in all, namely those that had come when it
    /// began.
    takes: Option<u64>,
    /// The last of them was taken: further input is ignored.
    deaf: bool,
    /// How many messages for this peer were dropped, since its pipe was full.
    missed: u64,
    /// The other drops of this peer, if any.
    dropped: Option<Box<Dropped>>,
    /// The value of `missed` when the present drops began.
    missing_since: Option<u64>,
}

/// The place of a pipe in the list of those that are ending.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leaving {
    /// The pipe is in `turns`: it is looked at in its turn.
    pub(super) in_turns: bool,
    /// The pipe is in `next`: it is looked at next.
    pub(super) is_next: bool,
    /// The bytes charged for the unread messages of a departed peer.
    pub(super) charge: usize,
}

impl Slot {
    /// The end of a pipe over a wire. With `translate`, messages in the form of subscriptions are read as such.
    pub(super) fn wire(pipe: Arc<Pipe>, translate: bool) -> Self {
        let id = pipe.id;
        Self::new(id, Way::Wire(WireEnd::new(pipe, translate)))
    }

    /// The end of a pipe within the process; `sender`: whose messages may be there before [`join`](Self::join).
    pub(super) fn inproc(end: InprocEnd, sender: Option<Arc<PeerInfo>>) -> Self {
        Self {
            senders: Senders::new(sender),
            ..Self::new(end.id(), Way::Lane(LaneEnd::new(end)))
        }
    }

    /// The end of a pipe within the process of which the pattern hears only when there is a peer.
    pub(super) fn unannounced(end: InprocEnd) -> Self {
        Self {
            unannounced: true,
            ..Self::inproc(end, None)
        }
    }

    /// There is a peer; true if the pattern does not know of the pipe yet.
    pub(super) fn announce(&mut self) -> bool {
        std::mem::take(&mut self.unannounced)
    }

    pub(super) fn is_unannounced(&self) -> bool {
        self.unannounced
    }

    fn new(id: PipeId, way: Way) -> Self {
        Self {
            id,
            way,
            peer: None,
            senders: Senders::new(None),
            ending: false,
            leaving: Leaving::default(),
            refused: false,
            unannounced: false,
            admitted: None,
            retired: false,
            unanswered: 0,
            takes: None,
            deaf: false,
            missed: 0,
            dropped: None,
            missing_since: None,
        }
    }

    #[inline]
    pub(super) fn id(&self) -> PipeId {
        self.id
    }

    pub(super) fn peer(&self) -> Option<&Arc<PeerInfo>> {
        self.peer.as_ref()
    }

    /// The listener or session of the connection that the pipe came with, if it came with one.
    pub(super) fn through(&self) -> Option<Key> {
        self.way.wire()?.through()
    }

    /// The pipe has a connection; if it is `held_back`, it is not read before [`let_in`](Self::let_in).
    pub(super) fn connect(&mut self, wire: Arc<dyn Wire>, peer: Arc<PeerInfo>, held_back: bool) {
        if let Some(end) = self.way.wire_mut() {
            end.connected(&wire, &peer, held_back, self.retired);
            self.senders.comes(Arc::clone(&peer));
            self.peer = Some(peer);
        }
    }

    /// The connection is to be read now.
    pub(super) fn let_in(&mut self) {
        if let Some(end) = self.way.wire_mut() {
            end.intake_mut().let_in();
        }
    }

    /// The other side of a pipe within the process has come.
    pub(super) fn join(&mut self, incoming: Option<Arc<Lane>>, peer: Arc<PeerInfo>) {
        if let (Some(end), Some(incoming)) = (self.way.lane_mut(), incoming) {
            end.joined(incoming);
        }
        self.senders.comes(Arc::clone(&peer));
        self.peer = Some(peer);
    }

    /// The connection is lost: gives the number of unread messages that are lost with it.
    pub(super) fn disconnect(&mut self, ends: bool) -> usize {
        if ends && let Some(end) = self.way.lane_mut() {
            // The other side may be waiting to hear that nothing more comes.
            end.end_output();
        }
        let wire = self.way.wire_mut();
        let forgotten = wire.map_or(0, |end| end.disconnected(self.refused));
        if let Some(end) = self.way.wire().filter(|_| !ends && !self.refused) {
            let read = end.given();
            self.senders.goes(read, read + end.unread() as u64);
        }
        self.peer = None;
        self.ending |= ends;
        // A session may connect again, and its next peer may be accepted.
        self.refused &= self.ending;
        forgotten
    }

    /// The peer whose message was read last.
    pub(super) fn sender(&mut self) -> Option<&Arc<PeerInfo>> {
        let Self { way, senders, .. } = self;
        senders.of_message(|| way.wire().map_or(0, WireEnd::given))
    }

    /// The pattern has refused the peer.
    pub(super) fn refuse(&mut self) {
        self.refused = true;
    }

    /// How many bytes of unread messages the pipe holds; within the process none are counted.
    pub(super) fn unread_bytes(&self) -> usize {
        let wire = self.way.wire();
        wire.map_or(0, |end| end.intake().unread_bytes())
    }

    /// Sets the high-water marks; true if the pipe was full and has room now.
    pub(super) fn set_limits(&self, send: HighWater, receive: HighWater) -> bool {
        either!(&self.way, end => end.set_limits(send, receive))
    }

    /// Whether the pipe takes no message any more.
    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    /// Whether the pipe is ending, and was read to the end or never will be.
    pub(super) fn has_ended(&self) -> bool {
        self.ending && (self.deaf || self.refused || either!(&self.way, end => end.is_drained()))
    }

    /// Lets go of the pipe. Gives how many messages can no longer be sent, and how many were not read. Waiting messages
    /// of a pipe over a wire are left to the I/O thread, which counts them.
    pub(super) fn let_go(&mut self) -> (usize, usize) {
        either!(&mut self.way, end => end.let_go())
    }

    #[inline(always)]
    pub(super) fn push(
        &mut self,
        message: &mut impl Outbound,
        policy: &mut WritePolicy,
    ) -> WriteEffects {
        either!(&mut self.way, end => end.push(message, policy))
    }

    /// Gives the draft back to the pipe, for the last time; gives the number of messages that the pipe could not take.
    pub(super) fn collect_draft(&mut self) -> usize {
        self.way.wire_mut().map_or(0, |end| end.collect_draft())
    }

    /// Queues a copy of `message`, which is also in `framed`.
    #[inline]
    pub(super) fn push_copy(
        &mut self,
        message: &impl Outbound,
        framed: &Batch,
        policy: &mut WritePolicy,
    ) -> WriteEffects {
        either!(&mut self.way, end => end.push_copy(message, framed, policy))
    }

    pub(super) fn push_always(&mut self, mut message: Message) {
        either!(&mut self.way, end => end.push_always(&mut message));
    }

    /// Writes the waiting messages of a pipe over a wire.
    pub(super) fn flush(&mut self) {
        if let Some(end) = self.way.wire_mut() {
            end.flush();
        }
    }

    pub(super) fn has_room(&mut self) -> bool {
        either!(&mut self.way, end => end.has_room())
    }

    /// Whether the pipe takes no message any more, full or not.
    #[cold]
    pub(super) fn is_closed(&self) -> bool {
        either!(&self.way, end => end.is_closed())
    }

    /// The next message, if it is one frame that is not large and is whole in a buffer.
    #[inline(always)]
    pub(super) fn next_single(&mut self, into: &mut Message) -> bool {
        either!(&mut self.way, end => end.next_single(into))
    }

    /// The next message or subscription; over a wire `None` also once `budget` is spent.
    pub(super) fn next(&mut self, budget: &mut Budget) -> Option<Received> {
        either!(&mut self.way, end => end.next(budget))
    }

    /// If only the latest message is received and there is a later one than `message`, puts that in its place.
    pub(super) fn replace(&mut self, message: &mut Message) {
        either!(&mut self.way, end => end.replace(message));
    }

    /// Tells the peer of a change of `topic`.
    pub(super) fn subscription(&self, topic: &[u8], change: Change) {
        either!(&self.way, end => end.subscription(topic, change));
    }

    /// See [`Table::set_admitted`](super::Table::set_admitted).
    pub(super) fn set_admitted(&mut self, peer: Arc<PeerInfo>) {
        self.admitted = Some(peer);
    }

    /// The present or expected peer.
    pub(super) fn known_peer(&self) -> Option<&Arc<PeerInfo>> {
        self.peer.as_ref().or(self.admitted.as_ref())
    }

    /// See [`Table::take_admitted`](super::Table::take_admitted).
    pub(super) fn take_admitted(&mut self) -> bool {
        self.admitted.take().is_some()
    }

    /// Ends the connection; true if the pipe has ended with it, and the caller must tell the pattern.
    pub(super) fn close(&mut self, cause: LinkError) -> bool {
        if let Some(end) = self.way.wire_mut() {
            end.close(cause);
            return false;
        }
        !std::mem::replace(&mut self.ending, true)
    }

    /// The reading end of a wire.
    pub(super) fn intake(&mut self) -> Option<&mut Intake> {
        Some(self.way.wire_mut()?.intake_mut())
    }

    /// The live connection, if the socket reads it, and whether its reader is here.
    pub(super) fn live_wire(&self) -> Option<(&Arc<dyn Wire>, bool)> {
        let end = self.way.wire().filter(|_| !self.deaf)?;
        let intake = end.intake();
        intake.wire().map(|wire| (wire, intake.is_lent()))
    }

    /// Whether this is a link whose reader is borrowed and was read to the end.
    pub(super) fn is_idle_link(&self) -> bool {
        let wire = self.way.wire();
        wire.is_some_and(|end| end.intake().is_idle_reader())
    }

    /// The pattern is being told of messages from within the process.
    pub(super) fn is_told(&mut self) -> PipeId {
        if let Some(end) = self.way.lane_mut() {
            end.note_told();
        }
        self.id
    }

    /// Whether the pattern was told of messages here and has not looked since: it does not want them now, as a REP that
    /// owes an answer. To tell it again and again would hold the lock for ever.
    pub(super) fn is_passed_over(&self) -> bool {
        self.way.lane().is_some_and(LaneEnd::is_passed_over)
    }

    /// The lane within the process, if the socket reads it.
    pub(super) fn heard_lane(&self) -> Option<&InprocEnd> {
        self.lane().filter(|_| !self.deaf)
    }

    /// The lane within the process.
    pub(super) fn lane(&self) -> Option<&InprocEnd> {
        self.way.lane().map(LaneEnd::end)
    }
}

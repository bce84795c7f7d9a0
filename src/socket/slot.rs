//! The socket's end of one pipe of any kind.
//!
//! Owns: the way a message goes (a wire, or a lane within the process), and what is known about the peer.
//! Always true: it is only touched under the socket's lock.
//! Must not know: the other pipes.

mod full;
mod lane_end;
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
use lane_end::LaneEnd;
pub(super) use report::Counts;
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
    /// Nothing can be written any more; it goes as soon as everything is read.
    ending: bool,
    /// For the [list](super::table) of those that are ending.
    pub(super) leaving: Leaving,
    /// The pattern has not taken the peer, and nobody will ask for its messages.
    refused: bool,
    /// The pattern does not know of it yet.
    unannounced: bool,
    /// The pattern knows already who the peer is, of which the handshake is not quite done.
    admitted: Option<Arc<PeerInfo>>,
    /// Nothing more is written; it goes when the peer has closed in its turn.
    retired: bool,
    /// Requests that were taken and are not answered yet.
    unanswered: u32,
    /// Of a socket that answers and retires: it takes so many messages in all, those that had come by then.
    takes: Option<u64>,
    /// It has taken them: what comes is ignored.
    deaf: bool,
    /// Messages this peer has missed, being full.
    missed: u64,
    /// The other drops of this peer, if any.
    dropped: Option<Box<Dropped>>,
    /// The value of `missed` when the present drops began.
    missing_since: Option<u64>,
}

/// Where a pipe stands among those that are ending.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leaving {
    /// It is looked at in its turn.
    pub(super) in_turns: bool,
    /// It is looked at next.
    pub(super) is_next: bool,
    /// The bytes charged for the unread messages of a departed peer.
    pub(super) charge: usize,
}

impl Slot {
    /// The end of a pipe over a wire. `translate`: its peer speaks in subscriptions.
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

    /// The end of a pipe within the process that counts for nothing before there is a peer.
    pub(super) fn unannounced(end: InprocEnd) -> Self {
        Self {
            unannounced: true,
            ..Self::inproc(end, None)
        }
    }

    /// There is a peer; true if the pattern has not known of the pipe before.
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

    /// A connection is there; it is not read before [`let_in`](Self::let_in) if it is `held_back`.
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

    /// The other side, in this process, is there.
    pub(super) fn join(&mut self, incoming: Option<Arc<Lane>>, peer: Arc<PeerInfo>) {
        if let (Some(end), Some(incoming)) = (self.way.lane_mut(), incoming) {
            end.joined(incoming);
        }
        self.senders.comes(Arc::clone(&peer));
        self.peer = Some(peer);
    }

    /// The connection is lost: how many messages that takes along, which were unread.
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
        // The next connection of a session is another matter.
        self.refused &= self.ending;
        forgotten
    }

    /// Whose the message is that was read last.
    pub(super) fn sender(&mut self) -> Option<&Arc<PeerInfo>> {
        let Self { way, senders, .. } = self;
        senders.of_message(|| way.wire().map_or(0, WireEnd::given))
    }

    /// The pattern has not taken the peer.
    pub(super) fn refuse(&mut self) {
        self.refused = true;
    }

    /// Bytes of messages that came over a wire and are unread.
    pub(super) fn unread_bytes(&self) -> usize {
        let wire = self.way.wire();
        wire.map_or(0, |end| end.intake().unread_bytes())
    }

    /// Keeps to these marks from now on; true if the pipe was found full and has room now.
    pub(super) fn set_limits(&self, send: HighWater, receive: HighWater) -> bool {
        either!(&self.way, end => end.set_limits(send, receive))
    }

    /// Nothing can be written any more.
    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    /// It is ending, and has been read to the end, or never will be.
    pub(super) fn has_ended(&self) -> bool {
        self.ending && (self.deaf || self.refused || either!(&self.way, end => end.is_drained()))
    }

    /// Lets go: how many messages can no longer be sent, and how many were not read. What a wire still holds is left
    /// to the I/O thread, which counts it.
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

    /// Gives what a stream has gathered without the pipe's lock to the pipe; how many messages are lost with that.
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

    /// Writes what waits, if this process does that itself.
    pub(super) fn flush(&mut self) {
        if let Some(end) = self.way.wire_mut() {
            end.flush();
        }
    }

    /// Messages that wait to be written by this process.
    pub(super) fn unwritten(&self) -> usize {
        self.way.wire().map_or(0, |end| end.unwritten())
    }

    pub(super) fn has_room(&mut self) -> bool {
        either!(&mut self.way, end => end.has_room())
    }

    /// The next message, if it is one frame, not large, and stands ready.
    #[inline(always)]
    pub(super) fn next_single(&mut self, into: &mut Message) -> bool {
        either!(&mut self.way, end => end.next_single(into))
    }

    /// The next thing that has come; over a wire none, too, once `budget` is spent.
    pub(super) fn next(&mut self, budget: &mut Budget) -> Option<Received> {
        either!(&mut self.way, end => end.next(budget))
    }

    /// Gives the latest message instead of `message`, which was read before, if only that counts and there is one.
    pub(super) fn replace(&mut self, message: &mut Message) {
        either!(&mut self.way, end => end.replace(message));
    }

    /// The peer is to know what a topic comes to.
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

    /// Ends the connection; true if the pipe ended with it, which nobody else will tell.
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

    /// Whether this is a link whose reader is here, and has been read to the end.
    pub(super) fn is_idle_link(&self) -> bool {
        let wire = self.way.wire();
        wire.is_some_and(|end| end.intake().is_idle_reader())
    }

    /// The pattern is told that something has come from within the process.
    pub(super) fn is_told(&mut self) -> PipeId {
        if let Some(end) = self.way.lane_mut() {
            end.note_told();
        }
        self.id
    }

    /// Whether there is something of which the pattern was told, and has not looked since: it knows, and does not want it
    /// now, as a REP that owes an answer. To tell it again and again would keep the lock for ever.
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

//! The socket's end of one pipe of any kind.
//!
//! Owns: the way a message goes (a wire, or a lane within the process), and what is known about the peer.
//! Always true: it is only touched under the socket's lock.
//! Must not know: the other pipes.

mod full;
mod replacing;
mod report;

use std::sync::Arc;

use highwater_patterns::{Message, Outbound, PipeId, Received};

use crate::error::LinkError;
use crate::peer::PeerInfo;
use crate::pipe::{
    Batch, Change, Draft, Duty, HighWater, InprocEnd, Intake, Key, Lane, Notices, Pipe, Wire,
};
use crate::policy::{Budget, WritePolicy};
use crate::stats::Dropped;
use crate::zmtp::Version;
pub(super) use report::Counts;

/// The socket's end of one pipe.
#[derive(Debug)]
pub(super) struct Slot {
    id: PipeId,
    way: Way,
    peer: Option<Arc<PeerInfo>>,
    /// Nothing can be written any more; it goes as soon as everything is read.
    ending: bool,
    /// For the [list](super::table) of those that are ending.
    pub(super) leaving: Leaving,
    /// The I/O thread was told to end the connection.
    turned_away: bool,
    /// The pattern has not taken the peer, and nobody will ask for its messages.
    refused: bool,
    /// The pattern does not know of it yet.
    unannounced: bool,
    /// The pattern knows already who the peer is, of which the handshake is not quite done.
    admitted: Option<Arc<PeerInfo>>,
    /// Its peer's routing id is another's.
    handed_over: bool,
    /// Nothing more is written; it goes when the peer has closed in its turn.
    retired: bool,
    /// How often the pattern had looked into the pipe, within the process, when it was last told of something there.
    told_at: Option<u64>,
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

/// The far side of a pipe.
#[derive(Debug)]
enum Way {
    Wire {
        pipe: Arc<Pipe>,
        draft: Draft,
        intake: Box<Intake>,
        version: Version,
    },
    Inproc(InprocEnd),
}

impl Slot {
    /// The end of a pipe over a wire. `translate`: its peer speaks in subscriptions.
    pub(super) fn wire(pipe: Arc<Pipe>, translate: bool) -> Self {
        let id = pipe.id;
        let way = Way::Wire {
            intake: Box::new(Intake::new(Arc::clone(&pipe), translate)),
            version: Version::V3_1,
            draft: Draft::default(),
            pipe,
        };
        Self::new(id, way)
    }

    /// The end of a pipe within the process.
    pub(super) fn inproc(end: InprocEnd) -> Self {
        Self::new(end.id(), Way::Inproc(end))
    }

    /// The end of a pipe within the process that counts for nothing before there is a peer.
    pub(super) fn unannounced(end: InprocEnd) -> Self {
        Self {
            unannounced: true,
            ..Self::inproc(end)
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
            ending: false,
            leaving: Leaving::default(),
            turned_away: false,
            refused: false,
            unannounced: false,
            admitted: None,
            handed_over: false,
            retired: false,
            told_at: None,
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

    /// The listener of the connection, if that was accepted.
    pub(super) fn through(&self) -> Option<Key> {
        match &self.way {
            Way::Wire { pipe, .. } => pipe.through,
            Way::Inproc(_) => None,
        }
    }

    /// A connection is there; it is not read before [`let_in`](Self::let_in) if it is `held_back`.
    pub(super) fn connect(&mut self, wire: Arc<dyn Wire>, peer: Arc<PeerInfo>, held_back: bool) {
        if let Way::Wire {
            intake, version, ..
        } = &mut self.way
        {
            *version = if peer.version >= (3, 1) {
                Version::V3_1
            } else {
                Version::V3_0
            };
            if self.retired {
                // The handshake was under way when it was told to end.
                wire.duty(Duty::Flush);
            }
            intake.connected(Arc::clone(&wire), held_back);
            if self.handed_over {
                wire.duty(Duty::HandOver);
            }
            self.turned_away = false;
            self.peer = Some(peer);
        }
    }

    /// The connection is to be read now.
    pub(super) fn let_in(&mut self) {
        if let Way::Wire { intake, .. } = &mut self.way {
            intake.let_in();
        }
    }

    /// The other side, in this process, is there.
    pub(super) fn join(&mut self, incoming: Option<Arc<Lane>>, peer: Arc<PeerInfo>) {
        if let (Way::Inproc(end), Some(incoming)) = (&mut self.way, incoming) {
            end.joined(incoming);
        }
        self.peer = Some(peer);
    }

    /// The connection is lost: how many messages that takes along, which were unread.
    pub(super) fn disconnect(&mut self, ends: bool) -> usize {
        let mut unread = 0;
        match &mut self.way {
            Way::Wire { intake, .. } => {
                intake.disconnected();
                if self.refused {
                    unread = intake.forget_unread();
                }
            }
            // The other side may be waiting to hear that nothing more comes.
            Way::Inproc(end) if ends => end.end_output(),
            Way::Inproc(_) => {}
        }
        self.peer = None;
        self.ending |= ends;
        // The next connection of a session is another matter.
        self.refused &= self.ending;
        unread
    }

    /// The pattern has not taken the peer.
    pub(super) fn refuse(&mut self) {
        self.refused = true;
    }

    /// Bytes of messages that came over a wire and are unread.
    pub(super) fn unread_bytes(&self) -> usize {
        match &self.way {
            Way::Wire { intake, .. } => intake.unread_bytes(),
            Way::Inproc(_) => 0,
        }
    }

    /// Keeps to these marks from now on; true if the pipe was found full and has room now.
    pub(super) fn set_limits(&self, send: HighWater, receive: HighWater) -> bool {
        match &self.way {
            Way::Wire { pipe, intake, .. } => {
                if pipe.incoming.set_limit(receive)
                    && let Some(wire) = intake.wire()
                {
                    wire.duty(Duty::Resume);
                }
                pipe.outgoing.set_limit(send)
            }
            Way::Inproc(end) => {
                // The lane tells whoever waits for room, which may be the other side.
                end.set_limits(send.messages, receive.messages);
                false
            }
        }
    }

    /// Takes no more messages: what was sent still goes out, what comes is still read.
    pub(super) fn retire(&mut self) {
        self.retired = true;
        match &mut self.way {
            Way::Wire { pipe, intake, .. } => {
                pipe.outgoing.close();
                if let Some(wire) = intake.wire() {
                    // It may all be out already: then the I/O thread goes on from there.
                    wire.duty(Duty::Flush);
                }
            }
            Way::Inproc(end) => end.end_output(),
        }
    }

    pub(super) fn has_retired(&self) -> bool {
        self.retired
    }

    /// A request was taken.
    pub(super) fn asked(&mut self) {
        self.unanswered += 1;
    }

    /// A request was answered, or never will be.
    pub(super) fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// The socket answers, and begins to retire: what has come is still taken and answered, what comes is not.
    /// False if it has begun before.
    pub(super) fn take_last(&mut self) -> bool {
        let begins = self.takes.is_none();
        self.takes.get_or_insert_with(|| match &mut self.way {
            Way::Wire { intake, .. } => intake.count_waiting() as u64 + intake.messages(),
            Way::Inproc(end) => {
                let counts = end.counts();
                counts.queued_in as u64 + counts.received
            }
        });
        begins
    }

    /// Whether it has taken all that it was to take, and does not know yet that what comes is to be ignored.
    #[inline]
    pub(super) fn has_taken_last(&self) -> bool {
        self.takes.is_some_and(|takes| self.taken() >= takes) && !self.deaf
    }

    fn taken(&self) -> u64 {
        match &self.way {
            Way::Wire { intake, .. } => intake.messages(),
            Way::Inproc(end) => end.counts().received,
        }
    }

    /// Further input is ignored from now on.
    pub(super) fn deafen(&mut self) {
        self.deaf = true;
    }

    /// Forgets what has come, if it is to be ignored: how many messages, of which the peer learns by the end of the
    /// connection that nobody has taken them. Within the process they stay until the pipe goes.
    pub(super) fn ignore_input(&mut self) -> Option<usize> {
        self.deaf.then(|| match &mut self.way {
            Way::Wire { intake, .. } => intake.ignore(),
            Way::Inproc(_) => 0,
        })
    }

    /// Whether a request has come, before the socket began to retire, that is not answered.
    pub(super) fn owes_answers(&self) -> bool {
        self.unanswered > 0
            || !self.deaf
                && match &self.way {
                    Way::Wire { intake, .. } => !intake.is_idle(),
                    Way::Inproc(end) => !end.is_drained(),
                }
    }

    /// Nothing can be written any more.
    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }

    /// It is ending, and has been read to the end, or never will be.
    pub(super) fn has_ended(&self) -> bool {
        self.ending
            && (self.deaf
                || self.refused
                || match &self.way {
                    Way::Wire { intake, .. } => intake.is_drained(),
                    Way::Inproc(end) => end.is_drained(),
                })
    }

    /// Lets go: how many messages can no longer be sent, and how many were not read. What a wire still holds is left
    /// to the I/O thread, which counts it.
    pub(super) fn let_go(&mut self) -> (usize, usize) {
        match &mut self.way {
            Way::Wire { pipe, intake, .. } => (pipe.outgoing.let_go(), intake.discard()),
            Way::Inproc(end) => end.end(),
        }
    }

    #[inline(always)]
    pub(super) fn push(
        &mut self,
        message: &mut impl Outbound,
        policy: &mut WritePolicy,
    ) -> Notices {
        match &mut self.way {
            Way::Wire { pipe, draft, .. } => draft.push(message, &pipe.outgoing, policy),
            Way::Inproc(end) => Notices::REFUSED.when(!end.push(message)),
        }
    }

    /// Gives what a stream has gathered without the pipe's lock to the pipe; how many messages are lost with that.
    pub(super) fn collect_draft(&mut self) -> usize {
        match &mut self.way {
            Way::Wire { pipe, draft, .. } => draft.end(&pipe.outgoing),
            Way::Inproc(_) => 0,
        }
    }

    /// Queues a copy of `message`, which is also in `framed`.
    #[inline]
    pub(super) fn push_copy(
        &mut self,
        message: &impl Outbound,
        framed: &Batch,
        policy: &mut WritePolicy,
    ) -> Notices {
        match &mut self.way {
            Way::Wire { pipe, draft, .. } => {
                draft.hand_back(&pipe.outgoing);
                pipe.outgoing.push_framed(framed, policy)
            }
            Way::Inproc(end) => Notices::REFUSED.when(!end.push_copy(message)),
        }
    }

    pub(super) fn push_always(&mut self, mut message: Message) {
        match &mut self.way {
            Way::Wire { pipe, draft, .. } => {
                draft.hand_back(&pipe.outgoing);
                pipe.outgoing.push_always(&message);
            }
            Way::Inproc(end) => end.push_always(&mut message),
        }
    }

    /// Writes what waits, if this process does that itself.
    pub(super) fn flush(&mut self) {
        if let Way::Wire { pipe, draft, .. } = &mut self.way {
            draft.hand_back(&pipe.outgoing);
            pipe.outgoing.flush();
        }
    }

    /// Messages that wait to be written by this process.
    pub(super) fn unwritten(&self) -> usize {
        match &self.way {
            Way::Wire { pipe, draft, .. } => pipe.outgoing.queued() + draft.queued(),
            Way::Inproc(_) => 0,
        }
    }

    pub(super) fn has_room(&mut self) -> bool {
        match &mut self.way {
            Way::Wire { pipe, draft, .. } => draft.has_room(&pipe.outgoing),
            Way::Inproc(end) => end.has_room(),
        }
    }

    /// The next message, if it is one frame, not large, and stands ready.
    #[inline(always)]
    pub(super) fn next_single(&mut self, into: &mut Message) -> bool {
        match &mut self.way {
            Way::Wire { intake, .. } => intake.next_single(into),
            Way::Inproc(end) => end.pop_message(into),
        }
    }

    /// The next thing that has come; over a wire none, too, once `budget` is spent.
    pub(super) fn next(&mut self, budget: &mut Budget) -> Option<Received> {
        match &mut self.way {
            Way::Wire { intake, .. } => intake.next(budget),
            Way::Inproc(end) => end.pop(),
        }
    }

    /// Gives the latest message instead of `message`, which was read before, if only that counts and there is one.
    pub(super) fn replace(&mut self, message: &mut Message) {
        match &mut self.way {
            Way::Wire { intake, .. } => intake.replace(message),
            Way::Inproc(end) => end.replace(message),
        }
    }

    /// The peer is to know what a topic comes to.
    pub(super) fn subscription(&self, topic: &[u8], change: Change) {
        match &self.way {
            Way::Wire { pipe, version, .. } => {
                pipe.outgoing.subscription(topic, change, *version);
            }
            Way::Inproc(end) => end.push_control(topic, change),
        }
    }

    /// See [`Table::set_admitted`](super::Table::set_admitted).
    pub(super) fn set_admitted(&mut self, peer: Arc<PeerInfo>) {
        self.admitted = Some(peer);
    }

    /// The present or expected peer.
    pub(super) fn known_peer(&self) -> Option<&Arc<PeerInfo>> {
        self.peer.as_ref().or(self.admitted.as_ref())
    }

    /// Has what waits here go out by `other`, unless there is a connection.
    pub(super) fn move_unsent(&self, other: &Self) {
        match (&self.way, &other.way) {
            (Way::Wire { pipe: from, .. }, Way::Wire { pipe: to, .. }) => {
                if let Some(batch) = from.outgoing.give_up() {
                    to.outgoing.take_over(&batch);
                }
            }
            (Way::Inproc(from), Way::Inproc(to)) => from.move_unsent(to),
            // One end of two sockets is a wire and the other a lane: they meet at two places.
            (Way::Wire { .. }, Way::Inproc(_)) | (Way::Inproc(_), Way::Wire { .. }) => {}
        }
    }

    /// See [`Table::take_admitted`](super::Table::take_admitted).
    pub(super) fn take_admitted(&mut self) -> bool {
        self.admitted.take().is_some()
    }

    /// Ends the connection; true if the pipe ended with it, which nobody else will tell.
    pub(super) fn close(&mut self, cause: LinkError) -> bool {
        match &self.way {
            Way::Wire { intake, .. } => {
                if let Some(wire) = intake.wire()
                    && !std::mem::replace(&mut self.turned_away, true)
                {
                    wire.duty(Duty::Close(cause));
                }
                false
            }
            Way::Inproc(_) => !std::mem::replace(&mut self.ending, true),
        }
    }

    /// A message for this peer was dropped; true if it is the first in a row.
    pub(super) fn missed(&mut self) -> bool {
        let first = self.missing_since.is_none();
        self.missing_since.get_or_insert(self.missed);
        self.missed += 1;
        first
    }

    /// Counts what was dropped on its way to or from this peer.
    pub(super) fn dropped(&mut self) -> &mut Dropped {
        self.dropped.get_or_insert_default()
    }

    /// The pipe has room again: how many messages were dropped in a row, if any.
    pub(super) fn caught_up(&mut self) -> Option<u64> {
        if let Way::Inproc(end) = &mut self.way {
            end.note_room(true);
        }
        self.missing_since.take().map(|since| self.missed - since)
    }

    /// The reading end of a wire.
    pub(super) fn intake(&mut self) -> Option<&mut Intake> {
        match &mut self.way {
            Way::Wire { intake, .. } => Some(intake),
            Way::Inproc(_) => None,
        }
    }

    /// The live connection, if the socket reads it, and whether its reader is here.
    pub(super) fn live_wire(&self) -> Option<(&Arc<dyn Wire>, bool)> {
        match &self.way {
            _ if self.deaf => None,
            Way::Wire { intake, .. } => intake.wire().map(|wire| (wire, intake.is_lent())),
            Way::Inproc(_) => None,
        }
    }

    /// Whether this is a link whose reader is here, and has been read to the end.
    pub(super) fn is_idle_link(&self) -> bool {
        match &self.way {
            Way::Wire { intake, .. } => intake.is_idle_reader(),
            Way::Inproc(_) => false,
        }
    }

    /// The pattern is told that something has come from within the process.
    pub(super) fn is_told(&mut self) -> PipeId {
        if let Way::Inproc(end) = &self.way {
            self.told_at = Some(end.looks());
        }
        self.id
    }

    /// Whether there is something of which the pattern was told, and has not looked since: it knows, and does not want it
    /// now, as a REP that owes an answer. To tell it again and again would keep the lock for ever.
    pub(super) fn is_passed_over(&self) -> bool {
        match &self.way {
            Way::Inproc(end) => {
                self.told_at == Some(end.looks())
                    && end.incoming().is_some_and(|lane| lane.is_ready())
            }
            Way::Wire { .. } => false,
        }
    }

    /// The lane within the process, if the socket reads it.
    pub(super) fn heard_lane(&self) -> Option<&InprocEnd> {
        self.lane().filter(|_| !self.deaf)
    }

    /// The lane within the process.
    pub(super) fn lane(&self) -> Option<&InprocEnd> {
        match &self.way {
            Way::Wire { .. } => None,
            Way::Inproc(end) => Some(end),
        }
    }
}

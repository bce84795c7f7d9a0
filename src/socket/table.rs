//! The pipes of one socket, as its pattern sees them.
//!
//! Owns: the socket's end of every pipe, and the counters of what was dropped.
//! Always true: it is only touched under the socket's lock; a pipe is in here from its `attached` to its `detached`.
//! Must not know: which pipe a message should take.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use highwater_patterns::{DropCause, Message, PipeId, Pipes, Received, SocketType};

use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::peer::PeerInfo;
use crate::pipe::{Batch, Duty, Intake, Pipe, Wire};
use crate::stats::{Dropped, PeerStats, Telemetry};
use crate::zmtp::{self, Version};

/// The most links that a receiver reads itself; waiting for more costs more than it saves.
const MOST_LENT: usize = 8;

/// The pipes of one socket.
#[derive(Debug)]
pub(crate) struct Table {
    pipes: HashMap<PipeId, Slot, BuildHasherDefault<IdHasher>>,
    telemetry: Arc<Telemetry>,
    /// Peers speak in subscriptions (PUB, XPUB).
    translate: bool,
    /// The socket has waited for input since it last wrote: a conversation, not a stream.
    waited: bool,
    /// Where a message for many pipes is framed.
    framed: Batch,
    dropped: Dropped,
    /// Counts of pipes that are gone.
    past: Past,
}

/// The socket's end of one pipe.
#[derive(Debug)]
struct Slot {
    pipe: Arc<Pipe>,
    intake: Intake,
    peer: Option<Arc<PeerInfo>>,
    version: Version,
    /// Nothing can be written any more; it goes as soon as everything is read.
    ending: bool,
    /// Messages this peer has missed, being full.
    missed: u64,
    /// What `missed` was when it began to miss messages, while it does.
    missing_since: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Past {
    sent: u64,
    received: u64,
    bytes: u64,
    replaced: u64,
}

/// Sums over all pipes, past ones included.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) bytes_sent: u64,
    pub(super) queued_to_send: usize,
    pub(super) queued_to_receive: usize,
    pub(super) dropped: Dropped,
}

impl Table {
    pub(super) fn new(kind: SocketType, telemetry: Arc<Telemetry>) -> Self {
        Self {
            pipes: HashMap::default(),
            telemetry,
            translate: matches!(kind, SocketType::Pub | SocketType::XPub),
            waited: false,
            framed: Batch::default(),
            dropped: Dropped::default(),
            past: Past::default(),
        }
    }

    /// There is a new pipe.
    pub(super) fn attach(&mut self, pipe: Arc<Pipe>) {
        let slot = Slot {
            intake: Intake::new(Arc::clone(&pipe), self.translate),
            peer: None,
            version: Version::V3_1,
            ending: false,
            missed: 0,
            missing_since: None,
            pipe,
        };
        let old = self.pipes.insert(slot.pipe.id, slot);
        debug_assert!(old.is_none(), "a pipe is attached once");
    }

    /// A connection is behind `pipe`; false if the pipe is gone.
    pub(super) fn connect(
        &mut self,
        pipe: PipeId,
        wire: Arc<dyn Wire>,
        peer: Arc<PeerInfo>,
    ) -> bool {
        let Some(slot) = self.pipes.get_mut(&pipe) else {
            wire.duty(Duty::Close(LinkError::ClosedHere));
            return false;
        };
        slot.version = if peer.version >= (3, 1) {
            Version::V3_1
        } else {
            Version::V3_0
        };
        slot.intake.connected(wire);
        slot.peer = Some(peer);
        true
    }

    /// The connection behind `pipe` is lost; false if the pipe is gone.
    pub(super) fn disconnect(&mut self, pipe: PipeId, ends: bool) -> bool {
        let Some(slot) = self.pipes.get_mut(&pipe) else {
            return false;
        };
        slot.intake.disconnected();
        slot.peer = None;
        slot.ending |= ends;
        true
    }

    /// Forgets `pipe`; what was not read counts as lost.
    pub(super) fn remove(&mut self, pipe: PipeId) -> Option<Arc<Pipe>> {
        let mut slot = self.pipes.remove(&pipe)?;
        slot.intake.return_reader();
        self.telemetry.unread.add(slot.pipe.incoming.close());
        let counts = slot.pipe.outgoing.counts();
        self.past.sent += counts.messages;
        self.past.received += slot.intake.messages();
        self.past.bytes += counts.bytes;
        self.past.replaced += counts.replaced;
        Some(slot.pipe)
    }

    /// Pipes that are ending and have been read to the end.
    pub(super) fn ended(&self) -> Vec<PipeId> {
        self.pipes
            .values()
            .filter(|slot| slot.ending && slot.intake.is_drained())
            .map(|slot| slot.pipe.id)
            .collect()
    }

    /// Whether some pipe is ending, so that [`ended`](Self::ended) is worth asking.
    pub(super) fn has_ending(&self) -> bool {
        self.pipes.values().any(|slot| slot.ending)
    }

    /// The pipe has room again; says how many messages its peer has missed if it began to miss some.
    pub(super) fn writable(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(&pipe)
            && let Some(since) = slot.missing_since.take()
            && let Some(peer) = &slot.peer
        {
            let kind = EventKind::DroppingStopped {
                missed: slot.missed - since,
            };
            self.telemetry
                .monitor
                .emit(kind, Some(&peer.endpoint), Some(&peer.address));
        }
    }

    /// All pipes.
    pub(super) fn ids(&self) -> Vec<PipeId> {
        self.pipes.keys().copied().collect()
    }

    /// The connected peers.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Arc<PeerInfo>> {
        self.pipes.values().filter_map(|slot| slot.peer.as_ref())
    }

    /// The pipes with a live connection through `endpoint`, made by this end or by the peer.
    pub(super) fn connected_through(
        &self,
        endpoint: &Endpoint,
        connected_here: bool,
    ) -> Vec<PipeId> {
        let is_theirs = |peer: &Arc<PeerInfo>| {
            peer.connected_here == connected_here && peer.endpoint == *endpoint
        };
        self.pipes
            .values()
            .filter(|slot| slot.peer.as_ref().is_some_and(is_theirs))
            .map(|slot| slot.pipe.id)
            .collect()
    }

    /// The live connection behind `pipe`.
    pub(super) fn wire(&self, pipe: PipeId) -> Option<&Arc<dyn Wire>> {
        self.pipes.get(&pipe)?.intake.wire()
    }

    pub(super) fn peer_stats(&self) -> Vec<PeerStats> {
        self.pipes
            .values()
            .filter_map(|slot| {
                let peer = slot.peer.as_ref()?;
                let counts = slot.pipe.outgoing.counts();
                Some(PeerStats {
                    peer: PeerInfo::clone(peer),
                    messages_sent: counts.messages,
                    messages_received: slot.intake.messages(),
                    bytes_sent: counts.bytes,
                    queued_to_send: slot.pipe.outgoing.queued(),
                    queued_to_receive: slot.pipe.incoming.queued(),
                    dropped: slot.missed,
                })
            })
            .collect()
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals {
            sent: self.past.sent,
            received: self.past.received,
            bytes_sent: self.past.bytes,
            dropped: self.dropped,
            ..Totals::default()
        };
        totals.dropped.conflated += self.past.replaced;
        for slot in self.pipes.values() {
            let counts = slot.pipe.outgoing.counts();
            totals.sent += counts.messages;
            totals.bytes_sent += counts.bytes;
            totals.dropped.conflated += counts.replaced;
            totals.received += slot.intake.messages();
            totals.queued_to_send += slot.pipe.outgoing.queued();
            totals.queued_to_receive += slot.pipe.incoming.queued();
        }
        totals
    }

    /// The socket has waited for input: what it sends next is an answer and goes out at once.
    pub(super) fn waited(&mut self) {
        self.waited = true;
    }

    /// Whether the socket is better off reading its links itself: it has a few, and at least one is alive.
    pub(super) fn is_lendable(&self) -> bool {
        self.pipes.len() <= MOST_LENT
            && self.pipes.values().any(|slot| slot.intake.wire().is_some())
    }

    /// Borrows the readers of all live links; the pipes whose readers came just now.
    pub(super) fn borrow_readers(&mut self) -> Vec<PipeId> {
        self.pipes
            .values_mut()
            .filter(|slot| slot.intake.wire().is_some() && !slot.intake.is_lent())
            .filter_map(|slot| slot.intake.borrow_reader().then_some(slot.pipe.id))
            .collect()
    }

    /// Gives all borrowed readers back.
    pub(super) fn return_readers(&mut self) {
        for slot in self.pipes.values_mut() {
            slot.intake.return_reader();
        }
    }

    /// The links whose readers are here.
    pub(super) fn lent(&self) -> impl Iterator<Item = (PipeId, &Arc<dyn Wire>)> {
        self.pipes
            .values()
            .filter(|slot| slot.intake.is_lent())
            .filter_map(|slot| {
                let wire = slot.intake.wire()?;
                Some((slot.pipe.id, wire))
            })
    }

    /// Reads once from a lent link; true if bytes came.
    pub(super) fn fill(&mut self, pipe: PipeId) -> bool {
        self.pipes
            .get_mut(&pipe)
            .is_some_and(|slot| slot.intake.fill())
    }
}

impl Pipes for Table {
    #[inline]
    fn try_write(&mut self, pipe: PipeId, message: Message) -> Result<(), Message> {
        let Some(slot) = self.pipes.get(&pipe) else {
            return Err(message);
        };
        slot.pipe
            .outgoing
            .push(message, std::mem::take(&mut self.waited))
    }

    fn try_write_all(&mut self, pipes: &[PipeId], message: &Message, full: &mut dyn FnMut(PipeId)) {
        self.framed.clear();
        self.framed.push(message);
        for pipe in pipes {
            let taken = self
                .pipes
                .get(pipe)
                .is_some_and(|slot| slot.pipe.outgoing.push_framed(&self.framed));
            if !taken {
                full(*pipe);
            }
        }
    }

    fn write_always(&mut self, pipe: PipeId, message: Message) {
        if let Some(slot) = self.pipes.get(&pipe) {
            slot.pipe.outgoing.push_always(&message);
        }
    }

    fn has_room(&mut self, pipe: PipeId) -> bool {
        self.pipes
            .get(&pipe)
            .is_some_and(|slot| slot.pipe.outgoing.has_room())
    }

    #[inline]
    fn try_read(&mut self, pipe: PipeId) -> Option<Received> {
        self.pipes.get_mut(&pipe)?.intake.next()
    }

    fn subscribe(&mut self, pipe: PipeId, topic: &[u8]) {
        if let Some(slot) = self.pipes.get(&pipe) {
            let version = slot.version;
            slot.pipe
                .outgoing
                .command(|out| zmtp::encode_subscribe(topic, version, out));
        }
    }

    fn cancel(&mut self, pipe: PipeId, topic: &[u8]) {
        if let Some(slot) = self.pipes.get(&pipe) {
            let version = slot.version;
            slot.pipe
                .outgoing
                .command(|out| zmtp::encode_cancel(topic, version, out));
        }
    }

    fn close(&mut self, pipe: PipeId) {
        if let Some(wire) = self.wire(pipe) {
            wire.duty(Duty::Close(LinkError::Evicted));
        }
    }

    fn dropped(&mut self, pipe: Option<PipeId>, cause: DropCause) {
        let counter = match cause {
            DropCause::SlowSubscriber => &mut self.dropped.slow_subscriber,
            DropCause::Unroutable => &mut self.dropped.unroutable,
            DropCause::NoRoom => &mut self.dropped.no_room,
            DropCause::LateReply => &mut self.dropped.late_reply,
            DropCause::Unanswered => &mut self.dropped.unanswered,
            DropCause::Malformed => &mut self.dropped.malformed,
            _ => &mut self.dropped.unexpected,
        };
        *counter += 1;
        if cause == DropCause::SlowSubscriber
            && let Some(slot) = pipe.and_then(|pipe| self.pipes.get_mut(&pipe))
        {
            if slot.missing_since.is_none()
                && let Some(peer) = &slot.peer
            {
                slot.missing_since = Some(slot.missed);
                let (endpoint, address) = (Some(&peer.endpoint), Some(peer.address.as_str()));
                self.telemetry
                    .monitor
                    .emit(EventKind::DroppingStarted, endpoint, address);
            }
            slot.missed += 1;
        }
    }
}

/// Spreads pipe ids, which are small numbers in a row.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn write_u32(&mut self, id: u32) {
        // Multiplying by an odd constant (2^64 divided by the golden ratio) spreads consecutive numbers over all bits.
        self.0 = u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

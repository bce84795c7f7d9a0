//! The pipes of one socket, as its pattern sees them.
//!
//! Owns: the socket's end of every pipe, and the counters of what was dropped.
//! Always true: it is only touched under the socket's lock; a pipe is in here from its `attached` to its `detached`.
//! Must not know: which pipe a message should take.

mod drops;
mod ending;
mod full;
mod notices;
mod reading;
mod replacing;
mod waiting;
mod writing;
#[cfg(test)]
pub(super) use waiting::BURST;

use std::sync::Arc;

use highwater_patterns::{
    DropCause, Message, Outbound, PipeId, PipeMap, Pipes, Recall, Recalled, Received, SocketType,
};

use super::later::Later;
use super::slot::{Counts, Slot};
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::peer::PeerInfo;
use crate::pipe::{Batch, Change, Duty, HighWater, InprocEnd, Key, Lane, Notices, Pipe, Wire};
use crate::policy::{Budget, WritePolicy};
use crate::stats::{Dropped, PeerStats, Telemetry};
use ending::Ending;

/// The pipes of one socket.
#[derive(Debug)]
pub(crate) struct Table {
    pipes: PipeMap<Slot>,
    telemetry: Arc<Telemetry>,
    kind: SocketType,
    write_policy: WritePolicy,
    /// Pipes in which messages may wait to be written.
    unflushed: Vec<PipeId>,
    /// What the next send that succeeds has to act on.
    notices: Notices,
    /// Pipes that may have lent what is being filled.
    lent: Vec<PipeId>,
    /// What had been received when a thread last turned from a conversation here.
    turned_at: u32,
    most_lent: usize,
    /// Readers of links may be here.
    borrowed: bool,
    /// Where a message for many pipes is framed.
    framed: Batch,
    dropped: Dropped,
    /// Counts of pipes that are gone.
    past: Counts,
    /// Pipes within the process.
    lanes: usize,
    ending: Ending,
    /// Messages that pipes within the process took along when they went.
    unsent_within: usize,
    /// What has gone with pipes and is not counted and told yet.
    losses: Losses,
    drops: drops::Drops,
    /// Pipes that this end has closed and nobody else will tell of.
    closed: Vec<PipeId>,
    /// Pipes within the process that have lost their peer and are to be joined with one again.
    unjoined: Vec<PipeId>,
    /// In a forked child: what was to be sent when that was noticed.
    stranded: Option<Message>,
    /// What this hold of the lock may still look at.
    budget: Budget,
    /// Who reads on later what this socket reads without being asked.
    later: Option<Later>,
}

/// Messages that were lost with pipes.
#[derive(Debug, Default)]
struct Losses {
    unsent: usize,
    unread: usize,
}

impl Table {
    pub(super) fn new(
        kind: SocketType,
        telemetry: Arc<Telemetry>,
        io_threads: usize,
        departed_bytes: Option<usize>,
    ) -> Self {
        Self {
            budget: Budget::default(),
            later: None,
            pipes: PipeMap::default(),
            telemetry,
            kind,
            write_policy: WritePolicy::default(),
            unflushed: Vec::new(),
            notices: Notices::NONE,
            lent: Vec::new(),
            turned_at: 0,
            most_lent: waiting::most_lent(io_threads),
            borrowed: false,
            framed: Batch::default(),
            dropped: Dropped::default(),
            past: Counts::default(),
            lanes: 0,
            ending: Ending::new(departed_bytes),
            unsent_within: 0,
            losses: Losses::default(),
            drops: drops::Drops::default(),
            closed: Vec::new(),
            unjoined: Vec::new(),
            stranded: None,
        }
    }

    /// There is a new pipe over a wire.
    pub(super) fn attach(&mut self, pipe: Arc<Pipe>) {
        let translate = matches!(self.kind, SocketType::Pub | SocketType::XPub);
        self.insert(Slot::wire(pipe, translate));
    }

    /// There is a new pipe within the process.
    pub(super) fn attach_inproc(&mut self, end: InprocEnd) {
        self.lanes += 1;
        self.insert(Slot::inproc(end));
    }

    /// Likewise, but its pattern is not to hear of it before there is a peer.
    pub(super) fn attach_unannounced(&mut self, end: InprocEnd) {
        self.lanes += 1;
        self.insert(Slot::unannounced(end));
    }

    /// True if the pattern has to hear now that there is a pipe.
    pub(super) fn announce(&mut self, pipe: PipeId) -> bool {
        self.pipes.get_mut(pipe).is_some_and(Slot::announce)
    }

    fn insert(&mut self, slot: Slot) {
        let old = self.pipes.insert(slot.id(), slot);
        debug_assert!(old.is_none(), "a pipe is attached once");
        self.write_policy.set_pipes(self.pipes.len());
    }

    /// A connection is behind `pipe`; false if the pipe is gone.
    pub(super) fn connect(
        &mut self,
        pipe: PipeId,
        wire: Arc<dyn Wire>,
        peer: Arc<PeerInfo>,
    ) -> bool {
        // A pipe that was let go still sends what it holds; the I/O thread knows when that is over.
        let Some(slot) = self.pipes.get_mut(pipe) else {
            // Nor does anybody read it here, but its end is still to be noticed.
            wire.duty(Duty::Resume);
            return false;
        };
        // The pipe of an endpoint outlives its connections: there is only one for all of them.
        let held_back = self.ending.is_much() && slot.through().is_some();
        slot.connect(wire, peer, held_back);
        if held_back {
            self.ending.hold_back(pipe);
        }
        true
    }

    /// Whether there is such a pipe.
    pub(super) fn contains(&self, pipe: PipeId) -> bool {
        self.pipes.get(pipe).is_some()
    }

    /// The pattern knows who will be behind `pipe` before the connection is there.
    pub(super) fn set_admitted(&mut self, pipe: PipeId, peer: Arc<PeerInfo>) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.set_admitted(peer);
        }
    }

    /// The pipe to the socket `token`, if there is one that was connected from the end asked for.
    pub(super) fn twin(&self, token: u64, connected_here: bool) -> Option<PipeId> {
        let is_twin = |peer: &Arc<PeerInfo>| {
            peer.token == Some(token) && peer.connected_here == connected_here
        };
        let mut slots = self.pipes.values();
        slots
            .find(|slot| !slot.is_ending() && slot.known_peer().is_some_and(is_twin))
            .map(Slot::id)
    }

    /// What waits in one pipe is to go out by another, to the same peer.
    pub(super) fn move_unsent(&mut self, from: PipeId, to: PipeId) {
        if let (Some(from), Some(to)) = (self.pipes.get(from), self.pipes.get(to)) {
            from.move_unsent(to);
        }
    }

    /// Whether the pattern knows already, this once, who is behind `pipe`.
    pub(super) fn take_admitted(&mut self, pipe: PipeId) -> bool {
        self.pipes.get_mut(pipe).is_some_and(Slot::take_admitted)
    }

    /// The other side of a pipe within the process is there; false if the pipe is gone.
    pub(super) fn join(
        &mut self,
        pipe: PipeId,
        incoming: Option<Arc<Lane>>,
        peer: Arc<PeerInfo>,
    ) -> bool {
        let Some(slot) = self.pipes.get_mut(pipe) else {
            if let Some(incoming) = incoming {
                self.telemetry.lose_unread(incoming.end_by_reader(), None);
            }
            return false;
        };
        slot.join(incoming, peer);
        true
    }

    /// The connection behind `pipe` is lost, for `cause`; false if the pipe is gone.
    pub(super) fn disconnect(&mut self, pipe: PipeId, ends: bool, cause: LinkError) -> bool {
        let Some(slot) = self.pipes.get_mut(pipe) else {
            return false;
        };
        let first = slot.lane().is_some() && !slot.is_ending();
        if first && slot.peer().is_some() {
            tell_of_end(slot, &self.telemetry, cause);
        }
        let already = slot.is_ending();
        let unread = slot.disconnect(ends);
        self.losses.unread += unread;
        if slot.is_ending() && !already {
            self.begin_ending(pipe);
        }
        true
    }

    /// Forgets `pipe`; what was not read counts as lost. False if it is gone already.
    pub(super) fn remove(&mut self, pipe: PipeId) -> bool {
        let Some(mut slot) = self.pipes.remove(pipe) else {
            return false;
        };
        let (unsent, unread) = slot.let_go();
        self.unsent_within += unsent;
        self.losses.unsent += unsent;
        self.losses.unread += unread;
        self.write_policy.set_pipes(self.pipes.len());
        self.lanes -= usize::from(slot.lane().is_some());
        self.forget_ending(&slot);
        let counts = slot.counts();
        self.past.sent += counts.sent;
        self.past.received += counts.received;
        self.past.bytes_sent += counts.bytes_sent;
        self.past.replaced += counts.replaced;
        true
    }

    /// Counts and tells what went with the pipes that were removed, at most those of one `endpoint`.
    pub(super) fn tell_losses(&mut self, endpoint: Option<&Endpoint>) {
        let Losses { unsent, unread } = std::mem::take(&mut self.losses);
        self.telemetry.lose_unsent(unsent, endpoint);
        self.telemetry.lose_unread(unread, endpoint);
    }

    /// One message that the pattern had looked at went with its pipe.
    pub(super) fn lost_unread(&mut self) {
        self.losses.unread += 1;
    }

    /// Has `pipe` take no more messages, or tells the other side of one within the process that there are none.
    pub(super) fn retire(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.retire();
        }
    }

    /// Pipes that have not retired; if `answers` matter, only those from which no request waits for one.
    pub(super) fn not_retired(&self, answers: bool) -> Vec<PipeId> {
        self.pipes
            .values()
            .filter(|slot| !(slot.has_retired() || answers && slot.owes_answers()))
            .map(Slot::id)
            .collect()
    }

    /// The socket answers, and retires: of each pipe it takes what has come by now, and no more. Those for which that begins.
    pub(super) fn take_last(&mut self) -> Vec<PipeId> {
        let mut begun = Vec::new();
        for slot in self.pipes.values_mut() {
            if slot.take_last() {
                begun.push(slot.id());
            }
        }
        begun
    }

    /// Pipes from which the last has been taken, and what comes is not ignored yet.
    pub(super) fn took_last(&self) -> Vec<PipeId> {
        let slots = self.pipes.values();
        let done = slots.filter(|slot| slot.has_taken_last());
        done.map(Slot::id).collect()
    }

    /// Whether the last request has just been taken from `pipe`: its pattern is to ignore what comes.
    #[inline]
    pub(crate) fn has_taken_last(&self, pipe: PipeId) -> bool {
        self.pipes.get(pipe).is_some_and(Slot::has_taken_last)
    }

    /// What comes through `pipe` is ignored from now on, and counted when the pipe goes.
    #[cold]
    pub(crate) fn deafen(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.deafen();
        }
        self.ignore_input(pipe);
    }

    /// Forgets what has come through `pipe`, if it is to be ignored.
    pub(super) fn ignore_input(&mut self, pipe: PipeId) -> bool {
        let ignored = self.pipes.get_mut(pipe).and_then(Slot::ignore_input);
        self.losses.unread += ignored.unwrap_or(0);
        ignored.is_some()
    }

    /// Messages within the process that were sent and nobody will get, of pipes that are gone.
    pub(super) fn unsent_within(&self) -> usize {
        self.unsent_within
    }

    /// Whether no peer within the process writes any more.
    pub(super) fn lanes_have_ended(&self) -> bool {
        let mut slots = self.pipes.values();
        slots.all(|slot| slot.lane().is_none() || slot.is_ending())
    }

    /// A request from `pipe` was taken, to be answered: who asks, if it has not gone.
    pub(crate) fn asked(&mut self, pipe: PipeId) -> Option<Arc<PeerInfo>> {
        let slot = self.pipes.get_mut(pipe)?;
        slot.asked();
        slot.peer().cloned()
    }

    /// A request from `pipe` was answered, or never will be.
    pub(crate) fn answered(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.answered();
        }
    }

    /// The pipe has room again.
    pub(super) fn writable(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe)
            && let Some(missed) = slot.caught_up()
            && let Some(peer) = slot.peer()
        {
            let kind = EventKind::DroppingStopped { missed };
            self.telemetry
                .monitor
                .emit(kind, Some(&peer.endpoint), Some(&peer.address));
        }
    }

    /// Has `pipe` keep to these marks from now on; true if it was found full and has room now.
    pub(super) fn set_limits(&self, pipe: PipeId, send: HighWater, receive: HighWater) -> bool {
        self.pipes
            .get(pipe)
            .is_some_and(|slot| slot.set_limits(send, receive))
    }

    /// All pipes.
    pub(super) fn ids(&self) -> Vec<PipeId> {
        self.pipes.pipes().collect()
    }

    /// The connected peers.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Arc<PeerInfo>> {
        self.pipes.values().filter_map(Slot::peer)
    }

    /// The connected peer behind `pipe`.
    pub(crate) fn peer(&self, pipe: PipeId) -> Option<&Arc<PeerInfo>> {
        self.pipes.get(pipe)?.peer()
    }

    /// The pipes of connections that have come through `key`.
    pub(super) fn attached_through(&self, key: Key) -> Vec<PipeId> {
        let slots = self.pipes.values();
        let theirs = slots.filter(|slot| slot.through() == Some(key));
        theirs.map(Slot::id).collect()
    }

    /// The pipes within the process that peers have connected to `name`.
    pub(super) fn joined_at(&self, name: &Endpoint) -> Vec<PipeId> {
        let is_theirs = |peer: &Arc<PeerInfo>| !peer.connected_here && peer.endpoint == *name;
        let slots = self.pipes.values();
        let theirs = slots.filter(|slot| slot.peer().is_some_and(is_theirs));
        theirs.map(Slot::id).collect()
    }

    pub(super) fn peer_stats(&self) -> Vec<PeerStats> {
        self.pipes.values().filter_map(Slot::stats).collect()
    }

    /// Sums over all pipes, past ones included.
    pub(super) fn totals(&self) -> Counts {
        let mut totals = self.past;
        for slot in self.pipes.values() {
            let counts = slot.counts();
            totals.sent += counts.sent;
            totals.received += counts.received;
            totals.bytes_sent += counts.bytes_sent;
            totals.replaced += counts.replaced;
            totals.queued_to_send += counts.queued_to_send;
            totals.queued_to_receive += counts.queued_to_receive;
        }
        totals
    }

    /// Messages dropped by the pattern, by cause.
    pub(super) fn dropped_messages(&self) -> Dropped {
        self.dropped
    }

    /// The socket has waited for input: what it sends next is an answer and goes out at once.
    pub(super) fn waited(&mut self) {
        self.write_policy.waited();
    }

    fn subscription(&self, pipe: PipeId, topic: &[u8], change: Change) {
        if let Some(slot) = self.pipes.get(pipe) {
            slot.subscription(topic, change);
        }
    }
}

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

    fn try_read(&mut self, pipe: PipeId) -> Option<Received> {
        self.read_from(pipe)
    }

    fn has_looked_enough(&self) -> bool {
        self.budget.is_spent()
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
        // PUB and XPUB turn out who is too slow; ROUTER who has lost its routing id to another.
        if self.kind != SocketType::Router {
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

    fn drop_waiting(&mut self, pipe: PipeId) {
        let lost = self.pipes.get_mut(pipe).map_or(0, Slot::drop_waiting);
        self.telemetry.unsent.add(lost);
    }

    fn unread(&mut self, pipe: PipeId) -> usize {
        self.pipes.get(pipe).map_or(0, Slot::unread)
    }

    fn dropped(&mut self, pipe: Option<PipeId>, cause: DropCause) {
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
            let (endpoint, address) = (Some(&peer.endpoint), Some(peer.address.as_str()));
            self.telemetry
                .monitor
                .emit(EventKind::DroppingStarted, endpoint, address);
        }
        self.note_drop(pipe);
    }
}

/// Counts one more that was dropped.
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
        _ => &mut dropped.unexpected,
    };
    *counter += 1;
}

/// Tells that a pipe within the process has lost its peer; over a wire, the I/O thread does.
fn tell_of_end(slot: &Slot, telemetry: &Telemetry, cause: LinkError) {
    let peer = slot.peer();
    let endpoint = peer.map(|peer| &peer.endpoint);
    let address = peer.map(|peer| &*peer.address);
    let kind = EventKind::Disconnected { cause, lost: 0 };
    telemetry.disconnects.add(1);
    telemetry.monitor.emit(kind, endpoint, address);
}

//! The table: the pipes of one socket, as its pattern sees them.
//!
//! Owns: the socket's end of every pipe, and the counters of what was dropped.
//! Always true: it is only touched under the socket's lock; a pipe is in here from its `attached` to its `detached`.
//! Must not know: which pipe a message should take.

mod drops;
mod ending;
mod flushing;
mod full;
mod lending;
mod losses;
mod places;
mod port;
mod reading;
mod replacing;
mod report;
mod retiring;
mod within;
mod write_effects;
mod writing;

use std::sync::Arc;

use highwater_patterns::{Facts, Message, PipeId, PipeMap};

use super::deferred::DeferredWork;
use super::slot::{Counts, Slot};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::peer::PeerInfo;
use crate::pipe::{Batch, CutOff, Duty, HighWater, InprocEnd, Lane, Pipe, Wire, WriteEffects};
use crate::policy::{Budget, WritePolicy};
use crate::stats::{Dropped, Telemetry};
use crate::sync::late_calls::hold_calls;
use ending::Ending;
use losses::Losses;
pub(crate) use places::PlaceId;
use places::Places;
use retiring::Retiring;

/// The pipes of one socket.
#[derive(Debug)]
pub(crate) struct Table {
    pipes: PipeMap<Slot>,
    telemetry: Arc<Telemetry>,
    facts: Facts,
    write_policy: WritePolicy,
    /// Pipes in which messages may wait that the socket is to write before it waits for input.
    unflushed: Vec<PipeId>,
    /// The effects of writes that the next send that succeeds has to act on.
    effects: WriteEffects,
    /// Pipes whose batch may be a draft.
    drafts: Vec<PipeId>,
    most_lent: usize,
    /// Readers of links may be in this table, borrowed from the I/O threads.
    borrowed: bool,
    /// The buffer in which a message for many pipes is encoded once.
    framed: Batch,
    dropped: Dropped,
    /// The sum of the counts of pipes that are gone.
    past: Counts,
    /// How many pipes are within the process.
    lanes: usize,
    ending: Ending,
    retiring: Retiring,
    /// How many messages were sent within the process and lost with their pipe.
    unsent_within: usize,
    /// Messages that were lost with pipes, not counted and told yet.
    losses: Losses,
    drops: drops::Drops,
    places: Places,
    /// Pipes within the process that this end has closed: the pattern is still to be told of their end.
    closed: Vec<PipeId>,
    /// Pipes within the process that have lost their peer and are to be connected again.
    unjoined: Vec<PipeId>,
    /// In a forked child: the message that has met a connection of the parent.
    foreign: Option<Message>,
    /// How much this hold of the lock may still look at.
    budget: Budget,
    /// Defers reads to an I/O thread, in a socket that reads without a call of the application, and what the pattern has
    /// left over.
    deferred_work: Option<DeferredWork>,
    /// The pipe whose connection its peer has just ended, until the pattern has heard of it.
    cut_off: Option<Box<(PipeId, CutOff)>>,
}

impl Table {
    pub(super) fn new(
        facts: Facts,
        telemetry: Arc<Telemetry>,
        io_threads: usize,
        departed_bytes: Option<usize>,
    ) -> Self {
        Self {
            budget: Budget::default(),
            deferred_work: None,
            cut_off: None,
            pipes: PipeMap::default(),
            telemetry,
            facts,
            write_policy: WritePolicy::default(),
            unflushed: Vec::new(),
            effects: WriteEffects::NONE,
            drafts: Vec::new(),
            most_lent: lending::most_lent(io_threads),
            borrowed: false,
            framed: Batch::default(),
            dropped: Dropped::default(),
            past: Counts::default(),
            lanes: 0,
            ending: Ending::new(departed_bytes),
            retiring: Retiring::default(),
            unsent_within: 0,
            losses: Losses::default(),
            drops: drops::Drops::default(),
            places: Places::default(),
            closed: Vec::new(),
            unjoined: Vec::new(),
            foreign: None,
        }
    }

    /// Adds a pipe over a wire.
    pub(super) fn attach(&mut self, pipe: Arc<Pipe>) {
        self.insert(Slot::wire(pipe, self.facts.hears_subscriptions));
    }

    /// Adds a pipe within the process; with its `peer`, if messages of it may be in it already.
    pub(super) fn attach_inproc(&mut self, end: InprocEnd, peer: Option<Arc<PeerInfo>>) {
        self.lanes += 1;
        self.insert(Slot::inproc(end, peer));
    }

    /// Adds a pipe within the process of which the pattern hears only when there is a peer.
    pub(super) fn attach_unannounced(&mut self, end: InprocEnd) {
        self.lanes += 1;
        self.insert(Slot::unannounced(end));
    }

    /// There is a peer behind `pipe`; true if the pattern is to hear of the pipe now.
    pub(super) fn announce(&mut self, pipe: PipeId) -> bool {
        self.pipes.get_mut(pipe).is_some_and(Slot::announce)
    }

    fn insert(&mut self, slot: Slot) {
        self.retiring.comes(slot.id());
        let old = self.pipes.insert(slot.id(), slot);
        debug_assert!(old.is_none(), "a pipe is attached once");
        self.write_policy.set_pipes(self.pipes.len());
    }

    /// `pipe` has a connection; false if the pipe is gone.
    pub(super) fn connect(
        &mut self,
        pipe: PipeId,
        wire: Arc<dyn Wire>,
        peer: Arc<PeerInfo>,
    ) -> bool {
        // A pipe that was let go still sends its messages, under the I/O thread alone.
        let Some(slot) = self.pipes.get_mut(pipe) else {
            // The connection is not read here, but the I/O thread has to see its end.
            wire.duty(Duty::Resume);
            return false;
        };
        // The connections of an endpoint share one pipe, so they do not add up and need not be held back.
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

    /// The pattern has admitted `peer`, whose handshake behind `pipe` is not done yet.
    pub(super) fn set_admitted(&mut self, pipe: PipeId, peer: Arc<PeerInfo>) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.set_admitted(peer);
        }
    }

    /// The pipe to the socket whose token the peer `of` has told, if there is one that was connected from this end
    /// (`connected_here`) or from the other.
    ///
    /// Every peer of a socket knows its token and could announce it, so both connections must be those of one key or user.
    pub(super) fn twin(&self, of: &PeerInfo, connected_here: bool) -> Option<PipeId> {
        let is_twin = |peer: &Arc<PeerInfo>| {
            peer.token == of.token && peer.connected_here == connected_here && peer.is_known_as(of)
        };
        let mut slots = self.pipes.values();
        slots
            .find(|slot| !slot.is_ending() && slot.known_peer().is_some_and(is_twin))
            .map(Slot::id)
    }

    /// Moves the waiting messages of one pipe to another pipe to the same peer, and the places for those to come.
    pub(super) fn move_unsent(&mut self, from: PipeId, to: PipeId) {
        if let (Some(from), Some(to)) = (self.pipes.get(from), self.pipes.get(to)) {
            from.move_unsent(to);
        }
        self.move_places(from, to);
    }

    /// Whether the pattern has admitted the peer behind `pipe` already; true once for each admission.
    pub(super) fn take_admitted(&mut self, pipe: PipeId) -> bool {
        self.pipes.get_mut(pipe).is_some_and(Slot::take_admitted)
    }

    /// The other side of a pipe within the process has come; false if the pipe is gone.
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
        self.retiring.changes(pipe);
        true
    }

    /// The pipes to peers of whom `is_meant` is true.
    pub(super) fn peers_of_whom(&self, is_meant: impl Fn(&PeerInfo) -> bool) -> Vec<PipeId> {
        let slots = self.pipes.values();
        let meant = slots.filter(|slot| slot.peer().is_some_and(|peer| is_meant(peer)));
        meant.map(Slot::id).collect()
    }

    /// Whether `pipe` ends with its connection: that of an accepted peer, over a wire.
    pub(super) fn ends_with_its_connection(&self, pipe: PipeId) -> bool {
        let slot = self.pipes.get(pipe);
        slot.is_some_and(|slot| slot.through().is_some())
    }

    /// The peer whose message was read last from `pipe`.
    pub(crate) fn sender(&mut self, pipe: PipeId) -> Option<Arc<PeerInfo>> {
        self.pipes.get_mut(pipe)?.sender().cloned()
    }

    /// Removes `pipe`; its unread messages count as lost. False if it is gone already.
    pub(super) fn remove(&mut self, pipe: PipeId) -> bool {
        let Some(mut slot) = self.pipes.remove(pipe) else {
            return false;
        };
        self.lose_places(pipe);
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

    /// The pipe has room again.
    pub(super) fn writable(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe)
            && let Some(missed) = slot.caught_up()
            && let Some(peer) = slot.peer()
        {
            hold_calls();
            let kind = EventKind::DroppingStopped { missed };
            self.telemetry
                .monitor
                .emit(kind, Some(&peer.endpoint), Some(&peer.address));
        }
    }

    /// Sets the high-water marks of `pipe`; true if it was full and has room now.
    pub(super) fn set_limits(&self, pipe: PipeId, send: HighWater, receive: HighWater) -> bool {
        self.pipes
            .get(pipe)
            .is_some_and(|slot| slot.set_limits(send, receive))
    }

    /// The socket has waited for input: its next message is probably an answer, and goes out at once.
    pub(super) fn waited(&mut self) {
        self.write_policy.waited();
    }

    /// Whether the socket has sent between the wait that begins now and the one for which this was asked before.
    pub(super) fn take_has_sent(&mut self) -> bool {
        self.write_policy.take_has_sent()
    }
}

/// Emits the event that a pipe within the process has lost its peer; over a wire, the I/O thread does that.
fn tell_of_end(slot: &Slot, telemetry: &Telemetry, cause: LinkError) {
    let peer = slot.peer();
    let endpoint = peer.map(|peer| &peer.endpoint);
    let address = peer.map(|peer| &*peer.address);
    let kind = EventKind::Disconnected { cause, lost: 0 };
    telemetry.disconnects.add(1);
    hold_calls();
    telemetry.monitor.emit(kind, endpoint, address);
}

//! The report on the pipes of a socket: the connected peers, and the counts of messages.
//!
//! Owns: nothing; it reads the counts of the pipes.
//! Always true: sums over all pipes include those that are gone.
//! Must not know: how the report is used.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::endpoint::Endpoint;
use crate::peer::PeerInfo;
use crate::pipe::Key;
use crate::socket::slot::{Counts, Slot};
use crate::stats::{Dropped, PeerStats};

impl Table {
    /// The ids of all pipes.
    pub(in crate::socket) fn ids(&self) -> Vec<PipeId> {
        self.pipes.pipes().collect()
    }

    /// The connected peers.
    pub(in crate::socket) fn peers(&self) -> impl Iterator<Item = &Arc<PeerInfo>> {
        self.pipes.values().filter_map(Slot::peer)
    }

    /// The connected peer behind `pipe`.
    pub(crate) fn peer(&self, pipe: PipeId) -> Option<&Arc<PeerInfo>> {
        self.pipes.get(pipe)?.peer()
    }

    /// The pipes of connections that have come through `key`.
    pub(in crate::socket) fn attached_through(&self, key: Key) -> Vec<PipeId> {
        let slots = self.pipes.values();
        let theirs = slots.filter(|slot| slot.through() == Some(key));
        theirs.map(Slot::id).collect()
    }

    /// The pipes within the process that peers have connected to `name`.
    pub(in crate::socket) fn joined_at(&self, name: &Endpoint) -> Vec<PipeId> {
        let is_theirs = |peer: &Arc<PeerInfo>| !peer.connected_here && peer.endpoint == *name;
        let slots = self.pipes.values();
        let theirs = slots.filter(|slot| slot.peer().is_some_and(is_theirs));
        theirs.map(Slot::id).collect()
    }

    pub(in crate::socket) fn peer_stats(&self) -> Vec<PeerStats> {
        self.pipes.values().filter_map(Slot::stats).collect()
    }

    /// The sum of the counts of all pipes, those that are gone included.
    pub(in crate::socket) fn totals(&self) -> Counts {
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
    pub(in crate::socket) fn dropped_messages(&self) -> Dropped {
        self.dropped
    }
}

//! The counts of one pipe: messages sent, received and dropped.
//!
//! Owns: nothing; it adds up the counts of the slot and of the end of its pipe.
//! Must not know: the other pipes.

use super::Slot;
use super::counts::Counts;
use super::way::either;
use crate::peer::PeerInfo;
use crate::stats::{Dropped, PeerStats};

impl Slot {
    /// The counts of a pipe whose draft was collected.
    pub(in crate::socket) fn counts(&self) -> Counts {
        either!(&self.way, end => end.counts())
    }

    pub(in crate::socket) fn stats(&self) -> Option<PeerStats> {
        let peer = self.peer.as_ref()?;
        let counts = self.counts();
        let dropped = self.dropped.as_deref().copied().unwrap_or_default();
        let measured = either!(&self.way, end => end.measured());
        Some(PeerStats {
            peer: PeerInfo::clone(peer),
            messages_sent: counts.sent,
            messages_received: counts.received,
            bytes_sent: counts.bytes_sent,
            bytes_received: measured.bytes_received,
            queued_to_send: counts.queued_to_send,
            queued_to_receive: counts.queued_to_receive,
            dropped: Dropped {
                conflated: counts.replaced,
                unexpected: dropped.unexpected + measured.unexpected,
                ..dropped
            },
            reconnects: measured.reconnects,
            time_muted: measured.time_muted,
            round_trip: measured.round_trip,
        })
    }

    /// A message for this peer was dropped, since its pipe is full; true if it is the first in a row.
    pub(in crate::socket) fn missed(&mut self) -> bool {
        let first = self.missing_since.is_none();
        self.missing_since.get_or_insert(self.missed);
        self.missed += 1;
        first
    }

    /// The counts of messages dropped on their way to or from this peer.
    pub(in crate::socket) fn dropped(&mut self) -> &mut Dropped {
        self.dropped.get_or_insert_default()
    }

    /// The pipe has room again: gives how many messages were dropped in a row, if any.
    pub(in crate::socket) fn caught_up(&mut self) -> Option<u64> {
        if let Some(end) = self.way.lane_mut() {
            end.note_room();
        }
        self.missing_since.take().map(|since| self.missed - since)
    }
}

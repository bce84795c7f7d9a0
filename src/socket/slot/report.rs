//! What has gone through a pipe, in numbers.
//!
//! Owns: nothing; it adds up what the ways of a slot count.
//! Must not know: the other pipes.

use super::{Slot, Way};
use crate::peer::PeerInfo;
use crate::stats::{Dropped, PeerStats};

/// What has gone through a pipe.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::socket) struct Counts {
    pub(in crate::socket) sent: u64,
    pub(in crate::socket) received: u64,
    pub(in crate::socket) bytes_sent: u64,
    pub(in crate::socket) replaced: u64,
    pub(in crate::socket) queued_to_send: usize,
    pub(in crate::socket) queued_to_receive: usize,
}

impl Slot {
    /// What has gone through, of a pipe that is settled.
    pub(in crate::socket) fn counts(&self) -> Counts {
        match &self.way {
            Way::Wire { pipe, intake, .. } => {
                let out = pipe.outgoing.counts();
                Counts {
                    sent: out.messages,
                    received: intake.messages() + pipe.incoming.replaced(),
                    bytes_sent: out.bytes,
                    replaced: out.replaced + intake.replaced(),
                    queued_to_send: pipe.outgoing.queued(),
                    queued_to_receive: pipe.incoming.queued(),
                }
            }
            Way::Inproc(end) => {
                let counts = end.counts();
                Counts {
                    sent: counts.sent,
                    received: counts.received,
                    bytes_sent: 0,
                    replaced: counts.replaced,
                    queued_to_send: counts.queued_out,
                    queued_to_receive: counts.queued_in,
                }
            }
        }
    }

    pub(in crate::socket) fn stats(&self) -> Option<PeerStats> {
        let peer = self.peer.as_ref()?;
        let counts = self.counts();
        let dropped = self.dropped.as_deref().copied().unwrap_or_default();
        let (unexpected, bytes_received, reconnects, time_muted, round_trip) = match &self.way {
            Way::Wire { pipe, .. } => (
                pipe.unexpected(),
                pipe.bytes_received(),
                pipe.reconnects(),
                pipe.outgoing.time_full(),
                pipe.round_trip(),
            ),
            Way::Inproc(end) => (0, 0, 0, end.time_full(), None),
        };
        Some(PeerStats {
            peer: PeerInfo::clone(peer),
            messages_sent: counts.sent,
            messages_received: counts.received,
            bytes_sent: counts.bytes_sent,
            bytes_received,
            queued_to_send: counts.queued_to_send,
            queued_to_receive: counts.queued_to_receive,
            dropped: Dropped {
                conflated: counts.replaced,
                unexpected: dropped.unexpected + unexpected,
                ..dropped
            },
            reconnects,
            time_muted,
            round_trip,
        })
    }
}

//! The report on a socket: its connected peers, and its counts.
//!
//! Owns: nothing; it adds up the counts of the table and of the I/O threads.
//! Always true: in a forked child the report is empty.
//! Must not know: how the report is used.

use std::time::Duration;

use super::Core;
use crate::peer::PeerInfo;
use crate::stats::Stats;

impl Core {
    /// The connected peers.
    pub(crate) fn peers(&self) -> Vec<PeerInfo> {
        let Ok(state) = self.enter() else {
            return Vec::new();
        };
        state
            .table
            .peers()
            .map(|peer| PeerInfo::clone(peer))
            .collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        let Ok(mut state) = self.enter() else {
            return Stats::default();
        };
        state.table.tell_losses(None);
        let totals = state.table.totals();
        let told = &self.telemetry;
        let mut dropped = state.table.dropped_messages();
        dropped.conflated += totals.replaced;
        dropped.unsent = told.unsent.get();
        dropped.unread = told.unread.get();
        dropped.unexpected += told.unexpected.get();
        dropped.undecodable = told.undecodable.get();
        Stats {
            messages_sent: totals.sent,
            messages_received: totals.received,
            bytes_sent: totals.bytes_sent,
            bytes_received: told.bytes_received.get(),
            queued_to_send: totals.queued_to_send,
            queued_to_receive: totals.queued_to_receive,
            dropped,
            handshakes: told.handshakes.get(),
            handshakes_failed: told.handshakes_failed.get(),
            denied: told.denied.get(),
            disconnects: told.disconnects.get(),
            retries: told.retries.get(),
            reconnects: told.reconnects.get(),
            accepts_failed: told.accepts_failed.get(),
            refused_by_filter: told.refused_by_filter.get(),
            refused_by_limit: told.refused_by_limit.get(),
            refused_handshakes: told.refused_handshakes.get(),
            time_muted: state.time_muted
                + state
                    .muted_since
                    .map_or(Duration::ZERO, |since| since.elapsed()),
            events_missed: told.monitor.missed(),
            peers: state.table.peer_stats(),
        }
    }
}

//! The counts of a proxy.
//!
//! Owns: the counters of one direction, and their public sums.
//! Must not know: sockets and messages.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of a proxy so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProxyStats {
    /// At the frontend.
    pub frontend: ProxySide,
    /// At the backend.
    pub backend: ProxySide,
    /// Messages that the sending side refused: a ROUTER has no peer of the routing id, or that peer has no room. Also a
    /// message that was taken and could not be sent before the proxy ended.
    pub undeliverable: u64,
    /// Messages that the capture socket had no room for.
    pub not_captured: u64,
}

/// One side of a proxy. Bytes are those of all frames, without framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProxySide {
    /// Messages taken from this side.
    pub messages_received: u64,
    /// Bytes of the messages taken from this side.
    pub bytes_received: u64,
    /// Messages sent by this side.
    pub messages_sent: u64,
    /// Bytes of the messages sent by this side.
    pub bytes_sent: u64,
}

/// The counts of one direction.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) received: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) undeliverable: AtomicU64,
}

impl ProxySide {
    pub(super) fn new(away: &Counts, hither: &Counts) -> Self {
        Self {
            messages_received: get(&away.received),
            bytes_received: get(&away.received_bytes),
            messages_sent: get(&hither.sent),
            bytes_sent: get(&hither.sent_bytes),
        }
    }
}

pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

pub(super) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

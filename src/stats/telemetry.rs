//! The counters of a socket while it works.
//!
//! Owns: the counters to which the I/O threads add for a socket, and its monitors.
//! Always true: a counter only grows. A message that is lost with its connection, endpoint or socket is counted, and an
//! event tells of it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::endpoint::Endpoint;
use crate::monitor::{EventKind, Monitor};

/// The counters that the I/O thread and the socket both add to, and the monitors.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    pub(crate) monitor: Monitor,
    pub(crate) handshakes: Counter,
    pub(crate) handshakes_failed: Counter,
    pub(crate) denied: Counter,
    pub(crate) disconnects: Counter,
    pub(crate) retries: Counter,
    pub(crate) reconnects: Counter,
    pub(crate) accepts_failed: Counter,
    pub(crate) refused_by_filter: Counter,
    pub(crate) refused_by_limit: Counter,
    pub(crate) refused_handshakes: Counter,
    pub(crate) bytes_received: Counter,
    pub(crate) unsent: Counter,
    pub(crate) unread: Counter,
    pub(crate) unexpected: Counter,
    pub(crate) undecodable: Counter,
}

impl Telemetry {
    /// `lost` messages that were queued for `endpoint`, or for any, are given up: counts them and emits the event.
    pub(crate) fn lose_unsent(&self, lost: usize, endpoint: Option<&Endpoint>) {
        if lost > 0 {
            self.unsent.add(lost);
            let lost = lost as u64;
            self.monitor
                .emit(EventKind::Unsent { lost }, endpoint, None);
        }
    }

    /// `lost` messages that came through `endpoint`, or any, are left unread: counts them and emits the event.
    pub(crate) fn lose_unread(&self, lost: usize, endpoint: Option<&Endpoint>) {
        if lost > 0 {
            self.unread.add(lost);
            let lost = lost as u64;
            self.monitor
                .emit(EventKind::Unread { lost }, endpoint, None);
        }
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

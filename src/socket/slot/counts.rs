//! The counts of one pipe, as the end of the pipe gives them.
//!
//! Owns: the two sets of values.
//! Must not know: how they are counted.

use std::time::Duration;

/// The counts of messages of a pipe.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::socket) struct Counts {
    pub(in crate::socket) sent: u64,
    pub(in crate::socket) received: u64,
    pub(in crate::socket) bytes_sent: u64,
    pub(in crate::socket) replaced: u64,
    pub(in crate::socket) queued_to_send: usize,
    pub(in crate::socket) queued_to_receive: usize,
}

/// The values in the statistics of a pipe beside its [`Counts`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured {
    pub(super) unexpected: u64,
    pub(super) bytes_received: u64,
    pub(super) reconnects: u64,
    pub(super) time_muted: Duration,
    pub(super) round_trip: Option<Duration>,
}

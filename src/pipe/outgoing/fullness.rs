//! The notes of an `Outgoing` while it is full.
//!
//! Owns: the requests to be told of room, and the time in which there was none.
//! Must not know: how much waits, and the marks.

use std::time::{Duration, Instant};

/// Requests to be told of room, and how long there was none.
#[derive(Debug, Default)]
pub(super) struct Fullness {
    /// The socket has found the pipe full and waits to hear of room.
    pub(super) room_wanted: bool,
    /// A sender waits until the pipe holds less than half of its soft mark.
    pub(super) soft_room_wanted: bool,
    /// How many bytes the kernel had taken when a sender last waited for the soft mark in vain.
    pub(super) stalled_at: Option<u64>,
    /// When the pipe became full: the first refused message since there was room.
    pub(super) since: Option<Instant>,
    /// How long the pipe was full before `since`, in all.
    pub(super) time: Duration,
}

//! Whether a pipe has room, and the threads that wait until it has.
//!
//! Owns: nothing; it compares what waits with the high-water mark and the soft mark of bytes.
//! Always true: before a message is refused for want of room, what waits is written if nobody else writes.
//! Must not know: how a sender waits.
//! Source: the high-water mark as in RFC 30 and libzmq's ZMQ_SNDHWM: whole messages, per peer.

use std::time::{Duration, Instant};

use super::{Outgoing, State};
use crate::pipe::HighWater;
use crate::policy::tuning::SOFT_MARK_BYTES;

impl Outgoing {
    /// Whether a push would take a message; if not, the pipe will tell the socket when it would.
    pub(crate) fn has_room(&self) -> bool {
        let Some(mut state) = self.lock_here() else {
            return false;
        };
        let room = state.has_room() || state.write_for_room();
        state.fullness.room_wanted |= !room;
        room
    }

    /// How many messages of any size are sure to find room.
    pub(crate) fn room(&self) -> usize {
        self.lock_here().map_or(0, |state| {
            if state.is_closed() {
                0
            } else {
                state.limit.room(state.queued())
            }
        })
    }

    /// Changes the high-water mark, at once; true if a pipe found full has room now.
    pub(crate) fn set_limit(&self, limit: HighWater) -> bool {
        let mut state = self.lock();
        state.set_mark(limit);
        state.found_room()
    }

    /// Asks to be told when less than half of the soft mark is queued; false if that is so now.
    pub(crate) fn ask_for_soft_room(&self) -> bool {
        let mut state = self.lock();
        state.fullness.soft_room_wanted = state.queued_bytes() > SOFT_MARK_BYTES / 2;
        state.fullness.soft_room_wanted
    }

    /// A sender has waited for the soft mark in vain: no other sender waits for it until the kernel takes bytes again.
    pub(crate) fn has_stalled(&self) {
        let mut state = self.lock();
        state.fullness.soft_room_wanted = false;
        state.fullness.stalled_at = Some(state.counts.bytes);
    }

    /// How long the pipe was full, in all, up to now.
    pub(crate) fn time_full(&self) -> Duration {
        let state = self.lock();
        let now = state.fullness.since.map(|since| since.elapsed());
        state.fullness.time + now.unwrap_or_default()
    }
}

impl State {
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        !self.is_closed()
            && (self.conflate || self.limit.is_above(self.queued(), self.queued_bytes()))
    }

    pub(super) fn is_low(&self) -> bool {
        self.limit.is_far_above(self.queued(), self.queued_bytes())
    }

    #[inline]
    pub(super) fn is_over_soft_mark(&self) -> bool {
        self.queued_bytes() > SOFT_MARK_BYTES
            && self.kernel.is_full()
            && self.fullness.stalled_at != Some(self.counts.bytes)
    }

    /// A message was refused for want of room.
    #[cold]
    pub(super) fn refused(&mut self) {
        self.fullness.room_wanted = true;
        if !self.is_closed() {
            self.fullness.since.get_or_insert_with(Instant::now);
        }
    }

    /// The limit has changed: true if the pipe was found full and has room now.
    pub(super) fn found_room(&mut self) -> bool {
        self.note_room();
        let has_room = self.fullness.room_wanted && self.has_room();
        self.fullness.room_wanted &= !has_room;
        has_room
    }

    /// There may be room again for a message like one that was refused.
    pub(super) fn note_room(&mut self) {
        if let Some(since) = self.fullness.since
            && self.has_room()
        {
            self.fullness.time += since.elapsed();
            self.fullness.since = None;
        }
    }

    /// Before a send is refused: writes, if nobody else does, and says whether that made room.
    #[cold]
    pub(super) fn write_for_room(&mut self) -> bool {
        if !self.is_closed() && self.may_write() {
            self.write_here();
        }
        self.has_room()
    }
}

//! The counts that a socket reports of a pipe within the process.
//!
//! Owns: the time for which the pipe was full.
//! Always true: a count never goes down, but those of what waits.
//! Must not know: how messages move.

use std::time::{Duration, Instant};

use super::InprocEnd;

/// The counts of a pipe within the process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InprocCounts {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) replaced: u64,
    pub(crate) queued_out: usize,
    pub(crate) queued_in: usize,
}

impl InprocEnd {
    /// The counts of this pipe.
    pub(crate) fn counts(&self) -> InprocCounts {
        let replaced = self
            .incoming
            .as_ref()
            .map_or(0, |lane| lane.replaced_for_reader());
        InprocCounts {
            sent: self.past_sent + self.outgoing.sent(),
            received: self.received + replaced,
            replaced: self.replaced + replaced,
            queued_out: self.outgoing.queued(),
            queued_in: self.incoming.as_ref().map_or(0, |lane| lane.queued()),
        }
    }

    /// Notes whether there was room for a message: begins or ends the count of the time in which the pipe is full.
    #[cold]
    pub(crate) fn note_room(&mut self, room: bool) {
        if !room {
            self.full_since.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.full_since.take() {
            self.time_full += since.elapsed();
        }
    }

    /// How long the pipe was full, in all, up to now.
    pub(crate) fn time_full(&self) -> Duration {
        let now = self.full_since.map(|since| since.elapsed());
        self.time_full + now.unwrap_or_default()
    }
}

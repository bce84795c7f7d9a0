//! The warnings about dropped messages in the log: at most one line a second, with their number.
//!
//! Owns: how many drops were told.
//! Always true: if warnings are off, a drop costs one check of that; if they are on, the clock is read once for many
//! drops. Drops within a second after a line are told by the next line, at the latest when the socket closes.
//! Must not know: why a message is dropped; the pattern says so.

use std::time::{Duration, Instant};

use highwater_patterns::PipeId;

use super::Table;
use crate::monitor::Monitor;
use crate::stats::Dropped;
use crate::sync::late_calls::hold_calls;

/// Of the drops since the last line, the first 64 each read the clock, and of the others one in 64.
const FEW: u64 = 64;

/// The least time between two lines.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// The counts of drops, told and untold.
#[derive(Debug, Default)]
pub(super) struct Drops {
    told: Dropped,
    told_at: Option<Instant>,
    untold: u64,
    source: Source,
}

/// The peer of the drops that are not told yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Source {
    #[default]
    Nobody,
    One(PipeId),
    Several,
}

impl Table {
    /// A message from or for `pipe` was dropped, and counted.
    #[inline]
    pub(super) fn note_drop(&mut self, pipe: Option<PipeId>) {
        if Monitor::tells_of_drops() {
            self.note_read_drop(pipe);
        }
    }

    #[cold]
    fn note_read_drop(&mut self, pipe: Option<PipeId>) {
        let drops = &mut self.drops;
        drops.untold += 1;
        drops.source = match (drops.source, pipe) {
            (Source::Nobody, Some(pipe)) if drops.untold == 1 => Source::One(pipe),
            (Source::One(known), Some(pipe)) if known == pipe => drops.source,
            (Source::Nobody, None) => Source::Nobody,
            _ => Source::Several,
        };
        if drops.untold > FEW && !drops.untold.is_multiple_of(FEW) {
            return;
        }
        let now = Instant::now();
        let is_second = |told| now.saturating_duration_since(told) >= BETWEEN_LINES;
        if drops.told_at.is_none_or(is_second) {
            drops.told_at = Some(now);
            self.tell_drops();
        }
    }

    /// Tells the drops that are not told yet.
    pub(in crate::socket) fn tell_drops(&mut self) {
        if self.drops.untold == 0 {
            return;
        }
        self.drops.untold = 0;
        hold_calls();
        let source = match std::mem::take(&mut self.drops.source) {
            Source::One(pipe) => self.peer(pipe).cloned(),
            Source::Nobody | Source::Several => None,
        };
        let before = std::mem::replace(&mut self.drops.told, self.dropped).losses();
        for ((cause, count), (_, before)) in self.dropped.losses().into_iter().zip(before) {
            if count > before {
                self.telemetry.monitor.dropped(
                    cause,
                    count - before,
                    source.as_ref().map(|peer| &peer.endpoint),
                    source.as_ref().map(|peer| &*peer.address),
                );
            }
        }
    }
}

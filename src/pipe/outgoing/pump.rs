//! The pump: the I/O thread writes what the senders have left to it.
//!
//! Owns: the loop of one duty, and its end.
//! Always true: the I/O thread writes outside the lock, so that senders go on meanwhile, and never waits for a sender.
//! Must not know: how the I/O thread got the duty.

use std::io;

use super::kernel::Waiter;
use super::sealed::Taken;
use super::state::Writer;
use super::writing::write;
use super::{Outgoing, OutgoingCounts, Pumped, State};
use crate::policy::tuning::{LARGE_BATCH_BYTES, WRITTEN_AT_ONCE_BYTES};
use crate::policy::{NextLook, TryLockStreak};
use crate::sync::Ordering;

impl Outgoing {
    /// Writes what waits, from the I/O thread: outside the lock, so that senders go on filling meanwhile. No more than one turn
    /// allows, so that the other links have theirs.
    pub(crate) fn pump(&self) -> io::Result<Pumped> {
        let Some(mut state) = self.try_lock() else {
            return Ok(self.update_streak(TryLockStreak::failed).into());
        };
        let large = state.last_batch >= LARGE_BATCH_BYTES;
        self.update_streak(|streak| streak.succeeded(large));
        let enough = state.counts.bytes.saturating_add(WRITTEN_AT_ONCE_BYTES);
        loop {
            let Some(wire) = state.line.live().cloned() else {
                state.scheduled = false;
                return Ok(Pumped::Unwired);
            };
            if state.kernel.is_full() {
                return Ok(state.look_at_full(&*wire));
            }
            if state.drafted && state.front.is_empty() {
                return Ok(Pumped::Drafted);
            }
            if let Some(not_now) = state.look() {
                return Ok(not_now);
            }
            if state.front.is_empty() && !state.turn_over() {
                return Ok(Pumped::Drained);
            }
            let mut batch = std::mem::take(&mut state.front);
            let mut sealer = state.sealer.take();
            let written = state.in_flight.written;
            state.writer = Writer::IoThread;
            drop(state);
            let outcome = write(&batch, written, &mut sealer, &*wire);
            if matches!(outcome, Ok(taken) if written + taken.of_batch == batch.len()) {
                batch.release();
            }
            state = self.lock();
            if std::mem::replace(&mut state.writer, Writer::Nobody) == Writer::IoThreadCut {
                return Ok(state.was_cut(outcome));
            }
            state.front = batch;
            state.sealer = sealer;
            if let Err(error) = state.account(outcome, &*wire, Waiter::Poller) {
                state.line.fail();
                state.scheduled = false;
                return Err(error);
            }
            let bytes = state.counts.bytes;
            state.detector.has_written(bytes);
            if bytes >= enough && !state.kernel.is_full() && !state.is_empty() {
                return Ok(Pumped::Shared);
            }
        }
    }

    /// Changes the streak. Only the I/O thread calls this, so a load and a store are enough.
    fn update_streak<T>(&self, change: impl FnOnce(&mut TryLockStreak) -> T) -> T {
        let mut streak = TryLockStreak::from_bits(self.streak.load(Ordering::Relaxed));
        let outcome = change(&mut streak);
        self.streak.store(streak.to_bits(), Ordering::Relaxed);
        outcome
    }

    /// Ends the I/O thread's duty, if there is still nothing to write; false if there is something.
    pub(crate) fn end_duty(&self) -> bool {
        let Some(mut state) = self.try_lock() else {
            return false;
        };
        let waits = state.drafted || !state.is_empty();
        if state.line.live().is_some() && !state.kernel.is_told() && waits {
            return false;
        }
        state.scheduled = false;
        state.back.shrink();
        state.front.shrink();
        if let Some(sealer) = &mut state.sealer {
            sealer.shrink();
        }
        true
    }
}

impl From<NextLook> for Pumped {
    fn from(look: NextLook) -> Self {
        match look {
            NextLook::Soon => Self::Contended,
            NextLook::Later => Self::Streaming,
        }
    }
}

impl State {
    /// The connection was cut while the I/O thread wrote: the batch is gone with it.
    #[cold]
    fn was_cut(&mut self, outcome: io::Result<Taken>) -> Pumped {
        self.counts.bytes += outcome.map_or(0, |taken| taken.on_wire) as u64;
        self.scheduled = false;
        Pumped::Unwired
    }

    /// Decides whether the I/O thread leaves the batch to its sender: if so, when it looks again; `None` if it writes
    /// now.
    fn look(&mut self) -> Option<Pumped> {
        let flushed = std::mem::take(&mut self.flushed);
        if !self.front.is_empty() {
            return None;
        }
        let waiting = self.back.len() + self.commands.len();
        let OutgoingCounts {
            messages, bytes, ..
        } = self.counts;
        self.detector
            .look(messages, bytes, waiting, flushed)
            .map(Pumped::from)
    }
}

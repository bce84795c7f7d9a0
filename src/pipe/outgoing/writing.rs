//! The write of a batch to the kernel.
//!
//! Owns: nothing; it moves `back` to `front`, writes it, and counts what the kernel has taken.
//! Always true: one batch is written to its end before the next; a forked child writes nothing.
//! Must not know: why it is written now.

use std::io;

use super::State;
use super::kernel::Waiter;
use super::sealed::{Sealer, Taken};
use super::state::{InFlight, SendSide};
use crate::pipe::{Batch, Duty, Wire};
use crate::policy::tuning::{SOFT_MARK_BYTES, WRITTEN_AT_ONCE_BYTES};

/// Writes the bytes of `batch` after the first `written`, in one system call, sealed if there is a `sealer`.
pub(super) fn write(
    batch: &Batch,
    written: usize,
    sealer: &mut Option<Box<Sealer>>,
    wire: &dyn Wire,
) -> io::Result<Taken> {
    match sealer {
        None => batch.write_from(written, wire).map(Taken::plain),
        Some(sealer) => sealer.write(batch, wire),
    }
}

impl State {
    /// Whether this process has made the connection; asked before each write and each duty. In a forked child the connection is
    /// the parent's, and the pipe takes no more messages.
    #[cold]
    pub(super) fn is_here(&mut self) -> bool {
        if !self.origin.is_here() {
            self.send_side = SendSide::Foreign;
        }
        self.send_side != SendSide::Foreign
    }

    /// Gives the I/O thread the duty to write here, if there is a connection.
    pub(super) fn schedule(&mut self) {
        if !self.is_here() {
            return;
        }
        if let Some(wire) = self.line.wire() {
            self.scheduled = true;
            wire.duty(Duty::Flush);
        }
    }

    /// Writes under the lock until nothing waits or the kernel is full. If there are other pipes, it leaves what is more than one
    /// turn to the I/O thread. If a write fails, the I/O thread is told and ends the connection.
    pub(super) fn write_here(&mut self) {
        let Some(wire) = self.line.live().cloned() else {
            return;
        };
        if !self.is_here() {
            return;
        }
        let enough = self.counts.bytes.saturating_add(WRITTEN_AT_ONCE_BYTES);
        while !self.kernel.is_full() && (!self.front.is_empty() || self.turn_over()) {
            if self.counts.bytes >= enough && self.waiter == Waiter::Poller {
                if !self.scheduled {
                    self.schedule();
                }
                return;
            }
            let outcome = write(
                &self.front,
                self.in_flight.written,
                &mut self.sealer,
                &*wire,
            );
            if let Err(error) = self.account(outcome, &*wire, self.waiter) {
                self.line.fail();
                wire.duty(Duty::OutputLost(error.into()));
                return;
            }
        }
    }

    /// Makes `back`, with the waiting commands before it, the batch that is written; false if both are empty.
    pub(super) fn turn_over(&mut self) -> bool {
        debug_assert!(
            self.front.is_empty() && self.in_flight.written == 0,
            "one batch is written at a time"
        );
        self.encode_unsent_changes();
        let commands_len = self.commands.len();
        if !self.commands.is_empty() {
            let mut commands = std::mem::take(&mut self.commands);
            self.back.prepend(&mut commands);
        }
        if self.back.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.back, &mut self.front);
        self.in_flight = InFlight {
            messages: self.front.messages(),
            bytes: self.front.len(),
            commands: commands_len,
            written: 0,
        };
        self.last_batch = self.front.gathered();
        if let Some(sealer) = &mut self.sealer {
            sealer.batch_begins();
        }
        true
    }

    /// Counts the outcome of one write of `front`, and tells the socket if it waits for room and there is some.
    pub(super) fn account(
        &mut self,
        outcome: io::Result<Taken>,
        wire: &dyn Wire,
        waiter: Waiter,
    ) -> io::Result<()> {
        match outcome {
            Ok(taken) => {
                self.in_flight.written += taken.of_batch;
                self.counts.bytes += taken.on_wire as u64;
                if taken.on_wire > 0 && self.kernel.takes_again() {
                    self.resumed = self.resumed.wrapping_add(1);
                }
                if self.in_flight.written == self.front.len() {
                    self.written_out();
                }
                self.note_room();
                let room = self.fullness.room_wanted && self.is_low();
                let soft_room =
                    self.fullness.soft_room_wanted && self.queued_bytes() <= SOFT_MARK_BYTES / 2;
                self.fullness.room_wanted &= !room;
                self.fullness.soft_room_wanted &= !soft_room;
                if room || soft_room {
                    wire.duty(Duty::Room);
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.block(wire, waiter);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The kernel has all of `front`. If `back` is empty, the two are exchanged, so that the next messages go into memory that is
    /// still in the processor's cache.
    pub(super) fn written_out(&mut self) {
        self.gone += self.in_flight.messages as u64;
        self.front.clear();
        self.in_flight = InFlight::default();
        if self.back.is_empty() {
            std::mem::swap(&mut self.back, &mut self.front);
        }
    }
}

//! From the batch at the back to the kernel.
//!
//! Owns: nothing; it moves what waits, and books what the kernel takes.
//! Always true: one batch is written at a time, to its end, before the next; nothing is written in a forked child.
//! Must not know: why something is written now.

use std::io;

use super::State;
use super::kernel::Waiter;
use super::sealed::{Sealer, Taken};
use super::state::{InFlight, SendSide};
use crate::pipe::{Batch, Duty, Wire};
use crate::policy::tuning::SOFT_MARK_BYTES;

/// Writes what `batch` has behind its first `written` bytes, in one system call, sealed if the traffic is.
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
    /// Whether the connection is this process's own, asked before anything leaves the process. In a forked child it is the
    /// parent's, and the pipe takes no message any more.
    #[cold]
    pub(super) fn is_here(&mut self) -> bool {
        if !self.origin.is_here() {
            self.send_side = SendSide::Foreign;
        }
        self.send_side != SendSide::Foreign
    }

    pub(super) fn schedule(&mut self) {
        if !self.is_here() {
            return;
        }
        if let Some(wire) = self.line.wire() {
            self.scheduled = true;
            wire.duty(Duty::Flush);
        }
    }

    /// Writes under the lock until everything is out or the kernel is full. A failure is left to the I/O thread.
    pub(super) fn write_here(&mut self) {
        let Some(wire) = self.line.live().cloned() else {
            return;
        };
        if !self.is_here() {
            return;
        }
        while !self.kernel.is_full() && (!self.front.is_empty() || self.turn_over()) {
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

    /// Makes the filled batch the one to be written; false if there is nothing to write.
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

    /// Books what one write has done to `front`.
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

    /// The kernel has all of `front`. Its memory, which is still in the processor's cache, is what is filled next, unless
    /// somebody has begun to fill the other.
    pub(super) fn written_out(&mut self) {
        self.gone += self.in_flight.messages as u64;
        self.front.clear();
        self.in_flight = InFlight::default();
        if self.back.is_empty() {
            std::mem::swap(&mut self.back, &mut self.front);
        }
    }
}

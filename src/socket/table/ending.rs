//! Pipes of departed peers, whose messages are not all read.
//!
//! Owns: the list of pipes that may have been read to the end, and the bytes that all of them together hold.
//! Always true: each pipe that is ending is in `turns`, in `next` or in both, and in each at most once, as its slot
//! says. `bytes` is the sum of the charges in the slots.
//! Must not know: what becomes of a pipe that is let go.

use std::collections::VecDeque;

use highwater_patterns::PipeId;

use super::{Table, tell_of_end};
use crate::error::LinkError;
use crate::pipe::WriteEffects;
use crate::policy::tuning::SWEPT_IN_TURN;
use crate::socket::slot::Slot;

/// The memory of a pipe beside the bytes of its messages, about.
const PIPE_OVERHEAD: usize = 1024;

/// The pipes that are ending.
#[derive(Debug)]
pub(super) struct Ending {
    pipes: usize,
    /// How many of them are within the process.
    lanes: usize,
    /// The pipes in the order in which they are looked at. A pipe that is gone stays here until its turn.
    turns: VecDeque<PipeId>,
    /// Pipes that have just begun to end, or in which a read has found nothing: they are looked at next.
    next: Vec<PipeId>,
    /// The bytes of unread messages of all these pipes.
    bytes: usize,
    /// With more unread bytes than this, new connections are held back.
    limit: usize,
    /// The pipes of connections that are held back until less than half of `limit` is unread.
    held_back: Vec<PipeId>,
}

impl Ending {
    /// `limit`: with more unread bytes, new connections are held back.
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self {
            pipes: 0,
            lanes: 0,
            turns: VecDeque::new(),
            next: Vec::new(),
            bytes: 0,
            limit: limit.unwrap_or(usize::MAX),
            held_back: Vec::new(),
        }
    }

    /// Whether so many bytes are unread that new connections are held back.
    pub(super) fn is_much(&self) -> bool {
        self.bytes >= self.limit
    }

    /// The connection behind `pipe` is not read until less is unread.
    pub(super) fn hold_back(&mut self, pipe: PipeId) {
        self.held_back.push(pipe);
    }
}

impl Table {
    /// Whether some pipe is ending, so that [`take_ended`](Self::take_ended) is worth asking.
    pub(in crate::socket) fn has_ending(&self) -> bool {
        self.ending.pipes > 0
    }

    /// Whether each pipe within the process is ending.
    pub(in crate::socket) fn lanes_have_ended(&self) -> bool {
        self.lanes == self.ending.lanes
    }

    /// Pipes that are ending and were read to the end, among those found empty and a few others in turn.
    pub(in crate::socket) fn take_ended(&mut self) -> Vec<PipeId> {
        let mut candidates = std::mem::take(&mut self.ending.next);
        for _ in 0..SWEPT_IN_TURN.min(self.ending.turns.len()) {
            let Some(pipe) = self.ending.turns.pop_front() else {
                break;
            };
            if let Some(slot) = self.pipes.get_mut(pipe) {
                slot.leaving.in_turns = false;
                candidates.push(pipe);
            }
        }
        candidates.retain(|&pipe| {
            self.measure(pipe);
            let Some(slot) = self.pipes.get_mut(pipe) else {
                return false;
            };
            slot.leaving.is_next = false;
            if slot.has_ended() {
                return true;
            }
            if !std::mem::replace(&mut slot.leaving.in_turns, true) {
                self.ending.turns.push_back(pipe);
            }
            false
        });
        candidates
    }

    /// `pipe` was among the ended ones and is kept for now: it is looked at again with the next call.
    pub(in crate::socket) fn keep_ended(&mut self, pipe: PipeId) {
        self.queue_next(pipe);
    }

    /// Nothing is written to `pipe` any more.
    pub(super) fn begin_ending(&mut self, pipe: PipeId) {
        self.lose_places(pipe);
        self.ending.pipes += 1;
        let slot = self.pipes.get(pipe);
        self.ending.lanes += usize::from(slot.is_some_and(|slot| slot.lane().is_some()));
        self.queue_next(pipe);
    }

    /// A read has found nothing in a pipe that is ending.
    #[cold]
    pub(super) fn found_empty(&mut self, pipe: PipeId) {
        self.queue_next(pipe);
        self.measure(pipe);
    }

    fn queue_next(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe)
            && !std::mem::replace(&mut slot.leaving.is_next, true)
        {
            self.ending.next.push(pipe);
        }
    }

    /// Ends the connection behind `pipe`.
    pub(in crate::socket) fn turn_away(&mut self, pipe: PipeId, cause: LinkError) {
        if let Some(slot) = self.pipes.get_mut(pipe)
            && slot.close(cause.clone())
        {
            tell_of_end(slot, &self.telemetry, cause);
            self.begin_ending(pipe);
            self.closed.push(pipe);
            self.effects |= WriteEffects::CLOSED;
        }
    }

    /// Ends the connection behind `pipe`, whose peer the pattern has refused; its messages are never read.
    pub(in crate::socket) fn refuse(&mut self, pipe: PipeId, cause: LinkError) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.refuse();
        }
        self.turn_away(pipe, cause);
    }

    /// Changes, at once, how many bytes of departed peers may be unread before new connections are held back.
    pub(in crate::socket) fn limit_departed(&mut self, bytes: Option<usize>) {
        self.ending.limit = bytes.unwrap_or(usize::MAX);
        self.let_in();
    }

    /// The pipe of `slot` is gone: nothing is charged for it any more.
    pub(super) fn forget_ending(&mut self, slot: &Slot) {
        if slot.is_ending() {
            self.ending.pipes -= 1;
            self.ending.lanes -= usize::from(slot.lane().is_some());
            self.ending.bytes -= slot.leaving.charge;
            self.let_in();
        }
    }

    /// If little enough is unread now, the connections that were held back are read.
    fn let_in(&mut self) {
        if self.ending.bytes <= self.ending.limit / 2 {
            for pipe in std::mem::take(&mut self.ending.held_back) {
                if let Some(slot) = self.pipes.get_mut(pipe) {
                    slot.let_in();
                }
            }
        }
    }

    /// Charges `pipe` for the bytes that it holds now.
    fn measure(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe)
            && slot.is_ending()
        {
            let charge = match slot.unread_bytes() {
                0 => 0,
                bytes => bytes + PIPE_OVERHEAD,
            };
            self.ending.bytes += charge;
            self.ending.bytes -= std::mem::replace(&mut slot.leaving.charge, charge);
            self.let_in();
        }
    }
}

#[cfg(test)]
mod tests;

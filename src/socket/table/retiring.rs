//! The pipes of a socket that retires.
//!
//! Owns: the list of pipes that have not retired yet; each slot knows its own progress.
//! Always true: a pipe that has retired takes no message to send; a pipe whose last request was taken gives none any
//! more. Once the socket retires, each pipe that has not retired is in `waiting`.
//! Must not know: why the socket retires, and what it waits for.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::peer::PeerInfo;
use crate::socket::slot::Slot;

/// The pipes that have still to retire. An event looks at these alone, and not at all pipes.
#[derive(Debug, Default)]
pub(super) struct Retiring {
    begun: bool,
    /// Pipes for which it is not noted yet how many requests are still taken from them.
    fresh: Vec<PipeId>,
    /// Pipes that have not retired. A pipe that has since, or is gone, stays here until it is looked at.
    waiting: Vec<PipeId>,
    /// How many pipes have been looked at, for tests.
    looked_at: usize,
}

impl Retiring {
    /// Adds a pipe that has still to retire.
    pub(super) fn comes(&mut self, pipe: PipeId) {
        if self.begun {
            self.fresh.push(pipe);
            self.waiting.push(pipe);
        }
    }
}

impl Table {
    /// Retires `pipe`: it takes no more messages; within the process, the other side is told so.
    pub(in crate::socket) fn retire(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.retire();
        }
    }

    /// The socket retires: puts all its pipes on the list.
    pub(in crate::socket) fn begin_retiring(&mut self) {
        if !std::mem::replace(&mut self.retiring.begun, true) {
            let all: Vec<PipeId> = self.pipes.values().map(Slot::id).collect();
            all.into_iter().for_each(|pipe| self.retiring.comes(pipe));
        }
    }

    /// Takes the pipes that have not retired; with `answers` only those that owe no answer.
    pub(in crate::socket) fn not_retired(&mut self, answers: bool) -> Vec<PipeId> {
        let mut free = Vec::new();
        let Self {
            pipes, retiring, ..
        } = self;
        retiring.looked_at += retiring.waiting.len();
        retiring.waiting.retain(|&pipe| {
            let slot = pipes.get(pipe).filter(|slot| !slot.has_retired());
            if slot.is_some_and(|slot| !(answers && slot.owes_answers())) {
                free.push(pipe);
            }
            slot.is_some()
        });
        free
    }

    /// A socket that answers retires: of each pipe it takes the requests that have come by now, and no more. Gives the
    /// pipes for which this begins now.
    pub(in crate::socket) fn take_last(&mut self) -> Vec<PipeId> {
        let mut begun = std::mem::take(&mut self.retiring.fresh);
        self.retiring.looked_at += begun.len();
        begun.retain(|&pipe| self.pipes.get_mut(pipe).is_some_and(Slot::take_last));
        begun
    }

    /// The pipes whose last request was taken, and whose further input is not ignored yet.
    pub(in crate::socket) fn took_last(&mut self) -> Vec<PipeId> {
        self.retiring.looked_at += self.retiring.waiting.len();
        let waiting = self.retiring.waiting.iter().copied();
        waiting.filter(|&pipe| self.has_taken_last(pipe)).collect()
    }

    /// Whether the last request of `pipe` has just been taken, so that the pattern is to ignore further input.
    #[inline]
    pub(crate) fn has_taken_last(&self, pipe: PipeId) -> bool {
        self.pipes.get(pipe).is_some_and(Slot::has_taken_last)
    }

    /// Further input of `pipe` is ignored from now on, and counted when the pipe goes.
    #[cold]
    pub(crate) fn deafen(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.deafen();
        }
        self.ignore_input(pipe);
    }

    /// Drops the messages that have come through `pipe`, if its input is ignored.
    pub(in crate::socket) fn ignore_input(&mut self, pipe: PipeId) -> bool {
        let ignored = self.pipes.get_mut(pipe).and_then(Slot::ignore_input);
        self.losses.unread += ignored.unwrap_or(0);
        ignored.is_some()
    }

    /// How many messages were sent within the process and lost with pipes that are gone.
    pub(in crate::socket) fn unsent_within(&self) -> usize {
        self.unsent_within
    }

    /// A request from `pipe` was taken, to be answered: gives its peer.
    pub(crate) fn asked(&mut self, pipe: PipeId) -> Option<Arc<PeerInfo>> {
        let slot = self.pipes.get_mut(pipe)?;
        slot.asked();
        slot.sender().cloned()
    }

    /// A request from `pipe` was answered or abandoned.
    pub(crate) fn answered(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.answered();
        }
    }
}

#[cfg(test)]
mod tests;

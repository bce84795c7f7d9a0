//! The pipes of a socket that retires.
//!
//! Owns: the list of pipes to look at; each slot knows its own progress.
//! Always true: a pipe that has retired takes no message to send; a pipe whose last request was taken gives none any
//! more. Once the socket retires, a pipe that may retire, or whose last request was taken, is in `changed` until it is
//! looked at.
//! Must not know: why the socket retires, and what it waits for.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::peer::PeerInfo;
use crate::socket::slot::Slot;

/// The pipes to look at. An event looks at these alone, and not at all pipes.
#[derive(Debug, Default)]
pub(super) struct Retiring {
    begun: bool,
    /// Pipes for which it is not noted yet how many requests are still taken from them.
    fresh: Vec<PipeId>,
    /// Pipes that may be able to retire since they were looked at last.
    changed: Vec<PipeId>,
    /// How many pipes have been looked at.
    #[cfg(test)]
    looks: usize,
}

impl Retiring {
    /// Adds a pipe that has still to retire.
    pub(super) fn comes(&mut self, pipe: PipeId) {
        if self.begun {
            self.fresh.push(pipe);
        }
    }

    /// `pipe` has lost its connection, or a request of it was answered, abandoned or malformed.
    pub(super) fn changes(&mut self, pipe: PipeId) {
        if self.begun {
            self.changed.push(pipe);
        }
    }
}

impl Table {
    /// Retires `pipe`: it takes no more messages; within the process, the other side is told so.
    pub(in crate::socket) fn retire(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.retire();
        }
        self.lose_places(pipe);
    }

    /// The socket retires: puts all its pipes on the list.
    pub(in crate::socket) fn begin_retiring(&mut self) {
        if !std::mem::replace(&mut self.retiring.begun, true) {
            let all: Vec<PipeId> = self.pipes.values().map(Slot::id).collect();
            all.into_iter().for_each(|pipe| self.retiring.comes(pipe));
        }
    }

    /// Takes the pipes to look at. A socket that `answers` takes from each new pipe the requests that have come by now,
    /// and no more: also gives the pipes for which this begins now.
    pub(in crate::socket) fn retiring_pipes(
        &mut self,
        answers: bool,
    ) -> (Vec<PipeId>, Vec<PipeId>) {
        let mut begun = std::mem::take(&mut self.retiring.fresh);
        let mut changed = std::mem::take(&mut self.retiring.changed);
        changed.extend(&begun);
        #[cfg(test)]
        {
            self.retiring.looks += changed.len();
        }
        begun.retain(|&pipe| answers && self.pipes.get_mut(pipe).is_some_and(Slot::take_last));
        (changed, begun)
    }

    /// `pipe` is looked at again at the next event.
    pub(in crate::socket) fn keep_retiring(&mut self, pipe: PipeId) {
        self.retiring.changes(pipe);
    }

    /// Whether `pipe` has still to retire and may do so. At a socket that `answers` it may once it owes no answer.
    pub(in crate::socket) fn may_retire(&self, pipe: PipeId, answers: bool) -> bool {
        let slot = self.pipes.get(pipe);
        slot.is_some_and(|slot| !(slot.has_retired() || answers && slot.owes_answers()))
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
            self.retiring.changes(pipe);
        }
    }
}

#[cfg(test)]
mod tests;

//! The pipes of a socket that retires: it takes and answers what has come, and sends what it has.
//!
//! Owns: which pipes have still to retire; each pipe knows how far it is.
//! Always true: a pipe that has retired takes no message; one that has taken its last gives none. Once the socket retires, each
//! pipe that has not retired is in `waiting`.
//! Must not know: why the socket retires, and what it waits for.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::peer::PeerInfo;
use crate::socket::slot::Slot;

/// The pipes of a socket that retires, as far as something is to be done about them: no event looks at all the others.
#[derive(Debug, Default)]
pub(super) struct Retiring {
    begun: bool,
    /// Pipes of which it is not settled yet how much is still taken from them.
    fresh: Vec<PipeId>,
    /// Pipes that have not retired; also some that have since, or are gone, until they are looked at.
    waiting: Vec<PipeId>,
    /// How many pipes have been looked at, for tests.
    looked_at: usize,
}

impl Retiring {
    /// There is such a pipe.
    pub(super) fn comes(&mut self, pipe: PipeId) {
        if self.begun {
            self.fresh.push(pipe);
            self.waiting.push(pipe);
        }
    }
}

impl Table {
    /// Has `pipe` take no more messages, or tells the other side of one within the process that there are none.
    pub(in crate::socket) fn retire(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.retire();
        }
    }

    /// The socket retires: from now on it is known which pipes are to be told so.
    pub(in crate::socket) fn begin_retiring(&mut self) {
        if !std::mem::replace(&mut self.retiring.begun, true) {
            let all: Vec<PipeId> = self.pipes.values().map(Slot::id).collect();
            all.into_iter().for_each(|pipe| self.retiring.comes(pipe));
        }
    }

    /// Pipes that have not retired; if `answers` matter, only those from which no request waits for one.
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

    /// The socket answers, and retires: of each pipe it takes what has come by now, and no more. Those for which that begins.
    pub(in crate::socket) fn take_last(&mut self) -> Vec<PipeId> {
        let mut begun = std::mem::take(&mut self.retiring.fresh);
        self.retiring.looked_at += begun.len();
        begun.retain(|&pipe| self.pipes.get_mut(pipe).is_some_and(Slot::take_last));
        begun
    }

    /// Pipes from which the last has been taken, and what comes is not ignored yet.
    pub(in crate::socket) fn took_last(&mut self) -> Vec<PipeId> {
        self.retiring.looked_at += self.retiring.waiting.len();
        let waiting = self.retiring.waiting.iter().copied();
        waiting.filter(|&pipe| self.has_taken_last(pipe)).collect()
    }

    /// Whether the last request has just been taken from `pipe`: its pattern is to ignore what comes.
    #[inline]
    pub(crate) fn has_taken_last(&self, pipe: PipeId) -> bool {
        self.pipes.get(pipe).is_some_and(Slot::has_taken_last)
    }

    /// What comes through `pipe` is ignored from now on, and counted when the pipe goes.
    #[cold]
    pub(crate) fn deafen(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.deafen();
        }
        self.ignore_input(pipe);
    }

    /// Forgets what has come through `pipe`, if it is to be ignored.
    pub(in crate::socket) fn ignore_input(&mut self, pipe: PipeId) -> bool {
        let ignored = self.pipes.get_mut(pipe).and_then(Slot::ignore_input);
        self.losses.unread += ignored.unwrap_or(0);
        ignored.is_some()
    }

    /// Messages within the process that were sent and nobody will get, of pipes that are gone.
    pub(in crate::socket) fn unsent_within(&self) -> usize {
        self.unsent_within
    }

    /// A request from `pipe` was taken, to be answered: who asks.
    pub(crate) fn asked(&mut self, pipe: PipeId) -> Option<Arc<PeerInfo>> {
        let slot = self.pipes.get_mut(pipe)?;
        slot.asked();
        slot.sender().cloned()
    }

    /// A request from `pipe` was answered, or never will be.
    pub(crate) fn answered(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.answered();
        }
    }
}

#[cfg(test)]
mod tests;

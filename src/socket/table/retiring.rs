//! The pipes of a socket that retires: it takes and answers what has come, and sends what it has.
//!
//! Owns: nothing; each pipe knows how far it is.
//! Always true: a pipe that has retired takes no message; one that has taken its last gives none.
//! Must not know: why the socket retires, and what it waits for.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::peer::PeerInfo;
use crate::socket::slot::Slot;

impl Table {
    /// Has `pipe` take no more messages, or tells the other side of one within the process that there are none.
    pub(in crate::socket) fn retire(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.retire();
        }
    }

    /// Pipes that have not retired; if `answers` matter, only those from which no request waits for one.
    pub(in crate::socket) fn not_retired(&self, answers: bool) -> Vec<PipeId> {
        self.pipes
            .values()
            .filter(|slot| !(slot.has_retired() || answers && slot.owes_answers()))
            .map(Slot::id)
            .collect()
    }

    /// The socket answers, and retires: of each pipe it takes what has come by now, and no more. Those for which that begins.
    pub(in crate::socket) fn take_last(&mut self) -> Vec<PipeId> {
        let mut begun = Vec::new();
        for slot in self.pipes.values_mut() {
            if slot.take_last() {
                begun.push(slot.id());
            }
        }
        begun
    }

    /// Pipes from which the last has been taken, and what comes is not ignored yet.
    pub(in crate::socket) fn took_last(&self) -> Vec<PipeId> {
        let slots = self.pipes.values();
        let done = slots.filter(|slot| slot.has_taken_last());
        done.map(Slot::id).collect()
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

    /// Whether no peer within the process writes any more.
    pub(in crate::socket) fn lanes_have_ended(&self) -> bool {
        let mut slots = self.pipes.values();
        slots.all(|slot| slot.lane().is_none() || slot.is_ending())
    }

    /// A request from `pipe` was taken, to be answered: who asks, if it has not gone.
    pub(crate) fn asked(&mut self, pipe: PipeId) -> Option<Arc<PeerInfo>> {
        let slot = self.pipes.get_mut(pipe)?;
        slot.asked();
        slot.peer().cloned()
    }

    /// A request from `pipe` was answered, or never will be.
    pub(crate) fn answered(&mut self, pipe: PipeId) {
        if let Some(slot) = self.pipes.get_mut(pipe) {
            slot.answered();
        }
    }
}

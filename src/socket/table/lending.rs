//! The links that a socket reads itself while it waits for input.
//!
//! Owns: the condition for borrowing readers, and whether any may be borrowed.
//! Always true: a borrowed reader is read by the threads of this socket alone.
//! Must not know: how the socket waits.

use std::sync::Arc;

use highwater_patterns::{ConnectionRead, PipeId};

use super::Table;
use crate::pipe::{Intake, Wire};
use crate::policy::tuning::{MOST_LENT, MOST_LENT_BESIDE_SEVERAL};
use crate::socket::slot::Slot;

/// How many links a receiver reads itself at the most, in a context of `io_threads` I/O threads.
pub(in crate::socket) fn most_lent(io_threads: usize) -> usize {
    if io_threads == 1 {
        MOST_LENT
    } else {
        MOST_LENT_BESIDE_SEVERAL
    }
}

impl Table {
    /// Only the latest messages are received: no reader is borrowed, since the I/O thread is to read on all the time.
    pub(in crate::socket) fn lend_nothing(&mut self) {
        self.most_lent = 0;
    }

    /// Whether it is faster that the socket reads its links itself: it has few links, at least one is connected, and no
    /// lanes.
    pub(in crate::socket) fn is_lendable(&self) -> bool {
        self.lanes == 0
            && self.pipes.len() <= self.most_lent
            && self.pipes.values().any(|slot| slot.live_wire().is_some())
    }

    /// Borrows the readers of all live links, and gives the pipes whose readers were not borrowed before.
    pub(in crate::socket) fn borrow_readers(&mut self) -> Vec<PipeId> {
        self.borrowed = true;
        let not_here = |slot: &&mut Slot| slot.live_wire().is_some_and(|(_, lent)| !lent);
        self.pipes
            .values_mut()
            .filter(not_here)
            .filter_map(|slot| slot.intake()?.borrow_reader().then(|| slot.id()))
            .collect()
    }

    /// Whether readers may be borrowed at present.
    #[inline]
    pub(in crate::socket) fn has_borrowed(&self) -> bool {
        self.borrowed
    }

    /// Whether there is more than one pipe, so that one can be busy and others idle.
    pub(in crate::socket) fn has_several(&self) -> bool {
        self.pipes.len() > 1
    }

    /// Gives all borrowed readers back.
    pub(crate) fn return_readers(&mut self) {
        self.borrowed = false;
        self.pipes
            .values_mut()
            .filter_map(Slot::intake)
            .for_each(|intake| intake.return_reader());
    }

    /// The links whose readers are borrowed.
    pub(in crate::socket) fn borrowed_links(
        &self,
    ) -> impl Iterator<Item = (PipeId, &Arc<dyn Wire>)> {
        self.pipes
            .values()
            .filter_map(|slot| match slot.live_wire()? {
                (wire, true) => Some((slot.id(), wire)),
                (_, false) => None,
            })
    }

    /// The links whose readers are borrowed and had no whole message when last read.
    pub(in crate::socket) fn idle_links(&self) -> Vec<(PipeId, Arc<dyn Wire>)> {
        if !self.borrowed {
            return Vec::new();
        }
        self.pipes
            .values()
            .filter(|slot| slot.is_idle_link())
            .filter_map(|slot| Some((slot.id(), Arc::clone(slot.live_wire()?.0))))
            .collect()
    }

    /// Reads once from a borrowed link; true if bytes came.
    pub(in crate::socket) fn fill(&mut self, pipe: PipeId) -> bool {
        // Each read costs some of the budget, so that a peer that sends little at a time, without end, does not keep
        // the lock.
        self.budget.spend(8);
        self.pipes
            .get_mut(pipe)
            .and_then(Slot::intake)
            .is_some_and(|intake| intake.fill())
    }

    /// See [`Pipes::read_connection`](highwater_patterns::Pipes::read_connection).
    pub(super) fn read_once(&mut self, pipe: PipeId) -> ConnectionRead {
        self.budget.spend(8);
        self.pipes
            .get_mut(pipe)
            .and_then(Slot::intake)
            .map_or(ConnectionRead::Nothing, Intake::read_once)
    }
}

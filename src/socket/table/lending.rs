//! The links of a socket that waits for input: which of them it reads itself.
//!
//! Owns: how many links are worth borrowing, and whether any reader may be here.
//! Always true: a reader that is here is read by the threads of this socket alone.
//! Must not know: how the socket waits.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::pipe::Wire;
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
    /// Only the latest messages are received: links are not lent, as the I/O thread goes on reading them meanwhile.
    pub(in crate::socket) fn lend_nothing(&mut self) {
        self.most_lent = 0;
    }

    /// Whether the socket is better off reading its links itself: it has a few, at least one is alive, and there is
    /// nothing else to wait for.
    pub(in crate::socket) fn is_lendable(&self) -> bool {
        self.lanes == 0
            && self.pipes.len() <= self.most_lent
            && self.pipes.values().any(|slot| slot.live_wire().is_some())
    }

    /// Borrows the readers of all live links; the pipes whose readers came just now.
    pub(in crate::socket) fn borrow_readers(&mut self) -> Vec<PipeId> {
        self.borrowed = true;
        let not_here = |slot: &&mut Slot| slot.live_wire().is_some_and(|(_, lent)| !lent);
        self.pipes
            .values_mut()
            .filter(not_here)
            .filter_map(|slot| slot.intake()?.borrow_reader().then(|| slot.id()))
            .collect()
    }

    /// Whether readers may be here.
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

    /// The links whose readers are here.
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

    /// The links whose readers are here and that had nothing more when they were last read.
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

    /// Reads once from a lent link; true if bytes came.
    pub(in crate::socket) fn fill(&mut self, pipe: PipeId) -> bool {
        // A peer that sends little at a time, without end, would else keep the lock.
        self.budget.spend(8);
        self.pipes
            .get_mut(pipe)
            .and_then(Slot::intake)
            .is_some_and(|intake| intake.fill())
    }
}

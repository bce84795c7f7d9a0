//! The pipes of a socket that is about to wait for input: what it still has to write, which links it reads itself, and
//! what comes from within the process.
//!
//! Owns: which pipes are flushed, and which links are worth borrowing.
//! Always true: after a flush, whatever waits in a pipe waits for its peer or for the I/O thread, not for its socket.
//! Must not know: how the socket waits.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::pipe::{InprocEnd, Lane, Notices, Wire};
use crate::policy::tuning::{BURST_MESSAGES, MOST_LENT, MOST_LENT_BESIDE_SEVERAL};
use crate::socket::slot::Slot;

/// How many links a receiver reads itself at the most, in a context of so many I/O threads.
pub(in crate::socket) fn most_lent(io_threads: usize) -> usize {
    if io_threads == 1 {
        MOST_LENT
    } else {
        MOST_LENT_BESIDE_SEVERAL
    }
}

impl Table {
    /// Messages wait in `pipe`: a socket that receives writes them before it waits for input, and so does a thread that
    /// goes on to wait on another socket.
    pub(super) fn note_unflushed(&mut self, pipe: PipeId) {
        if self.unflushed.len() > self.pipes.len() {
            let Self {
                unflushed, pipes, ..
            } = self;
            unflushed.retain(|pipe| pipes.get(*pipe).is_some());
        }
        self.unflushed.push(pipe);
        self.notices |= Notices::UNFLUSHED;
    }

    /// The socket is about to wait for input: what it has sent goes out.
    #[inline]
    pub(in crate::socket) fn flush(&mut self) {
        for pipe in self.unflushed.drain(..) {
            if let Some(slot) = self.pipes.get_mut(pipe) {
                slot.flush();
            }
        }
    }

    /// Gives the drafts of all senders back to their pipes: before anything that is not a send or a receive.
    #[inline]
    pub(in crate::socket) fn collect_drafts(&mut self) {
        if !self.drafts.is_empty() {
            self.collect_all_drafts();
        }
    }

    #[cold]
    fn collect_all_drafts(&mut self) {
        for pipe in self.drafts.drain(..) {
            if let Some(slot) = self.pipes.get_mut(pipe) {
                self.telemetry.lose_unsent(slot.collect_draft(), None);
            }
        }
    }

    /// A thread that has left something here turns to another socket. Of a conversation, a burst goes out; true if it did.
    /// `received`: a number that changes with what is received.
    pub(in crate::socket) fn turn(&mut self, received: u32) -> bool {
        if received == self.turned_at {
            return false;
        }
        let first = self.unflushed.iter().take(BURST_MESSAGES);
        let slots = first.filter_map(|pipe| self.pipes.get(*pipe));
        if slots.map(Slot::unwritten).sum::<usize>() < BURST_MESSAGES {
            return false;
        }
        self.turned_at = received;
        self.flush();
        true
    }

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

    /// Likewise, those that had nothing more when they were last read.
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
        // Little at a time can be read without end, too.
        self.budget.spend(8);
        self.pipes
            .get_mut(pipe)
            .and_then(Slot::intake)
            .is_some_and(|intake| intake.fill())
    }

    /// Whether messages may come from within the process.
    pub(in crate::socket) fn has_lanes(&self) -> bool {
        self.lanes > 0
    }

    /// The lanes within the process that can be read.
    pub(in crate::socket) fn lanes(&self) -> impl Iterator<Item = (PipeId, &Arc<Lane>)> {
        self.pipes
            .values()
            .filter_map(|slot| Some((slot.id(), slot.heard_lane()?.incoming()?)))
    }

    /// Before a wait: from now on news from within the process is told. The pipes where there is some already, of which the
    /// pattern is to be told now.
    pub(crate) fn listen_within(&mut self) -> Vec<PipeId> {
        if self.lanes == 0 {
            return Vec::new();
        }
        self.pipes
            .values_mut()
            .filter(|slot| !slot.is_passed_over())
            .filter(|slot| slot.heard_lane().is_some_and(InprocEnd::wait_for_news))
            .map(Slot::is_told)
            .collect()
    }

    /// The pipes within the process where there is something, of which the pattern is to be told now.
    pub(in crate::socket) fn news_within(&mut self) -> Vec<PipeId> {
        let is_ready = |slot: &&mut Slot| {
            let lane = slot.heard_lane().and_then(InprocEnd::incoming);
            lane.is_some_and(|lane| lane.is_ready()) && !slot.is_passed_over()
        };
        self.pipes
            .values_mut()
            .filter(is_ready)
            .map(Slot::is_told)
            .collect()
    }
}

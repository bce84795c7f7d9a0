//! Reading on borrowed links: a receiver that would sleep takes the readers of its links from the I/O thread,
//! [waits](super::waiting) on the links itself, and decodes on its own thread.
//!
//! Owns: when links are polled and given back.
//! Always true: a borrowed link is polled by whoever waits on it, or by a busy receiver at each
//! [check](crate::policy::IdleCheck), or goes back to the I/O thread; a socket that should not lend gives all of them back at
//! once.
//! Must not know: which message a receiver wants.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use highwater_patterns::PipeId;

use super::{Core, State, waiting};
use crate::policy::tuning::IDLE_CHECK_MESSAGES;

impl Core {
    /// Gives all borrowed readers back if the socket should not read its links itself any more: it has too many, there is
    /// something else to wait for, or a poll waits for it. Whoever waits on the links does so when its wait is over.
    pub(super) fn give_back_readers(&self, state: &mut State) {
        if state.table.has_borrowed()
            && !state.leading
            && (state.polls > 0 || !state.table.is_lendable())
        {
            state.table.return_readers();
        }
    }

    /// A receiver is busy, and the time of a check may have come: whatever idle peers have sent takes its turn from now on.
    #[cold]
    pub(super) fn check_idle(&self, state: &mut State) {
        if !state.table.has_several() {
            return self.lending.check_after(IDLE_CHECK_MESSAGES);
        }
        let now = Instant::now();
        let due = state.idle_check.is_due(now);
        self.lending.check_after(state.idle_check.messages());
        if due && self.is_here() {
            self.give_back_readers(state);
            let found = self.poll_idle(state);
            // One within the process that is idle tells of its next message itself, once it was asked to.
            let news = state.table.listen_within();
            self.lanes_readable(state, &news);
            state.idle_check.checked(now, found);
        }
    }

    /// Reads what has come over borrowed links that had been read to the end, without waiting; true if anything had.
    fn poll_idle(&self, state: &mut State) -> bool {
        if state.leading {
            return false;
        }
        let links = state.table.idle_links();
        let descriptors: Vec<BorrowedFd<'_>> = links.iter().map(|(_, wire)| wire.as_fd()).collect();
        let ready = waiting::ready_now(&descriptors);
        let mut any = false;
        for ((pipe, _), _) in links.iter().zip(ready).filter(|(_, ready)| *ready) {
            any |= self.read_one(state, *pipe);
        }
        any
    }

    /// Reads once from a borrowed link; true if anything came, of which the pattern is told.
    pub(super) fn read_one(&self, state: &mut State, pipe: PipeId) -> bool {
        let any = state.table.fill(pipe);
        if any {
            state.pattern.readable(pipe, &mut state.table);
            // It may be a subscription, for which others wait.
            self.changed.notify(usize::MAX);
        }
        any
    }

    /// Reads what is there from the borrowed links, without waiting; true if anything came.
    pub(super) fn read_links(&self, state: &mut State) -> bool {
        if state.leading {
            return false;
        }
        let lent: Vec<PipeId> = state.table.borrowed_links().map(|(pipe, _)| pipe).collect();
        let mut any = false;
        for pipe in lent {
            any |= self.read_one(state, pipe);
        }
        any
    }
}

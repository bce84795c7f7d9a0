//! Reading on borrowed links: a receiver that would sleep takes the readers of its links from the I/O thread,
//! [waits](super::waiting) on the links itself, and decodes on its own thread.
//!
//! Owns: when links are polled and given back.
//! Always true: no borrowed link is always read before another; a borrowed link is polled by the leader, or by a busy receiver at each
//! [check](crate::policy::IdleCheck), or it goes back to the I/O thread. A socket that must not read its links itself
//! any more gives all of them back at once.
//! Must not know: which message a receiver wants.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use highwater_patterns::PipeId;

use super::caller::Caller;
use super::{Core, State, waiting};
use crate::policy::tuning::IDLE_CHECK_MESSAGES;

impl Core {
    /// Gives all borrowed readers back if the socket must not read its links itself any more: it has too many links,
    /// waits for lanes as well, or a poll waits for it. If a leader waits on the links, it gives them back when its
    /// wait is over.
    pub(super) fn give_back_readers(&self, state: &mut State) {
        if state.table.has_borrowed()
            && !state.leading
            && (state.polls > 0 || !state.table.is_lendable())
        {
            state.table.return_readers();
        }
    }

    /// A busy receiver wakes another one that sleeps, and checks its idle links, if it is time: the messages of idle peers
    /// take their turn from now on.
    #[cold]
    pub(super) fn check_idle(&self, state: &mut State, caller: Caller) {
        // A receiver that never has to wait passes no wake-up on: while it goes on, those that sleep would get nothing.
        self.readable.notify(1);
        if state.table.has_several() {
            self.check_idle_links(state);
        } else {
            self.lending.check_after(IDLE_CHECK_MESSAGES);
        }
        self.gives_receivers_a_turn(state, caller);
    }

    fn check_idle_links(&self, state: &mut State) {
        let now = Instant::now();
        let due = state.idle_check.is_due(now);
        self.lending.check_after(state.idle_check.messages());
        if due && self.is_here() {
            self.give_back_readers(state);
            let found = self.poll_idle(state);
            // An idle lane tells of its next message by itself, once it was asked to.
            let news = state.table.listen_within();
            self.lanes_readable(state, &news);
            state.idle_check.checked(now, found);
        }
    }

    /// Reads once from each idle borrowed link that has input, without waiting; true if there was one.
    fn poll_idle(&self, state: &mut State) -> bool {
        if state.leading {
            return false;
        }
        let links = state.table.idle_links();
        let descriptors: Vec<BorrowedFd<'_>> = links.iter().map(|(_, wire)| wire.as_fd()).collect();
        let ready = links
            .iter()
            .zip(waiting::ready_now(&descriptors))
            .filter_map(|((pipe, _), ready)| ready.then_some(*pipe));
        self.read_in_turn(state, ready.collect())
    }

    /// Reads once from each of these borrowed links, beginning behind the one from which bytes came last; true if bytes came.
    ///
    /// The links that are read first are answered first, and have the most time until the next round. If each round began at
    /// the same link, those at the end would not be ready yet, and would be read in every second round only.
    pub(super) fn read_in_turn(&self, state: &mut State, mut links: Vec<PipeId>) -> bool {
        links.sort_unstable();
        let had_turn = links.partition_point(|pipe| Some(*pipe) <= state.read_last);
        links.rotate_left(had_turn);
        let mut any = false;
        for pipe in links {
            if self.read_one(state, pipe) {
                state.read_last = Some(pipe);
                any = true;
            }
        }
        any
    }

    /// Reads once from a borrowed link; true if bytes came, of which the pattern is told.
    fn read_one(&self, state: &mut State, pipe: PipeId) -> bool {
        let any = state.table.fill(pipe);
        if any {
            state.pattern.readable(pipe, &mut state.table);
            // It may be a subscription, for which a thread may wait.
            self.changed.notify(usize::MAX);
        }
        any
    }

    /// Reads from all borrowed links that have input, without waiting; true if bytes came.
    pub(super) fn read_links(&self, state: &mut State) -> bool {
        if state.leading {
            return false;
        }
        let lent = state.table.borrowed_links().map(|(pipe, _)| pipe).collect();
        self.read_in_turn(state, lent)
    }
}

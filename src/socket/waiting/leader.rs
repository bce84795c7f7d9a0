//! Waiting on borrowed links, in place of sleeping until the I/O thread wakes the receiver.
//!
//! Owns: when links are borrowed and waited on; the descriptor that ends such a wait from outside.
//! Always true: a wake-up that comes before the wait is not lost.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use highwater_patterns::PipeId;
use rustix::event::{PollFd, PollFlags, poll};

use super::deadline::Deadline;
use crate::origin::Here;
use crate::pipe::{Duty, Wire};
use crate::policy::PolledWait;
use crate::socket::{Core, Locked, State};
use crate::wake::{WakePipe, timespec};

impl Core {
    /// Borrows the links, or waits on them if they are borrowed already, then reads those that have input.
    pub(super) fn lead<'a>(
        &'a self,
        mut state: Locked<'a>,
        deadline: Deadline,
        here: Here,
    ) -> Locked<'a> {
        let borrowed = state.table.borrow_readers();
        if !borrowed.is_empty() {
            // Input that the I/O thread had read comes first.
            for pipe in borrowed {
                let State { pattern, table, .. } = &mut *state;
                pattern.readable(pipe, table);
            }
            return state;
        }
        let links: Vec<(PipeId, Arc<dyn Wire>)> = state
            .table
            .borrowed_links()
            .map(|(pipe, wire)| (pipe, Arc::clone(wire)))
            .collect();
        if state.table.take_has_sent() {
            state.busy_poll.forget_cost();
        }
        let mut polled = state.busy_poll.begin(Instant::now(), deadline.instant());
        state.leading = true;
        self.lending.wait_begins();
        drop(state);

        let descriptors: Vec<BorrowedFd<'_>> = links.iter().map(|(_, wire)| wire.as_fd()).collect();
        let mut ready = Vec::new();
        self.leader
            .wait(&descriptors, deadline.instant(), &mut polled, &mut ready);
        if self.lending.wait_ends()
            && let Some((_, wire)) = links.first()
        {
            wire.duty(Duty::Lent);
        }

        let mut state = self.lock(here);
        state.leading = false;
        let now = Instant::now();
        state.busy_poll.learn(polled, now);
        state.idle_check.waited(now);
        let ready = links
            .iter()
            .zip(&ready)
            .filter_map(|((pipe, _), ready)| ready.then_some(*pipe));
        self.read_in_turn(&mut state, ready.collect());
        self.give_back_readers(&mut state);
        state
    }
}

/// Wakes a leader; made when a socket first has one.
#[derive(Debug, Default)]
pub(in crate::socket) struct LeaderWake(OnceLock<WakePipe>);

/// Which of `links` have input now; none of them if the system cannot tell.
pub(in crate::socket) fn ready_now(links: &[BorrowedFd<'_>]) -> Vec<bool> {
    if links.is_empty() {
        return Vec::new();
    }
    let mut descriptors: Vec<PollFd<'_>> = links
        .iter()
        .map(|link| PollFd::new(link, PollFlags::IN))
        .collect();
    match poll(&mut descriptors, Some(&timespec(Duration::ZERO))) {
        Ok(ready) if ready > 0 => descriptors
            .iter()
            .map(|descriptor| !descriptor.revents().is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

impl LeaderWake {
    /// Makes the wake pipe; false if the system has no descriptor for it now, so that no thread can lead. The next call
    /// tries again.
    pub(super) fn prepare(&self) -> bool {
        self.is_ready_after(WakePipe::new)
    }

    fn is_ready_after(&self, make: impl FnOnce() -> io::Result<WakePipe>) -> bool {
        if self.0.get().is_none()
            && let Ok(pipe) = make()
        {
            // Another thread may have set its pipe first; then that one is used.
            let _ = self.0.set(pipe);
        }
        self.0.get().is_some()
    }

    /// The wake pipe; `None` before the first leader.
    fn pipe(&self) -> Option<&WakePipe> {
        self.0.get()
    }

    /// Ends the wait of a leader, now or at its next.
    pub(in crate::socket) fn wake(&self) {
        if let Some(pipe) = self.pipe() {
            pipe.wake();
        }
    }

    /// Waits until one of `links` has input (true in `ready`), somebody calls [`wake`](Self::wake), or the deadline
    /// passes; busy-polls first, as long as `polled` goes on.
    pub(super) fn wait(
        &self,
        links: &[BorrowedFd<'_>],
        deadline: Option<Instant>,
        polled: &mut PolledWait,
        ready: &mut Vec<bool>,
    ) {
        ready.clear();
        ready.resize(links.len(), false);
        let Some(pipe) = self.pipe() else { return };
        let mut descriptors = Vec::with_capacity(links.len() + 1);
        descriptors.push(PollFd::new(pipe, PollFlags::IN));
        descriptors.extend(links.iter().map(|link| PollFd::new(link, PollFlags::IN)));
        let mut found = false;
        while polled.goes_on() && !found {
            found = !matches!(
                poll(&mut descriptors, Some(&timespec(Duration::ZERO))),
                Ok(0)
            );
            if !found {
                let before = Instant::now();
                std::thread::yield_now();
                polled.has_yielded(before, Instant::now());
            }
        }
        if !found {
            let timeout = deadline
                .map(|deadline| timespec(deadline.saturating_duration_since(Instant::now())));
            // Any error ends the wait early; the caller looks at everything again.
            if poll(&mut descriptors, timeout.as_ref()).is_err() {
                return;
            }
        }
        if !descriptors[0].revents().is_empty() {
            pipe.drain();
        }
        for (ready, descriptor) in ready.iter_mut().zip(&descriptors[1..]) {
            *ready = !descriptor.revents().is_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_found_no_descriptor_is_ready_once_there_is_one() {
        let wake = LeaderWake::default();
        wake.wake();
        assert!(!wake.is_ready_after(|| Err(io::ErrorKind::Other.into())));
        assert!(wake.prepare() && wake.is_ready_after(|| unreachable!("it has one")));
        wake.wake();
        let mut ready = Vec::new();
        let mut polled = crate::policy::BusyPoll::new(Duration::ZERO).begin(Instant::now(), None);
        wake.wait(&[], None, &mut polled, &mut ready);
    }
}

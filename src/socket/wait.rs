//! Sending and receiving, and waiting for it: on the socket's own links where that is faster, else asleep.
//!
//! Owns: the rules of who waits how, and who is woken.
//! Always true: whoever registers to be woken does so under the lock under which it found nothing; a thread that was
//! woken and leaves passes the wake-up on, so one message never leaves two threads asleep.
//! Source: the hand-over of links is our own; libzmq wakes the receiver from its I/O thread each time.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_listener::{EventListener, Listener};
use highwater_patterns::{Message, Pattern, PipeId, Refusal, Refused};

use super::{Core, Ended, Locked, State, Table};
use crate::error::WaitError;
use crate::pipe::{Duty, Wire};

/// How long a call may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// At most so long.
    AtMost(Duration),
    /// As the socket's own timeout says.
    Configured,
}

/// Why a send came to nothing; the message comes back.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// Nobody has room, and waiting was not allowed or long enough.
    Refused(Refused),
    /// The socket is of no more use.
    Ended(Message, Ended),
}

/// Why a receive came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvFailure {
    /// Nothing came in time.
    Timeout,
    /// The socket is of no more use.
    Ended(Ended),
}

/// A moment to give up, computed when first needed.
#[derive(Debug, Clone, Copy)]
enum Deadline {
    Passed,
    At(Instant),
    Never,
}

impl Deadline {
    fn after(timeout: Option<Duration>) -> Self {
        match timeout.map(|timeout| Instant::now().checked_add(timeout)) {
            Some(Some(at)) => Self::At(at),
            // Too far away to be told.
            Some(None) | None => Self::Never,
        }
    }

    fn new(wait: Wait, configured: Option<Duration>) -> Self {
        match wait {
            Wait::No => Self::Passed,
            Wait::AtMost(timeout) => Self::after(Some(timeout)),
            Wait::Configured => Self::after(configured),
        }
    }

    fn has_passed(self) -> bool {
        match self {
            Self::Passed => true,
            Self::At(at) => at <= Instant::now(),
            Self::Never => false,
        }
    }

    fn instant(self) -> Option<Instant> {
        match self {
            Self::At(at) => Some(at),
            Self::Passed | Self::Never => None,
        }
    }

    /// Sleeps until `listener` is notified or the deadline passes.
    fn sleep(self, listener: EventListener) {
        match self {
            Self::At(at) => drop(listener.wait_deadline(at)),
            Self::Never => listener.wait(),
            Self::Passed => {}
        }
    }
}

impl Core {
    /// Sends by `put`, waiting for room as long as `wait` allows.
    #[inline]
    pub(crate) fn send_with<T>(
        &self,
        wait: Wait,
        message: Message,
        put: impl FnMut(&mut Pattern, &mut Table, Message) -> Result<T, Refused>,
    ) -> Result<T, SendFailure> {
        let state = self.lock();
        self.send_locked(state, wait, message, put).0
    }

    /// As [`send_with`](Self::send_with), with the lock held before and after, so that many sends pay for it once.
    #[inline]
    pub(crate) fn send_locked<'a, T>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        message: Message,
        mut put: impl FnMut(&mut Pattern, &mut Table, Message) -> Result<T, Refused>,
    ) -> (Result<T, SendFailure>, Locked<'a>) {
        if let Some(ended) = state.ended {
            return (Err(SendFailure::Ended(message, ended)), state);
        }
        let State { pattern, table, .. } = &mut *state;
        match put(pattern, table, message) {
            Ok(done) => {
                if state.muted_since.is_some() {
                    self.unmute(&mut state);
                }
                (Ok(done), state)
            }
            Err(refused) => self.send_later(state, wait, refused, put),
        }
    }

    #[cold]
    fn send_later<'a, T>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        mut refused: Refused,
        mut put: impl FnMut(&mut Pattern, &mut Table, Message) -> Result<T, Refused>,
    ) -> (Result<T, SendFailure>, Locked<'a>) {
        if refused.reason != Refusal::Full {
            return (Err(SendFailure::Refused(refused)), state);
        }
        let deadline = Deadline::new(wait, state.options.send_timeout);
        loop {
            self.mute(&mut state);
            if deadline.has_passed() {
                return (Err(SendFailure::Refused(refused)), state);
            }
            let listener = self.writable.listen();
            drop(state);
            deadline.sleep(listener);
            state = self.lock();
            if let Some(ended) = state.ended {
                return (Err(SendFailure::Ended(refused.message, ended)), state);
            }
            let State { pattern, table, .. } = &mut *state;
            let outcome = put(pattern, table, refused.message);
            match outcome {
                Err(again) if again.reason == Refusal::Full => refused = again,
                settled => {
                    self.unmute(&mut state);
                    // There may be room for one more of those who wait.
                    self.writable.notify(1);
                    return (settled.map_err(SendFailure::Refused), state);
                }
            }
        }
    }

    /// Receives by `take`, waiting for a message as long as `wait` allows.
    #[inline]
    pub(crate) fn recv_with<T>(
        &self,
        wait: Wait,
        mut take: impl FnMut(&mut Pattern, &mut Table) -> Option<T>,
    ) -> Result<T, RecvFailure> {
        let mut state = self.lock();
        if let Some(ended) = state.ended {
            return Err(RecvFailure::Ended(ended));
        }
        let State { pattern, table, .. } = &mut *state;
        match take(pattern, table) {
            Some(taken) => {
                self.lending.used();
                Ok(taken)
            }
            None => self.recv_later(state, wait, take),
        }
    }

    #[cold]
    fn recv_later<'a, T>(
        &'a self,
        mut state: Locked<'a>,
        wait: Wait,
        mut take: impl FnMut(&mut Pattern, &mut Table) -> Option<T>,
    ) -> Result<T, RecvFailure> {
        let deadline = Deadline::new(wait, state.options.receive_timeout);
        state.table.waited();
        loop {
            self.sweep(&mut state);
            if matches!(deadline, Deadline::Passed) && self.read_lent(&mut state) {
                // What a wait would have found is there.
            } else if deadline.has_passed() {
                // A wake-up meant for this thread goes to the next.
                self.readable.notify(1);
                return Err(RecvFailure::Timeout);
            } else if !state.leading && state.table.is_lendable() && self.leader.prepare() {
                state = self.lead(state, deadline);
            } else {
                let listener = self.readable.listen();
                drop(state);
                deadline.sleep(listener);
                state = self.lock();
            }
            if let Some(ended) = state.ended {
                return Err(RecvFailure::Ended(ended));
            }
            let State { pattern, table, .. } = &mut *state;
            if let Some(taken) = take(pattern, table) {
                self.lending.used();
                // There may be more for one more of those who wait, or the links to lead.
                self.readable.notify(1);
                return Ok(taken);
            }
        }
    }

    /// Borrows the links, or waits on them if they are here already, then reads those that have something.
    fn lead<'a>(&'a self, mut state: Locked<'a>, deadline: Deadline) -> Locked<'a> {
        let borrowed = state.table.borrow_readers();
        if !borrowed.is_empty() {
            // What the I/O thread had read comes first.
            for pipe in borrowed {
                let State { pattern, table, .. } = &mut *state;
                pattern.readable(pipe, table);
            }
            return state;
        }
        let links: Vec<(PipeId, Arc<dyn Wire>)> = state
            .table
            .lent()
            .map(|(pipe, wire)| (pipe, Arc::clone(wire)))
            .collect();
        state.leading = true;
        self.lending.wait_begins();
        drop(state);

        let descriptors: Vec<BorrowedFd<'_>> = links.iter().map(|(_, wire)| wire.as_fd()).collect();
        let mut ready = Vec::new();
        self.leader
            .wait(&descriptors, deadline.instant(), &mut ready);
        if self.lending.wait_ends()
            && let Some((_, wire)) = links.first()
        {
            wire.duty(Duty::Lent);
        }

        let mut state = self.lock();
        state.leading = false;
        for ((pipe, _), _) in links.iter().zip(&ready).filter(|(_, ready)| **ready) {
            if state.table.fill(*pipe) {
                let State { pattern, table, .. } = &mut *state;
                pattern.readable(*pipe, table);
            }
        }
        state
    }

    /// Reads what is there from the borrowed links, without waiting; true if anything came.
    fn read_lent(&self, state: &mut State) -> bool {
        if state.leading {
            return false;
        }
        let lent: Vec<PipeId> = state.table.lent().map(|(pipe, _)| pipe).collect();
        let mut any = false;
        for pipe in lent {
            if state.table.fill(pipe) {
                state.pattern.readable(pipe, &mut state.table);
                any = true;
            }
        }
        any
    }

    /// Waits until `there` says so.
    pub(crate) fn wait_until(
        &self,
        timeout: Duration,
        mut there: impl FnMut(&mut State) -> bool,
    ) -> Result<(), WaitError> {
        let deadline = Deadline::after(Some(timeout));
        loop {
            let mut state = self.lock();
            match state.ended {
                Some(Ended::Closed) => return Err(WaitError::Closed),
                Some(Ended::Terminated) => return Err(WaitError::Terminated),
                None => {}
            }
            if there(&mut state) {
                return Ok(());
            }
            if deadline.has_passed() {
                return Err(WaitError::Timeout);
            }
            // What a leader reads concerns us, too, and only the I/O thread tells of it.
            let listener = self.changed.listen();
            drop(state);
            deadline.sleep(listener);
        }
    }
}

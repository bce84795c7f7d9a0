//! Watching a socket together with others, for a poll or a proxy.
//!
//! Owns: the interest of one watcher in one socket.
//! Always true: a watcher is not a leader, so a watched socket does not lend its links. A watcher that used up a
//! wake-up without taking anything passes it on to the socket's waiting threads.
//! Must not know: the watcher's other interests, and how it waits.

use std::ops::BitOr;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use highwater_patterns::{Pipes, Refusal};

use super::registration::Registration;
use crate::origin::Here;
use crate::socket::{Core, State};

/// The events to wait for at a socket or another source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interest {
    /// That something can be received.
    pub readable: bool,
    /// That something can be sent.
    pub writable: bool,
}

impl Interest {
    /// To receive.
    pub const READABLE: Self = Self {
        readable: true,
        writable: false,
    };

    /// To send.
    pub const WRITABLE: Self = Self {
        readable: false,
        writable: true,
    };

    /// To do either.
    pub const BOTH: Self = Self {
        readable: true,
        writable: true,
    };

    /// Whether there is anything in it.
    pub(crate) fn is_any(self) -> bool {
        self.readable || self.writable
    }
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            readable: self.readable | other.readable,
            writable: self.writable | other.writable,
        }
    }
}

/// One watcher of one socket.
#[derive(Debug)]
pub(crate) struct Watch {
    core: Arc<Core>,
    interest: Interest,
    /// Between a check that found nothing and the next [`disarm`](Self::disarm).
    waiting: bool,
    /// The last check has spent its budget and found nothing, so there may be a message all the same.
    again: bool,
    /// The registered wake-ups, while waiting.
    registrations: Vec<Registration>,
    ended: bool,
    /// Waits for room even if each endpoint was given up, since the socket may be connected to another one.
    patient: bool,
    /// `None` if the socket was made by the process from which this one was forked. A watch that was made before a fork is
    /// not used after it: polls and proxies ask for their own process.
    here: Option<Here>,
}

impl Watch {
    pub(crate) fn new(core: &Arc<Core>, interest: Interest) -> Self {
        Self {
            core: Arc::clone(core),
            interest,
            waiting: false,
            again: false,
            registrations: Vec::new(),
            ended: false,
            patient: false,
            here: core.origin().ask(),
        }
    }

    /// Goes on waiting even if each endpoint was given up: for a watcher that keeps its message until the socket is
    /// connected to another endpoint.
    pub(crate) fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    pub(crate) fn set_interest(&mut self, interest: Interest) {
        self.interest = interest;
    }

    /// Whether the socket has ended, so that each call on it returns at once; known after a check.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The interest.
    pub(crate) fn interest(&self) -> Interest {
        self.interest
    }

    /// The part of the interest that is ready now; an interest in nothing waits for the end of the socket. If nothing
    /// is ready, the waker given to [`arm`](Self::arm) is woken later.
    pub(crate) fn check(&mut self) -> Interest {
        let Some(here) = self.here else {
            self.ended = true;
            return self.interest;
        };
        // A wake-up that led here is used up. If it were passed on, it would wake the next watcher for nothing, which would
        // wake this one, without end.
        self.arm(Waker::noop());
        self.disarm();
        if std::mem::take(&mut self.again) {
            self.core.room.give_way();
        }
        let mut state = self.core.lock(here);
        let mut found = Interest::default();
        state.table.refill_budget();
        if state.ended.is_none() {
            found = self.core.readiness(&mut state, self.interest);
            found.writable |= self.interest.writable && !self.patient && self.core.fails(&state);
        }
        // The check may have ended a socket that retires.
        self.ended = state.ended.is_some();
        if self.ended {
            found = self.interest;
        }
        // The wake-up that led here may have been meant for another thread as well.
        if found.readable {
            self.core.readable.notify(1);
        }
        if found.writable {
            self.core.writable.notify(1);
        }
        if !found.is_any() {
            if !state.leading {
                state.table.return_readers();
            }
            state.polls += 1;
            self.waiting = true;
            self.again = state.table.has_spent_budget();
            let Core {
                changed,
                readable,
                writable,
                ..
            } = &*self.core;
            let Interest {
                readable: to_receive,
                writable: to_send,
            } = self.interest;
            let events = [
                (!self.interest.is_any()).then_some(changed),
                to_receive.then_some(readable),
                to_send.then_some(writable),
            ];
            for event in events.into_iter().flatten() {
                let mut registration = Registration::new(&self.core);
                registration.register(Weak::clone(&self.core.this), event);
                self.registrations.push(registration);
            }
        }
        found
    }

    /// To be called once after each check: has `waker` called when a new check is worth while; false if it is already.
    pub(crate) fn arm(&mut self, waker: &Waker) -> bool {
        let context = Context::from_waker(waker);
        let before = self.registrations.len();
        self.registrations
            .retain_mut(|registration| registration.has_task_woken(&context, &mut false));
        self.registrations.len() == before && !self.again
    }

    /// Stops waiting.
    pub(crate) fn disarm(&mut self) {
        // A wake-up that came and was not looked at goes to the next.
        self.registrations.clear();
        if std::mem::take(&mut self.waiting)
            && let Some(here) = self.here
        {
            self.core.lock(here).polls -= 1;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // In a forked child a thread of the parent may hold the lock for ever.
        if self.core.is_here() {
            self.disarm();
        }
    }
}

impl Core {
    /// The part of `interest` that is ready now; events report the rest.
    fn readiness(&self, state: &mut State, interest: Interest) -> Interest {
        let readable = interest.readable
            && state.pattern.may_recv() != Err(Refusal::NotSupported)
            && self.is_readable(state);
        let State { pattern, table, .. } = state;
        Interest {
            readable,
            writable: interest.writable && pattern.can_send(table),
        }
    }

    /// Whether a send would fail at once, since each endpoint was given up.
    fn fails(&self, state: &State) -> bool {
        self.facts.any_peer_will_do && state.is_given_up()
    }

    fn is_readable(&self, state: &mut State) -> bool {
        state.table.waited();
        loop {
            let State { pattern, table, .. } = &mut *state;
            if pattern.can_recv(table) {
                return true;
            }
            if table.has_spent_budget() {
                return false;
            }
            if self.read_links(state) {
                continue;
            }
            let news = state.table.listen_within();
            if news.is_empty() {
                state.table.flush();
                self.sweep(state);
                return false;
            }
            self.lanes_readable(state, &news);
        }
    }
}

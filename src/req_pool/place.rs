//! Waiting for a free socket of a pool, as a thread or as a task.
//!
//! Owns: the ticket of a call that waits; the socket of a call that has one.
//! Always true: whoever leaves, at any moment, gives back what it has.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use highwater_patterns::Message;

use super::Shared;
use super::desk::{Asked, GivenBack};
use crate::error::Ended;
use crate::facade::{AsSocket, Req, RequestFuture, SocketRef};
use crate::socket::{TaskWait, Wait, call_waker, unflushed};

/// A call that wants a socket.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    ticket: Option<u64>,
    /// Ready once the pool has ended.
    end: TaskWait,
}

/// A socket in use, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    shared: Arc<Shared>,
    req: Option<Req>,
}

impl Shared {
    /// A free socket, or a new one; `None` if all that there may be are in use.
    pub(super) fn lend(self: &Arc<Self>) -> Result<Option<Lease>, Ended> {
        let asked = self.desk()?.ask();
        Ok(match asked {
            Asked::Free(req) => Some(Lease::of(self, req)),
            Asked::AllInUse => None,
            Asked::Make => match self.make() {
                Some(req) => Some(Lease::of(self, req)),
                None => {
                    self.desk()?.not_made();
                    None
                }
            },
        })
    }

    /// A free socket within the time of `wait`, and how much of that is left for room. One that is free now is given in any case.
    pub(super) fn turn(self: &Arc<Self>, wait: Wait) -> Result<Option<(Lease, Wait)>, Ended> {
        if let Some(lease) = self.lend()? {
            return Ok(Some((lease, wait)));
        }
        let begun = Instant::now();
        let limit = match wait {
            Wait::No => return Ok(None),
            Wait::AtMost(timeout) => Some(timeout),
            Wait::Configured => self.first.send_timeout()?,
        };
        if let Some(limit) = limit {
            let turn = self.turn_within(begun, limit)?;
            return Ok(turn.map(|(lease, left)| (lease, Wait::AtMost(left))));
        }
        let lease = Place::new(self).wait(None)?;
        Ok(lease.map(|lease| (lease, wait)))
    }

    /// A free socket before `limit` from `begun` on is over, and the rest of that time.
    pub(super) fn turn_within(
        self: &Arc<Self>,
        begun: Instant,
        limit: Duration,
    ) -> Result<Option<(Lease, Duration)>, Ended> {
        let found = match self.lend()? {
            Some(lease) => Some(lease),
            None => Place::new(self).wait(begun.checked_add(limit))?,
        };
        let left = limit.saturating_sub(begun.elapsed());
        // Nobody waits any more for the answer to a request whose time is over: it is not to be carried out.
        Ok(found.filter(|_| !left.is_zero()).map(|lease| (lease, left)))
    }

    fn take_back(&self, req: Req) {
        // In a forked child the socket is the parent's, and the lock may be held for ever.
        let Ok(mut desk) = self.desk() else { return };
        let given_back = desk.give_back(req);
        drop(desk);
        match given_back {
            GivenBack::PutBy(waker) => call_waker(waker),
            // Its drop may wait, so it is not dropped under the lock.
            GivenBack::Closed(req) => drop(req),
            GivenBack::Free => {}
        }
    }
}

impl Place {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            ticket: None,
            end: TaskWait::new(&shared.first),
        }
    }

    /// A socket as soon as one is free, in the order in which the places were polled first.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Lease, Ended>> {
        if self.ticket.is_none()
            && let Some(lease) = self.shared.lend()?
        {
            return Poll::Ready(Ok(lease));
        }
        // Cloned before the lock is taken, and dropped after its release: a foreign waker may use the pool in both.
        let mut waker = context.waker().clone();
        let mut desk = self.shared.desk()?;
        let collected = match self.ticket {
            Some(ticket) => desk.collect(ticket, &mut waker),
            // Since it was asked for, one may have become free.
            None => match desk.ask_for_free() {
                None => {
                    let waker = std::mem::replace(&mut waker, Waker::noop().clone());
                    self.ticket = Some(desk.wait(waker));
                    None
                }
                free => free,
            },
        };
        drop(desk);
        drop(waker);
        if let Some(req) = collected {
            self.ticket = None;
            return Poll::Ready(Ok(Lease::of(&self.shared, req)));
        }
        self.end.poll_end(context).map(Err)
    }

    /// As [`poll`](Self::poll), on a thread that waits; `None` if `deadline` passed first.
    pub(super) fn wait(&mut self, deadline: Option<Instant>) -> Result<Option<Lease>, Ended> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(lease) = self.poll(&mut context) {
                return lease.map(Some);
            }
            unflushed::flush();
            let Some(deadline) = deadline else {
                thread::park();
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            thread::park_timeout(left);
            // A socket that was put by meanwhile is for the next.
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let Ok(mut desk) = self.shared.desk() else {
            return;
        };
        let (waker, put_by) = desk.leave(ticket);
        drop(desk);
        drop(waker);
        if let Some(req) = put_by {
            self.shared.take_back(req);
        }
    }
}

impl Lease {
    fn of(shared: &Arc<Shared>, req: Req) -> Self {
        Self {
            shared: Arc::clone(shared),
            req: Some(req),
        }
    }

    /// Asks `message` in a task. The future is not to outlive the lease.
    pub(super) fn ask(&mut self, message: Message) -> RequestFuture<'static> {
        self.req().ask_unborrowed(message)
    }

    /// The reply to the request that this socket has sent, in a task. The future is not to outlive the lease.
    pub(super) fn hear(&mut self) -> RequestFuture<'static> {
        self.req().hear_unborrowed()
    }

    pub(super) fn as_socket(&self) -> SocketRef {
        self.req.as_ref().expect(HAS_IT).as_socket()
    }

    pub(super) fn req(&mut self) -> &mut Req {
        self.req.as_mut().expect(HAS_IT)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(req) = self.req.take() {
            self.shared.take_back(req);
        }
    }
}

const HAS_IT: &str = "it has its socket until it is dropped";

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

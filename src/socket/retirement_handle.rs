//! The handle by which a user follows a socket that retires.
//!
//! Owns: nothing; it reads the counts of the drain.
//! Must not know: how a socket retires.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::engine::{Drain, RetireReport};
use crate::origin::Origin;
use crate::socket::{Core, Registration};

/// The progress of a socket that retires: how many of its connections have ended, and how.
///
/// Returned by [`retire`](crate::Pull::retire) of a socket; it can be used after the socket is gone.
#[derive(Clone)]
pub struct Retirement {
    pub(super) drain: Arc<Drain>,
    pub(super) origin: Origin,
    pub(super) socket: Weak<Core>,
}

/// One line: whether it is over.
impl fmt::Debug for Retirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retirement")
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}

impl Retirement {
    /// Whether every connection has ended. The last messages may still wait to be received. True in a forked child.
    pub fn is_over(&self) -> bool {
        !self.origin.is_here() || self.drain.is_done()
    }

    /// Blocks until every connection has ended, at most for `timeout`; false if the time was over first.
    ///
    /// Go on receiving meanwhile, from another thread if need be: at its high-water mark a socket does not read its
    /// peers, so their connections do not end. In a forked child it returns true at once.
    pub fn wait(&self, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        self.origin
            .ask()
            .is_none_or(|here| self.drain.wait(until, here))
    }

    /// As [`wait`](Self::wait), as a future that waits without limit and gives the report.
    ///
    /// # Cancel safety
    ///
    /// It changes nothing, and can be dropped at any time.
    pub fn wait_async(&self) -> RetireFuture {
        RetireFuture {
            retirement: self.clone(),
            registration: Registration::of(self.origin),
        }
    }

    /// The outcome of connections and messages so far. All zero in a forked child.
    pub fn report(&self) -> RetireReport {
        if self.origin.is_here() {
            self.drain.retire_report()
        } else {
            RetireReport::default()
        }
    }
}

/// Ready once every connection of a socket that retires has ended: made by [`Retirement::wait_async`].
#[must_use = "a future does nothing unless it is polled"]
pub struct RetireFuture {
    retirement: Retirement,
    registration: Registration,
}

impl Future for RetireFuture {
    type Output = RetireReport;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<RetireReport> {
        let Self {
            retirement,
            registration,
        } = Pin::into_inner(self);
        if !registration.is_here() {
            return Poll::Ready(RetireReport::default());
        }
        let drain = &retirement.drain;
        registration.poll_until(&retirement.socket, drain.done(), context, || {
            drain.is_done().then(|| drain.retire_report())
        })
    }
}

impl fmt::Debug for RetireFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetireFuture").finish_non_exhaustive()
    }
}

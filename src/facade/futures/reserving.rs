//! Reserving room for a message in a task.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use highwater_patterns::Message;

use crate::error::ReserveError;
use crate::facade::permit::{Permit, not_reserved};
use crate::socket::{Core, TaskWait, put_place};

/// Room for a message: made by `reserve_async`.
///
/// It borrows nothing: its socket can be used meanwhile, also by other tasks and threads.
///
/// # Cancel safety
///
/// Dropped before it is ready, it has reserved nothing. After it has given a permit, it can be polled again for another.
#[must_use = "a future does nothing unless it is polled"]
pub struct ReserveFuture {
    wait: TaskWait,
}

impl ReserveFuture {
    pub(in crate::facade) fn new(core: &Arc<Core>) -> Self {
        Self {
            wait: TaskWait::new(core),
        }
    }
}

impl ReserveFuture {
    /// Polls it, for futures and sinks that are written by hand and keep one of these: it needs no pin, and can be polled again
    /// for the next permit after each outcome. The waker of the last poll is woken; a waker that was given before is given up.
    /// [`Permit::send`] then sends at once, so that no message waits in the future.
    pub fn poll_reserve(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Permit, ReserveError>> {
        Pin::new(self).poll(context)
    }
}

impl Future for ReserveFuture {
    type Output = Result<Permit, ReserveError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait } = Pin::into_inner(self);
        let mut none = Message::EMPTY;
        let reserved = ready!(wait.poll_send(context, &mut none, put_place));
        Poll::Ready(match reserved {
            Ok(place) => Ok(Permit::new(wait.core(), place)),
            Err(unsent) => Err(not_reserved(unsent)),
        })
    }
}

impl fmt::Debug for ReserveFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReserveFuture").finish_non_exhaustive()
    }
}

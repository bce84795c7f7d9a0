//! Closing a socket in a task.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::engine::{Drain, DrainReport};
use crate::options::Linger;
use crate::socket::{Core, Registration};

/// Ready once a socket that is closed has sent its messages or given them up: made by `close_async`.
///
/// # Cancel safety
///
/// The socket is closed already. If the future is dropped before it is ready, queued messages are still sent until the drain
/// is over. If it was the last owner of the context, the drop waits for that, as the drop of a [`Context`](crate::Context) does.
#[must_use = "it tells what was sent and what was lost"]
pub struct CloseFuture {
    registration: Registration,
    drain: Arc<Drain>,
    core: Arc<Core>,
    /// Dropped once nothing waits any more, so that its drop does not wait.
    _context: Option<crate::Context>,
}

impl CloseFuture {
    pub(in crate::facade) fn new(
        core: &Arc<Core>,
        context: crate::Context,
        linger: Linger,
    ) -> Self {
        Self {
            _context: Some(context),
            ..Self::of(core, linger)
        }
    }

    /// For a caller that keeps the context itself.
    pub(crate) fn of(core: &Arc<Core>, linger: Linger) -> Self {
        Self {
            registration: Registration::new(core),
            drain: core.close(Some(linger)),
            core: Arc::clone(core),
            _context: None,
        }
    }
}

impl Future for CloseFuture {
    type Output = DrainReport;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<DrainReport> {
        let Self {
            registration,
            drain,
            core,
            ..
        } = Pin::into_inner(self);
        if !registration.is_here() {
            // A forked child has nothing to send, and none of the threads that would.
            return Poll::Ready(DrainReport::default());
        }
        let owner = Arc::downgrade(core);
        registration.poll_until(&owner, drain.done(), context, || {
            drain.is_done().then(|| drain.report())
        })
    }
}

impl fmt::Debug for CloseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseFuture").finish_non_exhaustive()
    }
}

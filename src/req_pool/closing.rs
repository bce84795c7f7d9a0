//! The end of a pool.
//!
//! Owns: the drains of its sockets, and the values that may be the last owner of the context meanwhile.
//! Always true: such an owner, whose drop may wait, is dropped once the drains are over, or with their owner.
//! Must not know: how a socket is drained.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Shared;
use crate::engine::{Drain, DrainReport};
use crate::facade::{Builder, CloseFuture, Req, SocketRef};
use crate::options::Linger;
use crate::socket::Core;

/// The sockets of a pool that is closed, each with its drain `D`.
pub(super) struct Closed<D> {
    drains: Vec<(D, Arc<Core>)>,
    _owners: (VecDeque<Req>, Option<Builder<Req>>),
}

impl Shared {
    /// Ends the pool, and closes each socket by `close`.
    pub(super) fn close<D>(&self, close: impl Fn(&Arc<Core>) -> D) -> Closed<D> {
        let Ok(mut plan) = self.plan() else {
            return Closed::default();
        };
        let builder = plan.end();
        let sockets = plan.sockets();
        drop(plan);
        let free = self.desk().map(|mut desk| desk.close());
        Closed {
            drains: sockets
                .into_iter()
                .map(SocketRef::into_core)
                .map(|core| (close(&core), core))
                .collect(),
            _owners: (free.unwrap_or_default(), builder),
        }
    }
}

impl<D> Default for Closed<D> {
    fn default() -> Self {
        Self {
            drains: Vec::new(),
            _owners: Default::default(),
        }
    }
}

impl Closed<Arc<Drain>> {
    /// Waits until all are drained.
    pub(super) fn wait(&self) -> DrainReport {
        let reports = self.drains.iter();
        let reports = reports.map(|(drain, core)| core.drained(drain));
        reports.fold(DrainReport::default(), sum)
    }
}

/// Ready once a pool that is closed has sent its requests or given them up: made by
/// [`ReqPool::close_async`](crate::ReqPool::close_async).
///
/// # Cancel safety
///
/// The pool is closed already. If the future is dropped before it is ready, queued messages are still sent until the drain is
/// over. If it was the last owner of the context, the drop waits for that, as the drop of a [`Context`](crate::Context) does.
#[must_use = "it tells what was sent and what was lost"]
pub struct PoolCloseFuture {
    closed: Closed<CloseFuture>,
    report: DrainReport,
}

impl PoolCloseFuture {
    pub(super) fn new(shared: &Shared, drain: Duration) -> Self {
        let linger = Linger::AtMost(drain);
        Self {
            closed: shared.close(|core| CloseFuture::of(core, linger)),
            report: DrainReport::default(),
        }
    }
}

impl Future for PoolCloseFuture {
    type Output = DrainReport;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<DrainReport> {
        let Self { closed, report } = Pin::into_inner(self);
        closed
            .drains
            .retain_mut(|(closing, _)| match Pin::new(closing).poll(context) {
                Poll::Ready(one) => {
                    *report = sum(std::mem::take(report), one);
                    false
                }
                Poll::Pending => true,
            });
        if closed.drains.is_empty() {
            Poll::Ready(std::mem::take(report))
        } else {
            Poll::Pending
        }
    }
}

fn sum(one: DrainReport, other: DrainReport) -> DrainReport {
    DrainReport {
        sent: one.sent + other.sent,
        lost: one.lost + other.lost,
    }
}

impl fmt::Debug for PoolCloseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolCloseFuture")
            .field("open", &self.closed.drains.len())
            .finish_non_exhaustive()
    }
}

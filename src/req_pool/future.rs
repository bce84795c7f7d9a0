//! A request by a pool, in a task.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use highwater_patterns::Message;

use super::Shared;
use super::place::{Lease, Place};
use crate::error::RequestError;
use crate::facade::RequestFuture;

/// The reply to a request: made by [`ReqPool::request_async`](crate::ReqPool::request_async) and
/// [`PoolPending::recv_async`](crate::PoolPending::recv_async).
///
/// # Cancel safety
///
/// Dropped before it is ready, it gives the request up: a reply that comes later is dropped, and never taken for that of
/// another request. A request that has not left is not sent.
#[must_use = "a future does nothing unless it is polled"]
pub struct PoolRequestFuture {
    stage: Stage,
}

enum Stage {
    /// It waits for a free socket.
    Waiting(Place, Message),
    /// It has one. The request is dropped, and so given up, before the socket is given back.
    Asking {
        request: RequestFuture<'static>,
        _lease: Lease,
    },
    /// There was an outcome.
    Over,
}

impl PoolRequestFuture {
    pub(super) fn new(shared: &Arc<Shared>, message: Message) -> Self {
        Self {
            stage: Stage::Waiting(Place::new(shared), message),
        }
    }
}

impl PoolRequestFuture {
    /// For a request that the socket of `lease` has sent.
    pub(super) fn of_request(mut lease: Lease) -> Self {
        Self {
            stage: Stage::Asking {
                request: lease.hear(),
                _lease: lease,
            },
        }
    }
}

impl Future for PoolRequestFuture {
    type Output = Result<Message, RequestError>;

    /// # Panics
    ///
    /// If it was ready before.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = Pin::into_inner(self);
        if let Stage::Waiting(place, message) = &mut this.stage {
            let mut lease = match ready!(place.poll(context)) {
                Ok(lease) => lease,
                Err(ended) => {
                    this.stage = Stage::Over;
                    return Poll::Ready(Err(ended.into()));
                }
            };
            let message = std::mem::take(message);
            this.stage = Stage::Asking {
                request: lease.ask(message),
                _lease: lease,
            };
        }
        let Stage::Asking { request, .. } = &mut this.stage else {
            panic!("polled after the reply");
        };
        let outcome = ready!(Pin::new(request).poll(context));
        this.stage = Stage::Over;
        Poll::Ready(outcome)
    }
}

impl fmt::Debug for PoolRequestFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolRequestFuture")
            .field(
                "stage",
                &match &self.stage {
                    Stage::Waiting(..) => "waiting for a socket",
                    Stage::Asking { .. } => "asking",
                    Stage::Over => "over",
                },
            )
            .finish_non_exhaustive()
    }
}

//! Requests and replies in a task.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use highwater_patterns::{Message, Refusal, ReturnPath};

use super::poll_sender::poll_send;
use crate::error::{ReplyError, RequestError};
use crate::socket::{Core, SendFailure, TaskWait, Unsent, put_reply, put_request, take_reply};

/// The reply to a request: made by [`Req::request_async`](crate::Req::request_async) and [`Pending::recv_async`](crate::Pending::recv_async).
///
/// # Cancel safety
///
/// Dropped before it is ready, it gives the request up: a reply that comes later is dropped, and never taken for that of
/// another request. A request that has not left is not sent.
#[must_use = "a future does nothing unless it is polled"]
pub struct RequestFuture<'a> {
    wait: TaskWait,
    stage: Stage,
    /// The borrow of the socket: no other request can be sent meanwhile.
    req: PhantomData<&'a mut ()>,
}

#[derive(Debug)]
enum Stage {
    /// The request waits for a peer with room.
    Sending(Option<Message>),
    /// The request is out.
    Out,
    /// There was an outcome.
    Over,
}

impl<'a> RequestFuture<'a> {
    pub(in crate::facade) fn new(core: &Arc<Core>, message: Message) -> Self {
        Self::at(core, Stage::Sending(Some(message)))
    }

    /// For a request that is out.
    pub(in crate::facade) fn of_request(core: &Arc<Core>) -> Self {
        Self::at(core, Stage::Out)
    }

    fn at(core: &Arc<Core>, stage: Stage) -> Self {
        Self {
            wait: TaskWait::new(core),
            stage,
            req: PhantomData,
        }
    }

    fn poll_sending(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendFailure>> {
        let Stage::Sending(message) = &mut self.stage else {
            return Poll::Ready(Ok(()));
        };
        loop {
            let sent = ready!(poll_send(
                &mut self.wait,
                context,
                message,
                &mut put_request
            ));
            match sent {
                // The caller has forgotten to wait for the reply to the last request.
                Err(SendFailure::Refused(unsent, Refusal::OutOfTurn)) => {
                    if let Err(ended) = self.wait.core().give_request_up() {
                        self.stage = Stage::Over;
                        return Poll::Ready(Err(Unsent::Ended(ended).of(unsent)));
                    }
                    *message = Some(unsent);
                }
                Err(failure) => {
                    self.stage = Stage::Over;
                    return Poll::Ready(Err(failure));
                }
                Ok(()) => {
                    self.wait = TaskWait::new(&Arc::clone(self.wait.core()));
                    self.stage = Stage::Out;
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Future for RequestFuture<'_> {
    type Output = Result<Message, RequestError>;

    /// # Panics
    ///
    /// If it was ready before.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = Pin::into_inner(self);
        assert!(!matches!(this.stage, Stage::Over), "polled after the reply");
        ready!(this.poll_sending(context))?;
        let outcome = ready!(
            this.wait
                .poll_recv(context, |_, pattern, table| take_reply(pattern, table))
        )?;
        this.stage = Stage::Over;
        Poll::Ready(outcome.map_err(RequestError::from))
    }
}

impl Drop for RequestFuture<'_> {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Out) {
            // In a forked child nothing is given up: the request is the parent's.
            let _ = self.wait.core().give_request_up();
        }
    }
}

impl fmt::Debug for RequestFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFuture")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

/// A reply on its way to its requester: made by [`Request::reply_async`](crate::Request::reply_async).
///
/// # Cancel safety
///
/// Dropped before it is ready, it has sent nothing: the request counts as unanswered, as one that is dropped.
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct ReplyFuture {
    wait: TaskWait,
    message: Option<Message>,
    path: Option<ReturnPath>,
}

impl ReplyFuture {
    pub(in crate::facade) fn new(core: &Arc<Core>, path: ReturnPath, message: Message) -> Self {
        Self {
            wait: TaskWait::new(core),
            message: Some(message),
            path: Some(path),
        }
    }
}

impl Future for ReplyFuture {
    type Output = Result<(), ReplyError>;

    /// # Panics
    ///
    /// If it was ready before.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            wait,
            message,
            path,
        } = Pin::into_inner(self);
        let (Some(way), Some(unsent)) = (path.as_ref(), message.as_mut()) else {
            panic!("polled after the reply was sent");
        };
        let outcome = ready!(
            wait.poll_send(context, unsent, |pattern, table, message| put_reply(
                way, pattern, table, message
            ))
        );
        let message = message.take().unwrap_or_default();
        if let Some(path) = path.take() {
            wait.core().has_answered(path, &outcome);
        }
        Poll::Ready(outcome.map_err(|why| why.of(message).into()))
    }
}

impl Drop for ReplyFuture {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.wait.core().abandon(path);
        }
    }
}

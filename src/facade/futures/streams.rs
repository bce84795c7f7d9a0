//! Messages as a `Stream`, and a `Sink` for messages (feature `futures`).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use highwater_patterns::{IntoMessage, Message};

use super::{PollSender, RecvFuture};
use crate::error::{Ended, RecvError, SendError};

/// The messages of a socket, or whatever it receives, until it is closed: made by `stream`.
///
/// An end of another kind than [`Ended::Closed`], such as the shutdown of the context, is the last item, as an error.
#[must_use = "a stream does nothing unless it is polled"]
#[derive(Debug)]
pub struct RecvStream<T = Message> {
    next: RecvFuture<T>,
    has_ended: bool,
}

impl<T> From<RecvFuture<T>> for RecvStream<T> {
    fn from(next: RecvFuture<T>) -> Self {
        Self {
            next,
            has_ended: false,
        }
    }
}

impl<T> Stream for RecvStream<T> {
    type Item = Result<T, RecvError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { next, has_ended } = Pin::into_inner(self);
        if *has_ended {
            return Poll::Ready(None);
        }
        let outcome = ready!(Pin::new(next).poll(context));
        *has_ended = outcome.is_err();
        Poll::Ready(match outcome {
            Err(RecvError::Ended(Ended::Closed)) => None,
            outcome => Some(outcome),
        })
    }
}

/// Takes messages for a socket, one at a time: made by `sink`.
///
/// It holds at most one message, which waits for room; `poll_flush` is ready once it is queued. A failure gives the message
/// back, and the sink goes on.
#[must_use = "a sink does nothing unless it is polled"]
#[derive(Debug)]
pub struct SendSink<T = ()> {
    sender: PollSender<T>,
    /// The message that waits for room.
    held: Option<Message>,
}

impl<T> From<PollSender<T>> for SendSink<T> {
    fn from(sender: PollSender<T>) -> Self {
        Self { sender, held: None }
    }
}

impl<T> SendSink<T> {
    /// Takes back the message that waits for room.
    pub fn take(&mut self) -> Option<Message> {
        let message = self.held.take()?;
        self.sender.stop_waiting();
        Some(message)
    }
}

impl<T> SendSink<T> {
    /// Ready once the message that is held is queued. `flush` of `SinkExt` would have to be told the type
    /// of the messages, as a sink takes several: `SinkExt::<Message>::flush(&mut sink)`.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message, which is held no more.
    pub fn flush(&mut self) -> FlushFuture<'_, T> {
        FlushFuture { sink: self }
    }

    /// As [`flush`](Self::flush), and as `close` of `SinkExt`. Does not close the socket.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message, which is held no more.
    ///
    /// ```
    /// use futures::SinkExt;
    /// use highwater::{Context, Push};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let push = Push::new(&Context::new());
    /// let mut sink = push.sink();
    /// sink.feed("job 1").await?;
    /// sink.close().await?;
    /// # Ok(()) }
    /// ```
    pub fn close(&mut self) -> FlushFuture<'_, T> {
        self.flush()
    }

    pub(in crate::facade) fn poll_held(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        let Self { sender, held } = self;
        if held.is_some() {
            ready!(sender.poll_send(context, held))?;
        }
        Poll::Ready(Ok(()))
    }
}

/// Ready once a sink has queued the message that it holds: made by `flush` and `close` of a [`SendSink`].
///
/// # Cancel safety
///
/// Dropped before it is ready, it leaves the message in the sink.
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct FlushFuture<'a, T = ()> {
    sink: &'a mut SendSink<T>,
}

impl<T> Future for FlushFuture<'_, T> {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::into_inner(self).sink.poll_held(context)
    }
}

impl<T, M: IntoMessage> Sink<M> for SendSink<T> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::into_inner(self).poll_held(context)
    }

    /// # Panics
    ///
    /// If it was not ready.
    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), SendError> {
        let this = Pin::into_inner(self);
        assert!(this.held.is_none(), "sent before the sink was ready");
        this.held = Some(message.into_message());
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::into_inner(self).poll_held(context)
    }

    /// Does not close the socket.
    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::into_inner(self).poll_held(context)
    }
}

//! Sending in a task.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use highwater_patterns::{Message, RoutingId, Sent};

use super::poll_sender::PollSender;
use super::poll_sender_to::PollSenderTo;
use crate::error::{RouteError, SendError};
use crate::socket::Core;

/// A message on its way to a peer with room: made by `send_async`.
///
/// It borrows nothing: its socket can be used meanwhile, also by other tasks and threads. Nothing is sent before the first
/// poll. Once it is ready, the message is queued, not delivered; it needs no further call to go out.
///
/// # Cancel safety
///
/// Dropped before it is ready, it has sent nothing, and drops the message. [`take`](Self::take) gives the message back.
///
/// Room for a message wakes one waiting future. If that future is neither polled again nor dropped, the others are not woken in
/// its place, as with tokio's channels: drop a future that you do not poll any more.
#[must_use = "a future does nothing unless it is polled"]
pub struct SendFuture<T = ()> {
    sender: PollSender<T>,
    /// `None` once it is sent, or taken back.
    message: Option<Message>,
}

impl<T> SendFuture<T> {
    /// Takes the message back, if it is not sent. The future is of no more use.
    pub fn take(&mut self) -> Option<Message> {
        self.message.take()
    }
}

impl SendFuture {
    pub(in crate::facade) fn new(core: &Arc<Core>, message: Message) -> Self {
        Self {
            sender: PollSender::new(core),
            message: Some(message),
        }
    }
}

impl<T: From<Sent>> SendFuture<T> {
    pub(in crate::facade) fn of_publisher(core: &Arc<Core>, message: Message) -> Self {
        Self {
            sender: PollSender::of_publisher(core),
            message: Some(message),
        }
    }
}

impl<T> Future for SendFuture<T> {
    type Output = Result<T, SendError>;

    /// # Panics
    ///
    /// If the message was sent before, or taken back.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { sender, message } = Pin::into_inner(self);
        sender.poll_send(context, message)
    }
}

impl<T> fmt::Debug for SendFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture")
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// A message on its way to the peer with a certain routing id: made by [`Router::send_to_async`](crate::Router::send_to_async).
///
/// # Cancel safety
///
/// As [`SendFuture`].
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct SendToFuture {
    sender: PollSenderTo,
    message: Option<Message>,
    to: RoutingId,
}

impl SendToFuture {
    pub(in crate::facade) fn new(core: &Arc<Core>, to: RoutingId, message: Message) -> Self {
        Self {
            sender: PollSenderTo::new(core),
            message: Some(message),
            to,
        }
    }

    /// Takes the message back, if it is not sent. The future is of no more use.
    pub fn take(&mut self) -> Option<Message> {
        self.message.take()
    }
}

impl Future for SendToFuture {
    type Output = Result<(), RouteError>;

    /// # Panics
    ///
    /// If the message was sent before, or taken back.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            sender,
            message,
            to,
        } = Pin::into_inner(self);
        sender.poll_send_to(context, to, message)
    }
}

/// The calls of a socket type that sends whole messages to any peer with room.
macro_rules! sends_async {
    ($name:ident) => {
        impl $name {
            /// Sends `message` to the next peer with room, as a future that waits while the socket is mute.
            ///
            /// Waits without limit, but not if no peer can come: `send_timeout` is for [`send`](Self::send). For a limit, use
            /// a timer of the executor. A body that is only borrowed is copied here.
            ///
            /// ```
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = concat!("# let context = highwater::Context::new(); let socket = highwater::", stringify!($name), "::new(&context);")]
            /// let mut sending = socket.send_async("job 1");
            /// // ... in `select!` beside others, with `&mut sending`; if it is not ready in time:
            /// let unsent = sending.take();
            /// # Ok(()) }
            /// ```
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has sent nothing. [`SendFuture::take`](crate::SendFuture::take)
            /// gives the message back.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message; never `Timeout`.
            pub fn send_async(&self, message: impl crate::IntoMessage) -> crate::SendFuture {
                crate::SendFuture::new(&self.core, message.into_message())
            }

            /// Sends in futures that are written by hand: [`PollSender::poll_send`](crate::PollSender::poll_send).
            pub fn poll_sender(&self) -> crate::PollSender {
                crate::PollSender::new(&self.core)
            }

            /// Takes messages as a `Sink` (feature `futures`).
            #[cfg(feature = "futures")]
            pub fn sink(&self) -> crate::SendSink {
                self.poll_sender().into()
            }
        }
    };
}
pub(in crate::facade) use sends_async;

/// The calls of a socket type that publishes.
macro_rules! publishes_async {
    ($name:ident) => {
        impl $name {
            /// As [`send`](Self::send), as a future. It waits only where `send` would, and without limit.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has sent nothing. [`SendFuture::take`](crate::SendFuture::take)
            /// gives the message back.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message; never `Timeout`.
            pub fn send_async(
                &self,
                message: impl crate::IntoMessage,
            ) -> crate::SendFuture<crate::Report> {
                crate::SendFuture::of_publisher(&self.core, message.into_message())
            }

            /// Sends in futures that are written by hand: [`PollSender::poll_send`](crate::PollSender::poll_send).
            pub fn poll_sender(&self) -> crate::PollSender<crate::Report> {
                crate::PollSender::of_publisher(&self.core)
            }

            /// Takes messages as a `Sink` (feature `futures`).
            #[cfg(feature = "futures")]
            pub fn sink(&self) -> crate::SendSink<crate::Report> {
                self.poll_sender().into()
            }
        }
    };
}
pub(in crate::facade) use publishes_async;

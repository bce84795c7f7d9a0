//! Receiving in a task.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use highwater_patterns::{Message, Pattern};

use crate::error::RecvError;
use crate::peer::PeerInfo;
use crate::socket::calls::sender;
use crate::socket::{Core, Table, TaskWait, take_many};

/// The next message, or whatever its socket receives: made by `recv_async`.
///
/// It borrows nothing: its socket can be used meanwhile, also by other tasks and threads. Each message goes to one of
/// them. Once the socket is closed, it ends with [`RecvError::Ended`].
///
/// # Cancel safety
///
/// Dropped before it is ready, it has taken no message. After it has given one, it can be polled again for the next.
///
/// Each message wakes one waiting future. If that future is neither polled again nor dropped, the others are not woken in its
/// place, as with tokio's channels: drop a future that you do not poll any more.
#[must_use = "a future does nothing unless it is polled"]
pub struct RecvFuture<T = Message> {
    wait: TaskWait,
    take: Take<T>,
}

/// Takes one of what a socket receives; true if there was one. It is written where it stays until the lock is released
/// (docs/DECISIONS.md, "Store-to-load forwarding").
type Take<T> = fn(&Arc<Core>, &mut Pattern, &mut Table, into: &mut Option<T>) -> bool;

impl<T> RecvFuture<T> {
    pub(in crate::facade) fn new(core: &Arc<Core>, take: Take<T>) -> Self {
        Self {
            wait: TaskWait::new(core),
            take,
        }
    }
}

impl RecvFuture {
    pub(in crate::facade) fn of_messages(core: &Arc<Core>) -> Self {
        Self::new(core, |_, pattern, table, into| {
            pattern.recv_into(table, into.insert(Message::EMPTY))
        })
    }
}

impl RecvFuture<(Arc<PeerInfo>, Message)> {
    pub(in crate::facade) fn with_senders(core: &Arc<Core>) -> Self {
        Self::new(core, |_, pattern, table, into| {
            let mut message = Message::EMPTY;
            let source = pattern.recv_with_source(table, &mut message);
            *into = source.map(|pipe| (sender(table, pipe), message));
            source.is_some()
        })
    }
}

impl<T> RecvFuture<T> {
    /// Polls it, for futures that are written by hand and keep one of these: it needs no pin, and can be polled again for the
    /// next after each outcome. The waker of the last poll is woken; a waker that was given before is given up.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        Pin::new(self).poll(context)
    }
}

impl<T> Future for RecvFuture<T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, take } = Pin::into_inner(self);
        let mut into = None;
        let taken = wait.poll_recv(context, |core, pattern, table| {
            take(core, pattern, table, &mut into).then_some(())
        });
        match (taken, into) {
            (Poll::Ready(Ok(())), Some(taken)) => Poll::Ready(Ok(taken)),
            (Poll::Ready(Err(failure)), _) => Poll::Ready(Err(failure.into())),
            (Poll::Pending, _) => Poll::Pending,
            (Poll::Ready(Ok(())), None) => unreachable!("it was taken"),
        }
    }
}

impl<T> fmt::Debug for RecvFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvFuture").finish_non_exhaustive()
    }
}

/// At least one message, and others that have arrived: made by `recv_many_async`.
///
/// # Cancel safety
///
/// Messages are appended only by the poll that is ready: dropped before, it has taken none.
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct RecvManyFuture<'a> {
    many: PollMany,
    into: &'a mut Vec<Message>,
}

impl<'a> RecvManyFuture<'a> {
    pub(in crate::facade) fn new(
        core: &Arc<Core>,
        into: &'a mut Vec<Message>,
        most: usize,
    ) -> Self {
        Self {
            many: PollMany::new(core, most),
            into,
        }
    }
}

impl Future for RecvManyFuture<'_> {
    type Output = Result<usize, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { many, into } = Pin::into_inner(self);
        many.poll(context, into)
    }
}

/// Receives at most `most` messages at each outcome.
pub(in crate::facade) struct PollMany {
    wait: TaskWait,
    most: usize,
}

impl PollMany {
    pub(in crate::facade) fn new(core: &Arc<Core>, most: usize) -> Self {
        Self {
            wait: TaskWait::new(core),
            most,
        }
    }

    /// Appends to `into` only if it is ready.
    pub(in crate::facade) fn poll(
        &mut self,
        context: &mut Context<'_>,
        into: &mut Vec<Message>,
    ) -> Poll<Result<usize, RecvError>> {
        let Self { wait, most } = self;
        if *most == 0 {
            return Poll::Ready(Ok(0));
        }
        wait.poll_recv(context, |_, pattern, table| {
            take_many(pattern, table, into, *most)
        })
        .map_err(RecvError::from)
    }
}

impl fmt::Debug for PollMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollMany")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

/// The calls of a socket type that receives whole messages from any peer.
macro_rules! receives_async {
    ($name:ident) => {
        impl $name {
            /// The next message, from each peer in turn, as a future.
            ///
            /// Waits without limit: `receive_timeout` is for [`recv`](Self::recv). For a limit, use a timer of the executor.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken no message.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError); never `Timeout`.
            pub fn recv_async(&self) -> crate::RecvFuture {
                crate::RecvFuture::of_messages(&self.core)
            }

            /// The next message, and the peer on whose connection it came, as a future; see [`recv_from`](Self::recv_from).
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken no message.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError); never `Timeout`.
            pub fn recv_from_async(
                &self,
            ) -> crate::RecvFuture<(std::sync::Arc<crate::PeerInfo>, crate::Message)> {
                crate::RecvFuture::with_senders(&self.core)
            }

            /// Waits for a message, then takes it and others that have arrived, at most `most`, as
            /// [`recv_many`](Self::recv_many) does; gives their number.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken no message.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError), if there was none; never `Timeout`.
            pub fn recv_many_async<'a>(
                &self,
                into: &'a mut Vec<crate::Message>,
                most: usize,
            ) -> crate::RecvManyFuture<'a> {
                crate::RecvManyFuture::new(&self.core, into, most)
            }

            /// The messages from now on, until the socket is closed (feature `futures`).
            #[cfg(feature = "futures")]
            pub fn stream(&self) -> crate::RecvStream {
                self.recv_async().into()
            }
        }
    };
}
pub(in crate::facade) use receives_async;

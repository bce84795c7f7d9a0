//! Several values at once.
//!
//! Owns: the calls that take the messages that have arrived under one lock, and the outcome of each message.
//! Always true: each message has an outcome of its own, in the order of arrival; the codec runs without a lock.
//! Must not know: how many messages a socket gives at once.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec::IntoIter;

use highwater_patterns::Message;

use super::super::futures::PollMany;
use super::super::{AsSocket, SocketRef};
use crate::error::RecvError;

/// Messages that were taken and are not decoded yet.
struct Taken<'a, S: AsSocket> {
    rest: IntoIter<Message>,
    socket: &'a S,
}

impl<S: AsSocket> Drop for Taken<'_, S> {
    /// If the codec has panicked, counts the messages behind the one that it was given.
    fn drop(&mut self) {
        let left = self.rest.len();
        if left > 0 {
            self.socket.as_socket().count_undecodable(left);
        }
    }
}

/// Appends what `decode` makes of each of `messages` to `into`.
pub(super) fn decode_all<V, S: AsSocket>(
    messages: Vec<Message>,
    into: &mut Vec<V>,
    socket: &S,
    decode: fn(Message, &S) -> V,
) {
    into.reserve(messages.len());
    let mut taken = Taken {
        rest: messages.into_iter(),
        socket,
    };
    for message in taken.rest.by_ref() {
        into.push(decode(message, socket));
    }
}

/// At least one value, and others that have arrived: made by `recv_many_async` of a typed socket.
///
/// # Cancel safety
///
/// Items are appended only by the poll that is ready: dropped before, it has taken no message.
#[must_use = "a future does nothing unless it is polled"]
pub struct RecvManyValuesFuture<'a, V> {
    many: PollMany,
    into: &'a mut Vec<V>,
    socket: SocketRef,
    decode: fn(Message, &SocketRef) -> V,
}

impl<'a, V> RecvManyValuesFuture<'a, V> {
    pub(super) fn new(
        socket: SocketRef,
        into: &'a mut Vec<V>,
        most: usize,
        decode: fn(Message, &SocketRef) -> V,
    ) -> Self {
        Self {
            many: PollMany::new(socket.core(), most),
            into,
            socket,
            decode,
        }
    }
}

impl<V> Future for RecvManyValuesFuture<'_, V> {
    type Output = Result<usize, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = Pin::into_inner(self);
        let mut messages = Vec::new();
        let taken = ready!(this.many.poll(context, &mut messages))?;
        decode_all(messages, this.into, &this.socket, this.decode);
        Poll::Ready(Ok(taken))
    }
}

impl<V> fmt::Debug for RecvManyValuesFuture<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvManyValuesFuture")
            .field("many", &self.many)
            .finish_non_exhaustive()
    }
}

/// The calls of sockets whose messages are each a `$value`, which `$decode` makes of them.
macro_rules! receives_many_values {
    ($($socket:ident),+ => $value:ty, $decode:expr) => {$(
        impl<T, C: Codec<T>> Typed<$socket, T, C> {
            /// Waits for a message as [`recv`](Self::recv) does, then takes it and others that have arrived, at most `most` and about
            /// 128 KiB, taking the socket's lock once. Appends the outcome of each to `into`, in their order, and gives their number.
            ///
            /// A message that is no value is an item of its own, [`TypedError::Undecodable`], with the message; it is counted, and
            /// the values before and behind it are there as well:
            ///
            /// ```
            /// # #[cfg(feature = "json")] {
            /// use highwater::typed::{Json, TypedError};
            /// use highwater::{Context, Pull, Push};
            ///
            /// let context = Context::new();
            /// let push = Push::new(&context).typed::<u32, Json>();
            /// let pull = Pull::new(&context).typed::<u32, Json>();
            /// push.connect(pull.bind("inproc://numbers")?)?;
            /// push.send(&1)?;
            /// (*push).send("no number")?;
            /// push.send(&2)?;
            ///
            /// let (mut items, mut sum) = (Vec::new(), 0);
            /// while sum < 3 {
            ///     pull.recv_many(&mut items, 100)?;
            ///     for item in items.drain(..) {
            ///         match item {
            ///             Ok(number) => sum += number,
            ///             Err(TypedError::Undecodable { received, .. }) => assert_eq!(received, "no number"),
            ///             Err(error) => return Err(error.into()),
            ///         }
            ///     }
            /// }
            /// # }
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            ///
            /// # Errors
            ///
            /// [`RecvError`], if there was no message.
            ///
            /// # Panics
            ///
            /// If the codec does. The messages behind are lost then, and counted as undecodable.
            pub fn recv_many(
                &self,
                into: &mut Vec<Received<$value, C::Error>>,
                most: usize,
            ) -> Result<usize, RecvError> {
                let mut messages = Vec::new();
                let taken = self.socket.recv_many(&mut messages, most)?;
                decode_all(messages, into, self, $decode);
                Ok(taken)
            }

            /// As [`recv_many`](Self::recv_many), but takes only what is there now.
            ///
            /// # Errors
            ///
            /// [`TryRecvError`], if there was no message.
            pub fn try_recv_many(
                &self,
                into: &mut Vec<Received<$value, C::Error>>,
                most: usize,
            ) -> Result<usize, TryRecvError> {
                let mut messages = Vec::new();
                let taken = self.socket.try_recv_many(&mut messages, most)?;
                decode_all(messages, into, self, $decode);
                Ok(taken)
            }

            /// As [`recv_many`](Self::recv_many), but waits at most `timeout` for the first.
            ///
            /// # Errors
            ///
            /// [`RecvError`], if there was no message.
            pub fn recv_many_timeout(
                &self,
                into: &mut Vec<Received<$value, C::Error>>,
                most: usize,
                timeout: Duration,
            ) -> Result<usize, RecvError> {
                let mut messages = Vec::new();
                let taken = self.socket.recv_many_timeout(&mut messages, most, timeout)?;
                decode_all(messages, into, self, $decode);
                Ok(taken)
            }

            /// As [`recv_many`](Self::recv_many), as a future.
            ///
            /// # Cancel safety
            ///
            /// Items are appended only by the poll that is ready: dropped before, it has taken no message.
            pub fn recv_many_async<'a>(
                &self,
                into: &'a mut Vec<Received<$value, C::Error>>,
                most: usize,
            ) -> RecvManyValuesFuture<'a, Received<$value, C::Error>> {
                RecvManyValuesFuture::new(self.as_socket(), into, most, $decode)
            }
        }
    )+};
}
pub(super) use receives_many_values;

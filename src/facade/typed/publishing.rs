//! Values with a topic before them: PUB, SUB, XPUB and XSUB.
//!
//! A topic is a raw frame, so that subscriptions filter it; the value is the frame behind it.

use std::time::Duration;

use highwater_patterns::{Frame, Message};

use super::super::{AsSocket, Pub, RecvFuture, Report, SendFuture, Sub, XPub, XSub};
use super::many::{decode_all, receives_many_values};
use super::{
    Codec, Received, SendValueFuture, Typed, TypedError, ValueFuture, decode, encode, unless_over,
};
use crate::error::{RecvError, SendError, TryRecvError, TrySendError};

macro_rules! publishes_values {
    ($($socket:ident),+ $(,)?) => {$(
        impl $socket {
            /// This socket for values of type `T`, encoded by `C`, each behind a topic (feature `serde`).
            pub fn typed<T, C: Codec<T>>(self) -> Typed<Self, T, C> {
                Typed::new(self)
            }
        }

        impl<T, C: Codec<T>> Typed<$socket, T, C> {
            /// Sends `value` to every subscriber of `topic`, as `send` of the socket does.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the value cannot be encoded, or the send failed.
            pub fn send(
                &self,
                topic: impl Into<Frame>,
                value: &T,
            ) -> Result<Report, TypedError<SendError, C::Error>> {
                let frame = encode::<T, C>(value).map_err(TypedError::Encode)?;
                Ok(self.socket.send((topic, frame))?)
            }

            /// As `send`, without waiting.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the value cannot be encoded, or the send failed.
            pub fn try_send(
                &self,
                topic: impl Into<Frame>,
                value: &T,
            ) -> Result<Report, TypedError<TrySendError, C::Error>> {
                let frame = encode::<T, C>(value).map_err(TypedError::Encode)?;
                Ok(self.socket.try_send((topic, frame))?)
            }

            /// Encodes `value` now, and sends it as `send_async` of the socket does. The future does not borrow the value.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has sent nothing.
            pub fn send_async(
                &self,
                topic: impl Into<Frame>,
                value: &T,
            ) -> SendValueFuture<SendFuture<Report>, C::Error> {
                SendValueFuture::new(encode::<T, C>(value), |frame| {
                    self.socket.send_async((topic, frame))
                })
            }

            /// Takes values as a `Sink` (feature `futures`), each with its topic: `("topic", value)`.
            #[cfg(feature = "futures")]
            pub fn sink(&self) -> super::ValueSink<Report, T, C> {
                super::ValueSink::new(self.socket.sink())
            }
        }
    )+};
}

publishes_values!(Pub, XPub);

macro_rules! subscribes_to_values {
    ($($socket:ident),+ $(,)?) => {$(
        impl $socket {
            /// This socket for values of type `T`, encoded by `C`, each behind a topic (feature `serde`).
            pub fn typed<T, C: Codec<T>>(self) -> Typed<Self, T, C> {
                Typed::new(self)
            }
        }

        impl<T, C: Codec<T>> Typed<$socket, T, C> {
            /// The next value and its topic; waits as `recv` of the socket does.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the receive failed, or the message is no value.
            pub fn recv(&self) -> Result<(Frame, T), TypedError<RecvError, C::Error>> {
                value::<T, C, _>(self.socket.recv()?, self)
            }

            /// The next value and its topic, if one is there now.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: there is none, or the message is no value.
            pub fn try_recv(&self) -> Result<(Frame, T), TypedError<TryRecvError, C::Error>> {
                value::<T, C, _>(self.socket.try_recv()?, self)
            }

            /// The next value and its topic; waits at most `timeout`.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the receive failed, or the message is no value.
            pub fn recv_timeout(
                &self,
                timeout: Duration,
            ) -> Result<(Frame, T), TypedError<RecvError, C::Error>> {
                value::<T, C, _>(self.socket.recv_timeout(timeout)?, self)
            }

            /// The values from now on, each of which is waited for as [`recv`](Self::recv) does, until the socket ends or
            /// `receive_timeout` is over. A message that is no value is an error, and the iterator goes on.
            pub fn iter(
                &self,
            ) -> impl Iterator<Item = Result<(Frame, T), TypedError<RecvError, C::Error>>> + '_ {
                std::iter::from_fn(|| unless_over(self.recv()))
            }

            /// The next value and its topic, as a future.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken nothing.
            pub fn recv_async(&self) -> RecvTopicFuture<T, C::Error> {
                ValueFuture::new(self.socket.recv_async(), self.as_socket(), |received, socket| {
                    value::<T, C, _>(received?, socket)
                })
            }

            /// The values from now on, until the socket is closed (feature `futures`). A message that is no value is an error, and
            /// the stream goes on.
            #[cfg(feature = "futures")]
            pub fn stream(&self) -> super::ValueStream<RecvTopicFuture<T, C::Error>> {
                super::ValueStream::new(self.recv_async())
            }
        }
    )+};
}

subscribes_to_values!(Sub, XSub);
receives_many_values!(Sub, XSub => (Frame, T), value::<T, C, _>);

/// The next value and its topic: made by `recv_async`.
pub type RecvTopicFuture<T, E> =
    ValueFuture<RecvFuture, Result<(Frame, T), TypedError<RecvError, E>>>;

fn value<T, C: Codec<T>, S>(
    received: Message,
    socket: &impl AsSocket,
) -> Result<(Frame, T), TypedError<S, C::Error>> {
    match decode::<T, C>(&received, 1, socket) {
        Ok(value) => Ok((received.first().clone(), value)),
        Err(cause) => Err(TypedError::Undecodable { received, cause }),
    }
}

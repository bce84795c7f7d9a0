//! Values with a topic before them: PUB, SUB, XPUB and XSUB.
//!
//! A topic is a raw frame, so that subscriptions filter it; the value is the frame behind it.

use std::sync::Arc;
use std::time::Duration;

use highwater_patterns::{Frame, Message};

use super::super::{AsSocket, Pub, RecvFuture, Report, SendFuture, Sub, XPub, XSub};
use super::many::{RecvManyValuesFuture, decode_all, receives_many_values};
use super::{
    Codec, Received, ReceivedFromError, RecvValueFromFuture, SendValueFuture, Typed, TypedError,
    ValueFuture, decode, encode, from, unless_over,
};
use crate::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::peer::PeerInfo;

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

            /// As `send`, but waits at most `timeout`, where it would wait.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the value cannot be encoded, or the send failed.
            pub fn send_timeout(
                &self,
                topic: impl Into<Frame>,
                value: &T,
                timeout: Duration,
            ) -> Result<Report, TypedError<SendError, C::Error>> {
                let frame = encode::<T, C>(value).map_err(TypedError::Encode)?;
                Ok(self.socket.send_timeout((topic, frame), timeout)?)
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

            /// The next value and its topic, and the peer on whose connection it came; waits as `recv_from` of the socket does.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the receive failed, or what came is no value; the error has the peer, too.
            pub fn recv_from(
                &self,
            ) -> Result<(Arc<PeerInfo>, (Frame, T)), ReceivedFromError<RecvError, C::Error>> {
                from(self.socket.recv_from()?, self, value::<T, C, _>)
            }

            /// As [`recv_from`](Self::recv_from), if a message is there now.
            ///
            /// # Errors
            ///
            /// As [`recv_from`](Self::recv_from).
            pub fn try_recv_from(
                &self,
            ) -> Result<(Arc<PeerInfo>, (Frame, T)), ReceivedFromError<TryRecvError, C::Error>> {
                from(self.socket.try_recv_from()?, self, value::<T, C, _>)
            }

            /// As [`recv_from`](Self::recv_from), but waits at most `timeout`.
            ///
            /// # Errors
            ///
            /// As [`recv_from`](Self::recv_from).
            pub fn recv_from_timeout(
                &self,
                timeout: Duration,
            ) -> Result<(Arc<PeerInfo>, (Frame, T)), ReceivedFromError<RecvError, C::Error>> {
                from(self.socket.recv_from_timeout(timeout)?, self, value::<T, C, _>)
            }

            /// As [`recv_from`](Self::recv_from), as a future.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken nothing.
            pub fn recv_from_async(&self) -> RecvValueFromFuture<(Frame, T), C::Error> {
                ValueFuture::new(self.socket.recv_from_async(), self.as_socket(), |received, socket| {
                    from(received?, socket, value::<T, C, _>)
                })
            }

            /// The value and its topic that `received` is, for calls that give messages, such as [`RecvFuture::poll_recv`]. A message that is
            /// no value is counted.
            ///
            /// # Errors
            ///
            /// [`TypedError::Undecodable`], with the message.
            pub fn decode(&self, received: Message) -> Received<(Frame, T), C::Error> {
                value::<T, C, _>(received, self)
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

//! Values over sockets that send or receive whole messages: PUSH, PULL, PAIR and DEALER.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use highwater_patterns::Message;

use super::super::{AsSocket, Dealer, Pair, Pull, Push, RecvFuture, SendFuture, SocketRef};
use super::many::{RecvManyValuesFuture, decode_all, receives_many_values};
use super::{
    Codec, Received, ReceivedFromError, RecvValueFromFuture, SendValueFuture, Typed, TypedError,
    ValueFuture, decode, encode, from,
};
use crate::error::{RecvError, SendError, SendManyError, TryRecvError, TrySendError};
use crate::peer::PeerInfo;

macro_rules! typed {
    ($($socket:ident),+ $(,)?) => {$(
        impl $socket {
            /// This socket for values of type `T`, encoded by `C` (feature `serde`).
            pub fn typed<T, C: Codec<T>>(self) -> Typed<Self, T, C> {
                Typed::new(self)
            }
        }
    )+};
}

typed!(Push, Pull, Pair, Dealer);

macro_rules! sends_values {
    ($($socket:ident),+ $(,)?) => {$(
        impl<T, C: Codec<T>> Typed<$socket, T, C> {
            /// Sends `value` as `send` of the socket does.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the value cannot be encoded, or the send failed.
            pub fn send(&self, value: &T) -> Result<(), TypedError<SendError, C::Error>> {
                let frame = encode::<T, C>(value).map_err(TypedError::Encode)?;
                Ok(self.socket.send(frame)?)
            }

            /// Sends `value` if a peer has room now.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the value cannot be encoded, or the send failed.
            pub fn try_send(&self, value: &T) -> Result<(), TypedError<TrySendError, C::Error>> {
                let frame = encode::<T, C>(value).map_err(TypedError::Encode)?;
                Ok(self.socket.try_send(frame)?)
            }

            /// Sends `value`, waiting at most `timeout` for a peer with room.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the value cannot be encoded, or the send failed.
            pub fn send_timeout(
                &self,
                value: &T,
                timeout: Duration,
            ) -> Result<(), TypedError<SendError, C::Error>> {
                let frame = encode::<T, C>(value).map_err(TypedError::Encode)?;
                Ok(self.socket.send_timeout(frame, timeout)?)
            }

            /// Sends all of `values` in their order, as `send_many` of the socket does. All are encoded first: if one cannot be,
            /// none is sent. Gives their number.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: a value cannot be encoded, or a send failed; then the error has the number that was sent.
            pub fn send_many<'v>(
                &self,
                values: impl IntoIterator<Item = &'v T>,
            ) -> Result<usize, TypedError<SendManyError, C::Error>>
            where
                T: 'v,
            {
                let frames: Result<Vec<_>, _> =
                    values.into_iter().map(encode::<T, C>).collect();
                Ok(self.socket.send_many(frames.map_err(TypedError::Encode)?)?)
            }

            /// Encodes `value` now, and sends it as `send_async` of the socket does. The future does not borrow the value.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has sent nothing.
            pub fn send_async(&self, value: &T) -> SendValueFuture<SendFuture, C::Error> {
                SendValueFuture::new(encode::<T, C>(value), |frame| self.socket.send_async(frame))
            }

            /// Takes values as a `Sink` (feature `futures`).
            #[cfg(feature = "futures")]
            pub fn sink(&self) -> super::ValueSink<(), T, C> {
                super::ValueSink::new(self.socket.sink())
            }
        }
    )+};
}

sends_values!(Push, Pair, Dealer);

macro_rules! receives_values {
    ($($socket:ident),+ $(,)?) => {$(
        impl<T, C: Codec<T>> Typed<$socket, T, C> {
            /// The next value; waits as `recv` of the socket does.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the receive failed, or the message is no value.
            pub fn recv(&self) -> Result<T, TypedError<RecvError, C::Error>> {
                value::<T, C, _>(self.socket.recv()?, self)
            }

            /// The next value, if one is there now.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: there is none, or the message is no value.
            pub fn try_recv(&self) -> Result<T, TypedError<TryRecvError, C::Error>> {
                value::<T, C, _>(self.socket.try_recv()?, self)
            }

            /// The next value; waits at most `timeout` for one.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the receive failed, or the message is no value.
            pub fn recv_timeout(
                &self,
                timeout: Duration,
            ) -> Result<T, TypedError<RecvError, C::Error>> {
                value::<T, C, _>(self.socket.recv_timeout(timeout)?, self)
            }

            /// The values from now on, each of which is waited for as [`recv`](Self::recv) does, until the socket ends or
            /// `receive_timeout` is over. A message that is no value is an error, and the iterator goes on.
            pub fn iter(
                &self,
            ) -> impl Iterator<Item = Result<T, TypedError<RecvError, C::Error>>> + '_ {
                std::iter::from_fn(|| super::unless_over(self.recv()))
            }

            /// The next value, as a future.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken nothing.
            pub fn recv_async(&self) -> RecvValueFuture<T, C> {
                RecvValueFuture {
                    receiving: self.socket.recv_async(),
                    socket: self.as_socket(),
                    payload: PhantomData,
                }
            }

            /// The next value, and the peer on whose connection it came; waits as `recv_from` of the socket does.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: the receive failed, or what came is no value; the error has the peer, too.
            pub fn recv_from(
                &self,
            ) -> Result<(Arc<PeerInfo>, T), ReceivedFromError<RecvError, C::Error>> {
                from(self.socket.recv_from()?, self, value::<T, C, _>)
            }

            /// As [`recv_from`](Self::recv_from), if a message is there now.
            ///
            /// # Errors
            ///
            /// As [`recv_from`](Self::recv_from).
            pub fn try_recv_from(
                &self,
            ) -> Result<(Arc<PeerInfo>, T), ReceivedFromError<TryRecvError, C::Error>> {
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
            ) -> Result<(Arc<PeerInfo>, T), ReceivedFromError<RecvError, C::Error>> {
                from(self.socket.recv_from_timeout(timeout)?, self, value::<T, C, _>)
            }

            /// As [`recv_from`](Self::recv_from), as a future.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has taken nothing.
            pub fn recv_from_async(&self) -> RecvValueFromFuture<T, C::Error> {
                ValueFuture::new(self.socket.recv_from_async(), self.as_socket(), |received, socket| {
                    from(received?, socket, value::<T, C, _>)
                })
            }

            /// The value that `received` is, for calls that give messages, such as [`RecvFuture::poll_recv`]. A message that is
            /// no value is counted.
            ///
            /// # Errors
            ///
            /// [`TypedError::Undecodable`], with the message.
            pub fn decode(&self, received: Message) -> Received<T, C::Error> {
                value::<T, C, _>(received, self)
            }

            /// The values from now on, until the socket is closed (feature `futures`). A message that is no value is an error, and
            /// the stream goes on.
            #[cfg(feature = "futures")]
            pub fn stream(&self) -> super::ValueStream<RecvValueFuture<T, C>> {
                super::ValueStream::new(self.recv_async())
            }
        }
    )+};
}

receives_values!(Pull, Pair, Dealer);
receives_many_values!(Pull, Pair, Dealer => T, value::<T, C, _>);

fn value<T, C: Codec<T>, S>(
    received: Message,
    socket: &impl AsSocket,
) -> Result<T, TypedError<S, C::Error>> {
    decode::<T, C>(&received, 0, socket)
        .map_err(|cause| TypedError::Undecodable { received, cause })
}

/// The next value of a socket: made by `recv_async`.
///
/// # Cancel safety
///
/// Dropped before it is ready, it has taken nothing.
#[must_use = "a future does nothing unless it is polled"]
pub struct RecvValueFuture<T, C> {
    receiving: RecvFuture,
    socket: SocketRef,
    payload: PhantomData<fn(C) -> T>,
}

impl<T, C: Codec<T>> Future for RecvValueFuture<T, C> {
    type Output = Result<T, TypedError<RecvError, C::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = Pin::into_inner(self);
        let received = ready!(Pin::new(&mut this.receiving).poll(context))?;
        Poll::Ready(value::<T, C, _>(received, &this.socket))
    }
}

impl<T, C> fmt::Debug for RecvValueFuture<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvValueFuture").finish_non_exhaustive()
    }
}

//! Values to and from a certain peer: ROUTER.

use std::time::Duration;

use highwater_patterns::{Message, RoutingId};

use super::super::{AsSocket, RecvFuture, Router, SendToFuture};
use super::{Codec, SendValueFuture, Typed, TypedError, ValueFuture, decode, encode, unless_over};
use crate::error::{RecvError, RouteError, TryRecvError};

impl Router {
    /// This socket for values of type `T`, encoded by `C`, each to or from the peer with a routing id (feature `serde`). A value
    /// is the only frame beside the id, as DEALER sends it; REQ and REP put an empty frame before it.
    pub fn typed<T, C: Codec<T>>(self) -> Typed<Self, T, C> {
        Typed::new(self)
    }
}

/// Why no value was received; a message that is no value comes back with the id of its sender.
pub type RoutedError<S, E> = TypedError<S, E, (RoutingId, Message)>;

impl<T, C: Codec<T>> Typed<Router, T, C> {
    /// Sends `value` to the peer known as `id`, as [`Router::send_to`] does.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the value cannot be encoded, or the send failed.
    ///
    /// ```
    /// # #[cfg(feature = "json")] {
    /// use highwater::typed::Json;
    /// use highwater::{Context, Dealer, Router};
    ///
    /// let context = Context::new();
    /// let router = Router::new(&context).typed::<u32, Json>();
    /// let dealer = Dealer::new(&context).typed::<u32, Json>();
    /// dealer.connect(router.bind("inproc://doubles")?)?;
    /// dealer.send(&21)?;
    /// let (id, number) = router.recv()?;
    /// router.send_to(&id, &(2 * number))?;
    /// assert_eq!(dealer.recv()?, 42);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_to(
        &self,
        id: &RoutingId,
        value: &T,
    ) -> Result<(), TypedError<RouteError, C::Error>> {
        let frame = encode::<T, C>(value).map_err(TypedError::Encode)?;
        Ok(self.socket.send_to(id, frame)?)
    }

    /// As [`send_to`](Self::send_to), but waits at most `timeout` for room at this peer.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the value cannot be encoded, or the send failed.
    pub fn send_to_timeout(
        &self,
        id: &RoutingId,
        value: &T,
        timeout: Duration,
    ) -> Result<(), TypedError<RouteError, C::Error>> {
        let frame = encode::<T, C>(value).map_err(TypedError::Encode)?;
        Ok(self.socket.send_to_timeout(id, frame, timeout)?)
    }

    /// Encodes `value` now, and sends it as [`Router::send_to_async`] does. The future does not borrow the value.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing.
    pub fn send_to_async(
        &self,
        id: &RoutingId,
        value: &T,
    ) -> SendValueFuture<SendToFuture, C::Error> {
        SendValueFuture::new(encode::<T, C>(value), |frame| {
            self.socket.send_to_async(id, frame)
        })
    }

    /// The next value and the id of its sender; waits as [`Router::recv`] does.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the receive failed, or what came is no value; the error has the id, too.
    pub fn recv(&self) -> Result<(RoutingId, T), RoutedError<RecvError, C::Error>> {
        value::<T, C, _>(self.socket.recv()?, self)
    }

    /// The next value and its sender, if one is there now.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<(RoutingId, T), RoutedError<TryRecvError, C::Error>> {
        value::<T, C, _>(self.socket.try_recv()?, self)
    }

    /// The next value and its sender; waits at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> Result<(RoutingId, T), RoutedError<RecvError, C::Error>> {
        value::<T, C, _>(self.socket.recv_timeout(timeout)?, self)
    }

    /// The values from now on, each of which is waited for as [`recv`](Self::recv) does, until the socket ends or
    /// `receive_timeout` is over. A message that is no value is an error, and the iterator goes on.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = Result<(RoutingId, T), RoutedError<RecvError, C::Error>>> + '_ {
        std::iter::from_fn(|| unless_over(self.recv()))
    }

    /// The next value and its sender, as a future.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    pub fn recv_async(&self) -> RecvRoutedFuture<T, C::Error> {
        ValueFuture::new(
            self.socket.recv_async(),
            self.as_socket(),
            |received, socket| value::<T, C, _>(received?, socket),
        )
    }

    /// The values from now on, until the socket is closed (feature `futures`). A message that is no value is an error, and the
    /// stream goes on.
    #[cfg(feature = "futures")]
    pub fn stream(&self) -> super::ValueStream<RecvRoutedFuture<T, C::Error>> {
        super::ValueStream::new(self.recv_async())
    }
}

/// The next value and its sender: made by `recv_async`.
pub type RecvRoutedFuture<T, E> = ValueFuture<
    RecvFuture<(RoutingId, Message)>,
    Result<(RoutingId, T), RoutedError<RecvError, E>>,
>;

fn value<T, C: Codec<T>, S>(
    (id, message): (RoutingId, Message),
    socket: &impl AsSocket,
) -> Result<(RoutingId, T), RoutedError<S, C::Error>> {
    match decode::<T, C>(&message, 0, socket) {
        Ok(value) => Ok((id, value)),
        Err(cause) => Err(TypedError::Undecodable {
            received: (id, message),
            cause,
        }),
    }
}

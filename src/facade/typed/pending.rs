//! A typed request in flight.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use highwater_patterns::Message;

use super::super::{AsSocket, Pending, RequestFuture, SocketRef};
use super::{Codec, TypedError, ValueFuture, decode};
use crate::error::RequestError;

/// A typed request in flight; `P` is that of the socket, a [`Pending`] or a [`PoolPending`](crate::PoolPending). Dropping it gives
/// the request up.
#[must_use = "dropping it gives the request up"]
pub struct TypedPending<P, A, C> {
    pub(crate) pending: P,
    payload: PhantomData<fn(C) -> A>,
}

impl<P, A, C> TypedPending<P, A, C> {
    pub(crate) fn new(pending: P) -> Self {
        Self {
            pending,
            payload: PhantomData,
        }
    }

    /// The request without the type.
    pub fn into_inner(self) -> P {
        self.pending
    }
}

/// The calls of a request in flight of the type `$pending`, whose future is `$future`.
macro_rules! receives_answer {
    (<$($lifetime:lifetime)?> $pending:ty, $future:ty) => {
        impl<$($lifetime,)? A, C: Codec<A>> TypedPending<$pending, A, C> {
            /// The answer; waits for it at most `receive_timeout`, by default for ever, and then gives the request up.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: there is no answer, or the reply is no answer of the type.
            pub fn recv(self) -> Result<A, TypedError<RequestError, C::Error>> {
                let socket = self.pending.as_socket();
                answer::<A, C, _>(self.pending.recv()?, &socket)
            }

            /// The answer; waits for it at most `timeout`, and then gives the request up.
            ///
            /// # Errors
            ///
            /// [`TypedError`]: there is no answer, or the reply is no answer of the type.
            pub fn recv_timeout(
                self,
                timeout: Duration,
            ) -> Result<A, TypedError<RequestError, C::Error>> {
                let socket = self.pending.as_socket();
                answer::<A, C, _>(self.pending.recv_timeout(timeout)?, &socket)
            }

            /// Waits at most `timeout`; tells whether [`recv`](Self::recv) would return at once. The request goes on in either
            /// case.
            pub fn wait(&self, timeout: Duration) -> bool {
                self.pending.wait(timeout)
            }

            /// The answer, as a future that waits without limit.
            ///
            /// # Cancel safety
            ///
            /// Dropped before it is ready, it gives the request up.
            pub fn recv_async(
                self,
            ) -> ValueFuture<$future, Result<A, TypedError<RequestError, C::Error>>> {
                let socket = self.pending.as_socket();
                ValueFuture::new(self.pending.recv_async(), socket, |received, socket| {
                    answer::<A, C, _>(received?, socket)
                })
            }
        }
    };
}
pub(crate) use receives_answer;

receives_answer!(<'a> Pending<'a>, RequestFuture<'a>);

/// The answer that `received` is.
pub(crate) fn answer<A, C: Codec<A>, S>(
    received: Message,
    socket: &impl AsSocket,
) -> Result<A, TypedError<S, C::Error>> {
    decode::<A, C>(&received, 0, socket)
        .map_err(|cause| TypedError::Undecodable { received, cause })
}

impl<P: AsSocket, A, C> AsSocket for TypedPending<P, A, C> {
    fn as_socket(&self) -> SocketRef {
        self.pending.as_socket()
    }
}

impl<P: fmt::Debug, A, C> fmt::Debug for TypedPending<P, A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedPending").field(&self.pending).finish()
    }
}

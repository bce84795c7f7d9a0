//! A value on its way, as a future.
//!
//! Owns: the future of the socket, where its message is a value that perhaps cannot be encoded.
//! Always true: dropped before it is ready, such a future has sent nothing, as that of the socket.
//! Must not know: how a socket waits.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use highwater_patterns::Frame;

use super::TypedError;

/// A value on its way: made by `send_async` and `reply_async` of a typed socket. `F` is the future of the socket itself.
///
/// # Cancel safety
///
/// Dropped before it is ready, it has sent nothing.
#[must_use = "a future does nothing unless it is polled"]
pub struct SendValueFuture<F, E> {
    sending: Result<F, Option<E>>,
}

impl<F, E> SendValueFuture<F, E> {
    pub(crate) fn new(frame: Result<Frame, E>, send: impl FnOnce(Frame) -> F) -> Self {
        Self {
            sending: frame.map(send).map_err(Some),
        }
    }
}

impl<F: Unpin, E> Unpin for SendValueFuture<F, E> {}

impl<R, S, E, F> Future for SendValueFuture<F, E>
where
    F: Future<Output = Result<R, S>> + Unpin,
{
    type Output = Result<R, TypedError<S, E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut Pin::into_inner(self).sending {
            Ok(sending) => Pin::new(sending).poll(context).map_err(TypedError::Socket),
            Err(error) => {
                let error = error.take().expect("polled after it was ready");
                Poll::Ready(Err(TypedError::Encode(error)))
            }
        }
    }
}

impl<F, E> fmt::Debug for SendValueFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendValueFuture").finish_non_exhaustive()
    }
}

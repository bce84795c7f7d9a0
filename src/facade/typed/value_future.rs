//! A future of a socket whose output is made a value.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::super::SocketRef;

/// As the future `F` of a socket, with the value `V` that is made of its output.
///
/// # Cancel safety
///
/// As that of `F`: dropped before it is ready, it has taken nothing. A message that does not decode is given back and counted.
#[must_use = "a future does nothing unless it is polled"]
pub struct ValueFuture<F: Future, V> {
    future: F,
    socket: SocketRef,
    decode: fn(F::Output, &SocketRef) -> V,
}

impl<F: Future, V> ValueFuture<F, V> {
    pub(crate) fn new(
        future: F,
        socket: SocketRef,
        decode: fn(F::Output, &SocketRef) -> V,
    ) -> Self {
        Self {
            future,
            socket,
            decode,
        }
    }
}

impl<F: Future + Unpin, V> Future for ValueFuture<F, V> {
    type Output = V;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<V> {
        let this = Pin::into_inner(self);
        let output = ready!(Pin::new(&mut this.future).poll(context));
        Poll::Ready((this.decode)(output, &this.socket))
    }
}

impl<F: Future, V> fmt::Debug for ValueFuture<F, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueFuture").finish_non_exhaustive()
    }
}

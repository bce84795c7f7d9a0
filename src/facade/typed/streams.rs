//! Values as a `Stream`, and a `Sink` for values (feature `futures`).

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use highwater_patterns::{Frame, Message};

use super::super::{FlushFuture, Report, SendSink};
use super::{Codec, TypedError, encode};
use crate::error::{Ended, RecvError, SendError};

/// The values of a socket, until it is closed: made by `stream` of a typed socket. `F` is the future of each.
///
/// A message that is no value is an item, [`TypedError::Undecodable`], and the stream goes on. An end of another kind than
/// [`Ended::Closed`], such as the shutdown of the context, is the last item, as an error.
#[must_use = "a stream does nothing unless it is polled"]
pub struct ValueStream<F> {
    next: F,
    has_ended: bool,
}

impl<F> ValueStream<F> {
    pub(super) fn new(next: F) -> Self {
        Self {
            next,
            has_ended: false,
        }
    }
}

impl<F, V, E, M> Stream for ValueStream<F>
where
    F: Future<Output = Result<V, TypedError<RecvError, E, M>>> + Unpin,
{
    type Item = F::Output;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { next, has_ended } = Pin::into_inner(self);
        if *has_ended {
            return Poll::Ready(None);
        }
        let outcome = ready!(Pin::new(next).poll(context));
        *has_ended = matches!(outcome, Err(TypedError::Socket(_)));
        Poll::Ready(match outcome {
            Err(TypedError::Socket(RecvError::Ended(Ended::Closed))) => None,
            outcome => Some(outcome),
        })
    }
}

impl<F> fmt::Debug for ValueStream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueStream")
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

/// Takes values for a socket, one at a time: made by `sink` of a typed socket. The sink of a publisher takes a topic with each
/// value: `("topic", value)`.
///
/// It holds at most one value, encoded, which waits for room; `poll_flush` is ready once it is queued. A value that cannot be
/// encoded is refused at once. After a failure the sink goes on.
#[must_use = "a sink does nothing unless it is polled"]
pub struct ValueSink<R, T, C> {
    sink: SendSink<R>,
    payload: PhantomData<fn(T) -> C>,
}

impl<R, T, C> ValueSink<R, T, C> {
    pub(super) fn new(sink: SendSink<R>) -> Self {
        Self {
            sink,
            payload: PhantomData,
        }
    }

    /// Takes back the message of the value that waits for room.
    pub fn take(&mut self) -> Option<Message> {
        self.sink.take()
    }
}

impl<R, T, C: Codec<T>> ValueSink<R, T, C> {
    /// Ready once the value that is held is queued. Dropped before, the future leaves it in the sink.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message of the value, which is held no more.
    pub fn flush(&mut self) -> FlushFuture<'_, R> {
        self.sink.flush()
    }

    /// As [`flush`](Self::flush). Does not close the socket.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message of the value, which is held no more.
    pub fn close(&mut self) -> FlushFuture<'_, R> {
        self.flush()
    }

    /// Sends what is held.
    fn poll_sent(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), TypedError<SendError, C::Error>>> {
        let sink = &mut Pin::into_inner(self).sink;
        sink.poll_held(context).map_err(TypedError::Socket)
    }
}

macro_rules! takes_values {
    (<$($parameter:ident $(: $bound:path)?),+> $report:ty, $item:ty, $given:pat => $value:expr, $frame:ident => $message:expr) => {
        impl<$($parameter $(: $bound)?),+> Sink<$item> for ValueSink<$report, T, C>
        where
            C: Codec<T>,
        {
            type Error = TypedError<SendError, C::Error>;

            fn poll_ready(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Result<(), Self::Error>> {
                self.poll_sent(context)
            }

            /// # Panics
            ///
            /// If it was not ready.
            fn start_send(self: Pin<&mut Self>, $given: $item) -> Result<(), Self::Error> {
                let $frame = encode::<T, C>($value).map_err(TypedError::Encode)?;
                let sink = Pin::new(&mut Pin::into_inner(self).sink);
                sink.start_send($message).map_err(TypedError::Socket)
            }

            fn poll_flush(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Result<(), Self::Error>> {
                self.poll_sent(context)
            }

            /// Does not close the socket.
            fn poll_close(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Result<(), Self::Error>> {
                self.poll_sent(context)
            }
        }
    };
}

takes_values!(<T, C> (), T, value => &value, frame => frame);
takes_values!(<P: Into<Frame>, T, C> Report, (P, T), (topic, value) => &value, frame => (topic, frame));

impl<R: fmt::Debug, T, C> fmt::Debug for ValueSink<R, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ValueSink").field(&self.sink).finish()
    }
}

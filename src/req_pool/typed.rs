//! A pool whose requests are values (feature `serde`).
//!
//! Owns: the calls of a typed pool.
//! Always true: an answer is decoded where it is received, with no lock held.
//! Must not know: how a value is encoded.

use std::time::Duration;

use super::{PoolPending, PoolRequestFuture, ReqPool};
use crate::error::{OptionError, RequestError, SendError};
use crate::facade::typed::{
    self, Codec, NamedCodec, SendValueFuture, Typed, TypedError, TypedPending, ValueFuture, answer,
};
use crate::facade::{AsSocket, SocketRef};

impl ReqPool {
    /// This pool for questions of type `Q` and answers of type `A`, encoded by `C` (feature `serde`).
    ///
    /// ```
    /// # #[cfg(feature = "json")] {
    /// use highwater::typed::Json;
    /// use highwater::{Context, Rep, ReqPool};
    ///
    /// let context = Context::new();
    /// let rep = Rep::new(&context).typed::<u32, String, Json>();
    /// let pool = ReqPool::new(&context, 4).typed::<u32, String, Json>();
    /// pool.connect(rep.bind("tcp://127.0.0.1:0")?)?;
    ///
    /// let pending = pool.send(&12)?;
    /// let question = rep.recv()?;
    /// let answer = format!("{} squared is {}", *question, *question * *question);
    /// question.reply(&answer)?;
    /// assert_eq!(pending.recv()?, "12 squared is 144");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn typed<Q, A, C: Codec<Q> + Codec<A>>(self) -> Typed<Self, (Q, A), C> {
        Typed::new(self)
    }

    /// The socket at which an answer that does not decode is counted.
    fn counting(&self) -> SocketRef {
        SocketRef::new(&self.shared.first)
    }
}

impl<Q, A, C, E> Typed<ReqPool, (Q, A), C>
where
    C: Codec<Q, Error = E> + Codec<A, Error = E>,
{
    /// Sends `question` and waits for its answer, as [`ReqPool::request`] does.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the question cannot be encoded, there is no answer, or the reply is no answer of the type.
    pub fn request(&self, question: &Q) -> Result<A, TypedError<RequestError, E>> {
        let frame = typed::encode::<Q, C>(question).map_err(TypedError::Encode)?;
        answer::<A, C, _>(ReqPool::request(self, frame)?, &self.counting())
    }

    /// As [`request`](Self::request), within `timeout`.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the question cannot be encoded, there is no answer, or the reply is no answer of the type.
    pub fn request_timeout(
        &self,
        question: &Q,
        timeout: Duration,
    ) -> Result<A, TypedError<RequestError, E>> {
        let frame = typed::encode::<Q, C>(question).map_err(TypedError::Encode)?;
        let received = ReqPool::request_timeout(self, frame, timeout)?;
        answer::<A, C, _>(received, &self.counting())
    }

    /// Encodes `question` now, and sends it and waits for its answer as [`ReqPool::request_async`] does. The future borrows
    /// nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it gives the request up, as [`PoolRequestFuture`] does.
    pub fn request_async(&self, question: &Q) -> PoolAnswerFuture<A, E> {
        let asking = SendValueFuture::new(typed::encode::<Q, C>(question), |frame| {
            ReqPool::request_async(self, frame)
        });
        ValueFuture::new(asking, self.counting(), |received, socket| {
            answer::<A, C, _>(received?, socket)
        })
    }

    /// Sends `question`, as [`ReqPool::send`] does; the returned value receives the answer.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the question cannot be encoded, or the send failed.
    pub fn send(
        &self,
        question: &Q,
    ) -> Result<TypedPending<PoolPending, A, C>, TypedError<SendError, E>> {
        let frame = typed::encode::<Q, C>(question).map_err(TypedError::Encode)?;
        Ok(TypedPending::new(ReqPool::send(self, frame)?))
    }

    /// As [`send`](Self::send), but waits for a free socket and for room together at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the question cannot be encoded, or the send failed.
    pub fn send_timeout(
        &self,
        question: &Q,
        timeout: Duration,
    ) -> Result<TypedPending<PoolPending, A, C>, TypedError<SendError, E>> {
        let frame = typed::encode::<Q, C>(question).map_err(TypedError::Encode)?;
        let pending = ReqPool::send_timeout(self, frame, timeout)?;
        Ok(TypedPending::new(pending))
    }
}

impl<T, C> Typed<ReqPool, T, C> {
    /// As [`ReqPool::close_async`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, queued messages are still sent until `drain` is over.
    pub fn close_async(self, drain: Duration) -> super::PoolCloseFuture {
        self.into_inner().close_async(drain)
    }
}

impl<T, C: NamedCodec> Typed<ReqPool, T, C> {
    /// Tells peers in the handshake that the payload is a `type_name` encoded by this codec, by each socket of the pool: see
    /// `announce` of a typed socket. Takes effect on later connects, so call it first.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the name is not of 1 to 64 visible ASCII characters, there is no room for one more property; or in a
    /// forked child.
    pub fn announce(self, type_name: &str) -> Result<Self, OptionError> {
        let payload = typed::payload_of::<C>(Some(type_name))?;
        self.shared.plan()?.set_payload(&payload)?;
        Ok(self)
    }

    /// As [`announce`](Self::announce), without a type.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: there is no room for one more property; or in a forked child.
    pub fn announce_codec(self) -> Result<Self, OptionError> {
        let payload = typed::payload_of::<C>(None)?;
        self.shared.plan()?.set_payload(&payload)?;
        Ok(self)
    }
}

typed::receives_answer!(<> PoolPending, PoolRequestFuture);

/// The answer to a typed request of a pool: made by `request_async`.
pub type PoolAnswerFuture<A, E> =
    ValueFuture<SendValueFuture<PoolRequestFuture, E>, Result<A, TypedError<RequestError, E>>>;

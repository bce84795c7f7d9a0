//! Requests and replies that are values, each of a type of its own.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use super::super::{AsSocket, Pending, RecvFuture, Rep, ReplyFuture, Req, Request, RequestFuture};
use super::pending::answer;
use super::{
    Codec, SendValueFuture, Typed, TypedError, TypedPending, ValueFuture, decode, encode,
    unless_over,
};
use crate::error::{RecvError, ReplyError, RequestError, SendError, TryRecvError};

/// Why no question was received. A request that is no question of the type comes back in the error, and can be answered.
pub type TypedRequestError<S, E> = TypedError<S, E, Box<Request>>;

impl Req {
    /// This socket for questions of type `Q` and answers of type `A`, encoded by `C` (feature `serde`).
    pub fn typed<Q, A, C: Codec<Q> + Codec<A>>(self) -> Typed<Self, (Q, A), C> {
        Typed::new(self)
    }
}

impl Rep {
    /// This socket for questions of type `Q` and answers of type `A`, encoded by `C` (feature `serde`).
    pub fn typed<Q, A, C: Codec<Q> + Codec<A>>(self) -> Typed<Self, (Q, A), C> {
        Typed::new(self)
    }
}

impl<Q, A, C, E> Typed<Req, (Q, A), C>
where
    C: Codec<Q, Error = E> + Codec<A, Error = E>,
{
    /// Sends `question` and waits for its answer, as [`Req::request`] does.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the question cannot be encoded, there is no answer, or the reply is no answer of the type.
    pub fn request(&mut self, question: &Q) -> Result<A, TypedError<RequestError, E>> {
        let frame = encode::<Q, C>(question).map_err(TypedError::Encode)?;
        let received = self.socket.request(frame)?;
        answer::<A, C, _>(received, self)
    }

    /// Sends `question`, as [`Req::send`] does; the returned value receives the answer, and borrows the socket until then.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the question cannot be encoded, or the send failed.
    pub fn send(
        &mut self,
        question: &Q,
    ) -> Result<TypedPending<Pending<'_>, A, C>, TypedError<SendError, E>> {
        let frame = encode::<Q, C>(question).map_err(TypedError::Encode)?;
        Ok(TypedPending::new(self.socket.send(frame)?))
    }

    /// Encodes `question` now, and sends it and waits for its answer as [`Req::request_async`] does. The future does not borrow
    /// the question.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it gives the request up, as [`RequestFuture`] does.
    pub fn request_async(&mut self, question: &Q) -> AnswerFuture<'_, A, E> {
        let socket = self.as_socket();
        let asking = SendValueFuture::new(encode::<Q, C>(question), |frame| {
            self.socket.request_async(frame)
        });
        ValueFuture::new(asking, socket, |received, socket| {
            answer::<A, C, _>(received?, socket)
        })
    }

    /// As [`request`](Self::request), within `timeout`.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the question cannot be encoded, there is no answer, or the reply is no answer of the type.
    pub fn request_timeout(
        &mut self,
        question: &Q,
        timeout: Duration,
    ) -> Result<A, TypedError<RequestError, E>> {
        let frame = encode::<Q, C>(question).map_err(TypedError::Encode)?;
        let received = self.socket.request_timeout(frame, timeout)?;
        answer::<A, C, _>(received, self)
    }
}

/// The answer to a typed request: made by `request_async`.
pub type AnswerFuture<'a, A, E> =
    ValueFuture<SendValueFuture<RequestFuture<'a>, E>, Result<A, TypedError<RequestError, E>>>;

impl<Q, A, C, E> Typed<Rep, (Q, A), C>
where
    C: Codec<Q, Error = E> + Codec<A, Error = E>,
{
    /// The next question; waits as [`Rep::recv`] does.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the receive failed, or the request is no question of the type; then the error has the request, which can be
    /// answered.
    pub fn recv(&self) -> Result<TypedRequest<Q, A, C>, TypedRequestError<RecvError, E>> {
        question::<Q, A, C, E, _>(self.socket.recv()?, self)
    }

    /// The next question, if one is there now.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<TypedRequest<Q, A, C>, TypedRequestError<TryRecvError, E>> {
        question::<Q, A, C, E, _>(self.socket.try_recv()?, self)
    }

    /// The next question; waits at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> Result<TypedRequest<Q, A, C>, TypedRequestError<RecvError, E>> {
        question::<Q, A, C, E, _>(self.socket.recv_timeout(timeout)?, self)
    }

    /// The questions from now on, each of which is waited for as [`recv`](Self::recv) does, until the socket ends or
    /// `receive_timeout` is over. A message that is no question is an error, and the iterator goes on.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = Result<TypedRequest<Q, A, C>, TypedRequestError<RecvError, E>>> + '_
    {
        std::iter::from_fn(|| unless_over(self.recv()))
    }

    /// The next question, as a future.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    pub fn recv_async(&self) -> QuestionFuture<Q, A, C, E> {
        ValueFuture::new(
            self.socket.recv_async(),
            self.as_socket(),
            |received, socket| question::<Q, A, C, E, _>(received?, socket),
        )
    }

    /// The questions from now on, until the socket is closed (feature `futures`). A message that is no question is an error, and
    /// the stream goes on.
    #[cfg(feature = "futures")]
    pub fn stream(&self) -> super::ValueStream<QuestionFuture<Q, A, C, E>> {
        super::ValueStream::new(self.recv_async())
    }
}

/// The next question: made by `recv_async`.
pub type QuestionFuture<Q, A, C, E> = ValueFuture<
    RecvFuture<Request>,
    Result<TypedRequest<Q, A, C>, TypedRequestError<RecvError, E>>,
>;

fn question<Q, A, C: Codec<Q, Error = E>, E, S>(
    received: Request,
    socket: &impl AsSocket,
) -> Result<TypedRequest<Q, A, C>, TypedRequestError<S, E>> {
    match decode::<Q, C>(received.message(), 0, socket) {
        Ok(question) => Ok(TypedRequest {
            question,
            request: received,
            answer: PhantomData,
        }),
        Err(cause) => Err(TypedError::Undecodable {
            received: Box::new(received),
            cause,
        }),
    }
}

/// A question that was received; it derefs to the value.
#[must_use = "a request that is dropped is never answered"]
pub struct TypedRequest<Q, A, C> {
    question: Q,
    request: Request,
    answer: PhantomData<fn(A) -> C>,
}

impl<Q, A, C: Codec<A>> TypedRequest<Q, A, C> {
    /// Sends the answer, as [`Request::reply`] does.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the answer cannot be encoded, and the request counts as unanswered; or the send failed.
    pub fn reply(self, answer: &A) -> Result<(), TypedError<ReplyError, C::Error>> {
        let frame = encode::<A, C>(answer).map_err(TypedError::Encode)?;
        Ok(self.request.reply(frame)?)
    }

    /// As [`reply`](Self::reply), but waits at most `timeout` for a peer that is at its high-water mark.
    ///
    /// # Errors
    ///
    /// As [`reply`](Self::reply).
    pub fn reply_timeout(
        self,
        answer: &A,
        timeout: Duration,
    ) -> Result<(), TypedError<ReplyError, C::Error>> {
        let frame = encode::<A, C>(answer).map_err(TypedError::Encode)?;
        Ok(self.request.reply_timeout(frame, timeout)?)
    }

    /// Encodes `answer` now, and sends it as [`Request::reply_async`] does. The future does not borrow the answer.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, or the answer cannot be encoded, the request counts as unanswered.
    pub fn reply_async(self, answer: &A) -> SendValueFuture<ReplyFuture, C::Error> {
        SendValueFuture::new(encode::<A, C>(answer), |frame| {
            self.request.reply_async(frame)
        })
    }
}

impl<Q, A, C> TypedRequest<Q, A, C> {
    /// The question and the request, apart.
    pub fn into_parts(self) -> (Q, Request) {
        (self.question, self.request)
    }

    /// The request, with its peer.
    pub fn request(&self) -> &Request {
        &self.request
    }
}

impl<Q, A, C> Deref for TypedRequest<Q, A, C> {
    type Target = Q;

    fn deref(&self) -> &Q {
        &self.question
    }
}

impl<Q: fmt::Debug, A, C> fmt::Debug for TypedRequest<Q, A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedRequest")
            .field("question", &self.question)
            .field("request", &self.request)
            .finish()
    }
}

//! Requests and replies that are values, each of a type of its own.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use highwater_patterns::Message;

use super::super::{Rep, Req, Request};
use super::{Codec, Typed, TypedError, decode, encode};
use crate::error::{RecvError, ReplyError, RequestError, TryRecvError};

/// Why no question was received; one that is none of the type comes back as the request, which can be answered.
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
    /// [`TypedError`]: the question cannot be encoded, there is no answer, or it is none of the type.
    pub fn request(&mut self, question: &Q) -> Result<A, TypedError<RequestError, E>> {
        let frame = encode::<Q, C>(question).map_err(TypedError::Encode)?;
        let received = self.socket.request(frame)?;
        self.answer(received)
    }

    /// As [`request`](Self::request), within `timeout`.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the question cannot be encoded, there is no answer, or it is none of the type.
    pub fn request_timeout(
        &mut self,
        question: &Q,
        timeout: Duration,
    ) -> Result<A, TypedError<RequestError, E>> {
        let frame = encode::<Q, C>(question).map_err(TypedError::Encode)?;
        let received = self.socket.request_timeout(frame, timeout)?;
        self.answer(received)
    }

    fn answer(&self, received: Message) -> Result<A, TypedError<RequestError, E>> {
        decode::<A, C>(&received, 0, self)
            .map_err(|cause| TypedError::Undecodable { received, cause })
    }
}

impl<Q, A, C, E> Typed<Rep, (Q, A), C>
where
    C: Codec<Q, Error = E> + Codec<A, Error = E>,
{
    /// The next question; waits as [`Rep::recv`] does.
    ///
    /// # Errors
    ///
    /// [`TypedError`]: the receive failed, or what came is no question; the error has the request, which can be answered.
    pub fn recv(&self) -> Result<TypedRequest<Q, A, C>, TypedRequestError<RecvError, E>> {
        self.question(self.socket.recv()?)
    }

    /// The next question, if one is there now.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn try_recv(&self) -> Result<TypedRequest<Q, A, C>, TypedRequestError<TryRecvError, E>> {
        self.question(self.socket.try_recv()?)
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
        self.question(self.socket.recv_timeout(timeout)?)
    }

    fn question<S>(
        &self,
        received: Request,
    ) -> Result<TypedRequest<Q, A, C>, TypedRequestError<S, E>> {
        match decode::<Q, C>(received.message(), 0, self) {
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

//! Values as messages: handles whose payload has a type (feature `serde`).
//!
//! [`Typed`] is such a handle, made by `typed` of a socket. A value is one frame; a message that does not decode comes back
//! in the error, and is counted.

// Owns: the handle, the codecs, and the errors of values.
// Must not know: how a socket sends or receives.

mod announcing;
mod closing;
mod codec;
mod error;
mod exchanging;
mod many;
mod pending;
mod publishing;
mod requesting;
mod routing;
mod send_value;
mod senders;
#[cfg(feature = "futures")]
mod streams;
mod value_future;

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use highwater_patterns::{Frame, Message};

use super::{AsSocket, Socket};
use crate::error::RecvError;

pub use announcing::NamedCodec;
pub(crate) use announcing::payload_of;
#[cfg(feature = "cbor")]
pub use codec::Cbor;
#[cfg(feature = "json")]
pub use codec::Json;
#[cfg(feature = "msgpack")]
pub use codec::Msgpack;
#[cfg(feature = "postcard")]
pub use codec::Postcard;
pub use codec::{Codec, CodecError};
pub use error::{Received, TypedError, Undecodable};
pub use exchanging::RecvValueFuture;
pub use many::RecvManyValuesFuture;
pub use pending::TypedPending;
pub(crate) use pending::{answer, receives_answer};
pub use publishing::RecvTopicFuture;
pub use requesting::{AnswerFuture, QuestionFuture, TypedRequest, TypedRequestError};
pub use routing::{RecvRoutedFuture, RoutedError};
pub use send_value::SendValueFuture;
use senders::from;
pub use senders::{ReceivedFromError, RecvValueFromFuture};
#[cfg(feature = "futures")]
pub use streams::{ValueSink, ValueStream};
pub use value_future::ValueFuture;

/// A socket whose payload is a `T`, encoded by `C`: made by `typed` of its handle.
///
/// For REQ, REP and a [`ReqPool`](crate::ReqPool), `T` is the pair of both types: `Typed<ReqPool, (Question, Answer), Json>`.
/// PAIR, DEALER and ROUTER send and receive values of one type; where the two directions differ, let `T` be an enum of both.
///
/// It is used as the socket itself for everything but sending and receiving: [`Deref`] gives the socket, on which raw messages
/// can still be sent and received.
///
/// | call of the socket | with values |
/// |---|---|
/// | `send`, `try_send`, `send_timeout`, `send_async`, `send_many`, `sink` | the same name; a publisher takes a topic before the value |
/// | `recv`, `try_recv`, `recv_timeout`, `recv_async`, `iter`, `stream` | the same name; SUB and XSUB give the topic, too, and ROUTER the routing id |
/// | `recv_from` and its forms, `recv_many` and its forms | the same name |
/// | `request` and its forms, `send` of REQ; `reply` and its forms | the same name: [`TypedPending`], [`TypedRequest`] |
/// | `send_to` and its forms | the same name |
/// | `close_async` | the same name |
/// | `reserve` and its forms | a [`Permit`](crate::Permit), whose `send` takes `socket.encode(&value)?` |
/// | `poll_sender`, `poll_sender_to` | the message is `socket.encode(&value)?.into()` |
/// | `RecvFuture::poll_recv` of `(*socket).recv_async()` | `socket.decode(message)` |
/// | `pass_on` of XSUB, `recv` of XPUB | subscriptions are no values: as they are |
/// | all others | as they are |
///
/// ```
/// # #[cfg(feature = "json")] {
/// use highwater::typed::Json;
/// use highwater::{Context, Pull, Push};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Job {
///     number: u32,
///     name: String,
/// }
///
/// let context = Context::new();
/// let push = Push::new(&context).typed::<Job, Json>();
/// let pull = Pull::new(&context).typed::<Job, Json>();
/// push.connect(pull.bind("tcp://127.0.0.1:0")?)?;
///
/// push.send(&Job { number: 7, name: "resize".into() })?;
/// assert_eq!(pull.recv()?.number, 7);
///
/// (*push).send("no job")?; // as a raw message
/// let refused = pull.recv().expect_err("it is no JSON");
/// assert_eq!(
///     refused.to_string(),
///     "what was received is no value of the type: expected ident at line 1 column 2"
/// );
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Typed<S, T, C> {
    socket: S,
    payload: PhantomData<fn(T) -> (T, C)>,
}

impl<S, T, C> Typed<S, T, C> {
    pub(crate) fn new(socket: S) -> Self {
        Self {
            socket,
            payload: PhantomData,
        }
    }

    /// The socket without the type.
    pub fn into_inner(self) -> S {
        self.socket
    }
}

impl<S, T, C: Codec<T>> Typed<S, T, C> {
    /// The frame of `value`, for calls that take messages, such as that of a [`Permit`](crate::Permit) or a
    /// [`PollSender`](crate::PollSender).
    ///
    /// # Errors
    ///
    /// The value cannot be encoded.
    ///
    /// ```
    /// # #[cfg(feature = "json")] {
    /// use highwater::typed::Json;
    /// use highwater::{Context, Pull, Push};
    ///
    /// let context = Context::new();
    /// let push = Push::new(&context).typed::<u32, Json>();
    /// let pull = Pull::new(&context).typed::<u32, Json>();
    /// push.connect(pull.bind("inproc://permits")?)?;
    /// let permit = push.reserve()?;
    /// permit.send(push.encode(&7)?)?;
    /// assert_eq!(pull.recv()?, 7);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode(&self, value: &T) -> Result<Frame, C::Error> {
        encode::<T, C>(value)
    }
}

impl<S, T, C> Deref for Typed<S, T, C> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.socket
    }
}

impl<S, T, C> DerefMut for Typed<S, T, C> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.socket
    }
}

impl<S: AsSocket, T, C> AsSocket for Typed<S, T, C> {
    fn as_socket(&self) -> super::SocketRef {
        self.socket.as_socket()
    }
}

impl<S: Socket, T, C> Socket for Typed<S, T, C> {}

impl<S: fmt::Debug, T, C> fmt::Debug for Typed<S, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Typed").field(&self.socket).finish()
    }
}

/// `None` if there will be nothing to receive, or was nothing in time.
fn unless_over<V, E, M>(
    received: Result<V, TypedError<RecvError, E, M>>,
) -> Option<Result<V, TypedError<RecvError, E, M>>> {
    match received {
        Err(TypedError::Socket(_)) => None,
        received => Some(received),
    }
}

/// The frame of `value`.
pub(crate) fn encode<T, C: Codec<T>>(value: &T) -> Result<Frame, C::Error> {
    let mut body = Vec::new();
    C::encode(value, &mut body)?;
    Ok(Frame::from(body))
}

/// The value in the frame at `index`, which must be the last of `message`. A message that is no value is counted at `socket`.
fn decode<T, C: Codec<T>>(
    message: &Message,
    index: usize,
    socket: &impl AsSocket,
) -> Result<T, Undecodable<C::Error>> {
    let undecoded = Undecoded(socket);
    let value = match message.frame(index) {
        Some(body) if message.frame_count() == index + 1 => {
            C::decode(body).map_err(Undecodable::Codec)
        }
        _ => Err(Undecodable::FrameCount {
            found: message.frame_count(),
            expected: index + 1,
        }),
    }?;
    std::mem::forget(undecoded);
    Ok(value)
}

/// Counts a message as undecodable when dropped, so also if the codec panics; forgotten once the message is decoded.
struct Undecoded<'a, S: AsSocket>(&'a S);

impl<S: AsSocket> Drop for Undecoded<'_, S> {
    fn drop(&mut self) {
        self.0.as_socket().count_undecodable(1);
    }
}

impl super::SocketRef {
    fn count_undecodable(&self, messages: usize) {
        self.core().telemetry().undecodable.add(messages);
    }
}

//! Values as messages: handles whose payload has a type (feature `serde`).
//!
//! Owns: the handle, the codecs, and the errors of values.
//! Always true: a value is one frame; a message that does not decode comes back in the error, and is counted.
//! Must not know: how a socket sends or receives.

mod announcing;
mod codec;
mod error;
mod exchanging;
mod many;
mod publishing;
mod requesting;
mod send_value;
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
pub use publishing::RecvTopicFuture;
pub use requesting::{AnswerFuture, QuestionFuture, TypedRequest, TypedRequestError};
pub use send_value::SendValueFuture;
#[cfg(feature = "futures")]
pub use streams::{ValueSink, ValueStream};
pub use value_future::ValueFuture;

/// A socket whose payload is a `T`, encoded by `C`: made by `typed` of its handle.
///
/// It is used as the socket itself for everything but sending and receiving: [`Deref`] gives the socket, on which raw messages
/// can still be sent and received.
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
    pub(super) fn new(socket: S) -> Self {
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
fn encode<T, C: Codec<T>>(value: &T) -> Result<Frame, C::Error> {
    let mut body = Vec::new();
    C::encode(value, &mut body)?;
    Ok(Frame::from(body))
}

/// The value in the frame at `index`, which is to be the last of `message`; one that is none is counted at `socket`.
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

/// A message that counts as undecodable at this socket, unless this is forgotten: also if the codec panics.
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

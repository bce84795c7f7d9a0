//! Why a value was not sent, or not received.

use std::error::Error;
use std::fmt;

use highwater_patterns::Message;

use crate::error::RecvError;

/// Why a call with a value failed: because of the socket, whose error is an `S`, or of the value, of which the codec says an
/// `E`. `M` is what was received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypedError<S, E, M = Message> {
    /// The call failed, as it would with a message.
    Socket(S),
    /// The value cannot be encoded; nothing was sent.
    Encode(E),
    /// The received message is no value. It is counted in [`Dropped::undecodable`](crate::Dropped::undecodable).
    Undecodable {
        /// The message.
        received: M,
        /// Why it is no value.
        cause: Undecodable<E>,
    },
}

/// A received message, decoded: its value, or the reason why it has none, with the message.
pub type Received<V, E> = Result<V, TypedError<RecvError, E>>;

/// Why a message is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undecodable<E> {
    /// It has another number of frames.
    FrameCount {
        /// How many it has.
        found: usize,
        /// How many a value has: one, and one more for a topic.
        expected: usize,
    },
    /// The codec refuses its body.
    Codec(E),
}

impl<S, E, M> From<S> for TypedError<S, E, M> {
    fn from(error: S) -> Self {
        Self::Socket(error)
    }
}

impl<S: fmt::Display, E: fmt::Display, M> fmt::Display for TypedError<S, E, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => error.fmt(f),
            Self::Encode(error) => write!(f, "the value cannot be encoded: {error}"),
            Self::Undecodable { cause, .. } => {
                write!(f, "what was received is no value of the type: {cause}")
            }
        }
    }
}

impl<S: Error + 'static, E: Error + 'static, M: fmt::Debug> Error for TypedError<S, E, M> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Socket(error) => error.source(),
            // `Display` shows the cause already.
            Self::Encode(error) => error.source(),
            Self::Undecodable { cause, .. } => cause.source(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Undecodable<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameCount { found, expected } => {
                write!(f, "it has {found} frames, and a value has {expected}")
            }
            Self::Codec(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for Undecodable<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::FrameCount { .. } => None,
            Self::Codec(error) => error.source(),
        }
    }
}

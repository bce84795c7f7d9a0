//! What can go wrong, one small enum per decision that a caller takes.
//!
//! A message that was not taken comes back inside the error, untouched, so that it can be sent elsewhere.
//!
//! The text of an error tells its cause, too, for those who print it alone. So `source()` goes on beneath that cause, and a
//! chain of causes tells each thing once; the cause itself is in a field.

use std::error::Error;
use std::fmt;

use highwater_patterns::Message;

mod endpoint;
mod link;
mod option;

pub use endpoint::{BindError, ConnectError, EndpointError, ReadyError};
pub use link::LinkError;
pub use option::OptionError;

/// Why a blocking send gave up. Every variant gives the message back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// No peer had room before the time was over.
    Timeout(Message),
    /// Nobody will come: each endpoint that the socket has connected to was given up for good, and it is bound nowhere.
    GivenUp(Message),
    /// The message has more than [`Message::MAX_FRAMES`] frames, those included that the socket puts before it.
    TooManyFrames(Message),
    /// XSUB: the message is a subscription to a topic of more than [`MAX_TOPIC`](crate::MAX_TOPIC) bytes, or the end of one.
    TopicTooLong(Message),
    /// The socket was closed, here or by another thread.
    Closed(Message),
    /// The context was shut down.
    Terminated(Message),
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked(Message),
}

/// Why a `send_many` gave up before the end.
///
/// Becomes a [`SendError`] by `?`, where only that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendManyError {
    /// So many messages were sent before.
    pub sent: usize,
    /// Why the next one was not, with that message.
    pub error: SendError,
}

/// Why a send that does not wait gave up. Every variant gives the message back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError {
    /// The socket is mute: no peer at all, or every peer at its high-water mark. Later may succeed.
    Full(Message),
    /// Nobody will come: each endpoint that the socket has connected to was given up for good, and it is bound nowhere.
    GivenUp(Message),
    /// The message has more than [`Message::MAX_FRAMES`] frames, those included that the socket puts before it.
    TooManyFrames(Message),
    /// XSUB: the message is a subscription to a topic of more than [`MAX_TOPIC`](crate::MAX_TOPIC) bytes, or the end of one.
    TopicTooLong(Message),
    /// The socket was closed, here or by another thread.
    Closed(Message),
    /// The context was shut down.
    Terminated(Message),
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked(Message),
}

/// Why a message was not taken for the peer it names. Every variant gives the message back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// No peer has this routing id.
    NoRoute(Message),
    /// The peer is at its high-water mark. Later may succeed, as long as the peer is there.
    Full(Message),
    /// The message has more than [`Message::MAX_FRAMES`] frames, those included that the socket puts before it.
    TooManyFrames(Message),
    /// The socket was closed, here or by another thread.
    Closed(Message),
    /// The context was shut down.
    Terminated(Message),
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked(Message),
}

/// Why there is no reply to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// No peer had room for the request in time. It was not sent, and comes back.
    NotSent(Message),
    /// Nobody will come: each endpoint that the socket has connected to was given up for good, and it is bound nowhere. The
    /// request was not sent, and comes back.
    GivenUp(Message),
    /// No reply came in time. The request is given up; a reply that comes late is dropped, and counted.
    Timeout,
    /// The connection to the peer that had the request was lost before it replied. It may have been carried out.
    PeerGone,
    /// The message has more than [`Message::MAX_FRAMES`] frames, those included that the socket puts before it.
    TooManyFrames(Message),
    /// The socket was closed, here or by another thread.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why a reply was not taken. Every variant gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// The connection on which the request came is lost; nobody waits for the reply.
    PeerGone(Message),
    /// The peer does not read its replies, and is at its high-water mark.
    Full(Message),
    /// The message has more than [`Message::MAX_FRAMES`] frames, those included that the socket puts before it.
    TooManyFrames(Message),
    /// The socket was closed, here or by another thread.
    Closed(Message),
    /// The context was shut down.
    Terminated(Message),
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked(Message),
}

/// Why a subscription could not be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The topic has more than [`MAX_TOPIC`](crate::MAX_TOPIC) bytes.
    TopicTooLong,
    /// The socket was closed, here or by another thread.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why a blocking receive gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// Sixteen bytes, like the pieces in which a `Message` is copied: where a caller passes a result on by `?`, the compiler cuts
// it at the end of the error, and a piece that then lay across two that were written would be waited for.
#[repr(align(16))]
#[non_exhaustive]
pub enum RecvError {
    /// Nothing arrived before the time was over.
    Timeout,
    /// The socket was closed, here or by another thread.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why a receive that does not wait gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// As for `RecvError`.
#[repr(align(16))]
#[non_exhaustive]
pub enum TryRecvError {
    /// Nothing is there now. Later may succeed.
    Empty,
    /// The socket was closed, here or by another thread.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why waiting for peers, or for subscribers, ended without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// Fewer than asked for when the time was over.
    Timeout,
    /// The socket was closed, here or by another thread.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

macro_rules! messages_of {
    ($($name:ident { $($variant:ident $(($ignored:tt))? => $text:literal),+ $(,)? })+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant $(($ignored))? => $text),+
                })
            }
        }

        impl Error for $name {}
    )+};
}

messages_of! {
    SendError {
        Timeout(_) => "no peer had room in time",
        GivenUp(_) => "no peer will come: every endpoint was given up",
        TooManyFrames(_) => "the message has more than 65,536 frames",
        TopicTooLong(_) => "the topic is longer than 65,526 bytes",
        Closed(_) => "the socket is closed",
        Terminated(_) => "the context is shut down",
        Forked(_) => "the socket belongs to the parent process",
    }
    TrySendError {
        Full(_) => "no peer has room",
        GivenUp(_) => "no peer will come: every endpoint was given up",
        TooManyFrames(_) => "the message has more than 65,536 frames",
        TopicTooLong(_) => "the topic is longer than 65,526 bytes",
        Closed(_) => "the socket is closed",
        Terminated(_) => "the context is shut down",
        Forked(_) => "the socket belongs to the parent process",
    }
    RouteError {
        NoRoute(_) => "no peer has this routing id",
        Full(_) => "the peer has no room",
        TooManyFrames(_) => "the message has more than 65,536 frames",
        Closed(_) => "the socket is closed",
        Terminated(_) => "the context is shut down",
        Forked(_) => "the socket belongs to the parent process",
    }
    RequestError {
        NotSent(_) => "no peer had room for the request in time",
        GivenUp(_) => "no peer will come: every endpoint was given up",
        Timeout => "no reply came in time",
        PeerGone => "the peer went before it replied",
        TooManyFrames(_) => "the message has more than 65,536 frames",
        Closed => "the socket is closed",
        Terminated => "the context is shut down",
        Forked => "the socket belongs to the parent process",
    }
    ReplyError {
        PeerGone(_) => "the peer that asked is gone",
        Full(_) => "the peer that asked has no room for a reply",
        TooManyFrames(_) => "the message has more than 65,536 frames",
        Closed(_) => "the socket is closed",
        Terminated(_) => "the context is shut down",
        Forked(_) => "the socket belongs to the parent process",
    }
    SubscribeError {
        TopicTooLong => "the topic is longer than 65,526 bytes",
        Closed => "the socket is closed",
        Terminated => "the context is shut down",
        Forked => "the socket belongs to the parent process",
    }
    RecvError {
        Timeout => "no message arrived in time",
        Closed => "the socket is closed",
        Terminated => "the context is shut down",
        Forked => "the socket belongs to the parent process",
    }
    TryRecvError {
        Empty => "no message is there",
        Closed => "the socket is closed",
        Terminated => "the context is shut down",
        Forked => "the socket belongs to the parent process",
    }
    WaitError {
        Timeout => "not enough peers in time",
        Closed => "the socket is closed",
        Terminated => "the context is shut down",
        Forked => "the socket belongs to the parent process",
    }
}

macro_rules! give_back {
    ($($name:ident { $($variant:ident)+ })+) => {$(
        impl $name {
            /// The message that was not sent.
            pub fn into_message(self) -> Message {
                match self {
                    $(Self::$variant(message))|+ => message,
                }
            }
        }
    )+};
}

give_back! {
    SendError { Timeout GivenUp TooManyFrames TopicTooLong Closed Terminated Forked }
    TrySendError { Full GivenUp TooManyFrames TopicTooLong Closed Terminated Forked }
    RouteError { NoRoute Full TooManyFrames Closed Terminated Forked }
    ReplyError { PeerGone Full TooManyFrames Closed Terminated Forked }
}

impl SendManyError {
    /// The first message that was not sent.
    pub fn into_message(self) -> Message {
        self.error.into_message()
    }
}

impl fmt::Display for SendManyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} messages: {}", self.sent, self.error)
    }
}

impl Error for SendManyError {}

impl From<SendManyError> for SendError {
    fn from(error: SendManyError) -> Self {
        error.error
    }
}

impl TrySendError {
    /// Whether trying again later may succeed.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl RouteError {
    /// Whether trying again later may succeed.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

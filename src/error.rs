//! What can go wrong, one small enum per decision that a caller takes.
//!
//! A message that was not taken comes back inside the error, untouched, so that it can be sent elsewhere.
//!
//! The text of an error tells its cause, too, for those who print it alone. So `source()` goes on beneath that cause, and a
//! chain of causes tells each thing once; the cause itself is in a field.

use std::error::Error;
use std::fmt;
use std::io;

use highwater_patterns::{Message, RoutingId};

use crate::endpoint::{Endpoint, InvalidEndpoint};

mod link;
mod option;

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

/// Why an endpoint could not be bound.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// It does not read as an endpoint.
    Invalid(InvalidEndpoint),
    /// The system refused: address in use, permission denied, no such interface, too many open files.
    Io {
        /// Where the socket should have listened.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The descriptor that was handed in is no socket that listens, of TCP or Unix.
    Descriptor(io::Error),
    /// The builder of the socket, or of its context, was given a value that the option does not take.
    Option(OptionError),
    /// The socket was closed.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why connecting could not begin. What fails later is retried in the background and told by events.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// It does not read as an endpoint.
    Invalid(InvalidEndpoint),
    /// The system refused what the I/O threads need: a thread, or a file descriptor.
    Io {
        /// Where the socket should have connected to.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The descriptor that was handed in is no connected socket of TCP or Unix.
    Descriptor(io::Error),
    /// The builder of the socket, or of its context, was given a value that the option does not take.
    Option(OptionError),
    /// Another peer of this ROUTER has the routing id already.
    DuplicateRoutingId(RoutingId),
    /// The socket was closed.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why an endpoint could not be let go.
#[derive(Debug)]
#[non_exhaustive]
pub enum EndpointError {
    /// It does not read as an endpoint.
    Invalid(InvalidEndpoint),
    /// The socket is not bound or connected there.
    NotFound(Endpoint),
    /// The socket was closed.
    Closed,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why waiting for a connection to one endpoint ended without it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadyError {
    /// There was no connection when the time was over.
    Timeout {
        /// Why the last attempt failed, or the connection was lost, if that is known.
        last_error: Option<LinkError>,
    },
    /// There will be no further attempt.
    GivenUp(LinkError),
    /// It does not read as an endpoint.
    Invalid(InvalidEndpoint),
    /// The socket is not connected there.
    NotFound(Endpoint),
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

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "{error}"),
            Self::Io { endpoint, source } => write!(f, "cannot bind {endpoint}: {source}"),
            Self::Descriptor(error) => write!(f, "cannot listen on this descriptor: {error}"),
            Self::Option(error) => write!(f, "{error}"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::Terminated => f.write_str("the context is shut down"),
            Self::Forked => f.write_str("the socket belongs to the parent process"),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Descriptor(source) => source.source(),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "{error}"),
            Self::Descriptor(error) => write!(f, "cannot use this descriptor: {error}"),
            Self::Option(error) => write!(f, "{error}"),
            Self::Io { endpoint, source } => write!(f, "cannot connect to {endpoint}: {source}"),
            Self::DuplicateRoutingId(id) => write!(f, "another peer has the routing id {id}"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::Terminated => f.write_str("the context is shut down"),
            Self::Forked => f.write_str("the socket belongs to the parent process"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Descriptor(source) => source.source(),
            _ => None,
        }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "{error}"),
            Self::NotFound(endpoint) => write!(f, "the socket has no endpoint {endpoint}"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::Forked => f.write_str("the socket belongs to the parent process"),
        }
    }
}

impl Error for EndpointError {}

impl fmt::Display for ReadyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { last_error: None } => f.write_str("not connected in time"),
            Self::Timeout {
                last_error: Some(cause),
            } => write!(f, "not connected in time: {cause}"),
            Self::GivenUp(cause) => write!(f, "given up: {cause}"),
            Self::Invalid(error) => write!(f, "{error}"),
            Self::NotFound(endpoint) => write!(f, "the socket is not connected to {endpoint}"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::Terminated => f.write_str("the context is shut down"),
            Self::Forked => f.write_str("the socket belongs to the parent process"),
        }
    }
}

impl Error for ReadyError {}

impl From<OptionError> for BindError {
    fn from(error: OptionError) -> Self {
        Self::Option(error)
    }
}

impl From<OptionError> for ConnectError {
    fn from(error: OptionError) -> Self {
        Self::Option(error)
    }
}

impl From<InvalidEndpoint> for ReadyError {
    fn from(error: InvalidEndpoint) -> Self {
        Self::Invalid(error)
    }
}

impl From<InvalidEndpoint> for BindError {
    fn from(error: InvalidEndpoint) -> Self {
        Self::Invalid(error)
    }
}

impl From<InvalidEndpoint> for ConnectError {
    fn from(error: InvalidEndpoint) -> Self {
        Self::Invalid(error)
    }
}

impl From<InvalidEndpoint> for EndpointError {
    fn from(error: InvalidEndpoint) -> Self {
        Self::Invalid(error)
    }
}

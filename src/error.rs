//! The errors of a socket's calls: one small enum per decision of the caller.
//!
//! An error of a send contains the refused message, unchanged, so that it can be sent elsewhere.
//!
//! The text of an error includes its cause. So `source()` gives the cause of that cause, and a printed chain says each
//! thing once. The cause itself is in a field.

use std::error::Error;
use std::fmt;

use highwater_patterns::Message;

mod conversions;
mod ended;
mod endpoint;
mod link;
mod option;
mod reserve;

pub use ended::Ended;
pub use endpoint::{BindError, ConnectError, EndpointError, ReadyError};
pub use link::LinkError;
pub use option::OptionError;
pub use reserve::ReserveError;

/// Why a blocking send failed. Every variant gives the message back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// No peer had room within the time. Of a [`ReqPool`](crate::ReqPool) also: none of its sockets was free.
    Timeout(Message),
    /// No peer can come: each endpoint that the socket has connected to was given up for good, and the socket is bound
    /// nowhere.
    GivenUp(Message),
    /// The peer whose room a [`Permit`](crate::Permit) had has gone for good, and no other has room.
    PeerGone(Message),
    /// With the frames that the socket puts before it, the message has more than [`Message::MAX_FRAMES`] frames.
    TooManyFrames(Message),
    /// XSUB: the message subscribes to, or unsubscribes from, a topic of more than [`MAX_TOPIC`](crate::MAX_TOPIC)
    /// bytes.
    TopicTooLong(Message),
    /// The socket can be used no more: see [`Ended`].
    Ended(Message, Ended),
}

/// Why a `send_many` failed before the end.
///
/// `?` turns it into a [`SendError`] where only that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendManyError {
    /// The number of messages sent before the failure.
    pub sent: usize,
    /// Why the next message was not sent, with that message.
    pub error: SendError,
}

/// Why a send that does not wait failed. Every variant gives the message back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError {
    /// The socket is mute: it has no peer, or every peer is at its high-water mark. A later send may succeed.
    Full(Message),
    /// No peer can come: each endpoint that the socket has connected to was given up for good, and the socket is bound
    /// nowhere.
    GivenUp(Message),
    /// With the frames that the socket puts before it, the message has more than [`Message::MAX_FRAMES`] frames.
    TooManyFrames(Message),
    /// XSUB: the message subscribes to, or unsubscribes from, a topic of more than [`MAX_TOPIC`](crate::MAX_TOPIC)
    /// bytes.
    TopicTooLong(Message),
    /// The socket can be used no more: see [`Ended`].
    Ended(Message, Ended),
}

/// Why a message to a named peer failed. Every variant gives the message back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// No peer has this routing id.
    NoRoute(Message),
    /// The peer is at its high-water mark. A later send may succeed while the peer is connected.
    Full(Message),
    /// With the frames that the socket puts before it, the message has more than [`Message::MAX_FRAMES`] frames.
    TooManyFrames(Message),
    /// The socket can be used no more: see [`Ended`].
    Ended(Message, Ended),
}

/// Why a request has no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// No peer had room for the request in time, or none of the sockets of a [`ReqPool`](crate::ReqPool) was free. The
    /// request was not sent, and is given back.
    NotSent(Message),
    /// No peer can come: each endpoint that the socket has connected to was given up for good, and the socket is bound
    /// nowhere. The request was not sent, and is given back.
    GivenUp(Message),
    /// No reply came in time. The request is given up; a late reply is dropped and counted. It may also be that no
    /// connection was there yet: a request is taken before its peer has come, unless the option
    /// [`immediate`](crate::Builder::immediate) is set.
    Timeout,
    /// The connection to the peer that had the request was lost before the reply: the peer may have carried the request
    /// out. Or the endpoint for which the request waited was given up, for instance because the peer does not let this
    /// client in.
    PeerGone,
    /// With [`LostPeer::SendAgain`](crate::LostPeer::SendAgain): as many peers as
    /// [`send_attempts`](crate::Builder::send_attempts) says (3 by default) got the request and ended their connection before a
    /// reply. It may be too large for them, for instance. Each of them may have carried it out.
    CutOff,
    /// With the frames that the socket puts before it, the message has more than [`Message::MAX_FRAMES`] frames.
    TooManyFrames(Message),
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

/// Why a reply failed. Every variant gives the reply back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// The connection on which the request came is lost; the reply has no receiver.
    PeerGone(Message),
    /// The peer does not read its replies, and is at its high-water mark.
    Full(Message),
    /// With the frames that the socket puts before it, the message has more than [`Message::MAX_FRAMES`] frames.
    TooManyFrames(Message),
    /// The socket can be used no more: see [`Ended`].
    Ended(Message, Ended),
}

/// Why a subscription could not be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The topic has more than [`MAX_TOPIC`](crate::MAX_TOPIC) bytes.
    TopicTooLong,
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

/// Why a blocking receive failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// Sixteen bytes, so that a result is copied in the same pieces as the `Message` in it. Where `?` passes a result on,
// the compiler splits the copy at the end of the error. A load that spans two earlier stores would stall the processor
// (store-to-load forwarding fails).
#[repr(align(16))]
#[non_exhaustive]
pub enum RecvError {
    /// No message arrived within the time.
    Timeout,
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

/// Why a receive that does not wait gave no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// Sixteen bytes for the reason given at `RecvError`.
#[repr(align(16))]
#[non_exhaustive]
pub enum TryRecvError {
    /// No message is there now. A later receive may succeed.
    Empty,
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

/// Why waiting for peers, or for subscribers, failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// There were fewer than asked for within the time.
    Timeout,
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

/// Such as `1 message`, `2 messages`: a count with its `thing`, whose plural has an `s`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// The text of each variant but `Ended`, whose text is that of the `Ended` in it.
macro_rules! messages_of {
    ($($name:ident { $($variant:ident $(($ignored:tt))? => $text:literal),+ $(,)? })+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant $(($ignored))? => $text,)+
                    Self::Ended(.., ended) => return ended.fmt(f),
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
        PeerGone(_) => "the peer for which there was room is gone, and no other has room",
        TooManyFrames(_) => "the message has more than 65,536 frames",
        TopicTooLong(_) => "the topic is longer than 65,526 bytes",
    }
    TrySendError {
        Full(_) => "no peer has room",
        GivenUp(_) => "no peer will come: every endpoint was given up",
        TooManyFrames(_) => "the message has more than 65,536 frames",
        TopicTooLong(_) => "the topic is longer than 65,526 bytes",
    }
    RouteError {
        NoRoute(_) => "no peer has this routing id",
        Full(_) => "the peer has no room",
        TooManyFrames(_) => "the message has more than 65,536 frames",
    }
    RequestError {
        NotSent(_) => "the request was not sent in time: no peer had room, or no socket of the pool was free",
        GivenUp(_) => "no peer will come: every endpoint was given up",
        Timeout => "no reply came in time",
        PeerGone => "the peer went before it replied",
        CutOff => "the request is given up: each peer that got it ended its connection",
        TooManyFrames(_) => "the message has more than 65,536 frames",
    }
    ReplyError {
        PeerGone(_) => "the peer that asked is gone",
        Full(_) => "the peer that asked has no room for a reply",
        TooManyFrames(_) => "the message has more than 65,536 frames",
    }
    SubscribeError {
        TopicTooLong => "the topic is longer than 65,526 bytes",
    }
    RecvError {
        Timeout => "no message arrived in time",
    }
    TryRecvError {
        Empty => "no message is there",
    }
    WaitError {
        Timeout => "not enough peers in time",
    }
}

macro_rules! give_back {
    ($($name:ident { $($variant:ident)+ })+) => {$(
        impl $name {
            /// The message that was not sent.
            pub fn into_message(self) -> Message {
                match self {
                    $(Self::$variant(message))|+ | Self::Ended(message, _) => message,
                }
            }
        }
    )+};
}

give_back! {
    SendError { Timeout GivenUp PeerGone TooManyFrames TopicTooLong }
    TrySendError { Full GivenUp TooManyFrames TopicTooLong }
    RouteError { NoRoute Full TooManyFrames }
    ReplyError { PeerGone Full TooManyFrames }
}

impl SendManyError {
    /// The first message that was not sent.
    pub fn into_message(self) -> Message {
        self.error.into_message()
    }
}

impl fmt::Display for SendManyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "after {}: {}",
            counted(self.sent as u64, "message"),
            self.error
        )
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

/// A text that may quote what a peer has sent, fit to be shown: it begins no new line, and is not longer than a line.
#[cfg(feature = "serde")]
pub(crate) fn in_one_line(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        None => crate::zmtp::escaped(text),
        Some((end, _)) => {
            let beginning = crate::zmtp::escaped(&text[..end]);
            format!("{beginning} ... ({} bytes in all)", text.len())
        }
    }
}

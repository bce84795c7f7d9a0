//! The events of a socket and the states of its endpoints.
//!
//! Owns: the names of events, their texts, and the states of an endpoint.
//! Must not know: how an event is sent, and which code reads it.

mod channels;
mod log;

use std::fmt;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{LinkError, counted};
pub(crate) use channels::{Monitor, Notifier};

/// Something that happened to a socket.
///
/// Its `Display` is a sentence with the endpoint and the peer. Each event is also a line for `tracing`, with the target
/// `highwater` and the fields `endpoint`, `peer`, `cause`, `delay` and `count` (of messages) where they apply. Losses
/// are at WARN, once a second for each kind, with the sum. Failed handshakes, connections that were not accepted and
/// endpoints given up are at WARN, at most 20 a second of each. Everything else is at DEBUG. The number of omitted
/// lines is in the next line, as `held_back`. A `tracing` subscriber runs on the thread of the event, once that
/// thread has released the lock of the socket; it may use the socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The socket's endpoint that the event concerns; `None` if it concerns the socket as a whole.
    pub endpoint: Option<Endpoint>,
    /// The address of the peer, if there is one, in the form of [`PeerInfo::address`](crate::PeerInfo::address).
    pub peer: Option<String>,
}

/// The kind of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The socket listens.
    Listening,
    /// A connection was accepted; the handshake begins.
    Accepted,
    /// A connection could not be accepted: no file descriptor left, refused by the accept filter, or over the limit.
    AcceptFailed(LinkError),
    /// An attempt to connect begins.
    Connecting,
    /// The transport is connected; the handshake begins.
    Connected,
    /// The last attempt failed, or the connection was lost; the next attempt comes after `delay`.
    Retrying {
        /// The pause before the next attempt.
        delay: Duration,
        /// Why the last attempt or connection ended.
        cause: LinkError,
    },
    /// There will be no further attempt.
    GaveUp(LinkError),
    /// The handshake is complete; messages can flow.
    HandshakeSucceeded,
    /// The handshake failed.
    HandshakeFailed(LinkError),
    /// A connection that had worked is lost.
    Disconnected {
        /// Why the connection was lost.
        cause: LinkError,
        /// How many queued messages were lost with the connection. Zero if they wait for the next one.
        lost: usize,
    },
    /// Queued messages are given up: the linger or drain time of the closed socket or endpoint is over, the endpoint
    /// was given up, or no peer can come for them any more. Sent once for an endpoint, in addition to the
    /// [`Disconnected`](Self::Disconnected) events of accepted connections. A monitor that outlives the socket gets it.
    Unsent {
        /// The number of messages.
        lost: u64,
    },
    /// A message is given up because the peer has ended several connections in the middle of it: it may be too large
    /// for the peer, or have too many frames. The messages behind it go on. Also a request that was sent again, and that as many
    /// peers have answered with the end of their connection. See [`send_attempts`](crate::Builder::send_attempts).
    MessageGivenUp {
        /// Why the last of these connections ended.
        cause: LinkError,
        /// How long the message is, framing included.
        bytes: usize,
    },
    /// Received messages were unread when their socket, endpoint or connection ended.
    Unread {
        /// The number of messages.
        lost: u64,
    },
    /// A send found no peer with room.
    Muted,
    /// A mute socket has a peer with room again.
    Unmuted,
    /// Messages for this peer are dropped from now on, because it is at its high-water mark.
    DroppingStarted,
    /// The peer has room again.
    DroppingStopped {
        /// How many messages the peer has missed.
        missed: u64,
    },
    /// The socket listens on an address that other machines can reach, whoever connects may come in, and nobody has said
    /// that this is meant: say `.security(Security::null().anyone())`, or have peers show who they are. See
    /// [`security`](crate::security).
    Unprotected,
    /// A file by which the [security](crate::security) of this socket decides is no certificate, or others may read the
    /// secret key in it; or the folder cannot be read.
    KeyFile {
        /// The path of the file or folder.
        path: String,
        /// What is wrong with it.
        flaw: String,
    },
    /// The socket has stopped listening at this endpoint, by a call or by its own end.
    Closed,
}

/// The state of an endpoint that a socket has connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointState {
    /// An attempt is in progress.
    Connecting {
        /// Why the last attempt failed, or why the last connection was lost.
        last_error: Option<LinkError>,
    },
    /// The next attempt comes after a pause.
    Retrying {
        /// How long the pause is, from its beginning.
        delay: Duration,
        /// Why the last attempt failed, or why the last connection was lost.
        cause: LinkError,
    },
    /// Connected, and messages flow.
    Ready,
    /// There will be no further attempt.
    GivenUp(LinkError),
}

impl EndpointState {
    /// Why there is no connection, if known.
    pub fn into_error(self) -> Option<LinkError> {
        match self {
            Self::Connecting { last_error } => last_error,
            Self::Retrying { cause, .. } | Self::GivenUp(cause) => Some(cause),
            Self::Ready => None,
        }
    }
}

impl EventKind {
    /// What happened, in words, without its circumstances.
    fn name(&self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Accepted => "accepted",
            Self::AcceptFailed(_) => "accept failed",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Retrying { .. } => "retrying",
            Self::GaveUp(_) => "gave up",
            Self::HandshakeSucceeded => "handshake succeeded",
            Self::HandshakeFailed(_) => "handshake failed",
            Self::Disconnected { lost: 0, .. } => "disconnected",
            Self::Disconnected { .. } => "disconnected, unsent messages lost",
            Self::Unsent { .. } => "unsent messages lost",
            Self::MessageGivenUp { .. } => {
                "unsent message lost, which the peer has cut off again and again"
            }
            Self::Unread { .. } => "received messages lost unread",
            Self::Muted => "muted: no peer has room",
            Self::Unmuted => "unmuted",
            Self::DroppingStarted => "dropping started: the peer is at its high-water mark",
            Self::DroppingStopped { .. } => "dropping stopped",
            Self::Unprotected => {
                "other machines can reach this address, and whoever connects may come in; say so with Security::null().anyone(), or choose another security"
            }
            Self::KeyFile { .. } => "a key file has a flaw",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for EventKind {
    /// A sentence, in lower case and without a full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcceptFailed(cause) | Self::GaveUp(cause) | Self::HandshakeFailed(cause) => {
                write!(f, "{}: {cause}", self.name())
            }
            Self::Retrying { delay, cause } => write!(f, "retrying in {delay:?}: {cause}"),
            Self::Disconnected { cause, lost: 0 } => write!(f, "disconnected: {cause}"),
            Self::Disconnected { cause, lost } => {
                let lost = counted(*lost as u64, "unsent message");
                write!(f, "disconnected: {cause}; {lost} lost")
            }
            Self::MessageGivenUp { cause, bytes } => {
                let bytes = counted(*bytes as u64, "byte");
                write!(f, "{}, of {bytes}: {cause}", self.name())
            }
            Self::Unsent { lost } => write!(f, "{} lost", counted(*lost, "unsent message")),
            Self::Unread { lost } => {
                write!(f, "{} lost unread", counted(*lost, "received message"))
            }
            Self::DroppingStopped { missed } => {
                let missed = counted(*missed, "message");
                write!(f, "{}: {missed} missed", self.name())
            }
            Self::KeyFile { path, flaw } => write!(f, "the key file {path} has a flaw: {flaw}"),
            _ => f.write_str(self.name()),
        }
    }
}

impl fmt::Display for Event {
    /// What happened, then the endpoint and the peer where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if let Some(endpoint) = &self.endpoint {
            write!(f, " [{endpoint}]")?;
        }
        if let Some(peer) = self.peer.as_ref().filter(|peer| !peer.is_empty()) {
            write!(f, " (peer {peer})")?;
        }
        Ok(())
    }
}

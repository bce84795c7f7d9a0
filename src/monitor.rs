//! What a socket tells about its connections while it works.
//!
//! Owns: the names of events, their words, and the states of an endpoint.
//! Must not know: how an event goes out, and who reads.

mod channels;
mod log;

use std::fmt;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::LinkError;
pub(crate) use channels::Monitor;

/// Something that happened to a socket.
///
/// Its `Display` is a sentence with the endpoint and the peer behind it. Each event is also a line for `tracing`, with the
/// target `highwater` and the fields `endpoint`, `peer`, `cause`, `delay` and `count` (of messages) where they apply: at WARN
/// for losses (once a second for each kind, with the sum), failed handshakes, connections that were not accepted and
/// endpoints given up (at most 20 a second of each), at DEBUG for everything else. What was left out stands in the next
/// line, as `held_back`. A subscriber runs on the thread to which it happens, which may hold the lock of the socket: it must
/// not use that socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The endpoint of the socket that it happened to; `None` if it concerns the socket as a whole.
    pub endpoint: Option<Endpoint>,
    /// The address of the peer, where there is one, as [`PeerInfo::address`](crate::PeerInfo::address) has it.
    pub peer: Option<String>,
}

/// What can happen to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The socket listens.
    Listening,
    /// A connection was accepted; the handshake begins.
    Accepted,
    /// A connection could not be accepted: out of file descriptors, not on the accept list, over the limit.
    AcceptFailed(LinkError),
    /// An attempt to connect begins.
    Connecting,
    /// The transport is connected; the handshake begins.
    Connected,
    /// The last attempt failed, or the connection was lost; the next attempt comes after `delay`.
    Retrying {
        /// How long until then.
        delay: Duration,
        /// Why the last one ended.
        cause: LinkError,
    },
    /// There will be no further attempt.
    GaveUp(LinkError),
    /// Peer and socket have agreed; messages flow.
    HandshakeSucceeded,
    /// Peer and socket have not agreed.
    HandshakeFailed(LinkError),
    /// A connection that had worked is lost.
    Disconnected {
        /// Why.
        cause: LinkError,
        /// How many queued messages went with it. Zero where they wait for the next connection.
        lost: usize,
    },
    /// Messages that were queued are given up: the linger or drain time of the socket or endpoint that was closed is over,
    /// the endpoint was given up, or nobody can come for them any more. Told once for an endpoint, beside what
    /// [`Disconnected`](Self::Disconnected) tells of connections that peers had made; a monitor that outlives the socket
    /// gets it.
    Unsent {
        /// How many.
        lost: u64,
    },
    /// A message is given up since the peer has ended one connection after the other in its midst: it may be too large for the
    /// peer, or have too many frames. Those behind it go on. See [`send_attempts`](crate::Builder::send_attempts).
    MessageGivenUp {
        /// Why the last of these connections ended.
        cause: LinkError,
        /// How long the message is, framing included.
        bytes: usize,
    },
    /// Messages that had been received went unread with their socket, endpoint or connection.
    Unread {
        /// How many.
        lost: u64,
    },
    /// A send found no peer with room.
    Muted,
    /// A mute socket has a peer with room again.
    Unmuted,
    /// Messages for this peer are dropped from now on, since it is at its high-water mark.
    DroppingStarted,
    /// The peer has room again.
    DroppingStopped {
        /// How many messages it has missed meanwhile.
        missed: u64,
    },
    /// The socket listens no more.
    Closed,
}

/// How an endpoint is doing that a socket has connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointState {
    /// An attempt is under way.
    Connecting {
        /// Why the one before it failed, or the connection was lost.
        last_error: Option<LinkError>,
    },
    /// The next attempt comes after a pause.
    Retrying {
        /// How long the pause is, from its beginning.
        delay: Duration,
        /// Why the last attempt failed, or the connection was lost.
        cause: LinkError,
    },
    /// Connected, and messages flow.
    Ready,
    /// There will be no further attempt.
    GivenUp(LinkError),
}

impl EndpointState {
    /// Why there is no connection, as far as that is known.
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
                write!(f, "disconnected: {cause}; {lost} unsent messages lost")
            }
            Self::MessageGivenUp { cause, bytes } => {
                write!(f, "{}, of {bytes} bytes: {cause}", self.name())
            }
            Self::Unsent { lost } | Self::Unread { lost } => write!(f, "{lost} {}", self.name()),
            Self::DroppingStopped { missed } => {
                write!(f, "{}: {missed} messages missed", self.name())
            }
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

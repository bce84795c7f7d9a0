//! Why there is no connection.
//!
//! Owns: the reasons for which one ends or is never made, and what follows from each.
//! Must not know: what is done about it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::zmtp::ProtocolError;

/// Why a connection ended, or was never made. Reported by events and by the state of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer closed the connection.
    PeerClosed,
    /// The system reported an error: refused, reset, unreachable, no more file descriptors.
    Io {
        /// Its kind.
        kind: io::ErrorKind,
        /// Its number, if it came from the operating system.
        code: Option<i32>,
    },
    /// The name did not resolve.
    Resolve {
        /// What the resolver said.
        reason: String,
    },
    /// The proxy was of no help.
    Proxy {
        /// What it said, or did wrong.
        reason: String,
    },
    /// The peer broke the protocol, or speaks another one.
    Protocol(ProtocolError),
    /// The handshake took too long.
    HandshakeTimeout,
    /// Connecting took too long.
    ConnectTimeout,
    /// A peer that used to answer heartbeats has fallen silent.
    HeartbeatTimeout,
    /// The connection came from ourselves: source and destination address are one.
    SelfConnection,
    /// This socket has a peer already, and takes one only (PAIR).
    AlreadyPaired,
    /// Another peer has the same routing id (ROUTER).
    DuplicateRoutingId,
    /// The socket turned the peer out, since it was too slow (PUB).
    Evicted,
    /// The socket has as many connections as it takes.
    TooManyConnections,
    /// The peer's address or user is not on the accept list.
    NotAccepted,
    /// This end closed the connection: the socket, or this endpoint, was closed.
    ClosedHere,
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Io {
            kind: error.kind(),
            code: error.raw_os_error(),
        }
    }
}

impl From<ProtocolError> for LinkError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl LinkError {
    /// Whether connecting again would be pointless: the peer said no, and would say so again.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Protocol(error) if error.is_final())
    }

    /// Whether it is the peer that has closed or reset the connection; otherwise this end's system gave it up.
    pub(crate) fn is_hang_up(&self) -> bool {
        matches!(
            self,
            Self::PeerClosed
                | Self::Io {
                    kind: io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset,
                    ..
                }
        )
    }

    /// Whether nobody listens there: a port that refuses, or an `ipc://` path that does not exist.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(
            self,
            Self::Io {
                kind: io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound,
                ..
            }
        )
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("the peer closed the connection"),
            Self::Io {
                code: Some(code), ..
            } => write!(f, "{}", io::Error::from_raw_os_error(*code)),
            Self::Io { kind, code: None } => write!(f, "{kind}"),
            Self::Resolve { reason } => write!(f, "the name does not resolve: {reason}"),
            Self::Proxy { reason } => f.write_str(reason),
            Self::Protocol(error) => write!(f, "{error}"),
            Self::HandshakeTimeout => f.write_str("the handshake took too long"),
            Self::ConnectTimeout => f.write_str("connecting took too long"),
            Self::HeartbeatTimeout => f.write_str("the peer no longer answers heartbeats"),
            Self::SelfConnection => f.write_str("the socket was connected to itself"),
            Self::AlreadyPaired => f.write_str("the socket already has its one peer"),
            Self::DuplicateRoutingId => f.write_str("another peer has the same routing id"),
            Self::Evicted => f.write_str("the peer was too slow and was turned out"),
            Self::TooManyConnections => f.write_str("the connection limit is reached"),
            Self::NotAccepted => f.write_str("the peer is not on the accept list"),
            Self::ClosedHere => f.write_str("closed by this end"),
        }
    }
}

impl Error for LinkError {}

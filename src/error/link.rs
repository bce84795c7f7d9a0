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
    /// The name did not resolve: that of a host, or of a network interface.
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
    /// This socket has a peer already, and takes one only (PAIR); or the peer has, and has said so.
    AlreadyPaired,
    /// Another peer has the same routing id (ROUTER); or the peer is the ROUTER, and has said so.
    DuplicateRoutingId,
    /// The socket turned the peer out, since it was too slow (PUB).
    Evicted,
    /// The socket has as many connections as it takes.
    TooManyConnections,
    /// The peer's address or user is not on the accept list.
    NotAccepted,
    /// The peer ended the connection, or refused it for now, and said why. Connecting goes on.
    Refused {
        /// The peer's words, at most 255 characters.
        reason: String,
    },
    /// A request on it was given up after it had left (REQ): its late answer would be taken for that of the next.
    RequestGivenUp,
    /// Something panicked on the I/O thread while it was at work for this connection: code of the application that ran
    /// there, such as the owner of a body, or the library. The log has the panic.
    Panicked,
    /// This end closed the connection: the socket, or this endpoint, was closed.
    ClosedHere,
}

/// What an ERROR of ours begins with: its reader may try again. Any other ERROR in a handshake is final to a connecting
/// socket, as RFC 37 has it ("SHALL treat this as a fatal error").
const NOT_FINAL: &str = "retry: ";

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
        match error {
            ProtocolError::PeerError { reason } if reason.starts_with(NOT_FINAL) => {
                Self::told(&reason)
            }
            error => Self::Protocol(error),
        }
    }
}

impl LinkError {
    /// What to tell the peer in an ERROR command before the connection is closed for this, if it can make use of it.
    pub(crate) fn last_words(&self) -> Option<String> {
        let tells = matches!(
            self,
            Self::Protocol(ProtocolError::Frame(_))
                | Self::AlreadyPaired
                | Self::DuplicateRoutingId
                | Self::Evicted
                | Self::HeartbeatTimeout
        );
        tells.then(|| format!("{NOT_FINAL}{self}"))
    }

    /// As [`last_words`](Self::last_words), and that it is the socket `token` that says so.
    pub(crate) fn last_words_of(&self, token: u64) -> Option<String> {
        self.last_words()
            .map(|words| format!("{words} [{token:016x}]"))
    }

    /// The words of a peer, and the socket that says so, if it tells that.
    pub(crate) fn speaker(words: &str) -> (&str, Option<u64>) {
        let parts = words
            .strip_suffix(']')
            .and_then(|words| words.rsplit_once(" ["));
        match parts {
            Some((said, token)) if token.len() == 16 => match u64::from_str_radix(token, 16) {
                Ok(token) => (said, Some(token)),
                Err(_) => (words, None),
            },
            _ => (words, None),
        }
    }

    /// What to tell a peer whose routing id another one has taken. Not in the words of a refusal: what it had sent is read.
    pub(crate) fn handed_over() -> String {
        format!("{NOT_FINAL}another peer has taken over the routing id")
    }

    /// Whether it says that the peer has taken nothing of what it was sent.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::AlreadyPaired | Self::DuplicateRoutingId)
    }

    /// What the `reason` in a peer's ERROR amounts to, where that is not final.
    pub(crate) fn told(reason: &str) -> Self {
        let (reason, _) = Self::speaker(reason);
        let reason = reason.strip_prefix(NOT_FINAL).unwrap_or(reason);
        for known in [Self::AlreadyPaired, Self::DuplicateRoutingId] {
            if reason == known.to_string() {
                return known;
            }
        }
        Self::Refused {
            reason: reason.to_owned(),
        }
    }

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

    /// Whether it is the peer that ends a connection on which something is under way to it, and no failure of what is
    /// between the two.
    pub(crate) fn is_cut_off(&self) -> bool {
        match self {
            // It thinks that we are silent, or slow.
            Self::Refused { reason } => {
                let of_the_network = [Self::HeartbeatTimeout, Self::Evicted];
                !of_the_network
                    .iter()
                    .any(|cause| *reason == cause.to_string())
            }
            other => other.is_hang_up(),
        }
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
            Self::Resolve { reason } => write!(f, "a name does not resolve: {reason}"),
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
            Self::Refused { reason } => write!(f, "the peer closed the connection: {reason}"),
            Self::RequestGivenUp => f.write_str("replaced, as a request on it was given up"),
            Self::Panicked => f.write_str("something panicked on the I/O thread"),
            Self::ClosedHere => f.write_str("closed by this end"),
        }
    }
}

impl Error for LinkError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zmtp::FrameError;

    #[test]
    fn what_is_told_is_understood_and_not_final() {
        for cause in [LinkError::AlreadyPaired, LinkError::DuplicateRoutingId] {
            let words = cause.last_words().expect("it is told");
            assert_eq!(LinkError::told(&words), cause);
            for token in [0, 7, u64::MAX] {
                let words = cause.last_words_of(token).expect("it is told");
                assert_eq!(LinkError::told(&words), cause);
                assert_eq!(LinkError::speaker(&words).1, Some(token));
            }
            assert_eq!(LinkError::speaker(&words), (words.as_str(), None));
            let in_handshake = LinkError::from(ProtocolError::PeerError { reason: words });
            assert_eq!(in_handshake, cause);
        }
        let cause = LinkError::from(ProtocolError::from(FrameError::TooManyFrames));
        let reason = cause.to_string();
        let words = cause.last_words().expect("it is told");
        assert_eq!(LinkError::told(&words), LinkError::Refused { reason });
        assert!(!LinkError::told(&words).is_final());
    }

    #[test]
    fn the_error_of_another_kind_of_peer_is_final_in_a_handshake_only() {
        let reason = "400".to_owned();
        let error = ProtocolError::PeerError {
            reason: reason.clone(),
        };
        assert!(LinkError::from(error).is_final());
        assert_eq!(LinkError::told("400"), LinkError::Refused { reason });
        assert_eq!(LinkError::PeerClosed.last_words(), None);
    }
}

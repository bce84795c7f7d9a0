//! Why a connection ended or was never made.
//!
//! Owns: the reasons, and which of them are final or a refusal.
//! Must not know: how a reason is acted on.

use std::error::Error;
use std::fmt;
use std::io;

use crate::zmtp::{NOT_FINAL, ProtocolError, mismatch_told};

/// Why a connection ended, or was never made. Reported by events and by the state of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer closed the connection.
    PeerClosed,
    /// The system reported an error: refused, reset, unreachable, no more file descriptors.
    Io {
        /// The kind of the error.
        kind: io::ErrorKind,
        /// The number of the error, if it came from the operating system.
        code: Option<i32>,
    },
    /// The name of a host, or of a network interface, did not resolve.
    Resolve {
        /// The resolver's error.
        reason: String,
    },
    /// The connection through the proxy failed.
    Proxy {
        /// The proxy's answer, or its fault.
        reason: String,
    },
    /// The peer broke the protocol, or speaks another one.
    Protocol(ProtocolError),
    /// The handshake took too long.
    HandshakeTimeout,
    /// Connecting took too long.
    ConnectTimeout,
    /// The peer used to answer heartbeats and has stopped.
    HeartbeatTimeout,
    /// The socket connected to itself: source and destination address are the same.
    SelfConnection,
    /// One of the two sockets is a PAIR that has a peer already.
    AlreadyPaired,
    /// Another peer of a ROUTER, this one or the peer, has the same routing id.
    DuplicateRoutingId,
    /// The socket evicted the peer for being too slow (PUB).
    Evicted,
    /// The socket has as many connections as it takes.
    TooManyConnections,
    /// As many handshakes with the same address are under way as the socket takes.
    TooManyHandshakes,
    /// The accept filter does not allow the peer's address or user.
    NotAccepted,
    /// The peer ended or refused the connection for a reason that may pass; or, with CURVE, an ERROR says so that the peer has
    /// not sealed, so that anybody on the path may have written it. Connecting goes on.
    Refused {
        /// The peer's reason, at most 255 characters.
        reason: String,
    },
    /// The [security](crate::security) of this end has not let the peer in.
    Denied {
        /// `NULL`, `PLAIN` or `CURVE`.
        mechanism: &'static str,
        /// The peer's public key in Z85, or the name that it has given with a password; empty for NULL. Control characters
        /// are escaped.
        who: String,
        /// The reason that the peer was told, such as `400`. Behind a colon follows a text that only this end knows, such as
        /// that of a ZAP handler. If the peer was told nothing: the cause of the failure.
        reason: String,
    },
    /// The server of CURVE has closed the connection instead of answering our first command. The usual cause: its key is
    /// not the one that was given to [`curve_client`](crate::security::Security). Then it cannot read that command, and
    /// cannot tell the reason.
    NoWelcome,
    /// The peer had been let in, and that was [revoked](crate::Push::revoke_peers).
    Revoked,
    /// An unnumbered request on the connection was given up after it had left (REQ): a late reply would be taken for
    /// that of the next request.
    RequestGivenUp,
    /// The I/O thread panicked while it worked for this connection: in code of the application that ran there, such as
    /// the owner of a body, or in the library. The log has the panic.
    Panicked,
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
        match error {
            ProtocolError::PeerError { reason } if reason.starts_with(NOT_FINAL) => {
                Self::told(&reason)
            }
            error => Self::Protocol(error),
        }
    }
}

impl LinkError {
    /// The reason in the ERROR command that the peer gets before the connection is closed for this cause; `None` if it gets none.
    pub(crate) fn error_text(&self) -> Option<String> {
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

    /// As [`error_text`](Self::error_text), followed by the `token` of this socket.
    pub(crate) fn error_text_with(&self, token: u64) -> Option<String> {
        self.error_text()
            .map(|words| format!("{words} [{token:016x}]"))
    }

    /// The reason in an ERROR of a peer, and the token of its socket if it contains one.
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

    /// The ERROR for a peer whose routing id another one has taken. Not a refusal: the messages that it had sent are
    /// read.
    pub(crate) fn handed_over() -> String {
        format!("{NOT_FINAL}another peer has taken over the routing id")
    }

    /// Whether the peer has taken none of the messages sent to it.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::AlreadyPaired | Self::DuplicateRoutingId)
    }

    /// The error for the `reason` in a peer's ERROR, if that is not final.
    pub(crate) fn told(reason: &str) -> Self {
        let (reason, _) = Self::speaker(reason);
        let reason = reason.strip_prefix(NOT_FINAL).unwrap_or(reason);
        for known in [Self::AlreadyPaired, Self::DuplicateRoutingId] {
            if reason == known.to_string() {
                return known;
            }
        }
        if let Some(differ) = mismatch_told(reason) {
            return Self::Protocol(differ);
        }
        Self::Refused {
            reason: reason.to_owned(),
        }
    }

    /// Whether the peer would refuse every further connection for the same reason, if it was the peer that said so. After
    /// another mechanism in a greeting a socket with CURVE connects again, as anybody on the path can write that.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Protocol(error) if error.is_final())
    }

    /// Whether the peer closed or reset the connection; otherwise this end's system gave it up.
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

    /// Whether the peer ended a connection on which messages to it were in flight, and not a failure of the network.
    pub(crate) fn is_cut_off(&self) -> bool {
        match self {
            // The peer takes us for silent or slow.
            Self::Refused { reason } => {
                let of_the_network = [Self::HeartbeatTimeout, Self::Evicted];
                !of_the_network
                    .iter()
                    .any(|cause| *reason == cause.to_string())
            }
            other => other.is_hang_up(),
        }
    }

    /// Whether nobody listens: the port refuses, or the `ipc://` path does not exist.
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
            Self::TooManyHandshakes => {
                f.write_str("too many handshakes with this address are under way")
            }
            Self::NotAccepted => f.write_str("the peer is not on the accept list"),
            Self::Refused { reason } => write!(f, "the peer closed the connection: {reason}"),
            Self::Denied {
                mechanism,
                who,
                reason,
            } => {
                write!(f, "the peer was not let in ({mechanism}")?;
                if !who.is_empty() {
                    write!(f, ", {who}")?;
                }
                write!(f, "): {reason}")
            }
            Self::NoWelcome => f.write_str(
                "the server closed the connection without an answer: it may have another key than the one given here",
            ),
            Self::Revoked => f.write_str("the peer may no longer be in"),
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
            let words = cause.error_text().expect("it is told");
            assert_eq!(LinkError::told(&words), cause);
            for token in [0, 7, u64::MAX] {
                let words = cause.error_text_with(token).expect("it is told");
                assert_eq!(LinkError::told(&words), cause);
                assert_eq!(LinkError::speaker(&words).1, Some(token));
            }
            assert_eq!(LinkError::speaker(&words), (words.as_str(), None));
            let in_handshake = LinkError::from(ProtocolError::PeerError { reason: words });
            assert_eq!(in_handshake, cause);
        }
        let cause = LinkError::from(ProtocolError::from(FrameError::TooManyFrames));
        let reason = cause.to_string();
        let words = cause.error_text().expect("it is told");
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
        assert_eq!(LinkError::PeerClosed.error_text(), None);
    }
}

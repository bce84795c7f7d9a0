//! What a peer can do wrong.
//!
//! Owns: the errors of this module, and which of them make another attempt pointless.
//! Always true: text that came from a peer is bounded and free of control characters.
//! Must not know: what is done about it.

use std::fmt;

use highwater_patterns::{InvalidRoutingId, SocketType};

use super::limits::{MAX_COMMAND, MAX_FRAMES};
use super::text::is_plain;

/// Why a connection cannot go on. Nothing sensible can follow on it: close it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The first bytes are no greeting of any ZMTP version.
    NotZmtp,
    /// The peer speaks ZMTP 1.0 or 2.0, which have no security handshake and are refused.
    UnsupportedVersion {
        /// The peer's major version.
        major: u8,
        /// The peer's minor version.
        minor: u8,
    },
    /// The two ends are configured for different security mechanisms.
    MechanismMismatch {
        /// The peer's, at most 20 characters.
        theirs: String,
        /// Ours.
        ours: &'static str,
    },
    /// The peer refused us with an ERROR command.
    PeerError {
        /// The peer's words, at most 255 characters; libzmq sends a status such as `400`.
        reason: String,
    },
    /// The peer's socket type cannot talk to ours. We send an ERROR command before closing.
    IncompatibleSocketType {
        /// The peer's, perhaps a name we do not know, at most 255 characters.
        theirs: String,
        /// Ours.
        ours: SocketType,
    },
    /// Both ends say in the property `X-Payload` what their payload is, and differ. The peer is told before we close, if it
    /// is a socket of this library. Connecting goes on, as one of the two may be replaced.
    PayloadMismatch {
        /// What the peer says, at most 96 bytes of it.
        theirs: String,
        /// What this end says, at most 96 bytes of it.
        ours: String,
    },
    /// A message came before the handshake had ended.
    EarlyMessage,
    /// A command that has no place in the handshake.
    UnexpectedCommand {
        /// Its name, at most 255 characters.
        name: String,
    },
    /// A command of the handshake without a name, or an ERROR without a reason.
    MalformedCommand,
    /// A command of the handshake whose content does not have the command's layout.
    Malformed {
        /// The name of the command.
        command: &'static str,
    },
    /// A box of CURVE that does not open: it was sealed for another key, or changed on the way. Of HELLO, it means that the
    /// client has another server key than ours.
    BoxRefused {
        /// The command, or the part of one: `cookie`, `vouch`.
        name: &'static str,
    },
    /// A counter of CURVE that was used before, or goes back: a command was repeated on the way.
    NonceNotRising {
        /// The counter.
        nonce: u64,
        /// The last one before it.
        last: u64,
    },
    /// A counter of CURVE that is not the next: messages were dropped on the way.
    NonceSkipped {
        /// The counter.
        nonce: u64,
        /// The last one before it.
        last: u64,
    },
    /// A frame in clear where CURVE seals each of them.
    NotSealed,
    /// The peer's public key is a point of low order: every secret key gives the same shared key with it.
    LowOrderKey,
    /// The client brought its cookie back too late.
    CookieExpired,
    /// The peer speaks another version of CURVE than 1.0.
    UnsupportedCurveVersion {
        /// The major version.
        major: u8,
        /// The minor version.
        minor: u8,
    },
    /// Both ends are configured as the server of their security mechanism.
    TwoServers,
    /// Metadata that is not a sequence of properties, or has too many of them.
    MalformedMetadata,
    /// The peer's routing id is too long or of the reserved form.
    InvalidRoutingId(InvalidRoutingId),
    /// A command of the handshake is announced with more bytes than allowed.
    CommandTooLong {
        /// The announced length in bytes.
        len: u64,
        /// The bound.
        max: usize,
    },
    /// A frame broke a rule that holds for all frames.
    Frame(FrameError),
}

/// The words of [`ProtocolError::PayloadMismatch`], which the peer reads.
pub(super) const OF_THE_PEER: &str = "the peer's payload is ";
pub(super) const OF_OURS: &str = ", ours is ";

impl ProtocolError {
    /// Whether another attempt must fail in the same way, so that a connecting socket gives up.
    ///
    /// True after an explicit refusal, a mechanism mismatch and incompatible socket types. libzmq gives up after any
    /// protocol error, so one bad byte ends a client for good and silently. We follow the RFC and try again after a pause.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::PeerError { .. }
                | Self::MechanismMismatch { .. }
                | Self::IncompatibleSocketType { .. }
        )
    }
}

impl From<FrameError> for ProtocolError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotZmtp => f.write_str("the peer does not speak ZMTP"),
            Self::UnsupportedVersion { major, minor } => {
                write!(f, "the peer speaks ZMTP {major}.{minor}; 3.0 is the oldest")
            }
            Self::MechanismMismatch { theirs, ours } => {
                write!(f, "the peer's security mechanism is {theirs}, ours {ours}")
            }
            Self::PeerError { reason } => write!(f, "the peer refused the connection: {reason}"),
            Self::IncompatibleSocketType { theirs, ours } => {
                write!(
                    f,
                    "the peer's socket is {theirs}, which cannot talk to {ours}"
                )
            }
            Self::PayloadMismatch { theirs, ours } => {
                write!(f, "{OF_THE_PEER}{theirs}{OF_OURS}{ours}")
            }
            Self::EarlyMessage => f.write_str("the peer sent a message before the handshake ended"),
            Self::UnexpectedCommand { name } => {
                write!(f, "the command {name} has no place in the handshake")
            }
            Self::MalformedCommand => f.write_str("a command of the handshake is malformed"),
            Self::Malformed { command } => {
                write!(
                    f,
                    "the peer's {command} does not have the layout of that command"
                )
            }
            Self::BoxRefused { name: "HELLO" } => f.write_str(
                "the box of HELLO does not open: the client has another server key than ours",
            ),
            Self::BoxRefused { name } => write!(f, "the box of {name} does not open"),
            Self::NonceNotRising { nonce, last } => {
                write!(
                    f,
                    "the counter {nonce} comes after {last}: something was repeated"
                )
            }
            Self::NonceSkipped { nonce, last } => {
                write!(
                    f,
                    "the counter {nonce} comes after {last}: something was dropped"
                )
            }
            Self::NotSealed => f.write_str("a frame in clear where all have to be sealed"),
            Self::LowOrderKey => f.write_str("a public key of low order, which protects nothing"),
            Self::CookieExpired => f.write_str("the client brought its cookie back too late"),
            Self::UnsupportedCurveVersion { major, minor } => {
                write!(f, "the peer speaks CURVE {major}.{minor}, not 1.0")
            }
            Self::TwoServers => {
                f.write_str("both ends are configured as server of the security mechanism")
            }
            Self::MalformedMetadata => f.write_str("the peer's metadata is malformed"),
            Self::InvalidRoutingId(why) => write!(f, "the peer's routing id is invalid: {why}"),
            Self::CommandTooLong { len, max } => {
                write!(
                    f,
                    "a command of {len} bytes in the handshake, over the limit of {max}"
                )
            }
            Self::Frame(error) => error.fmt(f),
        }
    }
}

/// Without a `source`: `Display` writes the text of the cause too, and a report of the chain would repeat it.
impl std::error::Error for ProtocolError {}

/// Why the bytes of a connection cannot be read as frames. Fatal to the connection: where the next frame begins is
/// no longer known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A length above 2^63-1, which the format does not allow.
    BodyTooLong {
        /// The announced length in bytes.
        len: u64,
    },
    /// The bodies of one message add up to more than the configured bound.
    MessageTooLarge {
        /// What they would add up to, in bytes.
        size: u64,
        /// The bound.
        max: usize,
    },
    /// One message has more than 65,536 frames.
    TooManyFrames,
    /// A command is longer than 64 KiB.
    CommandTooLong {
        /// The announced length in bytes.
        len: u64,
    },
    /// The system has no memory for the body of a frame.
    NoMemory {
        /// The announced length in bytes.
        len: u64,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BodyTooLong { len } => write!(f, "a frame announces the impossible length {len}"),
            Self::NoMemory { len } => write!(f, "there is no memory for a frame of {len} bytes"),
            Self::MessageTooLarge { size, max } => {
                write!(
                    f,
                    "a message of {size} bytes or more, over the limit of {max}"
                )
            }
            Self::TooManyFrames => write!(f, "a message of more than {MAX_FRAMES} frames"),
            Self::CommandTooLong { len } => {
                write!(
                    f,
                    "a command of {len} bytes, over the limit of {MAX_COMMAND}"
                )
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// A peer's bytes as text that is safe to show: at most 255 bytes of it, and none of the characters that could make it read
/// as something else, which are replaced.
pub(super) fn printable(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(LONGEST_TEXT)];
    String::from_utf8_lossy(shown)
        .chars()
        .map(|c| {
            if is_plain(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect()
}

const LONGEST_TEXT: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_peer_is_cut_and_cleaned() {
        assert_eq!(
            printable(b"a\x1b[31m\n\xff"),
            "a\u{fffd}[31m\u{fffd}\u{fffd}"
        );
        assert_eq!(
            printable("ok\u{2028}\u{202e}ko\u{200b}\u{85}, é 中".as_bytes()),
            "ok\u{fffd}\u{fffd}ko\u{fffd}\u{fffd}, é 中"
        );
        assert_eq!(printable(&[b'x'; 300]).len(), 255);
    }

    #[test]
    fn only_refusals_and_mismatches_are_final() {
        let refused = ProtocolError::PeerError {
            reason: "400".into(),
        };
        let other = ProtocolError::MechanismMismatch {
            theirs: "PLAIN".into(),
            ours: "NULL",
        };
        let types = ProtocolError::IncompatibleSocketType {
            theirs: "PUB".into(),
            ours: SocketType::Pull,
        };
        assert!(refused.is_final() && other.is_final() && types.is_final());
        for error in [
            ProtocolError::NotZmtp,
            ProtocolError::UnsupportedVersion { major: 2, minor: 0 },
            ProtocolError::EarlyMessage,
            ProtocolError::MalformedMetadata,
            ProtocolError::PayloadMismatch {
                theirs: "cbor".into(),
                ours: "json".into(),
            },
            ProtocolError::Frame(FrameError::TooManyFrames),
        ] {
            assert!(!error.is_final(), "{error}");
        }
    }
}

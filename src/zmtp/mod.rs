//! ZMTP 3.0 and 3.1: bytes in, messages out, and back.
//!
//! A connection is a [`Handshake`] until both ends are ready, then a [`Decoder`] for what arrives, [`encode_message`]
//! for what leaves, and a [`Heartbeat`] beside them:
//!
//! ```text
//! greeting -> handshake -> traffic until either end closes
//!     any step -> ProtocolError: the connection is to be closed
//! ```
//!
//! Owns: every byte of the wire format, the order of the handshake, and the bounds on what a peer may announce.
//! Always true: the same calls give the same answers. No clock, no socket, no thread, no lock, no random number:
//! bytes and time come in as arguments. Whatever a peer sends ends in an item or an error, never in a panic, and
//! memory grows with the bytes received, never with a length announced.
//! Must not know: who reads and writes the bytes, what becomes of a message, when a connection is tried again.
//! Source: RFC 37/ZMTP 3.1 and RFC 23/ZMTP 3.0; where libzmq differs from them, the item says which way was taken.

mod command;
mod decoder;
mod error;
mod frame;
mod greeting;
mod handshake;
mod heartbeat;
mod limits;
mod mechanism;
mod metadata;
mod sealing;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use command::PING_NAME;
pub(crate) use command::{
    Command, OwnedCommand, PingContext, as_subscription, encode_cancel, encode_error, encode_ping,
    encode_pong, encode_subscribe, error_reason,
};
pub(crate) use decoder::{BodyRoom, Buffers, Decoder, Item, Stop, cost_of_frames};

pub use error::{FrameError, ProtocolError};
pub(crate) use frame::{
    FrameHeader, FrameSink, SHORT_HEADER, SHORT_MESSAGE, encode_message, encode_short, encoded_len,
};
#[allow(unused_imports, reason = "for typed sockets, which are a feature")]
pub(crate) use handshake::PAYLOAD;
pub(crate) use handshake::{
    Handshake, HandshakeConfig, NOT_FINAL, Peer, compare_payloads, mismatch_told, payload_of,
};
pub(crate) use heartbeat::{Heartbeat, HeartbeatAction, HeartbeatConfig, Output};
#[allow(
    unused_imports,
    reason = "the fuzzer, too, compiles this, and asks nobody"
)]
pub(crate) use mechanism::Credentials;
#[cfg(feature = "curve")]
#[allow(unused_imports, reason = "for tests and the fuzzer")]
pub(crate) use mechanism::server_sealing;
#[cfg(feature = "curve")]
pub(crate) use mechanism::{
    ClientSeeds, CookieJar, CurveClient, CurveLimits, CurveServer, ServerSeeds,
};
pub(crate) use metadata::{TOKEN, is_property_name, parse as parse_metadata};
pub(crate) use sealing::{Open, Seal};
pub(crate) use text::escaped;

/// What two ends speak with each other: the lower of what both announced.
///
/// We always announce 3.1. The versions differ in how subscriptions travel, and in nothing else that we send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// Subscriptions are messages.
    V3_0,
    /// Subscriptions are commands. Peers that announce 4.0 or more are spoken to like this, too.
    #[default]
    V3_1,
}

//! Security mechanisms: the commands between the greetings and the traffic.
//!
//! Owns: the dispatch of each call of a handshake to its mechanism.
//! Always true: a mechanism gets whole commands, and may answer each of them by another, until it has the peer's metadata. It
//! vouches for this metadata as far as it can. At its end it gives the seal of the traffic.
//! Must not know: the content of the metadata; clocks and randomness, which are arguments.

#[cfg(feature = "curve")]
mod curve;
mod null;
mod plain;

use std::fmt;
use std::time::Instant;

use bytes::Bytes;

#[cfg(feature = "curve")]
#[allow(unused_imports, reason = "for tests and the fuzzer")]
pub(crate) use self::curve::server_sealing;
#[cfg(feature = "curve")]
pub(crate) use self::curve::{
    ClientSeeds, CookieJar, CurveClient, CurveLimits, CurveServer, ServerSeeds,
};
use self::null::Null;
pub(super) use self::plain::{PlainClient, PlainServer};
use super::command::{Command, encode_error, error_reason, split_name};
use super::error::{ProtocolError, printable};
use super::sealing::Sealing;

/// The mechanism of one handshake, with its state.
///
/// The calls, in this order: `start`; `greeted`; `receive` until it gives [`Progress::Introduced`]; `admit`; `finish`. After
/// [`Progress::Asks`] the mechanism waits for `allow`, and takes no command before that. An error ends the handshake, but
/// what was appended to `out` before it, such as an ERROR command, is still sent.
#[derive(Debug)]
pub(super) enum Mechanism {
    /// No secrets and no proof of identity.
    Null(Null),
    /// We send a name and a password, in clear.
    PlainClient(PlainClient),
    /// The peer sends a name and a password, in clear.
    PlainServer(PlainServer),
    /// Keys, and sealed traffic; we know the server's key.
    #[cfg(feature = "curve")]
    CurveClient(Box<CurveClient>),
    /// Keys, and sealed traffic; the peer knows our key.
    #[cfg(feature = "curve")]
    CurveServer(Box<CurveServer>),
}

/// The state of a mechanism after a command of the peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The peer has to send another command.
    Going,
    /// The server has to decide whether the client with these [`Credentials`] may connect.
    Asks,
    /// The peer has sent its metadata, here encoded. It sends no more commands of the mechanism.
    Introduced(Bytes),
}

/// What a client has proved about its identity.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A name and a password, in clear.
    Plain {
        /// 0 to 255 bytes of any kind.
        user: Bytes,
        /// 0 to 255 bytes of any kind.
        password: Bytes,
    },
    /// A public key. The client has proved that it has the secret key to it.
    #[cfg_attr(not(feature = "curve"), expect(dead_code, reason = "for CURVE"))]
    Curve {
        /// The key.
        key: [u8; 32],
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { user, .. } => f
                .debug_struct("Plain")
                .field("user", user)
                .finish_non_exhaustive(),
            Self::Curve { key } => f.debug_struct("Curve").field("key", key).finish(),
        }
    }
}

impl Mechanism {
    pub(super) fn null() -> Self {
        Self::Null(Null::default())
    }

    /// The name in the greeting; at most 20 letters.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null(_) => "NULL",
            Self::PlainClient(_) | Self::PlainServer(_) => "PLAIN",
            #[cfg(feature = "curve")]
            Self::CurveClient(_) | Self::CurveServer(_) => "CURVE",
        }
    }

    /// Whether our greeting says that we are the server of this mechanism.
    pub(super) fn is_server(&self) -> bool {
        match self {
            Self::Null(_) | Self::PlainClient(_) => false,
            Self::PlainServer(_) => true,
            #[cfg(feature = "curve")]
            Self::CurveClient(_) => false,
            #[cfg(feature = "curve")]
            Self::CurveServer(_) => true,
        }
    }

    /// Appends to `out` what is sent right after our greeting, before the peer's greeting has come. `metadata` is ours,
    /// encoded. With `holds_back`, the command that admits the peer is kept until [`admit`](Self::admit).
    pub(super) fn start(&mut self, metadata: Vec<u8>, holds_back: bool, out: &mut Vec<u8>) {
        match self {
            Self::Null(null) => null.start(metadata, holds_back, out),
            Self::PlainClient(client) => client.start(metadata),
            Self::PlainServer(server) => server.start(metadata),
            #[cfg(feature = "curve")]
            Self::CurveClient(client) => client.start(metadata),
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.start(metadata),
        }
    }

    /// The peer's greeting has come and names this mechanism. Appends to `out` what had to wait for it.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::TwoServers`]. A libzmq server never sets this bit, so the error concerns other libraries.
    pub(super) fn greeted(
        &mut self,
        peer_is_server: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        match self {
            // The bit means nothing with NULL, and libzmq ignores it too.
            Self::Null(_) => {}
            Self::PlainClient(client) => client.greeted(out),
            Self::PlainServer(_) if peer_is_server => return Err(ProtocolError::TwoServers),
            Self::PlainServer(_) => {}
            #[cfg(feature = "curve")]
            Self::CurveClient(client) => client.greeted(out)?,
            #[cfg(feature = "curve")]
            Self::CurveServer(_) if peer_is_server => return Err(ProtocolError::TwoServers),
            #[cfg(feature = "curve")]
            Self::CurveServer(_) => {}
        }
        Ok(())
    }

    /// The longest command that may come next, in bytes. It bounds the memory that a peer can take before it has proved
    /// anything.
    pub(super) fn longest_command(&self) -> usize {
        match self {
            Self::PlainServer(server) if server.awaits_hello() => LONGEST_HELLO,
            Self::Null(_) | Self::PlainClient(_) | Self::PlainServer(_) => usize::MAX,
            #[cfg(feature = "curve")]
            Self::CurveClient(_) => usize::MAX,
            #[cfg(feature = "curve")]
            Self::CurveServer(server) if server.awaits_hello() => LONGEST_HELLO,
            #[cfg(feature = "curve")]
            Self::CurveServer(_) => LONGEST_INITIATE,
        }
    }

    /// Whether the server has not answered our HELLO. It does not answer a client that has another key for it.
    pub(super) fn awaits_welcome(&self) -> bool {
        match self {
            #[cfg(feature = "curve")]
            Self::CurveClient(client) => client.awaits_welcome(),
            _ => false,
        }
    }

    /// Takes the body of a command, which arrived at `now`, and appends the answer to it to `out`.
    ///
    /// # Errors
    ///
    /// The fault of the peer, or the ERROR that the peer has sent.
    pub(super) fn receive(
        &mut self,
        command: &Bytes,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        // Without CURVE nothing depends on the time.
        let _ = now;
        match self {
            Self::Null(_) => null::receive(command).map(Progress::Introduced),
            Self::PlainClient(client) => client.receive(command, out),
            Self::PlainServer(server) => server.receive(command),
            #[cfg(feature = "curve")]
            Self::CurveClient(client) => client.receive(command, out),
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.receive(command, now, out),
        }
    }

    /// The client about which it is being decided, while the mechanism waits for [`allow`](Self::allow).
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::Null(_) | Self::PlainClient(_) => None,
            Self::PlainServer(server) => server.credentials(),
            #[cfg(feature = "curve")]
            Self::CurveClient(_) => None,
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.credentials(),
        }
    }

    /// The client is allowed. Appends the answer to `out`, if the mechanism has one.
    pub(super) fn allow(&mut self, out: &mut Vec<u8>) -> Progress {
        match self {
            Self::Null(_) | Self::PlainClient(_) => Progress::Going,
            Self::PlainServer(server) => server.allow(out),
            #[cfg(feature = "curve")]
            Self::CurveClient(_) => Progress::Going,
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.allow(),
        }
    }

    /// The peer's metadata is valid, and our socket has a seat for it. Appends to `out` the command that tells the peer so, if
    /// there is one and it was not sent before.
    pub(super) fn admit(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Null(null) => null.admit(out),
            Self::PlainClient(_) => {}
            Self::PlainServer(server) => server.admit(out),
            #[cfg(feature = "curve")]
            Self::CurveClient(_) => {}
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.admit(out),
        }
    }

    /// Appends an ERROR with this `reason`, and expects nothing more.
    pub(super) fn refuse(&mut self, reason: &str, out: &mut Vec<u8>) {
        match self {
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.refuse(reason, out),
            _ => encode_error(reason, out),
        }
    }

    /// Whether an ERROR of the peer is to be believed. Without CURVE there is nothing that could show who has written it; with
    /// CURVE there is, once the server has let us know its transient key.
    pub(super) fn believes_error(&self) -> bool {
        match self {
            Self::Null(_) | Self::PlainClient(_) | Self::PlainServer(_) => true,
            #[cfg(feature = "curve")]
            Self::CurveClient(client) => client.is_refused(),
            #[cfg(feature = "curve")]
            Self::CurveServer(_) => false,
        }
    }

    /// The seal of the traffic; `None` if it is not sealed.
    pub(super) fn finish(self) -> Option<Sealing> {
        match self {
            Self::Null(_) | Self::PlainClient(_) | Self::PlainServer(_) => None,
            #[cfg(feature = "curve")]
            Self::CurveClient(client) => client.finish(),
            #[cfg(feature = "curve")]
            Self::CurveServer(server) => server.finish(),
        }
    }
}

/// HELLO has 200 bytes with CURVE and up to 518 with PLAIN.
const LONGEST_HELLO: usize = 1024;

/// INITIATE of CURVE has some 250 bytes before the metadata, and a socket of this library sends at most 17 KiB of metadata. Anybody
/// who has the server's public key, which is not secret, can send an INITIATE.
#[cfg(feature = "curve")]
const LONGEST_INITIATE: usize = 20 * 1024;

/// The error for a command that comes out of order: the peer's ERROR, or a fault of the peer.
fn unexpected(command: &[u8]) -> ProtocolError {
    match Command::parse(command) {
        Command::Error(data) => refusal(data),
        _ => match split_name(command) {
            Some((name, _)) => ProtocolError::UnexpectedCommand {
                name: printable(name),
            },
            None => ProtocolError::MalformedCommand,
        },
    }
}

fn refusal(data: &[u8]) -> ProtocolError {
    match error_reason(data) {
        Some(reason) => ProtocolError::PeerError { reason },
        None => ProtocolError::MalformedCommand,
    }
}

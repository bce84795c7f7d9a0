//! Security mechanisms: the commands between the greetings and the traffic.
//!
//! Owns: the choice of mechanism; what each mechanism is told and what it answers.
//! Always true: a mechanism sees whole commands; it is done when the peer's metadata is known and may be trusted as far as
//! the mechanism can tell; until then it may answer each command by another. It ends by saying how the traffic is sealed.
//! Must not know: what the metadata says; clocks and randomness, which are arguments.

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
use super::command::{Command, error_reason, split_name};
use super::error::{ProtocolError, printable};
use super::sealing::Sealing;

/// The mechanism of one handshake and how far it has come.
///
/// The calls, in this order: `start`; `greeted`; `receive` until it gives [`Progress::Introduced`]; `admit`; `finish`. After
/// [`Progress::Asks`] the mechanism waits for `allow`, and takes no command before that. An error ends the handshake, but
/// what was appended to `out` before it, such as an ERROR command, is still sent.
#[derive(Debug)]
pub(super) enum Mechanism {
    /// Neither secrets nor proofs.
    Null(Null),
    /// A name and a password in clear, told by us.
    PlainClient(PlainClient),
    /// A name and a password in clear, told to us.
    PlainServer(PlainServer),
    /// Keys, and everything sealed; we know the server's key.
    #[cfg(feature = "curve")]
    CurveClient(Box<CurveClient>),
    /// Keys, and everything sealed; the peer knows our key.
    #[cfg(feature = "curve")]
    CurveServer(Box<CurveServer>),
}

/// How far a mechanism has come with a command of the peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The peer has to say more.
    Going,
    /// The server has to decide whether the client with these [`Credentials`] may come in.
    Asks,
    /// The peer has told its metadata, encoded. It says no more within the mechanism.
    Introduced(Bytes),
}

/// What a client has shown to be let in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A name and a password, in clear.
    Plain {
        /// 0 to 255 bytes of any kind.
        user: Bytes,
        /// 0 to 255 bytes of any kind.
        password: Bytes,
    },
    /// A public key, of which the client has proved to have the secret one.
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

    /// Appends to `out` what goes behind our greeting without waiting for the peer's. `metadata` is ours, encoded. If it
    /// `holds_back`, the command by which the peer would be admitted is kept until [`admit`](Self::admit).
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

    /// The peer's greeting is complete and names this mechanism. Appends to `out` what had to wait for that.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::TwoServers`]: libzmq never says that it is the server, so only peers of other libraries are told so.
    pub(super) fn greeted(
        &mut self,
        peer_is_server: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        match self {
            // The bit means nothing here, and libzmq does not read it either.
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

    /// The longest command, in bytes, that may come next: somebody of whom nothing is known has no use for long ones.
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

    /// Whether the server has said nothing since our first command, by which it can tell whether we have its key.
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
    /// What the peer did wrong, or its own ERROR.
    pub(super) fn receive(
        &mut self,
        command: &Bytes,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        // Only a cookie has an age.
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

    /// Who asks to be let in, while the mechanism waits for [`allow`](Self::allow).
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

    /// The client may come in. Appends to `out` what it is told.
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

    /// The peer's metadata is good, and our socket has a place for it. Appends to `out` the command that says so, if it has
    /// to be sent and was not.
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

    /// How the traffic behind this mechanism is sealed; `None` where it is not.
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

/// INITIATE of CURVE has some 250 bytes before the metadata, of which a socket of ours tells at most 17 KiB. Whoever has the
/// server's public key, which is no secret, can send one.
#[cfg(feature = "curve")]
const LONGEST_INITIATE: usize = 20 * 1024;

/// What a command that is not the one to come next means: the peer's ERROR, or a fault of the peer.
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

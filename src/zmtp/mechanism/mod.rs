//! Security mechanisms: the commands between the greetings and the traffic.
//!
//! Owns: the choice of mechanism; what each mechanism is told and what it answers.
//! Always true: a mechanism sees whole commands; it is done when the peer's metadata is known and may be trusted as far as
//! the mechanism can tell; until then it may answer each command by another. It ends by saying how the traffic is sealed.
//! Must not know: what the metadata says; clocks and randomness, which are arguments.

mod null;

use std::time::Instant;

use bytes::Bytes;

use self::null::Null;
use super::error::ProtocolError;
use super::sealing::Sealing;

/// The mechanism of one handshake and how far it has come.
///
/// The calls, in this order: `start`; `greeted`; `receive` until it gives [`Progress::Introduced`]; `finish`. `admit` comes
/// once, at any time after `start`, if that was told to hold back. An error ends the handshake, but what was appended to
/// `out` before it, such as an ERROR command, is still sent.
#[derive(Debug)]
pub(super) enum Mechanism {
    /// Neither secrets nor proofs.
    Null(Null),
}

/// How far a mechanism has come with a command of the peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The peer has to say more.
    #[expect(dead_code, reason = "NULL is done with the first command")]
    Going,
    /// The peer has told its metadata, encoded. It says no more within the mechanism.
    Introduced(Bytes),
}

impl Mechanism {
    pub(super) fn null() -> Self {
        Self::Null(Null::default())
    }

    /// The name in the greeting; at most 20 letters.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null(_) => "NULL",
        }
    }

    /// Whether our greeting says that we are the server of this mechanism.
    pub(super) fn is_server(&self) -> bool {
        match self {
            Self::Null(_) => false,
        }
    }

    /// Appends to `out` what goes behind our greeting without waiting for the peer's. `metadata` is ours, encoded. If it
    /// `holds_back`, the command by which the peer would be admitted is kept until [`admit`](Self::admit).
    pub(super) fn start(&mut self, metadata: Vec<u8>, holds_back: bool, out: &mut Vec<u8>) {
        match self {
            Self::Null(null) => null.start(metadata, holds_back, out),
        }
    }

    /// The peer's greeting is complete and names this mechanism. Appends to `out` what had to wait for that.
    ///
    /// # Errors
    ///
    /// `peer_is_server` does not fit our role.
    pub(super) fn greeted(
        &mut self,
        _peer_is_server: bool,
        _out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        match self {
            // The bit means nothing here, and libzmq does not read it either.
            Self::Null(_) => Ok(()),
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
        _now: Instant,
        _out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match self {
            Self::Null(_) => null::receive(command).map(Progress::Introduced),
        }
    }

    /// Appends to `out` the command that was held back.
    pub(super) fn admit(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Null(null) => null.admit(out),
        }
    }

    /// How the traffic behind this mechanism is sealed; `None` where it is not.
    pub(super) fn finish(self) -> Option<Sealing> {
        match self {
            Self::Null(_) => None,
        }
    }
}

//! Security mechanisms: what is said between the greeting and the traffic.
//!
//! Owns: the choice of mechanism.
//! Always true: a mechanism sees whole commands, and is done when the peer's metadata is known and may be trusted as
//! far as the mechanism can tell.
//! Must not know: what the metadata says.

mod null;

use bytes::Bytes;

use super::error::ProtocolError;

/// The mechanism of one handshake and how far it has come.
#[derive(Debug)]
pub(super) enum Mechanism {
    /// Neither secrets nor proofs.
    Null,
}

impl Mechanism {
    /// The name in the greeting; at most 20 letters.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
        }
    }

    /// Appends to `out` what goes behind our greeting without waiting for the peer's. `metadata` is ours, encoded.
    pub(super) fn start(&mut self, metadata: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Null => null::start(metadata, out),
        }
    }

    /// Takes the body of a command: the peer's metadata, encoded, if the mechanism is done with it.
    ///
    /// # Errors
    ///
    /// What the peer did wrong, or its own ERROR.
    pub(super) fn receive(&mut self, command: &Bytes) -> Result<Option<Bytes>, ProtocolError> {
        match self {
            Self::Null => null::receive(command).map(Some),
        }
    }
}

//! NULL: each end sends READY, and nothing else.
//!
//! Owns: the one command of this mechanism.
//! Always true: READY depends on nothing that the peer sends. So it goes out in one write with the greeting, which saves a
//! round trip, unless the socket may refuse the peer: then it is held back until the peer's READY has come.
//! Must not know: the content of the metadata.
//! Source: RFC 37/ZMTP 3.1, "The NULL Security Mechanism". Both ends send READY without waiting, as in 3.0 and libzmq; this
//! also works with a peer that waits for ours.

use bytes::Bytes;

use super::unexpected;
use crate::zmtp::command::{Command, encode_ready};
use crate::zmtp::error::ProtocolError;

/// Our end.
#[derive(Debug, Default)]
pub(in super::super) struct Null {
    /// Our metadata, while READY is held back.
    held: Option<Vec<u8>>,
}

impl Null {
    pub(super) fn start(&mut self, metadata: Vec<u8>, holds_back: bool, out: &mut Vec<u8>) {
        if holds_back {
            self.held = Some(metadata);
        } else {
            encode_ready(&metadata, out);
        }
    }

    pub(super) fn admit(&mut self, out: &mut Vec<u8>) {
        if let Some(metadata) = self.held.take() {
            encode_ready(&metadata, out);
        }
    }
}

pub(super) fn receive(command: &Bytes) -> Result<Bytes, ProtocolError> {
    match Command::parse(command) {
        Command::Ready(metadata) => Ok(command.slice_ref(metadata)),
        _ => Err(unexpected(command)),
    }
}

//! Sealed traffic: the form of frames on the wire where a security mechanism protects them.
//!
//! Owns: the two halves of a sealed connection, one for each direction.
//! Always true: a half never holds back a whole frame: once its output is with the kernel, nothing of it is left here.
//! Must not know: sockets, batches, which mechanism it was.

use std::fmt;

use super::error::ProtocolError;

/// Both directions of a connection whose traffic is sealed. They are apart, since one is for whoever writes and the other
/// for whoever reads.
#[derive(Debug)]
#[allow(
    dead_code,
    reason = "no option of a socket chooses a mechanism that seals yet"
)]
pub(crate) struct Sealing {
    pub(crate) seal: Box<dyn Seal>,
    pub(crate) open: Box<dyn Open>,
}

/// What we send.
#[allow(
    dead_code,
    reason = "no option of a socket chooses a mechanism that seals yet"
)]
pub(crate) trait Seal: fmt::Debug + Send {
    /// Appends `frames`, which are whole, to `out` in the form in which they travel.
    fn seal(&mut self, frames: &[u8], out: &mut Vec<u8>);
}

/// What the peer sends.
#[allow(
    dead_code,
    reason = "no option of a socket chooses a mechanism that seals yet"
)]
pub(crate) trait Open: fmt::Debug + Send {
    /// Takes bytes off the wire from the front of `input` and appends the frames in them to `frames`. Returns how many it
    /// took: none of a sealed piece that is not yet complete.
    ///
    /// # Errors
    ///
    /// The peer did not seal this, or somebody changed, repeated or dropped a part of it. Nothing sensible can follow.
    fn open(&mut self, input: &[u8], frames: &mut Vec<u8>) -> Result<usize, ProtocolError>;
}

//! Sealed traffic: the form of frames on the wire where a security mechanism protects them.
//!
//! Owns: the two halves of a sealed connection, one for each direction.
//! Always true: a half never holds back a whole frame: once its output is with the kernel, nothing of it is left here.
//! Must not know: sockets, batches, which mechanism it was.

use std::fmt;

use super::error::ProtocolError;
use super::frame::FrameHeader;

/// Both directions of a connection whose traffic is sealed. They are apart, since one is for whoever writes and the other
/// for whoever reads.
#[derive(Debug)]
pub(crate) struct Sealing {
    pub(crate) seal: Box<dyn Seal>,
    pub(crate) open: Box<dyn Open>,
}

/// What we send.
pub(crate) trait Seal: fmt::Debug + Send {
    /// Appends `frames`, which are whole, to `out` in the form in which they travel.
    fn seal(&mut self, frames: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        let laid = self.lay(frames, usize::MAX, out);
        debug_assert_eq!(laid, frames.len(), "frames are handed over whole");
        self.seal_laid(&mut out[begin..]);
    }

    /// Puts frames behind what is in `out`, to be [sealed](Self::seal_laid): whole ones from the front of `frames`, until they
    /// come to `most` bytes. How many bytes of `frames` these are.
    fn lay(&mut self, frames: &[u8], most: usize, out: &mut Vec<u8>) -> usize {
        let mut laid = 0;
        while laid < most
            && let Ok(Some((header, header_len))) = FrameHeader::decode(&frames[laid..])
            && let Some(body) = frames[laid + header_len..].get(..header.body_len as usize)
        {
            self.lay_apart(header, body, out);
            laid += header_len + body.len();
        }
        laid
    }

    /// As [`lay`](Self::lay), a frame whose body lies apart.
    fn lay_apart(&mut self, header: FrameHeader, body: &[u8], out: &mut Vec<u8>);

    /// Seals the frames in `laid`, which are all that were laid out since the last call.
    fn seal_laid(&mut self, laid: &mut [u8]);

    /// How many bytes a frame with a body of this length takes on the wire.
    fn sealed_len(&self, body_len: usize) -> usize;
}

/// What the peer sends.
pub(crate) trait Open: fmt::Debug + Send {
    /// Takes bytes off the wire from the front of `input` and appends the frames in them to `frames`. Returns how many it
    /// took: none of a sealed piece that is not yet complete.
    ///
    /// # Errors
    ///
    /// The peer did not seal this, or somebody changed, repeated or dropped a part of it. Nothing sensible can follow.
    fn open(&mut self, input: &[u8], frames: &mut Vec<u8>) -> Result<usize, ProtocolError>;

    /// How many bytes the sealed piece at the front of `input` lacks; `None` where that is not known.
    fn lacking(&self, input: &[u8]) -> Option<usize> {
        let _ = input;
        None
    }
}

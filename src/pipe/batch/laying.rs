//! Frames of a batch on their way to be sealed.
//!
//! Owns: where in a batch sealing has come to.
//! Always true: a frame is sealed whole; a body that lies apart is copied once, to where it is sealed.
//! Must not know: how a frame is sealed, and what the kernel takes.

use std::io;

use super::Batch;
use crate::zmtp::{FrameHeader, Seal};

/// A place between two frames of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Bytes before it that are in the buffer.
    at: usize,
    /// Bodies before it that lie apart.
    bodies: usize,
    /// All bytes before it.
    pub(crate) passed: usize,
}

impl Batch {
    /// Lays out in `out` the frames behind `from`, to be sealed, until they come to `most` bytes or the batch ends; the place
    /// behind them.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::OutOfMemory`] if there is no memory for the first frame.
    pub(crate) fn lay(
        &self,
        from: Cursor,
        most: usize,
        seal: &mut dyn Seal,
        out: &mut Vec<u8>,
    ) -> io::Result<Cursor> {
        let bytes = self.bytes.as_slice();
        let mut to = from;
        loop {
            let apart = self.shared.get(to.bodies);
            let end = apart.map_or(bytes.len(), |(position, _)| *position);
            let wanted = most.saturating_sub(to.passed - from.passed);
            let laid = seal.lay(&bytes[to.at..end], wanted, out);
            to.at += laid;
            to.passed += laid;
            let Some((_, body)) = apart.filter(|_| laid < wanted) else {
                return Ok(to);
            };
            let (header, header_len) = header_at(&bytes[to.at..end]);
            if let Err(refused) = out.try_reserve_exact(seal.sealed_len(body.len())) {
                return if to == from {
                    Err(refused.into())
                } else {
                    Ok(to)
                };
            }
            seal.lay_apart(header, body, out);
            to.at += header_len;
            to.bodies += 1;
            to.passed += header_len + body.len();
        }
    }

    /// How many bytes of this batch count as sent, once the kernel has taken `sealed` bytes of the frames behind `from` in
    /// their sealed form. Of a frame that was cut, one byte counts.
    #[cold]
    pub(crate) fn passed(&self, from: Cursor, sealed: usize, seal: &dyn Seal) -> usize {
        let bytes = self.bytes.as_slice();
        let Cursor {
            mut at,
            mut bodies,
            mut passed,
        } = from;
        let mut left = sealed;
        while left > 0 {
            let (header, header_len) = header_at(&bytes[at..]);
            let body_len = header.body_len as usize;
            at += header_len;
            if self
                .shared
                .get(bodies)
                .is_some_and(|(position, _)| *position == at)
            {
                bodies += 1;
            } else {
                at += body_len;
            }
            let on_wire = seal.sealed_len(body_len);
            if left < on_wire {
                return passed + 1;
            }
            left -= on_wire;
            passed += header_len + body_len;
        }
        passed
    }
}

fn header_at(bytes: &[u8]) -> (FrameHeader, usize) {
    let header = FrameHeader::decode(bytes).ok().flatten();
    header.expect("a batch holds whole frames of ours")
}

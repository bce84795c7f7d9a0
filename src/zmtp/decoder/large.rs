//! A large body under way: a buffer of its own, which becomes the frame without a copy.
//!
//! Owns: how the buffer grows, and where it comes from.
//! Always true: a new buffer's capacity never exceeds the body's length, nor the larger of 256 KiB and twice what has
//! arrived (as far as the allocator gives what it is asked for). A used buffer, which was there before the body was
//! announced, goes back to the [`Buffers`] it came from, with the body or without.
//! Must not know: what kind of frame it is, who else uses buffers.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::zmtp::error::FrameError;
use crate::zmtp::frame::FrameHeader;

/// Keeps the buffers of bodies that are no longer used, for those to come.
pub(crate) trait Buffers: fmt::Debug + Send + Sync {
    /// A used buffer of at least `len` bytes, whatever they are. It counts as lent until it comes back, by
    /// [`give_back`](Self::give_back) or by [`share`](Self::share).
    fn lend(&self, len: usize) -> Option<Vec<u8>>;

    /// Takes back a buffer whose body did not arrive whole.
    fn give_back(&self, buffer: Vec<u8>);

    /// Makes a body of the first `len` bytes of `buffer`; `lent` says whether the buffer came from here or is new.
    fn share(self: Arc<Self>, buffer: Vec<u8>, len: usize, lent: bool) -> Bytes;
}

/// Where the bytes of a large body go next.
#[derive(Debug)]
pub(crate) enum BodyRoom<'a> {
    /// At the end of this buffer, within its capacity; at most this number of bytes.
    New(&'a mut Vec<u8>, usize),
    /// Into these bytes, whose present content is not needed.
    Used(&'a mut [u8]),
}

#[derive(Debug)]
pub(super) struct LargeBody {
    pub(super) header: FrameHeader,
    buffer: Vec<u8>,
    /// How many bytes of a used buffer are filled. `None` for a new buffer, which holds only what has arrived.
    filled: Option<usize>,
    len: usize,
    /// How many bytes behind the body are to be skipped.
    behind: u64,
    buffers: Option<Arc<dyn Buffers>>,
}

impl LargeBody {
    /// The body of `len` bytes that `header` announced; nothing is reserved for it yet.
    pub(super) fn new(header: FrameHeader, len: usize, buffers: Option<&Arc<dyn Buffers>>) -> Self {
        let used = buffers.and_then(|buffers| buffers.lend(len));
        Self {
            header,
            filled: used.is_some().then_some(0),
            buffer: used.unwrap_or_default(),
            len,
            behind: 0,
            buffers: buffers.cloned(),
        }
    }

    /// The body, with the number of announced bytes `behind` it that are skipped.
    pub(super) fn before(mut self, behind: u64) -> Self {
        self.behind = behind;
        self
    }

    /// Takes the bytes of `input` that belong to the body, or are to be skipped behind it; returns how many.
    ///
    /// # Errors
    ///
    /// [`FrameError::NoMemory`] if the system has none for the body.
    pub(super) fn receive(&mut self, input: &[u8]) -> Result<usize, FrameError> {
        let taken = self.receive_body(input)?;
        if self.behind == 0 || self.missing() > 0 {
            return Ok(taken);
        }
        let rest = (input.len() - taken) as u64;
        let passed_over = rest.min(self.behind);
        self.behind -= passed_over;
        Ok(taken + passed_over as usize)
    }

    fn receive_body(&mut self, input: &[u8]) -> Result<usize, FrameError> {
        let taken = input.len().min(self.missing());
        if let Some(filled) = &mut self.filled {
            self.buffer[*filled..][..taken].copy_from_slice(&input[..taken]);
            *filled += taken;
        } else {
            if !self.grow_for(taken) {
                let len = self.len as u64;
                return Err(FrameError::NoMemory { len });
            }
            self.buffer.extend_from_slice(&input[..taken]);
        }
        Ok(taken)
    }

    /// Where the rest of the body goes; `None` if nothing is lacking, or there is no memory for it, which
    /// [`receive`](Self::receive) tells.
    pub(super) fn room(&mut self) -> Option<BodyRoom<'_>> {
        let missing = self.missing();
        if missing == 0 {
            return None;
        }
        if let Some(filled) = self.filled {
            return Some(BodyRoom::Used(&mut self.buffer[filled..self.len]));
        }
        if !self.grow_for(1) {
            return None;
        }
        Some(BodyRoom::New(&mut self.buffer, missing))
    }

    /// The first `count` bytes of [`BodyRoom::Used`] have been written.
    pub(super) fn used(&mut self, count: usize) {
        if let Some(filled) = &mut self.filled {
            *filled += count;
        }
    }

    /// What has arrived.
    pub(super) fn arrived(&self) -> &[u8] {
        &self.buffer[..self.filled.unwrap_or(self.buffer.len())]
    }

    /// The body, which is complete.
    pub(super) fn into_bytes(mut self) -> Bytes {
        debug_assert!(!self.is_incomplete(), "half a body");
        let buffer = std::mem::take(&mut self.buffer);
        let lent = self.filled.take().is_some();
        match self.buffers.take() {
            Some(buffers) => buffers.share(buffer, self.len, lent),
            None => Bytes::from(buffer),
        }
    }

    pub(super) fn is_incomplete(&self) -> bool {
        self.missing() > 0 || self.behind > 0
    }

    fn missing(&self) -> usize {
        let arrived = self.arrived().len();
        assert!(arrived <= self.len, "read past the end of a large body");
        self.len - arrived
    }

    /// Reserves spare capacity for `arriving` bytes, in steps that double, so that few copies are made. The capacity stays below
    /// 256 KiB or twice what has arrived, so that a peer cannot make us reserve memory by announcing a length. False if the
    /// system has no memory: then the connection ends, and not the process.
    fn grow_for(&mut self, arriving: usize) -> bool {
        let arrived = self.buffer.len() + arriving;
        if self.buffer.capacity() >= arrived {
            return true;
        }
        let target = (2 * arrived).max(FIRST_STEP).min(self.len);
        let more = target - self.buffer.len();
        self.buffer.try_reserve_exact(more).is_ok()
    }

    /// How many bytes were reserved for this body; a used buffer counts nothing.
    #[cfg(test)]
    pub(super) fn reserved(&self) -> usize {
        match self.filled {
            Some(_) => 0,
            None => self.buffer.capacity(),
        }
    }
}

impl Drop for LargeBody {
    fn drop(&mut self) {
        if let (Some(_), Some(buffers)) = (self.filled, &self.buffers) {
            buffers.give_back(std::mem::take(&mut self.buffer));
        }
    }
}

/// What is reserved, in bytes, when a long body begins.
pub(super) const FIRST_STEP: usize = 256 * 1024;

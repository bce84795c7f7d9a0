//! A large body under way: a buffer of its own, which becomes the frame without a copy.
//!
//! Owns: how the buffer grows.
//! Always true: its capacity never exceeds the body's length, nor the larger of 256 KiB and twice what has arrived
//! (as far as the allocator gives what it is asked for).
//! Must not know: what kind of frame it is.

use crate::zmtp::frame::FrameHeader;

#[derive(Debug)]
pub(super) struct LargeBody {
    pub(super) header: FrameHeader,
    /// What has arrived; at most `len` bytes.
    pub(super) body: Vec<u8>,
    len: usize,
}

impl LargeBody {
    /// The body of `len` bytes that `header` announced; nothing is reserved for it yet.
    pub(super) fn new(header: FrameHeader, len: usize) -> Self {
        Self {
            header,
            body: Vec::new(),
            len,
        }
    }

    /// Takes what `input` has of the body; returns how many bytes.
    pub(super) fn receive(&mut self, input: &[u8]) -> usize {
        let taken = input.len().min(self.missing());
        self.grow_for(taken);
        self.body.extend_from_slice(&input[..taken]);
        taken
    }

    /// The buffer, with spare capacity, and how many bytes the body lacks; `None` if it lacks none.
    pub(super) fn room(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let missing = self.missing();
        if missing == 0 {
            return None;
        }
        self.grow_for(1);
        Some((&mut self.body, missing))
    }

    pub(super) fn is_incomplete(&self) -> bool {
        self.missing() > 0
    }

    fn missing(&self) -> usize {
        assert!(
            self.body.len() <= self.len,
            "read past the end of a large body"
        );
        self.len - self.body.len()
    }

    /// Sees to spare capacity for `arriving` bytes: in steps that double, so that few copies are made, and no further
    /// ahead than the peer has come, so that announcing a length costs it something.
    fn grow_for(&mut self, arriving: usize) {
        let arrived = self.body.len() + arriving;
        if self.body.capacity() >= arrived {
            return;
        }
        let target = (2 * arrived).max(FIRST_STEP).min(self.len);
        if self.body.capacity() == 0 {
            self.body = take_buffer(target);
        } else {
            self.body.reserve_exact(target - self.body.len());
        }
    }
}

/// An empty buffer of at least this capacity; the one place where buffers for large bodies come from.
fn take_buffer(capacity: usize) -> Vec<u8> {
    Vec::with_capacity(capacity)
}

/// What is reserved, in bytes, when a long body begins.
pub(super) const FIRST_STEP: usize = 256 * 1024;

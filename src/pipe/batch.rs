//! Frames as bytes, on their way to the kernel.
//!
//! Owns: one run of encoded frames, with the large bodies kept apart so that they are written without a copy.
//! Always true: a batch begins at a message boundary; `shared` is in ascending order of position.
//! Must not know: which thread writes it, and whether messages may still be added.

use std::io::{self, IoSlice};

use bytes::Bytes;
use highwater_buffers::Reused;
use highwater_patterns::Outbound;

use super::Wire;
use super::fill_buffer::FillBuffer;
use crate::policy::tuning::{
    IDLE_BATCH_BYTES, KEPT_BATCH_BYTES, LARGE_BATCH_BYTES, LEAST_BATCH_BYTES, MOST_SLICES,
};
use crate::sync::{drop_body, hold_drops};
use crate::zmtp::{FrameSink, SHORT_MESSAGE, encode_message, encode_short};

mod laying;
mod undelivered;

pub(super) use laying::Cursor;

/// Encoded frames: a buffer, and the large bodies that belong between its bytes.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: FillBuffer,
    /// Bodies too large to copy, each with the position in `bytes` before which it goes.
    shared: Vec<(usize, Reused)>,
    shared_len: usize,
    /// As `shared_len`, except that a body that is worth a write of its own counts as [`LARGE_BATCH_BYTES`].
    shared_weight: usize,
    messages: usize,
}

impl Batch {
    /// Whole messages in here. Commands do not count.
    #[inline]
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes that will go over the wire.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.shared_len
    }

    /// The size by which it is decided whether the batch is large enough to be written.
    #[inline]
    pub(super) fn gathered(&self) -> usize {
        self.bytes.len() + self.shared_weight
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The capacity for copied bytes, used or not.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Encodes `message` behind what is here.
    #[inline]
    pub(crate) fn push(&mut self, message: &impl Outbound) {
        let space = self.bytes.space::<SHORT_MESSAGE>();
        match space.and_then(|space| encode_short(message, space)) {
            Some(len) => self.bytes.advance(len),
            None => self.encode_any(message),
        }
        self.messages += 1;
    }

    /// Out of line, so that the way of a short message for which there is space stays short.
    #[inline(never)]
    fn encode_any(&mut self, message: &impl Outbound) {
        self.bytes.make_space(SHORT_MESSAGE);
        encode_message(message, self);
    }

    /// Puts a large `body` before the byte at `position`.
    fn put(&mut self, position: usize, body: Reused) {
        self.shared_len += body.len();
        self.shared_weight += match body.len() {
            one_of_many @ ..LEAST_BATCH_BYTES => one_of_many,
            _ => LARGE_BATCH_BYTES,
        };
        self.shared.push((position, body));
    }

    /// Adds everything in `other`, sharing its large bodies.
    pub(crate) fn extend_from(&mut self, other: &Self) {
        let base = self.bytes.len();
        self.bytes.append(other.bytes.as_slice());
        for (at, body) in &other.shared {
            self.put(base + at, body.clone());
        }
        self.messages += other.messages;
    }

    /// Puts `commands` (encoded) before everything else.
    pub(crate) fn prepend(&mut self, commands: &mut Vec<u8>) {
        self.bytes.prepend(commands);
        for (at, _) in &mut self.shared {
            *at += commands.len();
        }
        commands.clear();
    }

    /// Forgets everything; keeps the buffer unless it has grown beyond use.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_BATCH_BYTES {
            self.bytes = FillBuffer::default();
        }
        self.shared_len = 0;
        self.shared_weight = 0;
        self.messages = 0;
        if !self.shared.is_empty() {
            // The caller holds a lock.
            hold_drops();
            self.release();
        }
    }

    /// Lets go of the large bodies, once they are with the kernel. Their owners may run code of the application.
    pub(super) fn release(&mut self) {
        // One by one: a second panic while the first unwinds would end the process.
        while let Some((_, body)) = self.shared.pop() {
            drop_body(body);
        }
    }

    /// Gives back the memory that a stream needs and an idle connection does not, if the batch is empty.
    pub(super) fn shrink(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > IDLE_BATCH_BYTES {
            self.bytes = FillBuffer::default();
        }
    }

    /// Writes what lies behind the first `written` bytes, in one system call; says how many bytes the kernel took.
    pub(crate) fn write_from(&self, written: usize, wire: &dyn Wire) -> io::Result<usize> {
        if self.shared.is_empty() {
            return wire.write(&[IoSlice::new(&self.bytes.as_slice()[written..])]);
        }
        let mut slices = [IoSlice::new(&[]); MOST_SLICES];
        let mut count = 0;
        let mut skip = written;
        for piece in self.pieces() {
            if count == MOST_SLICES {
                break;
            }
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            slices[count] = IoSlice::new(&piece[skip..]);
            skip = 0;
            count += 1;
        }
        wire.write(&slices[..count])
    }

    /// The bytes in wire order.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = self.bytes.as_slice();
        let mut from = 0;
        self.shared
            .iter()
            .flat_map(move |(at, body)| {
                let head = &bytes[from..*at];
                from = *at;
                [head, &body[..]]
            })
            .chain(std::iter::once(
                &bytes[self.shared.last().map_or(0, |(at, _)| *at)..],
            ))
            .filter(|piece| !piece.is_empty())
    }
}

impl FrameSink for Batch {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.bytes.append(bytes);
    }

    fn share(&mut self, body: &Bytes) {
        self.put(self.bytes.len(), body.clone().into());
    }
}

#[cfg(test)]
mod tests;

//! The frames so far of a message under way.
//!
//! Owns: the frames that have arrived: the first sixteen as [`Frame`]s, the short ones behind them packed. A `Frame` takes
//! 72 bytes even if its body is empty, and a peer may leave a message of thousands of frames unfinished on each connection.
//! Always true: nothing is packed before the first sixteen are there; a packed frame takes two bytes beside its body.
//! Must not know: the bounds on a message.

use highwater_patterns::{Frame, Message};

use super::FREE_FRAMES;
use crate::zmtp::frame::LARGE_BODY;

/// The frames so far of a message under way.
#[derive(Debug, Default)]
pub(super) struct Frames {
    first: Vec<Frame>,
    /// Boxed, since each connection has a decoder and few ever have packed frames.
    packed: Option<Box<Packed>>,
}

/// The frames behind the first ones.
#[derive(Debug, Default)]
struct Packed {
    count: usize,
    /// For each frame the length of its body, in two bytes, and the body. For a frame that is in `large`, only [`LARGE`].
    bytes: Vec<u8>,
    large: Vec<Frame>,
}

/// Marks a frame whose body is in `large`, in place of its length.
const LARGE: u16 = u16::MAX;
const _: () = assert!(LARGE_BODY < LARGE as usize);

impl Frames {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        let packed = self.packed.as_ref().map_or(0, |packed| packed.count);
        self.first.len() + packed
    }

    #[inline]
    pub(super) fn push(&mut self, frame: Frame) {
        if self.first.len() < FREE_FRAMES {
            self.first.push(frame);
        } else {
            self.packed.get_or_insert_default().push(frame);
        }
    }

    /// The message that `last` completes. Afterwards no message is under way.
    #[inline]
    pub(super) fn complete(&mut self, last: Frame) -> Option<Message> {
        let mut frames = std::mem::take(&mut self.first);
        if let Some(packed) = self.packed.take() {
            frames.reserve_exact(packed.count + 1);
            packed.unpack(&mut frames);
        }
        frames.push(last);
        Message::from_frames(frames)
    }
}

#[cfg(test)]
impl Frames {
    /// What the frames take beside large bodies.
    pub(super) fn memory(&self) -> usize {
        let packed = self.packed.as_ref();
        let packed = packed.map_or(0, |packed| {
            packed.bytes.capacity() + packed.large.capacity() * size_of::<Frame>()
        });
        self.first.capacity() * size_of::<Frame>() + packed
    }
}

impl Packed {
    #[cold]
    fn push(&mut self, frame: Frame) {
        self.count += 1;
        if frame.len() <= LARGE_BODY {
            self.bytes
                .extend_from_slice(&(frame.len() as u16).to_ne_bytes());
            self.bytes.extend_from_slice(&frame);
        } else {
            self.bytes.extend_from_slice(&LARGE.to_ne_bytes());
            self.large.push(frame);
        }
    }

    fn unpack(self, frames: &mut Vec<Frame>) {
        let mut large = self.large.into_iter();
        let mut bytes = &self.bytes[..];
        while let Some((len, rest)) = bytes.split_first_chunk() {
            let len = u16::from_ne_bytes(*len);
            bytes = rest;
            if len == LARGE {
                frames.extend(large.next());
            } else {
                let (body, rest) = bytes.split_at(len.into());
                frames.push(Frame::copy_from_slice(body));
                bytes = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_come_out_as_they_went_in() {
        let lengths = [0, 1, 64, 65, 300, LARGE_BODY, LARGE_BODY + 1, 70_000, 0];
        let bodies: Vec<Vec<u8>> = (0..100)
            .map(|n| vec![n as u8; lengths[n % lengths.len()]])
            .collect();
        for count in [1, 2, FREE_FRAMES, FREE_FRAMES + 1, FREE_FRAMES + 2, 100] {
            let mut frames = Frames::default();
            for body in &bodies[..count - 1] {
                frames.push(Frame::from(&body[..]));
            }
            assert_eq!((frames.len(), frames.is_empty()), (count - 1, count == 1));
            let message = frames.complete(Frame::from(&bodies[count - 1][..]));
            let message = message.expect("it has a frame");
            assert!(message.frames().iter().eq(&bodies[..count]));
            assert!(frames.is_empty());
        }
    }

    #[test]
    fn an_unfinished_message_of_tiny_frames_takes_little_more_than_its_bytes() {
        let mut frames = Frames::default();
        (0..65_535).for_each(|_| frames.push(Frame::default()));
        assert_eq!(frames.len(), 65_535);
        assert!(frames.memory() <= FREE_FRAMES * size_of::<Frame>() + 4 * 65_536);
    }
}

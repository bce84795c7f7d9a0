//! A whole message: one or more frames, sent and received as one.
//!
//! Owns: the list of frames.
//! Always true: a message has at least one frame; one frame needs no allocation of its own; 72 bytes a value.
//! Must not know: which pipe it takes.

mod equality;
mod made_from;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::Utf8Error;

use highwater_buffers::LEAST_REUSED;

use crate::inline_len::InlineLen;
use crate::{Frame, FrameBody, INLINE_CAPACITY};

/// A message: one or more [`Frame`]s that travel together, whole or not at all.
///
/// Most messages have one frame. Anything that looks like bytes becomes one, and an array or a `Vec` of frames becomes
/// a multi-frame message:
///
/// ```
/// # extern crate highwater_patterns as highwater;
/// use highwater::Message;
///
/// let one = Message::from("job 1");
/// assert_eq!(one, "job 1");
///
/// let two = Message::from(["weather.nyc", "21C"]);
/// assert_eq!(two.frame_count(), 2);
/// assert_eq!(&two[1], b"21C");
/// ```
///
/// Sockets send at most [`MAX_FRAMES`](Self::MAX_FRAMES) frames in one message.
#[doc(alias("ZMQ_SNDMORE", "ZMQ_RCVMORE", "multipart"))]
#[derive(Clone)]
pub struct Message(Repr);

#[derive(Clone)]
enum Repr {
    One(Frame),
    /// Never empty; usually two or more.
    Many(Vec<Frame>),
}

impl Message {
    /// The most frames that a sent message may have: 65,536, including those that REQ, REP and ROUTER put before it.
    ///
    /// A frame costs its receiver more than its bytes, so the number is bounded. A `send` of more is refused, over
    /// every transport; a message of more from a peer ends the connection. libzmq has no such bound.
    pub const MAX_FRAMES: usize = 65_536;

    /// A message of one empty frame.
    pub const EMPTY: Self = Self(Repr::One(Frame::EMPTY));

    /// Replaces this message, in place, by one of a single frame: the first `len` bytes of `window`. See
    /// [`Frame::from_window`].
    ///
    /// # Panics
    ///
    /// If `len` is more than [`INLINE_CAPACITY`](crate::INLINE_CAPACITY).
    #[doc(hidden)]
    #[inline]
    pub fn set_window(&mut self, window: &[u8; INLINE_CAPACITY], len: usize) {
        match &mut self.0 {
            Repr::One(frame) => frame.set_window(window, len),
            Repr::Many(_) => self.replace(Frame::from_window(window, len)),
        }
    }

    /// Out of line, so that the usual case stays short.
    #[cold]
    fn replace(&mut self, by: Frame) {
        *self = Self::from(by);
    }

    /// A message of one frame with a copy of `body`. Not inlined: this function writes the message in the pieces in
    /// which it is read later. Inlined, the compiler would choose other pieces, and the next read would stall.
    #[inline(never)]
    fn copied(body: &[u8]) -> Self {
        match InlineLen::new(body.len()) {
            Some(len) => Self(Repr::One(Frame::copy_inline(body, len))),
            None if body.len() < LEAST_REUSED => Self::copied_long(body),
            None => Self::copied_large(body),
        }
    }

    /// Out of line, so that short bodies need fewer instructions.
    #[inline(never)]
    fn copied_long(body: &[u8]) -> Self {
        Self(Repr::One(Frame::copy_shared(body)))
    }

    /// Out of line, so that short bodies need fewer instructions.
    #[inline(never)]
    fn copied_large(body: &[u8]) -> Self {
        Self(Repr::One(Frame::copy_large(body)))
    }

    /// How many frames there are; at least 1.
    #[inline]
    pub fn frame_count(&self) -> usize {
        self.frames().len()
    }

    /// The frames, first to last.
    #[inline]
    pub fn frames(&self) -> &[Frame] {
        match &self.0 {
            Repr::One(frame) => std::slice::from_ref(frame),
            Repr::Many(frames) => frames,
        }
    }

    /// Frame `index`, counted from 0, or `None` if the message has fewer.
    #[inline]
    pub fn frame(&self, index: usize) -> Option<&Frame> {
        self.frames().get(index)
    }

    /// The first frame: the topic of a published message, the body of a message of one frame.
    #[inline]
    pub fn first(&self) -> &Frame {
        match &self.0 {
            Repr::One(frame) => frame,
            Repr::Many(frames) => &frames[0],
        }
    }

    /// The only frame, or `None` if there are several.
    #[inline]
    pub fn single(&self) -> Option<&Frame> {
        match self.frames() {
            [frame] => Some(frame),
            _ => None,
        }
    }

    /// The body bytes of all frames together, without any framing.
    #[inline]
    pub fn size(&self) -> usize {
        match &self.0 {
            Repr::One(frame) => frame.len(),
            Repr::Many(frames) => frames.iter().map(|frame| frame.len()).sum(),
        }
    }

    /// Whether a body of it may have an owner (`Bytes::from_owner`), whose drop runs code of the application.
    #[doc(hidden)]
    #[inline]
    pub fn may_have_owner(&self) -> bool {
        self.frames().iter().any(Frame::may_have_owner)
    }

    /// The first frame as text.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8.
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(self.first())
    }

    /// Takes the frames out.
    pub fn into_frames(self) -> Vec<Frame> {
        match self.0 {
            Repr::One(frame) => vec![frame],
            Repr::Many(frames) => frames,
        }
    }

    /// A message of these frames, or `None` if there are none.
    pub fn from_frames(mut frames: Vec<Frame>) -> Option<Self> {
        match frames.len() {
            0 => None,
            1 => frames.pop().map(Self::from),
            _ => Some(Self(Repr::Many(frames))),
        }
    }

    /// This message with `frame` before its first.
    #[must_use]
    pub fn with_first(self, frame: impl Into<Frame>) -> Self {
        let mut frames = Vec::with_capacity(self.frame_count() + 1);
        frames.push(frame.into());
        match self.0 {
            Repr::One(only) => frames.push(only),
            Repr::Many(rest) => frames.extend(rest),
        }
        Self(Repr::Many(frames))
    }

    /// Splits the first frame off. Gives that frame and the rest of the message, or `None` for the rest if there was
    /// one frame.
    pub fn split_first(self) -> (Frame, Option<Self>) {
        match self.0 {
            Repr::One(frame) => (frame, None),
            Repr::Many(mut frames) => {
                let first = frames.remove(0);
                (first, Self::from_frames(frames))
            }
        }
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl std::ops::Index<usize> for Message {
    type Output = dyn FrameBody;

    fn index(&self, index: usize) -> &(dyn FrameBody + 'static) {
        &self.frames()[index]
    }
}

impl<'a> IntoIterator for &'a Message {
    type Item = &'a Frame;
    type IntoIter = std::slice::Iter<'a, Frame>;

    fn into_iter(self) -> Self::IntoIter {
        self.frames().iter()
    }
}

/// Shows the size of each frame, or the total if there are many: the content of a message does not belong in logs.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let frames = self.frames();
        match frames {
            [frame] => write!(f, "Message({} bytes)", frame.len()),
            [first, rest @ ..] if frames.len() <= SHOWN => {
                write!(f, "Message({} frames: {}", frames.len(), first.len())?;
                rest.iter()
                    .try_for_each(|frame| write!(f, ", {}", frame.len()))?;
                f.write_str(" bytes)")
            }
            _ => write!(f, "Message({} frames: {} bytes)", frames.len(), self.size()),
        }
    }
}

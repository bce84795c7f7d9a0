//! A whole message: one or more frames, sent and received as one.
//!
//! Owns: the list of frames, and the shapes a caller may build one from.
//! Always true: a message has at least one frame; one frame needs no allocation of its own; 72 bytes a value.
//! Must not know: which pipe it takes.

use std::fmt;
use std::str::Utf8Error;

use bytes::Bytes;
use highwater_buffers::LEAST_REUSED;

use crate::inline_len::InlineLen;
use crate::{Frame, INLINE_CAPACITY};

/// A message: one or more [`Frame`]s that travel together, whole or not at all.
///
/// Most messages have one frame. Anything that looks like bytes becomes one, and an array or a `Vec` of frames becomes
/// a multi-frame message:
///
/// ```
/// use highwater_patterns::Message;
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
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
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

macro_rules! one_frame_from {
    ($($source:ty),+ $(,)?) => {$(
        impl From<$source> for Message {
            #[inline]
            fn from(body: $source) -> Self {
                Self(Repr::One(Frame::from(body)))
            }
        }
    )+};
}

one_frame_from!(String, Vec<u8>, Bytes);

macro_rules! one_frame_copied_from {
    ($($source:ty),+ $(,)?) => {$(
        impl From<$source> for Message {
            #[inline]
            fn from(body: $source) -> Self {
                Self::copied(body.as_ref())
            }
        }
    )+};
}

one_frame_copied_from!(&str, &String, &[u8], &Vec<u8>);

impl<const N: usize> From<&[u8; N]> for Message {
    #[inline]
    fn from(body: &[u8; N]) -> Self {
        Self::copied(body)
    }
}

impl From<Frame> for Message {
    #[inline]
    fn from(frame: Frame) -> Self {
        Self(Repr::One(frame))
    }
}

/// An array of no frames gives a message of one empty frame.
impl<T: Into<Frame>, const N: usize> From<[T; N]> for Message {
    fn from(frames: [T; N]) -> Self {
        Self::from_frames(frames.into_iter().map(Into::into).collect()).unwrap_or_default()
    }
}

/// A list of no frames gives a message of one empty frame.
impl From<Vec<Frame>> for Message {
    fn from(frames: Vec<Frame>) -> Self {
        Self::from_frames(frames).unwrap_or_default()
    }
}

/// As many frames as the iterator gives; none gives a message of one empty frame.
impl<T: Into<Frame>> FromIterator<T> for Message {
    fn from_iter<I: IntoIterator<Item = T>>(frames: I) -> Self {
        Self::from_frames(frames.into_iter().map(Into::into).collect()).unwrap_or_default()
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.frames() == other.frames()
    }
}

impl Eq for Message {}

/// A message equals bytes or text if it has one frame with just that body.
macro_rules! equals_one_frame {
    ($($other:ty),+ $(,)?) => {$(
        impl PartialEq<$other> for Message {
            fn eq(&self, other: &$other) -> bool {
                self.single().is_some_and(|frame| frame == other)
            }
        }
    )+};
}

equals_one_frame!(str, &str, String, [u8], &[u8], Vec<u8>, Bytes);

impl<const N: usize> PartialEq<&[u8; N]> for Message {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self.single().is_some_and(|frame| frame == *other)
    }
}

impl Message {
    fn has_frames(&self, bodies: &[impl AsRef<[u8]>]) -> bool {
        self.frame_count() == bodies.len()
            && self
                .frames()
                .iter()
                .zip(bodies)
                .all(|(frame, body)| frame == body)
    }
}

/// A message equals an array if it has just these frames.
impl<T: AsRef<[u8]>, const N: usize> PartialEq<[T; N]> for Message {
    fn eq(&self, other: &[T; N]) -> bool {
        self.has_frames(other)
    }
}

/// A message equals a slice or a list of frames if it has just these.
macro_rules! equals_frames {
    ($($body:ty),+ $(,)?) => {$(
        impl PartialEq<[$body]> for Message {
            fn eq(&self, other: &[$body]) -> bool {
                self.has_frames(other)
            }
        }

        impl PartialEq<&[$body]> for Message {
            fn eq(&self, other: &&[$body]) -> bool {
                self.has_frames(other)
            }
        }

        impl PartialEq<Vec<$body>> for Message {
            fn eq(&self, other: &Vec<$body>) -> bool {
                self.has_frames(other)
            }
        }
    )+};
}

equals_frames!(Frame, Bytes, Vec<u8>, String, &str, &[u8]);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_72_bytes_also_when_it_may_be_missing() {
        assert_eq!(size_of::<Message>(), 72);
        assert_eq!(size_of::<Option<Message>>(), 72);
        assert_eq!(size_of::<Result<(), Message>>(), 72);
    }

    #[test]
    fn frames_come_back_as_they_went_in() {
        let message = Message::from([&b"a"[..], b"", &[7; 300]]);
        assert_eq!(message.frame_count(), 3);
        assert_eq!(message.size(), 301);
        assert_eq!(message, [&b"a"[..], b"", &[7; 300]]);
        assert_eq!(Message::from(message.clone().into_frames()), message);
    }

    #[test]
    fn the_first_frame_can_be_put_on_and_taken_off() {
        let message = Message::from("body").with_first("id");
        assert_eq!(message, ["id", "body"]);
        let (first, rest) = message.split_first();
        assert_eq!(first, "id");
        assert_eq!(rest.expect("one frame is left"), "body");
        assert_eq!(Message::from("alone").split_first().1, None);
    }

    #[test]
    fn no_frames_at_all_give_one_empty_frame() {
        assert_eq!(Message::from(Vec::<Frame>::new()), Message::EMPTY);
        assert_eq!(Message::from_frames(vec![]), None);
    }

    #[test]
    fn a_message_is_filled_where_it_is_whatever_it_was() {
        for mut message in [
            Message::EMPTY,
            Message::from(["a", "b"]),
            vec![1; 99].into(),
        ] {
            message.set_window(&[7; INLINE_CAPACITY], 2);
            assert_eq!(message, [7, 7].as_slice());
        }
    }

    #[test]
    fn a_message_compares_with_lists_of_frames() {
        let message = Message::from(["a", "b"]);
        let frames = message.clone().into_frames();
        assert!(message == frames && message == frames[..] && message == *frames.as_slice());
        assert!(message != frames[..1] && message != frames[1..]);
        assert_eq!(message, vec!["a", "b"]);
        assert_eq!(message, [b"a".to_vec(), b"b".to_vec()][..]);
        assert_eq!(message, &["a".to_owned(), "b".to_owned()][..]);
        assert_ne!(message, [&b"a"[..], b"c"][..]);
        assert_eq!(Message::from("a"), vec![Bytes::from("a")]);
    }

    #[test]
    fn debug_tells_sizes_and_no_contents() {
        let debug = |message: Message| format!("{message:?}");
        assert_eq!(debug("secret".into()), "Message(6 bytes)");
        assert_eq!(
            debug(["secret", "", "x"].into()),
            "Message(3 frames: 6, 0, 1 bytes)"
        );
        let many = debug(vec![Frame::from("secret"); 1000].into());
        assert_eq!(many, "Message(1000 frames: 6000 bytes)");
        assert_eq!(format!("{:?}", Frame::from("secret")), "Frame(6 bytes)");
    }

    #[test]
    fn several_frames_never_equal_a_single_body() {
        assert_ne!(Message::from(["ab", ""]), "ab");
    }
}

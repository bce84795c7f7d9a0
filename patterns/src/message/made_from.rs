//! The values that a message can be made of.
//!
//! Owns: the conversions into a [`Message`].
//! Always true: a value without a frame makes a message of one empty frame.
//! Must not know: which pipe a message takes.

use bytes::Bytes;

use super::{Message, Repr};
use crate::Frame;

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

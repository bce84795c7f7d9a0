//! The values that a message can be compared with.
//!
//! Owns: the equality of a [`Message`] with messages, bodies and lists of frames.
//! Always true: a message of several frames equals no single body.
//! Must not know: which pipe a message takes.

use bytes::Bytes;

use super::Message;
use crate::Frame;

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

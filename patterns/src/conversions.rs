//! The types that become a message or a frame, beside text and bytes.
//!
//! Owns: nothing.
//! Always true: frames keep their order and their bodies; a body that is shared is shared on, not copied.
//! Must not know: sockets.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;

use crate::{Frame, FrameBody, IntoMessage, Message};

impl Message {
    /// Puts `frame` behind the last.
    pub fn push(&mut self, frame: impl Into<Frame>) {
        let mut frames = std::mem::take(self).into_frames();
        frames.push(frame.into());
        *self = Self::from(frames);
    }

    /// This message with `frame` behind its last.
    #[must_use]
    pub fn with_last(mut self, frame: impl Into<Frame>) -> Self {
        self.push(frame);
        self
    }

    /// The frames, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Frame> {
        self.frames().iter()
    }
}

impl<T: Into<Frame>> Extend<T> for Message {
    fn extend<I: IntoIterator<Item = T>>(&mut self, more: I) {
        let mut frames = std::mem::take(self).into_frames();
        frames.extend(more.into_iter().map(Into::into));
        *self = Self::from(frames);
    }
}

impl Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.frames().hash(state);
    }
}

/// Types that become a frame, and so a message of one frame.
macro_rules! one_frame {
    ($($(#[$doc:meta])* ($source:ty) $body:ident => $frame:expr),+ $(,)?) => {$(
        $(#[$doc])*
        impl From<$source> for Frame {
            fn from($body: $source) -> Self {
                $frame
            }
        }

        $(#[$doc])*
        impl From<$source> for Message {
            fn from(body: $source) -> Self {
                Self::from(Frame::from(body))
            }
        }

        $(#[$doc])*
        impl IntoMessage for $source {
            fn into_message(self) -> Message {
                Message::from(self)
            }
        }
    )+};
}

one_frame! {
    (Cow<'_, str>) body => match body {
        Cow::Borrowed(body) => Self::from(body),
        Cow::Owned(body) => Self::from(body),
    },
    (Cow<'_, [u8]>) body => match body {
        Cow::Borrowed(body) => Self::from(body),
        Cow::Owned(body) => Self::from(body),
    },
    (Box<[u8]>) body => Self::from(body.into_vec()),
    (Box<str>) body => Self::from(body.into_string()),
    /// Shared, not copied, if it is longer than a frame holds in itself.
    (Arc<[u8]>) body => Self::from(Bytes::from_owner(body)),
    /// Shared, not copied, if it is longer than a frame holds in itself.
    (Arc<str>) body => Self::from(<Arc<[u8]>>::from(body)),
    /// Shared, not copied.
    (&Bytes) body => Self::from(body.clone()),
}

/// Shared, not copied.
impl From<&Self> for Frame {
    fn from(frame: &Self) -> Self {
        frame.clone()
    }
}

/// Shared, not copied.
impl From<&Frame> for Message {
    fn from(frame: &Frame) -> Self {
        Self::from(frame.clone())
    }
}

/// Shared, not copied.
impl IntoMessage for &Frame {
    fn into_message(self) -> Message {
        Message::from(self)
    }
}

/// A copy of it; large bodies are shared.
impl IntoMessage for &Message {
    fn into_message(self) -> Message {
        self.clone()
    }
}

/// Shared, not copied, if it is longer than a frame holds in itself.
impl From<&dyn FrameBody> for Message {
    fn from(body: &dyn FrameBody) -> Self {
        Self::from(body.clone())
    }
}

/// Shared, not copied, if it is longer than a frame holds in itself.
impl IntoMessage for &dyn FrameBody {
    fn into_message(self) -> Message {
        Message::from(self)
    }
}

/// Lists that become a message of several frames; an empty list becomes a message of one empty frame.
macro_rules! several_frames {
    ($($body:ty),+ $(,)?) => {$(
        impl From<Vec<$body>> for Message {
            fn from(frames: Vec<$body>) -> Self {
                frames.into_iter().collect()
            }
        }

        impl IntoMessage for Vec<$body> {
            fn into_message(self) -> Message {
                Message::from(self)
            }
        }

        borrowed_frames!($body);
    )+};
}

/// The same, borrowed: a slice, an array, a list.
macro_rules! borrowed_frames {
    ($($body:ty),+ $(,)?) => {$(
        impl From<&[$body]> for Message {
            fn from(frames: &[$body]) -> Self {
                frames.iter().collect()
            }
        }

        impl IntoMessage for &[$body] {
            fn into_message(self) -> Message {
                Message::from(self)
            }
        }

        impl<const N: usize> From<&[$body; N]> for Message {
            fn from(frames: &[$body; N]) -> Self {
                Self::from(&frames[..])
            }
        }

        impl<const N: usize> IntoMessage for &[$body; N] {
            fn into_message(self) -> Message {
                Message::from(self)
            }
        }

        impl From<&Vec<$body>> for Message {
            fn from(frames: &Vec<$body>) -> Self {
                Self::from(&frames[..])
            }
        }

        impl IntoMessage for &Vec<$body> {
            fn into_message(self) -> Message {
                Message::from(self)
            }
        }
    )+};
}

several_frames!(&str, String, &[u8], Vec<u8>, Bytes);
borrowed_frames!(Frame);

/// A body that is borrowed where it stands in a list.
impl From<&&str> for Frame {
    fn from(body: &&str) -> Self {
        Self::from(*body)
    }
}

/// A body that is borrowed where it stands in a list.
impl From<&&[u8]> for Frame {
    fn from(body: &&[u8]) -> Self {
        Self::from(*body)
    }
}

/// A tuple is a message of as many frames, which may be of different types: `("topic", body)`.
macro_rules! tuples {
    ($(($($part:ident)+)),+ $(,)?) => {$(
        impl<$($part: Into<Frame>),+> From<($($part,)+)> for Message {
            fn from(parts: ($($part,)+)) -> Self {
                #[allow(non_snake_case, reason = "a part is named as its type")]
                let ($($part,)+) = parts;
                Self::from([$(Into::<Frame>::into($part)),+])
            }
        }

        impl<$($part: Into<Frame>),+> IntoMessage for ($($part,)+) {
            fn into_message(self) -> Message {
                Message::from(self)
            }
        }
    )+};
}

tuples!((A B), (A B C), (A B C D), (A B C D E), (A B C D E F));

#[cfg(test)]
mod tests {
    use super::*;

    fn sends(message: impl IntoMessage, frames: &[&str]) {
        assert_eq!(message.into_message(), frames);
    }

    #[test]
    fn every_shape_that_people_write_is_a_message() {
        let (text, body) = (String::from("b"), Bytes::from_static(b"b"));
        let (list, bytes) = (vec!["a", "b"], vec![b"a".to_vec(), b"b".to_vec()]);
        sends(Cow::Borrowed("a"), &["a"]);
        sends(Cow::<[u8]>::Owned(b"a".to_vec()), &["a"]);
        sends(b"a".to_vec().into_boxed_slice(), &["a"]);
        sends(<Box<str>>::from("a"), &["a"]);
        sends(<Arc<[u8]>>::from(&b"a"[..]), &["a"]);
        sends(<Arc<str>>::from("a"), &["a"]);
        sends(&body, &["b"]);
        let (frame, message, array) = (Frame::from("a"), Message::from(["a", "b"]), ["a", "b"]);
        sends(&frame, &["a"]);
        sends(&message, &["a", "b"]);
        sends(&list, &["a", "b"]);
        sends(&list[..], &["a", "b"]);
        assert_eq!(Message::from(&array), array);
        sends(list, &["a", "b"]);
        sends(&bytes, &["a", "b"]);
        sends(bytes, &["a", "b"]);
        sends(vec![text.clone()], &["b"]);
        sends(vec![body.clone(), body.clone()], &["b", "b"]);
        sends(&[Frame::from("a"), Frame::from("b")], &["a", "b"]);
        sends(("a", &text), &["a", "b"]);
        sends(
            ("a", &body, b"c".to_vec(), &b"d"[..]),
            &["a", "b", "c", "d"],
        );
        sends(Vec::<&str>::new(), &[""]);
    }

    #[test]
    fn an_index_gives_what_bytes_and_text_and_frames_give() {
        let number = 7_u32.to_le_bytes();
        let message = Message::from(("topic", number.to_vec(), vec![1; 100]));
        // As text, and as bytes.
        assert!(message[0] == "topic" && message[0] == *b"topic" && message[0] != "other");
        assert!(&message[0] == b"topic" && message[0] == message[0]);
        assert_eq!(message[0].to_str(), Ok("topic"));
        assert_eq!(&message[0][1..3], b"op");
        assert_eq!(message[0].to_vec(), Vec::from(&message[0]));
        let body: &[u8] = &message[0];
        assert_eq!(String::from_utf8_lossy(&message[0]), "topic");
        assert_eq!(std::str::from_utf8(body), std::str::from_utf8(&message[0]));
        // As a number.
        let bytes = message[1].try_into().expect("four bytes");
        assert_eq!(u32::from_le_bytes(bytes), 7);
        assert!(<[u8; 5]>::try_from(&message[1]).is_err());
        // As a frame, which is shared.
        let frame = message[2].clone();
        assert_eq!(frame.as_ptr(), message[2].as_ptr());
        assert_eq!(Frame::from(&message[2]), message[2].to_bytes());
        assert_eq!((&message[2]).into_message(), Message::from(&message[2]));
        let turned = Message::from([&message[1], &message[0]]);
        assert_eq!(turned, [&number[..], b"topic"]);
        assert_eq!(format!("{:?}", &message[0]), "Frame(5 bytes)");
    }

    #[test]
    fn large_bodies_are_shared() {
        let body = Bytes::from(vec![7; 10_000]);
        let message = (&Message::from(&body)).into_message();
        assert_eq!(message.first().as_ptr(), body.as_ptr());
        let shared: Arc<[u8]> = vec![7; 10_000].into();
        let frame = Frame::from(Arc::clone(&shared));
        assert_eq!(frame.as_ptr(), shared.as_ptr());
        assert_eq!(frame.into_bytes().as_ptr(), shared.as_ptr());
    }

    #[test]
    fn equal_messages_hash_alike() {
        use std::collections::HashSet;
        let all: HashSet<_> = [Message::from("a"), ["a", "b"].into(), "a".into()].into();
        assert_eq!(all.len(), 2);
        assert!(all.contains(&Message::from(vec!["a", "b"])));
    }
}

//! The types into which a message and a frame are taken apart.
//!
//! Owns: nothing.
//! Always true: frames keep their order and their bodies; a body that is shared is shared on, not copied, except into a `Vec`.
//! Must not know: sockets.

use std::fmt;
use std::str::Utf8Error;
use std::string::FromUtf8Error;

use bytes::Bytes;

use crate::{Frame, Message};

impl Message {
    /// The body of a message of one frame.
    ///
    /// # Errors
    ///
    /// [`SeveralFrames`], with the message, if it has more.
    pub fn into_single(self) -> Result<Frame, SeveralFrames> {
        let mut frames = self.into_frames();
        match (frames.len(), frames.pop()) {
            (1, Some(only)) => Ok(only),
            (_, last) => {
                frames.extend(last);
                Err(SeveralFrames(Self::from(frames)))
            }
        }
    }
}

impl Frame {
    /// The body as text.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8.
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(self)
    }

    /// The body as shared bytes, without a copy if it is shared already.
    pub fn into_bytes(self) -> Bytes {
        self.into()
    }
}

/// A message of several frames where one was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeveralFrames(
    /// The message.
    pub Message,
);

impl fmt::Display for SeveralFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.frame_count();
        write!(f, "the message has {count} frames, and one was wanted")
    }
}

impl std::error::Error for SeveralFrames {}

impl IntoIterator for Message {
    type Item = Frame;
    type IntoIter = std::vec::IntoIter<Frame>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_frames().into_iter()
    }
}

impl From<Frame> for Vec<u8> {
    fn from(frame: Frame) -> Self {
        frame.into_bytes().into()
    }
}

/// Fails if the body is not UTF-8.
impl TryFrom<Frame> for String {
    type Error = FromUtf8Error;

    fn try_from(frame: Frame) -> Result<Self, FromUtf8Error> {
        Self::from_utf8(frame.into())
    }
}

impl From<Message> for Vec<Frame> {
    fn from(message: Message) -> Self {
        message.into_frames()
    }
}

impl From<Message> for Vec<Vec<u8>> {
    fn from(message: Message) -> Self {
        message.into_iter().map(Vec::from).collect()
    }
}

impl From<Message> for Vec<Bytes> {
    fn from(message: Message) -> Self {
        message.into_iter().map(Bytes::from).collect()
    }
}

/// Fails, with the message, if it has several frames.
impl TryFrom<Message> for Bytes {
    type Error = SeveralFrames;

    fn try_from(message: Message) -> Result<Self, SeveralFrames> {
        message.into_single().map(Self::from)
    }
}

/// Fails, with the message, if it has several frames.
impl TryFrom<Message> for Vec<u8> {
    type Error = SeveralFrames;

    fn try_from(message: Message) -> Result<Self, SeveralFrames> {
        message.into_single().map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_grows_and_comes_apart() {
        let mut message = Message::from("a").with_last("b");
        message.push(&b"c"[..]);
        message.extend(["d", "e"]);
        assert_eq!(message, ["a", "b", "c", "d", "e"]);
        assert_eq!(message.iter().map(|frame| frame.len()).sum::<usize>(), 5);
        assert_eq!(message.frame(1).expect("five").to_str(), Ok("b"));
        let refused = Bytes::try_from(message.clone()).expect_err("five frames");
        assert_eq!(refused.0, message);
        assert_eq!(
            refused.to_string(),
            "the message has 5 frames, and one was wanted"
        );
        assert_eq!(Vec::<Vec<u8>>::from(message.clone())[4], b"e");
        let owned: Vec<Frame> = message.into_iter().collect();
        assert_eq!(owned, ["a", "b", "c", "d", "e"]);
        assert_eq!(Bytes::try_from(Message::from("x")).expect("one"), "x");
        assert_eq!(String::try_from(Frame::from("x")).as_deref(), Ok("x"));
        assert!(String::try_from(Frame::from(&[0xFF][..])).is_err());
    }
}

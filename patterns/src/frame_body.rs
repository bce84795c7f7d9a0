//! The body of a frame, as `message[0]` gives it.
//!
//! Owns: nothing.
//! Always true: it is the frame of the message, and nothing is copied before it is asked for.
//! Must not know: sockets.
//!
//! An index of a message gives a place without a size known at compile time, as a slice is. A method call on it borrows
//! the frame instead of moving it out, so `message[0].try_into()` makes an array of numbers as it does on `[u8]`.

use std::fmt;
use std::ops::Deref;
use std::str::Utf8Error;

use bytes::Bytes;

use crate::{Frame, IntoMessage, Message};

/// The body of one frame of a [`Message`], as `message[0]` gives it: bytes that compare with text, as a `dyn FrameBody`.
///
/// The methods of slices apply to it. [`Frame`] implements it.
///
/// ```
/// use highwater_patterns::Message;
///
/// let message = Message::from(("weather.nyc", 21_u32.to_be_bytes().to_vec()));
/// assert!(message[0] == "weather.nyc");
/// assert!(message[0].starts_with(b"weather"));
/// let degrees = u32::from_be_bytes(message[1].try_into()?);
/// assert_eq!(degrees, 21);
/// # Ok::<(), std::array::TryFromSliceError>(())
/// ```
pub trait FrameBody: AsRef<[u8]> + fmt::Debug {
    /// The frame.
    fn frame(&self) -> &Frame;
}

impl FrameBody for Frame {
    #[inline]
    fn frame(&self) -> &Frame {
        self
    }
}

impl dyn FrameBody + '_ {
    /// The body as text.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8.
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        self.frame().to_str()
    }

    /// The body as [`Bytes`]: shared if it is shared already, copied if it is inline.
    pub fn to_bytes(&self) -> Bytes {
        self.frame().to_bytes()
    }

    /// The frame. A body of up to 64 bytes is copied, a longer one is shared.
    #[allow(
        clippy::should_implement_trait,
        reason = "a type without a size has no Clone, and a clone of the reference is of no use"
    )]
    pub fn clone(&self) -> Frame {
        self.frame().clone()
    }
}

impl Deref for dyn FrameBody + '_ {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.frame()
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for dyn FrameBody + '_ {
    fn eq(&self, other: &T) -> bool {
        self.frame() == other
    }
}

impl Eq for dyn FrameBody + '_ {}

/// Fails if the body has another length.
impl<const N: usize> TryFrom<&dyn FrameBody> for [u8; N] {
    type Error = std::array::TryFromSliceError;

    fn try_from(body: &dyn FrameBody) -> Result<Self, Self::Error> {
        Self::try_from(body.as_ref())
    }
}

/// Shared, not copied, if it is longer than a frame holds in itself.
impl From<&dyn FrameBody> for Frame {
    fn from(body: &dyn FrameBody) -> Self {
        body.clone()
    }
}

/// Shared, not copied, if it is longer than a frame holds in itself.
impl From<&dyn FrameBody> for Message {
    fn from(body: &dyn FrameBody) -> Self {
        Self::from(body.clone())
    }
}

/// Copied.
impl From<&dyn FrameBody> for Vec<u8> {
    fn from(body: &dyn FrameBody) -> Self {
        body.to_vec()
    }
}

/// Shared, not copied, if it is longer than a frame holds in itself.
impl IntoMessage for &dyn FrameBody {
    fn into_message(self) -> Message {
        Message::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}

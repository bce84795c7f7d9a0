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

use crate::Frame;

/// The body of one frame of a [`Message`](crate::Message), as `message[0]` gives it: bytes that compare with text, as a `dyn FrameBody`.
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

/// Copied.
impl From<&dyn FrameBody> for Vec<u8> {
    fn from(body: &dyn FrameBody) -> Self {
        body.to_vec()
    }
}

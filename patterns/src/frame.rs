//! One frame of a message: an immutable run of bytes.
//!
//! Owns: the choice between keeping a body inline and sharing it.
//! Always true: 72 bytes a frame; a body of at most [`INLINE_CAPACITY`] bytes never touches the allocator.
//! Must not know: how frames are told apart on the wire.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use highwater_buffers::{LEAST_REUSED, Reused};

use crate::inline_len::InlineLen;

/// The longest body, in bytes, that is kept inside the frame itself, without an allocation.
pub const INLINE_CAPACITY: usize = 64;

/// One frame of a [`Message`](crate::Message): bytes, immutable, cheap to clone.
///
/// A body of up to 64 bytes is stored inline and copied; a longer one is shared by reference count. A
/// body of 8 to 256 KiB that is copied into a frame goes, where possible, into the memory of an earlier such body. A
/// process keeps at most 1 MiB of that memory, and none while it has no context. A frame may hold twice as much memory
/// as its body is long. Memory taken out of a frame as [`Bytes`] is not reused.
///
/// ```
/// # extern crate highwater_patterns as highwater;
/// use highwater::Frame;
///
/// let frame = Frame::from("weather.nyc");
/// assert_eq!(&frame[..7], b"weather");
/// ```
#[derive(Clone)]
pub struct Frame(Repr);

#[derive(Clone)]
enum Repr {
    Inline(Inline),
    Shared(Reused),
}

/// A body stored inline.
///
/// Layout: the bytes first, then the length. The compiler keeps the tags of [`Repr`] and of the types around it in the
/// length's unused values. So every copy of a frame uses the same pieces: four of 16 bytes and one of 8. A load that
/// spans two earlier stores stalls the processor (store-to-load forwarding fails); equal pieces avoid that.
#[derive(Clone)]
#[repr(C)]
struct Inline {
    data: [u8; INLINE_CAPACITY],
    len: InlineLen,
}

impl Frame {
    /// A frame without a body; on the wire it delimits envelopes.
    pub const EMPTY: Self = Self(Repr::Inline(Inline {
        data: [0; INLINE_CAPACITY],
        len: InlineLen::ZERO,
    }));

    /// Copies `body` into a new frame; allocates only above 64 bytes.
    #[inline]
    pub fn copy_from_slice(body: &[u8]) -> Self {
        match InlineLen::new(body.len()) {
            Some(len) => Self::copy_inline(body, len),
            None if body.len() < LEAST_REUSED => Self::copy_shared(body),
            None => Self::copy_large(body),
        }
    }

    /// Copies a `body` that is neither short nor large.
    #[inline]
    pub(crate) fn copy_shared(body: &[u8]) -> Self {
        Self(Repr::Shared(Bytes::copy_from_slice(body).into()))
    }

    /// Copies a large `body`, of [`LEAST_REUSED`] bytes or more, into the memory of an earlier one if there is any.
    #[inline]
    pub(crate) fn copy_large(body: &[u8]) -> Self {
        Self(Repr::Shared(Reused::copied(body)))
    }

    /// Copies a short `body`, which has this length.
    #[inline]
    pub(crate) fn copy_inline(body: &[u8], len: InlineLen) -> Self {
        let mut data = [0; INLINE_CAPACITY];
        copy_short(body, &mut data);
        Self(Repr::Inline(Inline { data, len }))
    }

    /// The first `len` bytes of `window`, inline.
    ///
    /// A copy of constant size costs half of one whose size is known only at run time. So a decoder with bytes to spare
    /// behind the body passes those along.
    ///
    /// # Panics
    ///
    /// If `len` is more than [`INLINE_CAPACITY`].
    #[doc(hidden)]
    #[inline]
    pub fn from_window(window: &[u8; INLINE_CAPACITY], len: usize) -> Self {
        let len = InlineLen::new(len).expect("an inline body has at most 64 bytes");
        Self(Repr::Inline(Inline { data: *window, len }))
    }

    /// Replaces this frame, in place, by the one that [`from_window`](Self::from_window) gives.
    ///
    /// # Panics
    ///
    /// If `len` is more than [`INLINE_CAPACITY`].
    #[doc(hidden)]
    #[inline]
    pub fn set_window(&mut self, window: &[u8; INLINE_CAPACITY], len: usize) {
        match (&mut self.0, InlineLen::new(len)) {
            (Repr::Inline(inline), Some(len)) => {
                inline.data = *window;
                inline.len = len;
            }
            _ => self.replace(Self::from_window(window, len)),
        }
    }

    /// Out of line, so that the inline case stays short.
    #[cold]
    fn replace(&mut self, by: Self) {
        *self = by;
    }

    /// The inline body, with the unspecified bytes behind it, and its length; `None` if the frame is shared. A writer
    /// with room to spare copies the whole window. The pair is valid input of [`from_window`](Self::from_window).
    #[doc(hidden)]
    #[inline]
    pub fn window(&self) -> Option<(&[u8; INLINE_CAPACITY], usize)> {
        match &self.0 {
            Repr::Inline(inline) => Some((&inline.data, inline.len.get())),
            Repr::Shared(_) => None,
        }
    }

    /// The body.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(inline) => &inline.data[..inline.len.get()],
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The body as [`Bytes`]: shared if it is shared already, copied if it is inline.
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Inline(_) => Bytes::copy_from_slice(self.as_slice()),
            Repr::Shared(bytes) => Bytes::clone(bytes),
        }
    }

    /// Whether the body may have an owner (`Bytes::from_owner`), whose drop runs code of the application.
    #[doc(hidden)]
    #[inline]
    pub fn may_have_owner(&self) -> bool {
        matches!(&self.0, Repr::Shared(body) if body.may_have_owner())
    }

    /// The body, if it is shared and not inline; a writer can hand it to the kernel without a copy.
    #[doc(hidden)]
    #[inline]
    pub fn shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline(_) => None,
            Repr::Shared(bytes) => Some(bytes),
        }
    }
}

/// Copies `body`, which must fit, to the front of `data`. The pieces have constant size and the last may overlap the
/// one before: a copy of variable size would be a function call.
#[inline]
fn copy_short(body: &[u8], data: &mut [u8; INLINE_CAPACITY]) {
    let Some(to) = data.get_mut(..body.len()) else {
        return;
    };
    if body.len() > 32 {
        copy_ends::<32>(body, to);
    } else if body.len() >= 16 {
        copy_ends::<16>(body, to);
    } else {
        // Pieces below 16 bytes would cost a stall: a later 16-byte load would span several stores.
        to.copy_from_slice(body);
    }
}

/// Copies the first `N` and the last `N` bytes.
#[inline]
pub(crate) fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut()) {
        *to = *from;
    }
    if let (Some(from), Some(to)) = (from.last_chunk::<N>(), to.last_chunk_mut()) {
        *to = *from;
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        match frame.0 {
            Repr::Inline(_) => Self::copy_from_slice(frame.as_slice()),
            Repr::Shared(bytes) => bytes.into_bytes(),
        }
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Deref for Frame {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Frame {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<Bytes> for Frame {
    #[inline]
    fn from(body: Bytes) -> Self {
        // Also one that is copied may have an owner.
        let body = Reused::from(body);
        match InlineLen::new(body.len()) {
            Some(len) => Self::copy_inline(&body, len),
            None => Self(Repr::Shared(body)),
        }
    }
}

impl From<Vec<u8>> for Frame {
    #[inline]
    fn from(body: Vec<u8>) -> Self {
        match InlineLen::new(body.len()) {
            Some(len) => Self::copy_inline(&body, len),
            None => Self(Repr::Shared(body.into())),
        }
    }
}

impl From<String> for Frame {
    #[inline]
    fn from(body: String) -> Self {
        Self::from(body.into_bytes())
    }
}

impl From<&[u8]> for Frame {
    #[inline]
    fn from(body: &[u8]) -> Self {
        Self::copy_from_slice(body)
    }
}

impl<const N: usize> From<&[u8; N]> for Frame {
    #[inline]
    fn from(body: &[u8; N]) -> Self {
        Self::copy_from_slice(body)
    }
}

impl From<&Vec<u8>> for Frame {
    #[inline]
    fn from(body: &Vec<u8>) -> Self {
        Self::copy_from_slice(body)
    }
}

impl From<&str> for Frame {
    #[inline]
    fn from(body: &str) -> Self {
        Self::copy_from_slice(body.as_bytes())
    }
}

impl From<&String> for Frame {
    #[inline]
    fn from(body: &String) -> Self {
        Self::copy_from_slice(body.as_bytes())
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Frame {
    fn eq(&self, other: &T) -> bool {
        self.as_slice() == other.as_ref()
    }
}

impl Eq for Frame {}

impl std::hash::Hash for Frame {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

/// Shows the size only: the content of a message does not belong in logs.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_takes_72_bytes() {
        assert_eq!(size_of::<Frame>(), 72);
        assert_eq!(size_of::<Option<Frame>>(), 72);
    }

    #[test]
    fn a_body_is_inline_up_to_64_bytes_and_shared_from_65_on() {
        for (length, shared) in [(INLINE_CAPACITY, false), (INLINE_CAPACITY + 1, true)] {
            let body = vec![7; length];
            for frame in [Frame::from(&body), Frame::from(body)] {
                assert_eq!(frame.shared().is_some(), shared);
                assert_eq!(frame.window().is_some(), !shared);
            }
        }
    }

    #[test]
    fn every_way_in_gives_the_same_bytes_back() {
        for length in [0, 1, 63, 64, 65, 300] {
            let body = vec![b'x'; length];
            let text = String::from_utf8(body.clone()).expect("ascii");
            assert_eq!(Frame::from(&body[..]), body);
            assert_eq!(Frame::from(Bytes::from(body.clone())), body);
            assert_eq!(Frame::from(text.as_str()), body);
            assert_eq!(Frame::from(text), body);
            assert_eq!(Bytes::from(Frame::from(&body)), body);
            assert_eq!(Bytes::from(Frame::from(body.clone())), body);
        }
    }

    #[test]
    fn a_window_gives_its_first_bytes() {
        let window = [9; INLINE_CAPACITY];
        assert_eq!(Frame::from_window(&window, 3), [9, 9, 9]);
        for mut frame in [Frame::EMPTY, Frame::from("inline"), Frame::from(&[1; 100])] {
            frame.set_window(&window, 3);
            assert_eq!(frame, [9, 9, 9]);
            assert_eq!(frame.window(), Some((&window, 3)));
        }
    }
}

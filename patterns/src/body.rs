//! The body of a message, in the hands of somebody else.
//!
//! Owns: which bodies are worth being passed on as they are.
//! Always true: what becomes of a body is what would become of the message made of it.
//! Must not know: which pipe it takes.

use std::fmt;

use highwater_buffers::LEAST_REUSED;

use crate::frame::copy_ends;
use crate::{INLINE_CAPACITY, Message};

/// A message of one frame of which there is only the body, in the hands of somebody else.
///
/// Where its bytes are copied to the wire at once, no message need be made of it, nor memory be found for that.
#[derive(Clone, Copy)]
pub struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    /// A body of these bytes; `None` if they are so many that it is better to have a message, whose memory is written
    /// from and used again.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < LEAST_REUSED {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// The bytes.
    #[inline]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Copies the bytes to the front of `window` and says how many they are; `None` if there are too many. What stands
    /// behind them is as it was.
    ///
    /// In two pieces of constant size, which may overlap, since a copy of any size is a call.
    #[inline]
    pub fn copy_to(self, window: &mut [u8; INLINE_CAPACITY]) -> Option<usize> {
        let body = self.0;
        let to = window.get_mut(..body.len())?;
        match body.len() {
            33.. => copy_ends::<32>(body, to),
            16.. => copy_ends::<16>(body, to),
            8.. => copy_ends::<8>(body, to),
            4.. => copy_ends::<4>(body, to),
            _ => body.iter().zip(to).for_each(|(from, to)| *to = *from),
        }
        Some(body.len())
    }
}

/// Its size, as that of a message.
impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

impl From<Body<'_>> for Message {
    #[inline]
    fn from(body: Body<'_>) -> Self {
        Self::from(body.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_copied_to_a_window_if_it_fits() {
        let bytes: Vec<u8> = (1..=INLINE_CAPACITY as u8 + 1).collect();
        for len in 0..=INLINE_CAPACITY {
            let mut window = [0; INLINE_CAPACITY];
            let body = Body::new(&bytes[..len]).expect("short");
            assert_eq!(body.copy_to(&mut window), Some(len));
            assert_eq!(window[..len], bytes[..len]);
            assert!(window[len..].iter().all(|byte| *byte == 0));
        }
        let longer = Body::new(&bytes).expect("not large");
        let mut window = [0; INLINE_CAPACITY];
        assert_eq!(longer.copy_to(&mut window), None);
        assert_eq!(window, [0; INLINE_CAPACITY]);
    }
}

//! A borrowed message body.
//!
//! Owns: the rule which bodies are sent without a message being made of them.
//! Always true: sending a body has the same effect as sending the message made of it.
//! Must not know: which pipe it takes.

use std::fmt;

use highwater_buffers::LEAST_REUSED;

use crate::frame::copy_ends;
use crate::{INLINE_CAPACITY, Message};

/// The body of a single-frame message, borrowed from the caller.
///
/// A pipe that encodes it copies the bytes straight to the write buffer. No [`Message`](crate::Message) is made and
/// nothing is allocated.
#[derive(Clone, Copy)]
pub struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    /// A body of these bytes. `None` from [`LEAST_REUSED`] bytes on: as a message, so large a body is written from its
    /// own memory, which is then reused.
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

    /// Copies the bytes to the front of `window` and gives their number, or `None` if `window` is too short. The bytes
    /// behind the copied ones stay unchanged.
    ///
    /// The copy is two pieces of constant size, which may overlap: a copy of variable size would be a function call.
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

/// Shows the size, as the `Debug` of a message does.
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

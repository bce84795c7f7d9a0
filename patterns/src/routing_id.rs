//! Routing ids: how a ROUTER names its peers.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::Frame;

/// The name under which a ROUTER knows one peer: 1 to 255 bytes.
///
/// A peer may choose its own id, which must not begin with a zero byte. For a peer without one a ROUTER generates an id
/// of five bytes, the first of them zero. Source: RFC 28, "The ROUTER Socket Type".
///
/// ```
/// # extern crate highwater_patterns as highwater;
/// use highwater::RoutingId;
///
/// let id = RoutingId::new("worker-7")?;
/// assert_eq!(id.as_bytes(), b"worker-7");
/// assert!(RoutingId::new("").is_err());
/// # Ok::<(), highwater::InvalidRoutingId>(())
/// ```
///
/// Takes 24 bytes. An id of up to 22 bytes is stored inline, a longer one is shared by reference count.
pub struct RoutingId(Repr);

#[derive(Clone)]
enum Repr {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Arc<[u8]>),
}

const SHORT: usize = 22;

impl RoutingId {
    /// A placeholder where no id is known yet.
    #[doc(hidden)]
    pub const UNKNOWN: Self = Self(Repr::Short {
        len: 0,
        bytes: [0; SHORT],
    });

    /// The most bytes that an id may have.
    pub const MAX_LEN: usize = 255;

    /// An id chosen by a user: 1 to 255 bytes, the first not zero.
    ///
    /// # Errors
    ///
    /// [`InvalidRoutingId`] if it is empty, too long, or in the range reserved for generated ids.
    pub fn new(id: impl Into<Frame>) -> Result<Self, InvalidRoutingId> {
        let id = id.into();
        match id.first() {
            None => Err(InvalidRoutingId::Empty),
            Some(0) => Err(InvalidRoutingId::Reserved),
            Some(_) if id.len() > Self::MAX_LEN => Err(InvalidRoutingId::TooLong { len: id.len() }),
            Some(_) => Ok(Self::of(&id)),
        }
    }

    /// The id a ROUTER gives to a peer without one: a zero byte, then `number`, big-endian.
    #[doc(hidden)]
    pub fn generated(number: u32) -> Self {
        let [a, b, c, d] = number.to_be_bytes();
        Self::of(&[0, a, b, c, d])
    }

    /// Any 1 to 255 bytes, also of the generated form: an id taken from a ROUTER's message.
    pub fn from_frame(id: Frame) -> Result<Self, InvalidRoutingId> {
        match id.len() {
            0 => Err(InvalidRoutingId::Empty),
            1..=Self::MAX_LEN => Ok(Self::of(&id)),
            len => Err(InvalidRoutingId::TooLong { len }),
        }
    }

    fn of(id: &[u8]) -> Self {
        let mut bytes = [0; SHORT];
        Self(match bytes.get_mut(..id.len()) {
            Some(place) => {
                place.copy_from_slice(id);
                let len = id.len() as u8;
                Repr::Short { len, bytes }
            }
            None => Repr::Long(id.into()),
        })
    }

    /// The bytes of the id.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short { len, bytes } => &bytes[..usize::from(*len).min(SHORT)],
            Repr::Long(bytes) => bytes,
        }
    }

    /// The id as a frame, to put before a message.
    pub fn to_frame(&self) -> Frame {
        Frame::from(self.as_bytes())
    }
}

impl Clone for RoutingId {
    #[inline]
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// A short id is copied in place.
    #[inline]
    fn clone_from(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Repr::Short { len, bytes }, Repr::Short { len: l, bytes: b }) => {
                (*len, *bytes) = (*l, *b)
            }
            _ => *self = other.clone(),
        }
    }
}

impl PartialEq for RoutingId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for RoutingId {}

impl Hash for RoutingId {
    /// Hashes the bytes alone, so that a map can be searched by bytes.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl AsRef<[u8]> for RoutingId {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl std::borrow::Borrow<[u8]> for RoutingId {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingId({self})")
    }
}

impl fmt::Display for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.as_bytes();
        if id.iter().all(u8::is_ascii_graphic) {
            write!(f, "{}", id.escape_ascii())
        } else {
            f.write_str("0x")?;
            id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
}

/// Why some bytes cannot be a routing id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRoutingId {
    /// No bytes at all.
    Empty,
    /// More than 255 bytes.
    TooLong {
        /// The number of bytes.
        len: usize,
    },
    /// Begins with a zero byte; that range is for generated ids.
    Reserved,
}

impl fmt::Display for InvalidRoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a routing id has at least one byte"),
            Self::TooLong { len } => write!(f, "a routing id has at most 255 bytes, not {len}"),
            Self::Reserved => f.write_str("routing ids that begin with a zero byte are reserved"),
        }
    }
}

impl std::error::Error for InvalidRoutingId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_id_has_1_to_255_bytes_and_no_leading_zero() {
        assert_eq!(RoutingId::new(""), Err(InvalidRoutingId::Empty));
        assert_eq!(RoutingId::new(&[0, 1]), Err(InvalidRoutingId::Reserved));
        assert_eq!(
            RoutingId::new(vec![1; 256]),
            Err(InvalidRoutingId::TooLong { len: 256 })
        );
        assert!(RoutingId::new(vec![1; 255]).is_ok());
    }

    #[test]
    fn ids_of_any_length_keep_their_bytes_in_24_of_ours() {
        assert_eq!(size_of::<RoutingId>(), 24);
        for len in [1, 21, 22, 23, 255] {
            let id = RoutingId::new(vec![b'x'; len]).expect("a valid id");
            assert_eq!(id.as_bytes(), vec![b'x'; len]);
            assert_eq!(id.to_frame(), vec![b'x'; len]);
            assert_eq!(RoutingId::from_frame(id.to_frame()), Ok(id));
        }
    }

    #[test]
    fn a_generated_id_is_zero_and_a_big_endian_number() {
        let id = RoutingId::generated(0x0102_0304);
        assert_eq!(id.as_bytes(), [0, 1, 2, 3, 4]);
        assert_eq!(id.to_string(), "0x0001020304");
    }
}

//! A body whose memory is reused for copies of others.
//!
//! Owns: the moment at which a body has lost its last user.
//! Always true: the memory of a body in use is never given away. A body that may have an owner is not dropped while the
//! thread holds a lock that the owner may want, nor inside the drop of another.
//! Must not know: where the memory is kept, and for how long.
//!
//! A body comes back through the type that holds it. An owner inside the body would need an allocation for each body,
//! made on one thread and freed on another.

use std::ops::Deref;

use bytes::Bytes;

use crate::copies::{COPIES, LEAST_REUSED};
use crate::late;

/// A body whose memory is reused if it has 8 KiB ([`LEAST_REUSED`]) to 256 KiB and no other user when it is dropped. A
/// process keeps at most 1 MiB of such memory for later [`copies`](Self::copied), and none while it has no [`Lease`](crate::Lease).
///
/// ```
/// use highwater_buffers::{Lease, Reused};
///
/// let _lease = Lease::new();
/// drop(Reused::from(vec![1; 10_000]));
/// let in_the_same_memory = Reused::copied(&[2; 10_000]);
/// assert_eq!(in_the_same_memory[..], [2; 10_000]);
/// ```
#[derive(Debug, Clone)]
pub struct Reused {
    // Dropped in this order.
    body: Bytes,
    _end: DropEnd,
}

impl Reused {
    #[inline]
    fn new(body: Bytes) -> Self {
        Self {
            body,
            _end: DropEnd,
        }
    }

    /// A copy of `bytes`, where possible in reused memory. It may hold twice as much memory as it is long.
    pub fn copied(bytes: &[u8]) -> Self {
        Self::new(COPIES.copy(bytes))
    }

    /// Whether it may have an owner, whose drop runs code of the application.
    #[inline]
    pub fn may_have_owner(&self) -> bool {
        !self.body.is_unique()
    }

    /// The body; its memory is not reused.
    #[inline]
    pub fn into_bytes(mut self) -> Bytes {
        std::mem::take(&mut self.body)
    }
}

impl<B: Into<Bytes>> From<B> for Reused {
    #[inline]
    fn from(body: B) -> Self {
        Self::new(body.into())
    }
}

impl Deref for Reused {
    type Target = Bytes;

    #[inline]
    fn deref(&self) -> &Bytes {
        &self.body
    }
}

impl Drop for Reused {
    #[inline]
    fn drop(&mut self) {
        // `DropEnd` ends it, once the body is dropped.
        let are_held = late::begin_drop();
        if self.body.len() >= LEAST_REUSED || are_held {
            give_back(&mut self.body, are_held);
        }
    }
}

/// The end of a drop: lets go of the bodies that have waited for it.
#[derive(Debug, Clone)]
struct DropEnd;

impl Drop for DropEnd {
    #[inline]
    fn drop(&mut self) {
        late::end_drop();
    }
}

/// Out of line, so that short bodies need fewer instructions.
#[cold]
#[inline(never)]
fn give_back(body: &mut Bytes, are_held: bool) {
    let body = std::mem::take(body);
    if body.is_unique() {
        COPIES.give_back(body);
    } else if are_held && !body.is_empty() {
        // It may have an owner.
        late::wait(body);
    }
}

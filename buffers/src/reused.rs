//! A body whose memory is reused for copies of others.
//!
//! Owns: the moment at which a body has lost its last user.
//! Always true: the memory of a body in use is never given away. A body that may have an owner is not dropped while the
//! thread holds a lock that the owner may want.
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
pub struct Reused(Bytes);

impl Reused {
    /// A copy of `bytes`, where possible in reused memory. It may hold twice as much memory as it is long.
    pub fn copied(bytes: &[u8]) -> Self {
        Self(COPIES.copy(bytes))
    }

    /// Whether it may have an owner, whose drop runs code of the application.
    #[inline]
    pub fn may_have_owner(&self) -> bool {
        !self.0.is_unique()
    }

    /// The body; its memory is not reused.
    #[inline]
    pub fn into_bytes(mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }
}

impl<B: Into<Bytes>> From<B> for Reused {
    #[inline]
    fn from(body: B) -> Self {
        Self(body.into())
    }
}

impl Deref for Reused {
    type Target = Bytes;

    #[inline]
    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl Drop for Reused {
    #[inline]
    fn drop(&mut self) {
        if self.0.len() >= LEAST_REUSED || late::are_held() {
            give_back(&mut self.0);
        }
    }
}

/// Out of line, so that short bodies need fewer instructions.
#[cold]
#[inline(never)]
fn give_back(body: &mut Bytes) {
    let body = std::mem::take(body);
    if body.is_unique() {
        COPIES.give_back(body);
    } else if !body.is_empty() {
        // It may have an owner.
        late::let_go(body);
    }
}

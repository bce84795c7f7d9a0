//! A turn that a thread gives to those who wait, once it has released the lock.
//!
//! Owns: that this thread is to give one, to whom, and for how long at most.
//! Always true: it is given by the thread that has promised it, after the release of that very lock, and once.
//! Must not know: who waits, and for what.

use std::cell::Cell;
use std::time::Duration;

use super::hold_drops;
use super::late_drops::drop_held;

/// A turn that is to be given.
#[derive(Debug, Clone, Copy)]
struct Promised {
    /// The address of the owner of the lock.
    owner: usize,
    /// To those who receive, not to those who send.
    to_receivers: bool,
    limit: Duration,
}

thread_local! {
    static PROMISED: Cell<Option<Promised>> = const { Cell::new(None) };
}

/// The calling thread holds the lock of `owner`. Once it has released that, it calls
/// [`Combine::gives_turn`](super::Combine::gives_turn).
pub(crate) fn give_turn_after<T>(owner: &T, to_receivers: bool, limit: Duration) {
    PROMISED.set(Some(Promised {
        owner: std::ptr::from_ref(owner).addr(),
        to_receivers,
        limit,
    }));
    // The release of a lock looks at nothing else of its thread.
    hold_drops();
}

/// This thread has released the lock of `owner`: drops the bodies that have waited for that, and `gives` the turn that it has
/// promised.
#[cold]
pub(super) fn has_released<T>(owner: &T, gives: impl FnOnce(&T, bool, Duration)) {
    drop_held();
    let address = std::ptr::from_ref(owner).addr();
    if let Some(promised) = PROMISED.get().filter(|promised| promised.owner == address) {
        PROMISED.set(None);
        gives(owner, promised.to_receivers, promised.limit);
    }
}

//! How many accepted connections a socket has.
//!
//! Owns: the count, shared by all I/O threads.
//! Always true: a seat is taken before a connection is handed out, and is free again when its link is gone; so there
//! are never more than the limit says, whichever threads accept.
//! Must not know: who sits there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The accepted connections of one socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seats(Arc<AtomicUsize>);

/// One of them.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Seats {
    /// Takes a seat, unless `most` are taken.
    pub(super) fn take(&self, most: Option<usize>) -> Option<Seat> {
        // Only the number counts; nothing else is published by it.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                most.is_none_or(|most| taken < most).then_some(taken + 1)
            })
            .ok()
            .map(|_| Seat(Arc::clone(&self.0)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_once_its_holder_is_gone() {
        let seats = Seats::default();
        let first = seats.take(Some(2)).expect("none is taken");
        let _second = seats.clone().take(Some(2)).expect("one is taken");
        assert!(seats.take(Some(2)).is_none());
        let _third = seats.take(None).expect("there is no limit");
        drop(first);
        assert!(seats.take(Some(2)).is_none());
        assert!(seats.take(Some(3)).is_some());
    }
}

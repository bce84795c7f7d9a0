//! The protocol of lending, between a socket that reads its links itself and the I/O thread that checks on it each
//! tick.
//!
//! Owns: the four flags and counts, and in which order they are read and written.
//! Always true: when a leader leaves and the I/O thread stops its ticks at the same time, at least one of them learns
//! of it, so that lent readers are never left without somebody who gives them back.
//! Must not know: readers, links, how long a tick is.

use crate::sync::{AtomicBool, AtomicU32, Ordering};

/// The state of lending of one socket. All accesses are sequentially consistent. A leader that leaves clears `waiting`,
/// then reads `watch`; the I/O thread clears `watch`, then reads `waiting`. So at least one of them sees what the other
/// did.
#[derive(Debug, Default)]
pub(crate) struct Lending {
    /// A leader waits for its links.
    waiting: AtomicBool,
    /// The I/O thread will check on this socket at its next tick.
    watch: AtomicBool,
    /// How many messages the socket has received, over all pipes; wraps.
    uses: AtomicU32,
    /// At this count of `uses` the receiver checks the idle links. The I/O thread may set an earlier count.
    check_at: AtomicU32,
}

impl Lending {
    /// A leader begins to wait.
    pub(crate) fn wait_begins(&self) {
        self.waiting.store(true, Ordering::SeqCst);
    }

    /// A leader stops waiting; true if the I/O thread must be told, because it has stopped its ticks.
    #[must_use]
    pub(crate) fn wait_ends(&self) -> bool {
        self.waiting.store(false, Ordering::SeqCst);
        !self.watch.swap(true, Ordering::SeqCst)
    }

    /// A message was received; true if the idle links are to be checked now.
    #[inline]
    #[must_use]
    pub(crate) fn used(&self) -> bool {
        let uses = self.uses.load(Ordering::Relaxed).wrapping_add(1);
        self.uses.store(uses, Ordering::Relaxed);
        let past_due = uses.wrapping_sub(self.check_at.load(Ordering::Relaxed));
        past_due < u32::MAX / 2
    }

    /// The idle links are to be checked after this many more messages.
    pub(crate) fn check_after(&self, messages: u32) {
        let uses = self.uses.load(Ordering::Relaxed);
        self.check_at
            .store(uses.wrapping_add(messages), Ordering::Relaxed);
    }

    /// How many messages the socket has received. If the count is the same at two ticks, the socket has not used its
    /// links.
    pub(crate) fn uses(&self) -> u32 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Whether a leader waits at this moment.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }

    /// The I/O thread will check on this socket at its next tick; no leader needs to tell it.
    pub(crate) fn watched(&self) {
        self.watch.store(true, Ordering::SeqCst);
    }

    /// The I/O thread is about to stop its ticks: true if it must go on, since no leader waits on the lent links.
    pub(crate) fn must_tick(&self) -> bool {
        self.watch.store(false, Ordering::SeqCst);
        !self.waiting.load(Ordering::SeqCst) && {
            self.watch.store(true, Ordering::SeqCst);
            true
        }
    }
}

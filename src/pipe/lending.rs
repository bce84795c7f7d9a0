//! The protocol of lending: how a socket that reads its links itself and the I/O thread that watches over it find out about
//! each other.
//!
//! Owns: the four flags and counts, and in which order they are read and written.
//! Always true: a leader that leaves and an I/O thread that stops to tick never both believe that the other will look.
//! Must not know: readers, links, how long a tick is.

use crate::sync::{AtomicBool, AtomicU32, Ordering};

/// The flags by which a socket that reads its links itself and the I/O thread that watches over it find out about
/// each other. All accesses are sequentially consistent: a leaver clears `waiting`, then reads `watch`; the I/O
/// thread clears `watch`, then reads `waiting`; so at least one of them sees the other.
#[derive(Debug, Default)]
pub(crate) struct Lending {
    /// A leader waits for its links.
    waiting: AtomicBool,
    /// The I/O thread ticks and will look again by itself.
    watch: AtomicBool,
    /// The messages that the socket has received from whichever pipe; wraps.
    uses: AtomicU32,
    /// At this many uses the receiver checks the idle peers. The I/O thread may bring that forward.
    check_at: AtomicU32,
}

impl Lending {
    /// A leader begins to wait.
    pub(crate) fn wait_begins(&self) {
        self.waiting.store(true, Ordering::SeqCst);
    }

    /// A leader stops waiting; true if the I/O thread must be told, because it has stopped to look by itself.
    #[must_use]
    pub(crate) fn wait_ends(&self) -> bool {
        self.waiting.store(false, Ordering::SeqCst);
        !self.watch.swap(true, Ordering::SeqCst)
    }

    /// A message was received; true if the idle peers are to be checked.
    #[inline]
    #[must_use]
    pub(crate) fn used(&self) -> bool {
        let uses = self.uses.load(Ordering::Relaxed).wrapping_add(1);
        self.uses.store(uses, Ordering::Relaxed);
        let past_due = uses.wrapping_sub(self.check_at.load(Ordering::Relaxed));
        past_due < u32::MAX / 2
    }

    /// After this many more messages, the idle peers are to be checked.
    pub(crate) fn check_after(&self, messages: u32) {
        let uses = self.uses.load(Ordering::Relaxed);
        self.check_at
            .store(uses.wrapping_add(messages), Ordering::Relaxed);
    }

    /// The messages that the socket has received; a socket with the same count at two ticks has not used its links.
    pub(crate) fn uses(&self) -> u32 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Whether a leader waits at this moment.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }

    /// The I/O thread looks again by itself, so that nobody need tell it.
    pub(crate) fn watched(&self) {
        self.watch.store(true, Ordering::SeqCst);
    }

    /// The I/O thread would rather not tick any more: true if it must, since nobody waits on the lent links.
    pub(crate) fn must_tick(&self) -> bool {
        self.watch.store(false, Ordering::SeqCst);
        !self.waiting.load(Ordering::SeqCst) && {
            self.watch.store(true, Ordering::SeqCst);
            true
        }
    }
}

//! Whether the kernel takes bytes, as far as is known.
//!
//! Owns: the states of the kernel's buffer, and the side that waits while it is full.
//! Must not know: when a state changes.

/// Whether the kernel takes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// The kernel takes bytes, as far as is known.
    Takes,
    /// The kernel was full and has room again; nothing has been written since.
    HasRoom,
    /// The kernel's buffer is full: no thread writes.
    Full(Waiter),
}

/// The side that waits while the kernel's buffer is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiter {
    /// The poller tells the I/O thread.
    Poller,
    /// A sender may wait; the I/O thread only looks.
    Sender,
}

impl Kernel {
    /// Whether the kernel's buffer is full, so that no thread writes.
    #[inline]
    pub(super) fn is_full(self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the poller tells the I/O thread of room, so that it needs no duty.
    pub(super) fn is_told(self) -> bool {
        self == Self::Full(Waiter::Poller)
    }

    /// The kernel's buffer has room, or belongs to another connection now.
    pub(super) fn clear(&mut self) {
        if self.is_full() {
            *self = Self::HasRoom;
        }
    }

    /// The kernel has taken bytes; true if it had been full before.
    #[inline]
    pub(super) fn takes_again(&mut self) -> bool {
        std::mem::replace(self, Self::Takes) != Self::Takes
    }
}

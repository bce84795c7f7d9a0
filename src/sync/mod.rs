//! Locks, atomics, the queue between threads and lists of waiters: those of std, crossbeam and event-listener, or such as are
//! made of loom's where a protocol between threads is model-checked.
//!
//! Owns: the choice between the two; the lock with a mailbox; wake-ups that are put off; facts that are learnt once.
//! Always true: a lock is usable after its holder panicked. Our state machines change in steps that cannot panic
//! half-way, and a library that stops because one thread panicked would turn one fault into two.

pub(crate) mod due_wakes;
#[cfg(highwater_model)]
mod event;
mod given_turn;
pub(crate) mod late_calls;
mod late_drops;
mod machine_fact;
#[cfg(all(test, not(highwater_model)))]
mod meetings;
#[cfg(all(test, highwater_model))]
mod models;
#[cfg(highwater_model)]
mod queue;
mod room;

use std::sync::{PoisonError, TryLockError};

#[cfg(not(highwater_model))]
pub(crate) use crossbeam_queue::SegQueue as Queue;
#[cfg(highwater_model)]
pub(crate) use event::{Event, EventListener, Listener};
#[cfg(not(highwater_model))]
pub(crate) use event_listener::{Event, EventListener, Listener};
pub(crate) use given_turn::give_turn_after;
pub(crate) use late_drops::{LateDrops, drop_body, hold_drops};
pub(crate) use machine_fact::MachineFact;
#[cfg(highwater_model)]
pub(crate) use queue::Queue;
pub(crate) use room::{Combine, Locked, Room};
#[cfg(not(highwater_model))]
pub(crate) use std::sync::{
    MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence},
};

#[cfg(highwater_model)]
pub(crate) use loom::sync::{
    MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence},
};

#[cfg(highwater_model)]
use loom::sync::Mutex as Inner;
#[cfg(not(highwater_model))]
use std::sync::Mutex as Inner;

use crate::policy::tuning::{LOCK_LOOKS, TURNS_A_LOCK_LOOK};

/// Notifies one waiter that is not notified yet, however many are.
#[cfg(not(highwater_model))]
pub(crate) fn notify_one_more(event: &Event) {
    use event_listener::IntoNotification;
    event.notify(1.additional());
}

#[cfg(highwater_model)]
pub(crate) fn notify_one_more(event: &Event) {
    event.notify(1);
}

/// A mutex without poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(Inner<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`lock`](Self::lock), but `None` instead of waiting for a thread of another process: a forked child does not
    /// have that thread. `is_here` is called only if the lock is held.
    #[inline]
    pub(crate) fn lock_here(&self, is_here: impl FnOnce() -> bool) -> Option<MutexGuard<'_, T>> {
        // The cold path returns no guard: a guard from there would be passed in memory, also on the usual path, which
        // then could not use registers.
        self.try_lock()
            .or_else(|| self.may_wait(is_here).then(|| self.lock()))
    }

    /// Whether the caller may wait for a held lock: it has become free, or a thread of this process holds it.
    #[cold]
    pub(super) fn may_wait(&self, is_here: impl FnOnce() -> bool) -> bool {
        // Most locks are released before a system call would return.
        #[cfg(not(highwater_model))]
        for _ in 0..LOCK_LOOKS {
            (0..TURNS_A_LOCK_LOOK).for_each(|_| std::hint::spin_loop());
            if self.try_lock().is_some() {
                return true;
            }
        }
        is_here()
    }

    /// The guard, or `None` while another thread holds it.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

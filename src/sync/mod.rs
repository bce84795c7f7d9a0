//! Locks, atomics and the queue between threads: those of std and crossbeam, or loom's where a protocol between threads is
//! model-checked.
//!
//! Owns: the choice between the two; the lock whose holder does what others leave for it; facts learnt once.
//! Always true: a lock whose holder panicked is taken all the same. The state machines behind our locks change in steps
//! that cannot panic half-way, and a library that stops because one thread died would turn one fault into two.

mod combine;
mod fact;
#[cfg(all(test, not(highwater_model)))]
mod meetings;
#[cfg(all(test, highwater_model))]
mod models;
#[cfg(highwater_model)]
mod queue;

use std::sync::{PoisonError, TryLockError};

pub(crate) use combine::{Combine, Locked, Room};
#[cfg(not(highwater_model))]
pub(crate) use crossbeam_queue::SegQueue as Queue;
pub(crate) use fact::Fact;
#[cfg(highwater_model)]
pub(crate) use queue::Queue;
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

    /// As [`lock`](Self::lock), but `None` instead of waiting if this is not the process of whoever holds it: in a
    /// forked child that thread does not exist. `is_here` is asked only where there is somebody to wait for.
    #[inline]
    pub(crate) fn lock_here(&self, is_here: impl FnOnce() -> bool) -> Option<MutexGuard<'_, T>> {
        // No guard comes out of the rare case: it would come through memory, and so would that of the usual one.
        self.try_lock()
            .or_else(|| self.may_wait(is_here).then(|| self.lock()))
    }

    /// Whether the lock, found taken, is free meanwhile or held by a thread that exists.
    #[cold]
    pub(super) fn may_wait(&self, is_here: impl FnOnce() -> bool) -> bool {
        // Most of our locks are free again sooner than the system answers.
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

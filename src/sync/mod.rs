//! Locks and atomics: those of std, or loom's where a protocol between threads is model-checked.
//!
//! Owns: the choice between the two; the lock whose holder does what others leave for it.
//! Always true: a lock whose holder panicked is taken all the same. The state machines behind our locks change in steps
//! that cannot panic half-way, and a library that stops because one thread died would turn one fault into two.

mod combine;
#[cfg(all(test, highwater_model))]
mod models;

use std::sync::{PoisonError, TryLockError};

pub(crate) use combine::{Combine, Locked, Room};
#[cfg(not(highwater_model))]
pub(crate) use std::sync::{
    MutexGuard,
    atomic::{AtomicBool, AtomicU32, Ordering, fence},
};

#[cfg(highwater_model)]
pub(crate) use loom::sync::{
    MutexGuard,
    atomic::{AtomicBool, AtomicU32, Ordering, fence},
};

#[cfg(highwater_model)]
use loom::sync::Mutex as Inner;
#[cfg(not(highwater_model))]
use std::sync::Mutex as Inner;

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

//! The lock and the atomics of the shelf: those of std, or loom's where its protocol is model-checked.

#[cfg(not(highwater_model))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering, fence},
};

#[cfg(highwater_model)]
pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering, fence};
#[cfg(highwater_model)]
pub(crate) use model::Mutex;

/// A lock with the ordering that std's lock promises, and no more. loom's own lock takes part in the total order of
/// `SeqCst`, and would hide a missing fence.
#[cfg(highwater_model)]
mod model {
    use std::ops::{Deref, DerefMut};
    use std::sync;

    use loom::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug)]
    pub(crate) struct Mutex<T> {
        held: AtomicBool,
        /// Free whenever `held` has been set here.
        value: sync::Mutex<T>,
    }

    /// The lock is held by another thread.
    #[derive(Debug)]
    pub(crate) struct Held;

    #[derive(Debug)]
    pub(crate) struct Guard<'a, T> {
        /// `None` only during the drop.
        value: Option<sync::MutexGuard<'a, T>>,
        held: &'a AtomicBool,
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self {
                held: AtomicBool::new(false),
                value: sync::Mutex::new(value),
            }
        }

        /// The lock, unless another thread holds it.
        pub(crate) fn try_lock(&self) -> Result<Guard<'_, T>, Held> {
            self.held
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .map_err(|_| Held)?;
            let value = self
                .value
                .lock()
                .unwrap_or_else(sync::PoisonError::into_inner);
            Ok(Guard {
                value: Some(value),
                held: &self.held,
            })
        }
    }

    impl<T> Deref for Guard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.value.as_deref().expect("it is held")
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.value.as_deref_mut().expect("it is held")
        }
    }

    impl<T> Drop for Guard<'_, T> {
        fn drop(&mut self) {
            self.value = None;
            self.held.store(false, Ordering::Release);
        }
    }
}

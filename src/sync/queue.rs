//! The replacement of the lock-free queue in a model.
//!
//! Owns: the least that such a queue promises: each item is popped once, and items keep their order.
//! Always true: whether it is empty is told by a counter without any memory order; a caller that relies on it needs its
//! own fences.

use std::collections::VecDeque;
use std::sync::PoisonError;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};

/// A queue for any number of threads.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    items: Mutex<VecDeque<T>>,
    len: AtomicUsize,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            items: Mutex::new(VecDeque::new()),
            len: AtomicUsize::new(0),
        }
    }

    pub(crate) fn push(&self, item: T) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.push_back(item);
        self.len.store(items.len(), Ordering::Relaxed);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let item = items.pop_front();
        self.len.store(items.len(), Ordering::Relaxed);
        item
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }
}

//! Code that runs when a thread ends.

use std::cell::RefCell;

/// Runs what it has when it is dropped.
pub(crate) struct AtEnd(pub(crate) Option<Box<dyn FnOnce()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run();
        }
    }
}

thread_local! {
    /// Is dropped when the thread ends. The first value in the memory of a thread is dropped last: if this is used before the
    /// library is, it runs when the values of the library are no more.
    pub(crate) static AT_END: RefCell<AtEnd> = const { RefCell::new(AtEnd(None)) };
}

//! Bodies whose owners may be code of the application, and go only once this thread has released its lock.
//!
//! Owns: when they wait, and how they are dropped.
//! Always true: an owner that panics harms nobody else.
//! Must not know: which lock it is. The bodies that wait are with `highwater-buffers`, where a body is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};

use highwater_buffers::{LateScope, drop_late};
pub(crate) use highwater_buffers::{hold_drops, holds_drops};

/// While it exists, bodies that may have an owner wait. To be dropped after the lock that it is made for.
#[derive(Debug)]
pub(crate) struct LateDrops(Option<LateScope>);

impl LateDrops {
    pub(crate) fn begin() -> Self {
        Self(Some(LateScope::begin()))
    }
}

impl Drop for LateDrops {
    fn drop(&mut self) {
        if self.0.take().is_some_and(LateScope::end) {
            drop_held();
        }
    }
}

/// The thread has released its lock: drops what waits for that, and calls the wakers that do.
#[cold]
pub(crate) fn drop_held() {
    drop_late(drop_body);
    super::late_calls::release();
}

/// Drops the body of a message, which may run code of the application: a panic of it goes to the log, and no further.
pub(crate) fn drop_body<T>(body: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(body))).is_err() {
        tracing::error!(target: "highwater", "the owner of a body panicked when it was dropped");
    }
}

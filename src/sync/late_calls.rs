//! Calls of the application's code, wakers of tasks and subscribers of the log, that are made only once this thread has released
//! its lock.
//!
//! Owns: when they wait, and the list of those that do.
//! Always true: a call that waits is made by its thread, without the lock of a socket. While one is made, others do not wait:
//! a waker may block until what it wakes has been done.
//! Must not know: which lock it is, and what a call does.
//!
//! An event of a socket is told under the lock of the socket, and a subscriber of the log may send the line by the same socket.
//! Within the process a thread has news for the socket at the other end of a lane while it holds the lock of its own. If it gets
//! the other lock as well, it wakes the tasks that wait there. Their wakers may use either socket.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use highwater_buffers::hold_drops;

/// The calls that a thread puts off.
type PutOff = RefCell<ManuallyDrop<Vec<Box<dyn FnOnce()>>>>;

#[cfg(not(highwater_model))]
thread_local! {
    /// Calls wait for [`release`].
    static HELD: Cell<bool> = const { Cell::new(false) };
    /// There is a [`LateCalls`]: calls wait for its end.
    static SCOPED: Cell<bool> = const { Cell::new(false) };
    /// Nothing is left here between two calls, and it has no drop of its own: so it is there to the very end of the thread.
    static PUT_OFF: PutOff = const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

// The threads of a model are one thread of the system.
#[cfg(highwater_model)]
loom::thread_local! {
    static HELD: Cell<bool> = Cell::new(false);
    static SCOPED: Cell<bool> = Cell::new(false);
    static PUT_OFF: PutOff = RefCell::new(ManuallyDrop::new(Vec::new()));
}

/// The calling thread holds the lock of a socket, and is about to tell another socket something, or to write a line of the log:
/// the wakers of that socket, or the subscribers of the log, wait until the lock is released.
#[cold]
pub(crate) fn hold_calls() {
    // In a scope they wait already.
    if !SCOPED.with(Cell::get) {
        HELD.with(|held| held.set(true));
    }
    // The release of the lock looks whether bodies wait, and then whether wakers do.
    hold_drops();
}

/// A time in which the calling thread may hold the lock of a socket, and calls wait.
#[derive(Debug)]
pub(super) struct LateCalls {
    /// It is within another.
    is_inner: bool,
}

impl LateCalls {
    pub(super) fn begin() -> Self {
        Self {
            is_inner: SCOPED.with(|scoped| scoped.replace(true)),
        }
    }
}

impl Drop for LateCalls {
    fn drop(&mut self) {
        SCOPED.with(|scoped| scoped.set(self.is_inner));
        if !waits() {
            call_all();
        }
    }
}

/// The thread has released a lock: makes the calls that have waited, unless it holds another.
#[cold]
pub(super) fn release() {
    if !SCOPED.with(Cell::get) && HELD.with(|held| held.replace(false)) {
        call_all();
    }
}

/// Makes `call`, which must not panic, now or once the thread has released its lock.
pub(crate) fn call(call: impl FnOnce() + 'static) {
    if waits() {
        PUT_OFF.with(|put_off| put_off.borrow_mut().push(Box::new(call)));
    } else {
        call();
    }
}

/// Whether calls of this thread wait.
fn waits() -> bool {
    SCOPED.with(Cell::get) || HELD.with(Cell::get)
}

fn call_all() {
    let all = PUT_OFF.with(|put_off| std::mem::take(&mut **put_off.borrow_mut()));
    for call in all {
        call();
    }
}

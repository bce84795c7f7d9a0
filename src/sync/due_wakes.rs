//! Wake-ups that are due because a list of waiters was notified, or left.
//!
//! Owns: the wake-ups that the present thread puts off.
//! Always true: they are made once the list is free again. The list calls its wakers with its own lock held. A wake-up runs
//! foreign code, which may leave the same list; and whoever takes the lock of a socket applies its mail, which may notify it.
//! Must not know: what a wake-up does.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::Event;

/// A wake-up that can be put off.
pub(crate) trait Due: Send + Sync {
    /// Wakes; no list of waiters is locked by this thread.
    fn wake_now(self: Arc<Self>);
}

/// The wake-ups that a thread puts off, while it does.
type PutOff = RefCell<ManuallyDrop<Option<Vec<Arc<dyn Due>>>>>;

#[cfg(not(highwater_model))]
thread_local! {
    /// The wake-ups that are put off, while some are. Nothing is left here between two calls, and it has no drop of its own: so
    /// it is there to the very end of the thread, when values of the application in the thread's memory are dropped.
    static PUT_OFF: PutOff = const { RefCell::new(ManuallyDrop::new(None)) };
}

// The threads of a model are one thread of the system.
#[cfg(highwater_model)]
loom::thread_local! {
    static PUT_OFF: PutOff = RefCell::new(ManuallyDrop::new(None));
}

/// Notifies `waiters` of those who wait at `event`. To be used wherever the lock of a socket may be free.
pub(crate) fn notify(event: &Event, waiters: usize) {
    put_off(|| {
        event.notify(waiters);
    });
}

/// Runs `something` that notifies or leaves lists of waiters, and then wakes whom that has told to [`wake`].
pub(crate) fn put_off(something: impl FnOnce()) {
    let begins = PUT_OFF.with(|due| {
        let mut due = due.borrow_mut();
        let begins = due.is_none();
        if begins {
            **due = Some(Vec::new());
        }
        begins
    });
    // Otherwise within another call of this, which wakes them.
    let ends = begins.then_some(Ends);
    something();
    drop(ends);
}

/// Wakes `due`, once no list of waiters is locked by this thread.
pub(crate) fn wake(due: Arc<dyn Due>) {
    let mut due = Some(due);
    PUT_OFF.with(|put_off| {
        if let Some(put_off) = &mut **put_off.borrow_mut() {
            put_off.extend(due.take());
        }
    });
    if let Some(due) = due {
        due.wake_now();
    }
}

/// Wakes all that was put off, also after a panic.
struct Ends;

impl Drop for Ends {
    fn drop(&mut self) {
        let due = PUT_OFF.with(|due| due.borrow_mut().take());
        due.into_iter().flatten().for_each(Due::wake_now);
    }
}

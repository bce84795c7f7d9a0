//! Where a task is registered to be woken, and how its waker is called.
//!
//! Owns: the registration of one task in a list of waiters; the wakers that are owed a call.
//! Always true: a task that was woken and leaves passes the wake-up on. A foreign waker is cloned, called and dropped without
//! a lock of ours, nor that of a list of waiters: it may run, or drop, any code.
//! Must not know: what the task waits for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use crate::origin::Origin;
use crate::socket::Core;
use crate::sync::due_wakes::{self, Due};
use crate::sync::{Event, EventListener, Mutex, Queue, late_calls};

/// Where a task waits to be woken, if it does.
#[derive(Debug)]
pub(crate) struct Registration {
    /// The process of the socket. In a forked child a thread of the parent may hold the lock of the list for ever.
    origin: Origin,
    place: Option<(EventListener, Arc<TaskWaker>)>,
}

/// Stands for a task's waker in the socket's lists of waiting threads and tasks.
#[derive(Debug)]
struct TaskWaker {
    core: Weak<Core>,
    task: Mutex<Option<Waker>>,
}

/// The tasks of a socket that are owed a call of their waker.
#[derive(Debug)]
pub(in crate::socket) struct OwedWakes(Queue<Arc<TaskWaker>>);

impl Default for OwedWakes {
    fn default() -> Self {
        Self(Queue::new())
    }
}

impl OwedWakes {
    /// Calls the wakers of all, now or once this thread has released the lock of another socket.
    #[cold]
    pub(in crate::socket) fn wake(&self) {
        while let Some(waker) = self.0.pop() {
            late_calls::call(move || waker.wake_task());
        }
    }
}

/// Calls a foreign waker, without any lock. If it panics, that ends neither an I/O thread nor the call that wakes another; the
/// panic hook has told it.
pub(crate) fn call_waker(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

impl TaskWaker {
    fn wake_task(&self) {
        if let Some(task) = self.set(None) {
            call_waker(task);
        }
    }

    /// Gives the waker that was there before, to be dropped without the lock.
    fn set(&self, task: Option<Waker>) -> Option<Waker> {
        let mut place = self.task.lock();
        std::mem::replace(&mut *place, task)
    }

    /// Has `task` woken from now on.
    fn wakes(&self, task: &Waker) {
        let place = self.task.lock();
        if place.as_ref().is_some_and(|known| known.will_wake(task)) {
            return;
        }
        drop(place);
        drop(self.set(Some(task.clone())));
    }

    /// Whether `listener` has not been notified; this waker is called once it is.
    fn listens(self: &Arc<Self>, listener: &mut EventListener) -> bool {
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        Pin::new(listener).poll(&mut context).is_pending()
    }
}

impl Wake for TaskWaker {
    /// Called by whoever notifies, with the list of waiters locked and perhaps the socket.
    fn wake(self: Arc<Self>) {
        due_wakes::wake(self);
    }
}

impl Due for TaskWaker {
    fn wake_now(self: Arc<Self>) {
        match self.core.upgrade() {
            Some(core) => {
                core.owed_wakes.0.push(self);
                core.room.owe_wakes(&*core);
            }
            // Nobody holds the lock of a socket that has gone.
            None => self.wake_task(),
        }
    }
}

impl Registration {
    /// Of a task that does not wait yet, at `core`.
    pub(crate) fn new(core: &Core) -> Self {
        Self::of(core.origin())
    }

    /// Of a task that does not wait yet, at a socket of this process.
    pub(crate) fn of(origin: Origin) -> Self {
        Self {
            origin,
            place: None,
        }
    }

    /// Whether the task is registered, and was not found woken.
    #[inline]
    pub(super) fn is_there(&self) -> bool {
        self.place.is_some()
    }

    /// Whether this is the process of the socket. A system call.
    pub(crate) fn is_here(&self) -> bool {
        self.origin.is_here()
    }

    /// Whether it is registered and has not been woken; it is woken through `context` from now on. `woken` is set if it was.
    /// In a forked child it waits no more.
    pub(super) fn still_waits(&mut self, context: &mut Context<'_>, woken: &mut bool) -> bool {
        if !self.is_there() {
            return false;
        }
        if !self.origin.is_here() {
            self.end();
            return false;
        }
        self.has_task_woken(context, woken)
    }

    /// Whether it is registered and has not been woken; it is woken through `context` from now on. `woken` is set if it was.
    /// To be called in the process of the socket, without its lock: the waker of the task is cloned, and another dropped.
    pub(super) fn has_task_woken(&mut self, context: &Context<'_>, woken: &mut bool) -> bool {
        let Some((listener, waker)) = &mut self.place else {
            return false;
        };
        // Before the look: a wake-up that comes after it goes to this waker.
        waker.wakes(context.waker());
        if waker.listens(listener) {
            return true;
        }
        self.place = None;
        *woken = true;
        false
    }

    /// Registers at `event`, under the lock under which an attempt has failed. Once that is released, the task's waker is
    /// added ([`has_task_woken`](Self::has_task_woken)), which is called without the lock of `owner`. To be called in its
    /// process.
    pub(super) fn register(&mut self, owner: Weak<Core>, event: &Event) {
        let waker = Arc::new(TaskWaker {
            core: owner,
            task: Mutex::new(None),
        });
        self.place = Some((event.listen(), waker));
    }

    /// Waits until `look` finds something, of which `event` is notified. To be called in the process of `owner`.
    pub(crate) fn poll_until<T>(
        &mut self,
        owner: &Weak<Core>,
        event: &Event,
        context: &mut Context<'_>,
        mut look: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        if self.still_waits(context, &mut false) {
            return Poll::Pending;
        }
        loop {
            if let Some(found) = look() {
                self.end();
                return Poll::Ready(found);
            }
            // Looks once more after it has registered, since no lock keeps a change out in between.
            if self.is_there() {
                return Poll::Pending;
            }
            self.register(Weak::clone(owner), event);
            self.has_task_woken(context, &mut false);
        }
    }

    /// Waits no more: a wake-up that was meant for it goes to the next.
    #[cold]
    pub(crate) fn end(&mut self) {
        let Some((listener, waker)) = self.place.take() else {
            return;
        };
        if self.origin.is_here() {
            due_wakes::put_off(|| drop(listener));
            drop(waker.set(None));
        } else {
            std::mem::forget((listener, waker));
        }
    }
}

impl Drop for Registration {
    #[inline]
    fn drop(&mut self) {
        if self.is_there() {
            self.end();
        }
    }
}

#[cfg(all(test, highwater_model))]
mod models;

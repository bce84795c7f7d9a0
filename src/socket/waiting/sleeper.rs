//! A thread that sleeps in a list of waiters.
//!
//! Owns: how it sleeps, and how it is woken.
//! Always true: it is registered as a task is, so whoever wakes it has released the socket and the list before. Woken under
//! them, it may take the waker's processor at once, find both locked, and sleep twice more.
//! Must not know: what the thread waits for.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::registration::Registration;
use crate::origin::Here;
use crate::socket::Core;
use crate::sync::Event;

/// The place of a thread in a list of waiters. A wake-up that comes after the thread has left goes to the next.
#[derive(Debug)]
pub(super) struct Sleeper(Registration);

/// Wakes a thread.
struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    /// The waker of this thread. It runs no code of the application, so one serves all waits.
    static WAKER: Waker = Waker::from(Arc::new(ThreadWaker(thread::current())));
}

impl Core {
    /// Registers this thread at `event`, a list of this socket, under the lock under which an attempt has failed.
    pub(super) fn sleeper(&self, event: &Event) -> Sleeper {
        let mut registration = Registration::new(self);
        registration.register(self.this.clone(), event);
        Sleeper(registration)
    }
}

impl Sleeper {
    /// Sleeps until it is woken or `deadline` passes; without the lock.
    pub(super) fn sleep(self, deadline: Deadline, here: Here) {
        match deadline {
            Deadline::Never => self.sleep_until(None, here),
            Deadline::At(at) => self.sleep_until(Some(at), here),
            Deadline::Passed => false,
        };
    }

    /// Likewise, for `time` at most; whether it was woken.
    pub(super) fn sleep_for(self, time: Duration, here: Here) -> bool {
        self.sleep_until(Instant::now().checked_add(time), here)
    }

    fn sleep_until(mut self, end: Option<Instant>, _: Here) -> bool {
        // A thread that is ending has no memory of its own any more.
        let waker = WAKER
            .try_with(Clone::clone)
            .unwrap_or_else(|_| Waker::from(Arc::new(ThreadWaker(thread::current()))));
        let context = Context::from_waker(&waker);
        let mut woken = false;
        while self.0.has_task_woken(&context, &mut woken) {
            let Some(end) = end else {
                thread::park();
                continue;
            };
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        woken
    }
}

#[cfg(all(test, not(highwater_model)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::facade::AsSocket;
    use crate::{Context as Sockets, Pull};

    /// Counts the times that it is called.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Counter {
        fn count(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn core() -> Arc<Core> {
        Pull::new(&Sockets::new()).as_socket().into_core()
    }

    #[test]
    fn who_sleeps_is_woken_once_the_lock_is_free() {
        let (core, counter) = (core(), Arc::new(Counter::default()));
        let state = core.lock(Here::in_test());
        let mut sleeper = core.sleeper(&core.readable);
        drop(state);
        let waker = Waker::from(Arc::clone(&counter));
        let context = Context::from_waker(&waker);
        let waits = |sleeper: &mut Sleeper| sleeper.0.has_task_woken(&context, &mut false);
        assert!(waits(&mut sleeper));
        let state = core.lock(Here::in_test());
        core.readable.notify(1);
        assert_eq!(counter.count(), 0, "the lock is held");
        drop(state);
        assert_eq!(counter.count(), 1);
        assert!(!waits(&mut sleeper));
    }

    #[test]
    fn a_thread_sleeps_until_it_is_woken_or_for_its_time() {
        let core = core();
        let sleeper = || {
            let _state = core.lock(Here::in_test());
            core.sleeper(&core.writable)
        };
        assert!(!sleeper().sleep_for(Duration::from_millis(5), Here::in_test()));
        let (first, second) = (sleeper(), sleeper());
        thread::scope(|scope| {
            let patience = Duration::from_secs(60);
            let slept = scope.spawn(move || second.sleep_for(patience, Here::in_test()));
            let state = core.lock(Here::in_test());
            core.writable.notify(1);
            drop(state);
            // This one leaves without a look, and the wake-up goes to the next.
            first.sleep(Deadline::Passed, Here::in_test());
            assert!(slept.join().expect("no panic"));
        });
    }
}

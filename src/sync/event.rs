//! The replacement of the list of waiters in a model.
//!
//! Owns: what such a list promises: a notification finds whoever listened before it, and is passed on by whoever leaves.
//! Always true: as in the list that it stands for, the wakers are called with the list locked.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Mutex;

/// A list of waiters.
#[derive(Debug, Default)]
pub(crate) struct Event(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    last: u64,
    /// In the order in which they came.
    waiters: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    notified: bool,
    waker: Option<Waker>,
}

impl List {
    /// Notifies the first `count` who are not notified yet.
    fn notify(&mut self, count: usize) {
        let waiting = self.waiters.iter_mut().filter(|waiter| !waiter.notified);
        for waiter in waiting.take(count) {
            waiter.notified = true;
            if let Some(waker) = waiter.waker.take() {
                waker.wake();
            }
        }
    }

    fn take(&mut self, number: u64) -> Option<Waiter> {
        let place = self.waiters.iter().position(|at| at.number == number)?;
        Some(self.waiters.remove(place))
    }
}

impl Event {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn listen(&self) -> EventListener {
        let mut list = self.0.lock();
        list.last += 1;
        let number = list.last;
        list.waiters.push(Waiter {
            number,
            notified: false,
            waker: None,
        });
        EventListener {
            list: Arc::clone(&self.0),
            number,
        }
    }

    /// Whether one who waits is notified and has not seen it.
    pub(crate) fn is_notified(&self) -> bool {
        self.0.lock().waiters.iter().any(|waiter| waiter.notified)
    }

    pub(crate) fn total_listeners(&self) -> usize {
        self.0.lock().waiters.len()
    }

    /// At least `count` are notified afterwards, those included that were before, as far as there are so many.
    pub(crate) fn notify(&self, count: usize) {
        let mut list = self.0.lock();
        let before = list.waiters.iter().filter(|waiter| waiter.notified).count();
        list.notify(count.saturating_sub(before));
    }
}

/// One who waits.
#[derive(Debug)]
pub(crate) struct EventListener {
    list: Arc<Mutex<List>>,
    number: u64,
}

impl EventListener {
    fn is_notified(&self, context: Option<&Context<'_>>) -> bool {
        let mut list = self.list.lock();
        let number = self.number;
        let place = list.waiters.iter_mut().find(|at| at.number == number);
        let Some(waiter) = place.filter(|waiter| !waiter.notified) else {
            list.take(number);
            return true;
        };
        waiter.waker = context.map(|context| context.waker().clone());
        false
    }
}

impl Future for EventListener {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_notified(Some(context)) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for EventListener {
    /// A waiter that was notified and has not seen it passes the notification on.
    fn drop(&mut self) {
        let mut list = self.list.lock();
        if list.take(self.number).is_some_and(|left| left.notified) {
            list.notify(1);
        }
    }
}

/// The waits of threads. No model has a clock: those with a limit wait as long as it takes.
pub(crate) trait Listener: Sized {
    fn wait(self);

    fn wait_timeout(self, _: Duration) -> Option<()> {
        self.wait();
        Some(())
    }

    fn wait_deadline(self, _: Instant) -> Option<()> {
        self.wait();
        Some(())
    }
}

impl Listener for EventListener {
    fn wait(self) {
        while !self.is_notified(None) {
            loom::thread::yield_now();
        }
    }
}

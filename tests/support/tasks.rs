//! A hand-made executor: a task that is polled when a test says so, and a waker that counts.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use super::PATIENCE;

/// Counts how often it was called, and wakes the thread that made it.
#[derive(Debug)]
pub(crate) struct CountingWaker {
    calls: AtomicUsize,
    thread: Thread,
}

impl CountingWaker {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicUsize::new(0),
            thread: std::thread::current(),
        })
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Polls `future` once, to be woken through this.
    pub(crate) fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(self));
        std::pin::Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    /// Waits until it was called more than `before` times.
    pub(crate) fn wait(&self, what: &str, before: usize) {
        let begun = Instant::now();
        while self.calls() <= before {
            assert!(begun.elapsed() < PATIENCE, "not woken: {what}");
            std::thread::park_timeout(PATIENCE);
        }
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Runs `future` on this thread, which sleeps until it is woken.
pub(crate) fn block_on<F: Future>(what: &str, future: F) -> F::Output {
    let counting = CountingWaker::new();
    let waker = Waker::from(Arc::clone(&counting));
    let mut future = pin!(future);
    loop {
        let before = counting.calls();
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => counting.wait(what, before),
        }
    }
}

//! The handles by which a running proxy is paused, resumed and stopped.
//!
//! Owns: the switches, and the thread of a proxy that has one of its own.
//! Always true: a switch that is set wakes the proxy; a handle that is dropped waits for the thread, unless the thread
//! belongs to a parent process.
//! Must not know: sockets and messages.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::thread::JoinHandle;

use super::counts::{Counts, ProxySide, ProxyStats, get};
use crate::origin::Origin;
use crate::sync::Mutex;

/// Steers a [`Proxy`](crate::Proxy), from any thread; cheap to clone.
#[derive(Debug, Clone)]
pub struct ProxyControl {
    pub(super) switch: Arc<Switch>,
}

/// A [`Proxy`](crate::Proxy) that runs on a thread of its own. Dropping it stops the proxy and waits for the thread.
#[derive(Debug)]
pub struct ProxyHandle {
    pub(super) control: ProxyControl,
    pub(super) thread: Option<JoinHandle<ProxyStats>>,
}

/// The state that the proxy and those that steer it share.
#[derive(Default)]
pub(super) struct Switch {
    pub(super) paused: AtomicBool,
    pub(super) stopped: AtomicBool,
    pub(super) forth: Counts,
    pub(super) back: Counts,
    pub(super) not_captured: AtomicU64,
    /// The proxy's thread, while it runs.
    pub(super) runner: Mutex<Option<Waker>>,
    pub(super) origin: Origin,
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch")
            .field("paused", &self.paused)
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

impl ProxyControl {
    /// Forwards nothing until [`resume`](Self::resume). A message under way is still forwarded.
    pub fn pause(&self) {
        self.switch.paused.store(true, Ordering::Release);
        self.switch.wake();
    }

    /// Forwards again after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.switch.paused.store(false, Ordering::Release);
        self.switch.wake();
    }

    /// Ends the proxy. Does not wait. Messages that it has not taken stay in its sockets, to be received by others; see
    /// [`Proxy`](crate::Proxy) for an end that loses nothing.
    pub fn stop(&self) {
        self.switch.stopped.store(true, Ordering::Release);
        self.switch.wake();
    }

    /// What the proxy has done so far.
    pub fn statistics(&self) -> ProxyStats {
        self.switch.stats()
    }
}

impl ProxyHandle {
    /// A handle that can be given to other threads.
    pub fn control(&self) -> ProxyControl {
        self.control.clone()
    }

    /// Forwards nothing until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.control.pause();
    }

    /// Forwards again after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.control.resume();
    }

    /// What the proxy has done so far.
    pub fn statistics(&self) -> ProxyStats {
        self.control.statistics()
    }

    /// Stops the proxy and waits until it has ended; gives its counts.
    pub fn stop(mut self) -> ProxyStats {
        self.control.stop();
        self.wait()
    }

    /// Waits until the proxy is stopped or one of its sockets ends; gives its counts.
    pub fn join(mut self) -> ProxyStats {
        self.wait()
    }

    fn wait(&mut self) -> ProxyStats {
        let thread = self.thread.take();
        if !self.control.switch.origin.is_here() {
            // The thread is the parent's: in this process it can be neither joined nor detached.
            std::mem::forget(thread);
        } else if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!(target: "highwater", "a proxy panicked");
        }
        self.control.statistics()
    }
}

impl Drop for ProxyHandle {
    fn drop(&mut self) {
        self.control.stop();
        self.wait();
    }
}

impl Switch {
    fn wake(&self) {
        if let Some(guard) = self.runner.lock_here(|| self.origin.is_here())
            && let Some(runner) = &*guard
        {
            runner.wake_by_ref();
        }
    }

    pub(super) fn stats(&self) -> ProxyStats {
        let Self { forth, back, .. } = self;
        ProxyStats {
            frontend: ProxySide::new(forth, back),
            backend: ProxySide::new(back, forth),
            undeliverable: get(&forth.undeliverable) + get(&back.undeliverable),
            not_captured: get(&self.not_captured),
        }
    }
}

//! The part of an I/O thread that other threads reach: its poller and its inbox.
//!
//! Owns: the requests that the thread has not yet taken, and whether it must be woken for one.
//! Always true: each of the two queues keeps its order; a thread is woken only if it sleeps, and only in its own
//! process.
//! Must not know: the meaning of a request.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use polling::Poller;

use super::queued_connects::QueuedConnects;
use super::request::Request;
use crate::origin::Origin;
use crate::sync::Mutex;

/// The part of an I/O thread that other threads reach.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) poller: Arc<Poller>,
    pub(super) inbox: Mutex<Inbox>,
    pub(super) next_key: Arc<AtomicUsize>,
    pub(super) queued_connects: Arc<QueuedConnects>,
    pub(super) origin: Origin,
}

/// Two queues of requests; each is handled in the order in which its requests came.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Requests that a caller waits for, or that a live connection needs.
    pub(super) urgent: Vec<Request>,
    /// Requests that take the system longer: connections that begin and end.
    pub(super) others: Vec<Request>,
    /// The thread waits for the poller, or is about to.
    pub(super) asleep: bool,
}

impl Shared {
    /// Queues a request, and wakes the thread if it sleeps. In a forked child, which has no such thread, it wakes none:
    /// the descriptor would wake that of the parent.
    pub(super) fn send(&self, request: Request) {
        let Some(mut inbox) = self.inbox.lock_here(|| self.origin.is_here()) else {
            return;
        };
        if request.is_urgent() {
            inbox.urgent.push(request);
        } else {
            inbox.others.push(request);
        }
        let wake = std::mem::take(&mut inbox.asleep);
        drop(inbox);
        if wake && self.origin.is_here() {
            // A failure means that the system has no resources for a write to an eventfd. The thread then finds the
            // request when its next timer or event wakes it.
            let _ = self.poller.notify();
        }
    }
}

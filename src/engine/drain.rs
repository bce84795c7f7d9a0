//! Waiting until everything that a closing socket left behind is sent or given up.
//!
//! Owns: the count of what is still under way, and what became of the messages.
//! Always true: `begin` comes before the matching `finish`; waiters are woken when the count reaches zero.

use std::time::{Duration, Instant};

use event_listener::{Event, Listener};

use crate::sync::Mutex;

/// What became of the messages that were queued when a socket was closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Handed to the kernel, and on tcp and ipc acknowledged by the peer's kernel where it closed in time.
    pub sent: usize,
    /// Given up.
    pub lost: usize,
}

/// A group of links and sessions that are closing.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    state: Mutex<State>,
    done: Event,
}

#[derive(Debug, Default)]
struct State {
    pending: usize,
    report: DrainReport,
}

impl Drain {
    /// One more is closing.
    pub(crate) fn begin(&self) {
        self.state.lock().pending += 1;
    }

    /// One is done.
    pub(crate) fn finish(&self, sent: usize, lost: usize) {
        let mut state = self.state.lock();
        state.report.sent += sent;
        state.report.lost += lost;
        state.pending -= 1;
        if state.pending == 0 {
            drop(state);
            self.done.notify(usize::MAX);
        }
    }

    /// Waits until nothing is under way, at most until `deadline`; false if something still is.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        loop {
            let listener = self.done.listen();
            if self.state.lock().pending == 0 {
                return true;
            }
            match deadline {
                None => listener.wait(),
                Some(deadline) => {
                    if listener.wait_deadline(deadline).is_none() {
                        return self.state.lock().pending == 0;
                    }
                }
            }
        }
    }

    /// What has become of the messages so far.
    pub(crate) fn report(&self) -> DrainReport {
        self.state.lock().report
    }

    /// As [`wait`](Self::wait), calling `still` once if it takes longer than `patience`.
    pub(crate) fn wait_patiently(&self, patience: Duration, still: impl FnOnce()) {
        if !self.wait(Some(Instant::now() + patience)) {
            still();
            self.wait(None);
        }
    }
}

//! The bound on connects that wait for the I/O threads.
//!
//! Owns: the count of connects that were asked for and are not begun yet.
//! Always true: a `connect` beyond the bound waits until the I/O threads have begun some, and for a second at most.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Event, Listener as _};

/// The count of connects that the I/O threads of a context have not begun yet. A thread that asks for more than they
/// can begin waits a little, so that other requests do not wait behind an unbounded number of them.
#[derive(Debug, Default)]
pub(super) struct QueuedConnects {
    count: AtomicUsize,
    fewer: Event,
}

/// With this many connects queued, a further one waits. To begin one takes some 20 µs.
const MOST_QUEUED_CONNECTS: usize = 1024;

/// How long a connect waits at most, in case that the I/O threads make no progress.
const LONGEST_TURN: Duration = Duration::from_secs(1);

impl QueuedConnects {
    pub(super) fn wait_for_turn(&self) {
        let deadline = Instant::now() + LONGEST_TURN;
        while self.count.load(Ordering::SeqCst) >= MOST_QUEUED_CONNECTS {
            let listener = self.fewer.listen();
            if self.count.load(Ordering::SeqCst) >= MOST_QUEUED_CONNECTS
                && listener.wait_deadline(deadline).is_none()
            {
                return;
            }
        }
    }

    /// One more is queued.
    pub(super) fn queued(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn begun(&self) {
        // Waiting threads are woken when half of the connects are begun: to wake one for each connect would cost more
        // than it.
        if self.count.fetch_sub(1, Ordering::SeqCst) == MOST_QUEUED_CONNECTS / 2 {
            self.fewer.notify(usize::MAX);
        }
    }
}

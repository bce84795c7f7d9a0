//! How many connects may wait for the I/O threads.
//!
//! Owns: the count of connects that are asked for and not yet begun.
//! Always true: a `connect` beyond those that the I/O threads can begin waits for its turn, and not for ever.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use event_listener::{Event, Listener as _};

/// The connects that the I/O threads of a context have not begun yet. Who makes more than they can begin waits a
/// little, so that their number is bounded, and with it the time that everything else waits behind them.
#[derive(Debug, Default)]
pub(super) struct QueuedConnects {
    count: AtomicUsize,
    fewer: Event,
}

/// With this many connects queued, a further one waits for its turn. To begin one takes some 20 µs.
const MOST_QUEUED_CONNECTS: usize = 1024;

/// For this long at most: an I/O thread that makes no progress holds up nobody for ever.
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
        // Half of them at a time: to wake somebody for each would cost more than the connects.
        if self.count.fetch_sub(1, Ordering::SeqCst) == MOST_QUEUED_CONNECTS / 2 {
            self.fewer.notify(usize::MAX);
        }
    }
}

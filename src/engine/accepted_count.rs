//! How many accepted connections a socket has.
//!
//! Owns: the count, shared by all I/O threads.
//! Always true: a connection is counted before it is handed to a thread, and until its link is gone; so there are never more
//! than the limit says, whichever threads accept.
//! Must not know: the peers of these connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::handshake_count::CountedHandshake;

/// The accepted connections of one socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct AcceptedCount(Arc<AtomicUsize>);

/// One accepted connection: counted until this value is dropped.
#[derive(Debug)]
pub(super) struct CountedConnection {
    count: Arc<AtomicUsize>,
    /// While its handshake is under way.
    handshake: Option<CountedHandshake>,
}

impl AcceptedCount {
    /// Counts one more connection, unless there are `most` already.
    pub(super) fn add(&self, most: Option<usize>) -> Option<CountedConnection> {
        // Relaxed: the count alone is read, and no other memory depends on it.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                most.is_none_or(|most| count < most).then_some(count + 1)
            })
            .ok()
            .map(|_| CountedConnection {
                count: Arc::clone(&self.0),
                handshake: None,
            })
    }
}

impl CountedConnection {
    /// Its handshake begins, and counts.
    pub(super) fn with(mut self, handshake: CountedHandshake) -> Self {
        self.handshake = Some(handshake);
        self
    }

    /// See [`CountedHandshake::is_in_a_crowd`].
    pub(super) fn is_in_a_crowd(&self, most: Option<usize>, of_address: Option<usize>) -> bool {
        let handshake = self.handshake.as_ref();
        handshake.is_some_and(|handshake| handshake.is_in_a_crowd(most, of_address))
    }

    /// Its handshake is done.
    pub(super) fn handshake_done(&mut self) {
        self.handshake = None;
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_has_gone_is_no_longer_counted() {
        let accepted = AcceptedCount::default();
        let first = accepted.add(Some(2)).expect("there is none");
        let _second = accepted.clone().add(Some(2)).expect("there is one");
        assert!(accepted.add(Some(2)).is_none());
        let _third = accepted.add(None).expect("there is no limit");
        drop(first);
        assert!(accepted.add(Some(2)).is_none());
        assert!(accepted.add(Some(3)).is_some());
    }
}

//! A peer whose input is left unread, since our socket is at its high-water mark.
//!
//! Owns: since when the peer is unread, how often it sends PINGs, and when to look for one in the unread input.
//! Always true: an unread peer that sends PINGs gets PINGs of ours as a sign of life, because its own PINGs lie unread and are
//! not answered. A peer whose PINGs were not seen gets none: where a peer has closed the connection behind its last message,
//! each byte that we send makes its kernel reset the connection, and then the unread messages are lost.
//! Must not know: clocks, sockets, what a silence leads to.

use std::time::{Duration, Instant};

/// What is known of the PINGs of a peer that is perhaps not read.
#[derive(Debug)]
pub(super) struct Unread {
    /// When the last PING of the peer came, or the handshake ended.
    last_ping: Instant,
    /// The shortest time between two PINGs of the peer.
    ping_interval: Option<Duration>,
    /// While the peer is not read: when to look for a PING in its input.
    next_look: Option<Instant>,
    /// How many bytes were unread at the last look.
    bytes: usize,
    /// Since when the peer is not read; `None` while it is read.
    since: Option<Instant>,
    /// No silence begins before this time.
    catches_up_until: Option<Instant>,
}

impl Unread {
    /// The handshake ended `now`, and the peer is read.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last_ping: now,
            ping_interval: None,
            next_look: None,
            bytes: 0,
            since: None,
            catches_up_until: None,
        }
    }

    /// A PING was read.
    pub(super) fn peer_ping(&mut self, now: Instant) {
        let interval = now.saturating_duration_since(self.last_ping);
        if interval >= SHORTEST_INTERVAL {
            let shortest = self
                .ping_interval
                .map_or(interval, |known| known.min(interval));
            self.ping_interval = Some(shortest);
        }
        self.last_ping = now;
    }

    /// Whether the peer has sent PINGs.
    pub(super) fn is_pinged(&self) -> bool {
        self.ping_interval.is_some()
    }

    pub(super) fn is_unread(&self) -> bool {
        self.since.is_some()
    }

    /// From `now` on the peer is left unread, or is read again. True if that has changed. `our_interval` is the time between
    /// PINGs of ours that go out in any case.
    pub(super) fn set(
        &mut self,
        is_unread: bool,
        now: Instant,
        our_interval: Option<Duration>,
    ) -> bool {
        let changed = self.is_unread() != is_unread;
        if changed {
            self.next_look = None;
            self.bytes = 0;
            if is_unread {
                self.since = Some(now);
                self.plan_look(now, our_interval);
            } else if let Some(since) = self.since.take() {
                let unread = now.saturating_duration_since(since);
                let until = now.checked_add(unread.min(LONGEST_CATCH_UP));
                self.catches_up_until = self.catches_up_until.max(until);
            }
        }
        changed
    }

    /// When a silence that began at `since` counts from.
    ///
    /// A peer that was not read for a time may be silent for as long again without a fault of its own. Its kernel sends again
    /// to a full buffer after intervals that double, so the last interval is as long as all before it together.
    pub(super) fn silence_begins(&self, since: Instant) -> Instant {
        self.catches_up_until
            .map_or(since, |until| since.max(until))
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Plans the next look, after half the interval of the peer's PINGs, but at most [`LONGEST_GUESS`]: how long the peer waits
    /// for an answer is not known, and is often less than its interval. A peer of which no PING was read may send none, or may
    /// have sent it behind the unread input: then the pause is half the time since the last sign, within bounds. PINGs of ours
    /// that go out at least as often make looks needless.
    pub(super) fn plan_look(&mut self, now: Instant, our_interval: Option<Duration>) {
        let pause = match self.ping_interval {
            Some(interval) => (interval / 2).min(LONGEST_GUESS),
            None => {
                let known = now.saturating_duration_since(self.last_ping);
                (known / 2).clamp(SHORTEST_GUESS, LONGEST_GUESS)
            }
        };
        let suffices = |ours: Duration| !ours.is_zero() && ours <= pause;
        let looks = !our_interval.is_some_and(suffices);
        self.next_look = looks.then(|| now.checked_add(pause)).flatten();
    }

    /// How many of the `unread` bytes were not there at the last look.
    pub(super) fn new_among(&mut self, unread: usize) -> usize {
        let before = std::mem::replace(&mut self.bytes, unread);
        unread.saturating_sub(before)
    }
}

/// PINGs that follow each other faster than this had waited to be read, and do not tell the peer's interval.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// The pause between two looks for a PING of a peer: of one whose interval is not known at least the first, of any at most the
/// second. A look takes two system calls, and only connections that are left unread are looked at.
const SHORTEST_GUESS: Duration = Duration::from_millis(50);
const LONGEST_GUESS: Duration = Duration::from_millis(500);

/// The longest interval between two attempts of a kernel to send; Linux's `TCP_RTO_MAX`.
pub(super) const LONGEST_CATCH_UP: Duration = Duration::from_secs(120);

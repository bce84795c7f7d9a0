//! What a socket has counted, as the user sees it.
//!
//! Owns: the picture that a user gets of all counters.
//! Always true: a counter only grows; every lost message is in exactly one of them.
//! Must not know: who counts.

mod telemetry;

use std::time::Duration;

use crate::peer::PeerInfo;
pub(crate) use telemetry::Telemetry;

/// A picture of one socket's counters, from its creation to the moment of the call.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages taken by `send`, one for each peer that gets it.
    pub messages_sent: u64,
    /// Messages read from peers: those that `recv` has handed out, and those that the socket then had no use for, which
    /// [`dropped`](Self::dropped) counts by cause.
    pub messages_received: u64,
    /// Bytes the kernel has taken, framing included. Zero in the same process.
    pub bytes_sent: u64,
    /// Bytes read, framing included. Zero in the same process.
    pub bytes_received: u64,
    /// Messages that wait to be sent.
    pub queued_to_send: usize,
    /// Messages that wait to be received; those read but not yet counted by a receiver that waits are not in it.
    pub queued_to_receive: usize,
    /// Messages lost, by cause.
    pub dropped: Dropped,
    /// Connections whose handshake succeeded.
    pub handshakes: u64,
    /// Handshakes that failed, refused peers and protocol errors among them.
    pub handshakes_failed: u64,
    /// Connections that were lost after their handshake.
    pub disconnects: u64,
    /// Attempts to connect again, successful or not.
    pub retries: u64,
    /// Connections of this socket that were lost and made again, up to a completed handshake.
    pub reconnects: u64,
    /// Connections that could not be accepted, or were turned away as soon as they were.
    pub accepts_failed: u64,
    /// Of those: turned away by the `accept_filter` option.
    pub refused_by_filter: u64,
    /// Of those: turned away since there were as many connections as the `connection_limit` option allows.
    pub refused_by_limit: u64,
    /// How long the socket was mute: from each send that found no peer with room until there was one.
    pub time_muted: Duration,
    /// Events that no monitor had room for.
    pub events_missed: u64,
    /// The peers of this moment.
    pub peers: Vec<PeerStats>,
}

/// Messages that were lost, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Queued for a peer that went, or for a socket that closed before they were sent; or cut off by the peer again and again
    /// (the `send_attempts` option); or requests that were given up before they had left.
    pub unsent: u64,
    /// Received, and not read before the socket or endpoint was closed; also requests that came to a REP that retired.
    pub unread: u64,
    /// Not queued for a subscriber at its high-water mark.
    pub slow_subscriber: u64,
    /// Replaced by a newer one, where only the latest is kept.
    pub conflated: u64,
    /// For a routing id that nobody has.
    pub unroutable: u64,
    /// Replies to a peer at its high-water mark.
    pub no_room: u64,
    /// Without the envelope that this socket type needs.
    pub malformed: u64,
    /// Replies to a request that had been given up.
    pub late_reply: u64,
    /// Data from a peer that has none to send, such as a subscriber, and subscriptions to what is no publisher.
    pub unexpected: u64,
    /// What a SUB has received though it is not, or no longer, subscribed to it.
    pub unwanted: u64,
    /// Requests that were dropped without an answer.
    pub unanswered: u64,
    /// Subscriptions of peers that have as many topics as one peer may have, and those to topics that are too long.
    pub too_many_topics: u64,
}

impl Dropped {
    /// Those that a log tells of as losses, by cause; events tell of `unsent` and `unread`. What is late, unwanted or replaced
    /// by something newer is no loss.
    pub(crate) fn losses(&self) -> [(&'static str, u64); 7] {
        [
            ("the peer is at its high-water mark", self.slow_subscriber),
            ("nobody has the routing id", self.unroutable),
            ("no room for a reply", self.no_room),
            ("no envelope", self.malformed),
            ("the peer has nothing to send", self.unexpected),
            ("a request was not answered", self.unanswered),
            ("the peer has too many topics", self.too_many_topics),
        ]
    }
}

/// Counters of one connected peer: since it connected, or, if this end did, since `connect`, over all connections.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerStats {
    /// Who it is.
    pub peer: PeerInfo,
    /// Messages queued for it.
    pub messages_sent: u64,
    /// Messages from it that `recv` has handed out.
    pub messages_received: u64,
    /// Bytes the kernel has taken for it, framing included. Zero in the same process.
    pub bytes_sent: u64,
    /// Bytes read from it, framing included. Zero in the same process.
    pub bytes_received: u64,
    /// Messages that wait to be sent to it.
    pub queued_to_send: usize,
    /// Messages from it that wait to be received.
    pub queued_to_receive: usize,
    /// Messages to and from it that were lost, by cause. What is lost with the peer itself (`unsent`, `unread`) is in the
    /// [`Stats`] of the socket alone.
    pub dropped: Dropped,
    /// How often its connection was lost and made again; zero if the peer connected.
    pub reconnects: u64,
    /// How long it was at its high-water mark: from each message that found no room until there was some.
    pub time_muted: Duration,
    /// How long the answer to the last heartbeat took, to the microsecond; `None` before the first, and in the same
    /// process.
    pub round_trip: Option<Duration>,
}

//! The counters of a socket, as the user sees them.
//!
//! Owns: the snapshot of all counters.
//! Always true: a counter only grows; every lost message is in exactly one of them.
//! Must not know: which code counts.

mod telemetry;

use std::time::Duration;

use crate::peer::PeerInfo;
pub(crate) use telemetry::Telemetry;

/// A snapshot of one socket's counters, from its creation to the moment of the call.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages taken by `send`, one for each peer that gets it.
    pub messages_sent: u64,
    /// Messages received from peers, including those dropped after decoding, which [`dropped`](Self::dropped) counts by
    /// cause.
    pub messages_received: u64,
    /// Bytes the kernel has taken, framing included. Zero in the same process.
    pub bytes_sent: u64,
    /// Bytes read, framing included. Zero in the same process.
    pub bytes_received: u64,
    /// Messages that wait to be sent.
    pub queued_to_send: usize,
    /// Messages that wait to be received. Excludes those that a blocked receiver has read and not yet counted.
    pub queued_to_receive: usize,
    /// Messages lost, by cause.
    pub dropped: Dropped,
    /// Connections whose handshake succeeded.
    pub handshakes: u64,
    /// Handshakes that failed, refused peers and protocol errors among them.
    pub handshakes_failed: u64,
    /// Of those: peers that the [security](crate::security) of this socket has not let in.
    pub denied: u64,
    /// Connections that were lost after their handshake.
    pub disconnects: u64,
    /// Further attempts to connect, successful or not.
    pub retries: u64,
    /// Connections of this socket that were lost and made again, up to a completed handshake.
    pub reconnects: u64,
    /// Connections that could not be accepted, or were closed right after they were accepted.
    pub accepts_failed: u64,
    /// Of those: closed by the `accept_filter` option.
    pub refused_by_filter: u64,
    /// Of those: closed because the `connection_limit` option allows no more connections.
    pub refused_by_limit: u64,
    /// Of those: closed because the `handshake_limit_per_address` option allows no more handshakes with their address.
    pub refused_handshakes: u64,
    /// The total time in which sends had to wait because no peer had room.
    pub time_muted: Duration,
    /// Events for which no monitor had room.
    pub events_missed: u64,
    /// The peers connected now.
    pub peers: Vec<PeerStats>,
}

/// Messages that were lost, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Queued for a peer that disconnected, or for a socket that closed before they were sent; or cut off by the peer
    /// too often (the `send_attempts` option); or requests given up before they had left.
    pub unsent: u64,
    /// Received and unread when the socket or endpoint was closed; also requests that reached a REP after it began to
    /// retire.
    pub unread: u64,
    /// Not queued because the subscriber was at its high-water mark.
    pub slow_subscriber: u64,
    /// Replaced by a newer one under the `conflate` option.
    pub conflated: u64,
    /// For a routing id that no peer has.
    pub unroutable: u64,
    /// Replies to a peer at its high-water mark.
    pub no_room: u64,
    /// Without the envelope that this socket type needs.
    pub malformed: u64,
    /// Replies to a request that had been given up.
    pub late_reply: u64,
    /// Data from a peer of a type that sends none, such as a subscriber, and subscriptions sent to a socket that does
    /// not publish.
    pub unexpected: u64,
    /// Received by a SUB that is not, or no longer, subscribed to the topic.
    pub unwanted: u64,
    /// Requests that were dropped without an answer.
    pub unanswered: u64,
    /// Received by a typed socket (feature `serde`) whose codec could not decode them; each came back in an error.
    pub undecodable: u64,
    /// Subscriptions of a peer that has as many topics as it may have, and those to topics that are too long.
    pub too_many_topics: u64,
}

impl Dropped {
    /// The drops that are logged as losses, by cause; events report `unsent` and `unread`. Late, unwanted and replaced
    /// messages are no losses.
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

/// Counters of one connected peer. They count from its connection; for a peer that this end connected to, from
/// `connect` on, across reconnects.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerStats {
    /// The peer.
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
    /// Messages to and from the peer that were lost, by cause. Messages lost by its disconnect (`unsent`, `unread`) are
    /// counted only in the [`Stats`] of the socket.
    pub dropped: Dropped,
    /// How often its connection was lost and made again; zero if the peer connected.
    pub reconnects: u64,
    /// The total time in which the peer was at its high-water mark while messages for it had to wait or were dropped.
    pub time_muted: Duration,
    /// How long the answer to the last heartbeat took, to the microsecond; `None` before the first, and in the same
    /// process.
    pub round_trip: Option<Duration>,
}

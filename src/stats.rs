//! The counters of a socket, as the user sees them.
//!
//! Owns: the snapshot of all counters.
//! Always true: a counter only grows; every lost message is in exactly one of them.
//! Must not know: which code counts.

mod display;
mod telemetry;

use std::iter::Sum;
use std::ops::AddAssign;
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
    /// Peers that the [security](crate::security) of this socket has not let in; `handshakes_failed` counts them as well.
    pub denied: u64,
    /// Connections that were lost after their handshake.
    pub disconnects: u64,
    /// Further attempts to connect, successful or not.
    pub retries: u64,
    /// Connections of this socket that were lost and made again, up to a completed handshake.
    pub reconnects: u64,
    /// Connections that could not be accepted, or were closed right after they were accepted.
    pub accepts_failed: u64,
    /// Connections closed by the `accept_filter` option; `accepts_failed` counts them as well.
    pub refused_by_filter: u64,
    /// Connections closed because the `connection_limit` option allows no more; `accepts_failed` counts them as well.
    pub refused_by_limit: u64,
    /// Connections closed because the `handshake_limit_per_address` option allows no more handshakes with their address;
    /// `accepts_failed` counts them as well.
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
    /// Without room at their peer: messages of an XSUB for a publisher at its high-water mark, and of a ROUTER with
    /// [`Undeliverable::Drop`](crate::Undeliverable::Drop). Also upstream messages of a peer that has disconnected from an
    /// XPUB whose backlog is full (the `upstream_backlog_bytes` option).
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
    /// Received by a typed socket (feature `serde`) whose codec could not decode them; each came back in an error. If the codec
    /// panicked, also that message and those that were taken with it by one call.
    pub undecodable: u64,
    /// Subscriptions of a peer that has as many topics as it may have, and those to topics that are too long.
    pub too_many_topics: u64,
}

/// Adds up the counts of several sockets.
impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        // Named one by one, so that a new count is not forgotten.
        let Self {
            messages_sent,
            messages_received,
            bytes_sent,
            bytes_received,
            queued_to_send,
            queued_to_receive,
            dropped,
            handshakes,
            handshakes_failed,
            denied,
            disconnects,
            retries,
            reconnects,
            accepts_failed,
            refused_by_filter,
            refused_by_limit,
            refused_handshakes,
            time_muted,
            events_missed,
            peers,
        } = other;
        self.messages_sent += messages_sent;
        self.messages_received += messages_received;
        self.bytes_sent += bytes_sent;
        self.bytes_received += bytes_received;
        self.queued_to_send += queued_to_send;
        self.queued_to_receive += queued_to_receive;
        self.dropped += dropped;
        self.handshakes += handshakes;
        self.handshakes_failed += handshakes_failed;
        self.denied += denied;
        self.disconnects += disconnects;
        self.retries += retries;
        self.reconnects += reconnects;
        self.accepts_failed += accepts_failed;
        self.refused_by_filter += refused_by_filter;
        self.refused_by_limit += refused_by_limit;
        self.refused_handshakes += refused_handshakes;
        self.time_muted += time_muted;
        self.events_missed += events_missed;
        self.peers.extend(peers);
    }
}

/// The counts of several sockets, added up: `sockets.iter().map(Push::stats).sum::<Stats>()`.
impl Sum for Stats {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

/// Adds up the losses of several sockets or peers.
impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        let Self {
            unsent,
            unread,
            slow_subscriber,
            conflated,
            unroutable,
            no_room,
            malformed,
            late_reply,
            unexpected,
            unwanted,
            unanswered,
            undecodable,
            too_many_topics,
        } = other;
        self.unsent += unsent;
        self.unread += unread;
        self.slow_subscriber += slow_subscriber;
        self.conflated += conflated;
        self.unroutable += unroutable;
        self.no_room += no_room;
        self.malformed += malformed;
        self.late_reply += late_reply;
        self.unexpected += unexpected;
        self.unwanted += unwanted;
        self.unanswered += unanswered;
        self.undecodable += undecodable;
        self.too_many_topics += too_many_topics;
    }
}

impl Dropped {
    /// The drops that are logged as losses, by cause; events report `unsent` and `unread`. Late, unwanted and replaced
    /// messages are no losses.
    pub(crate) fn losses(&self) -> [(&'static str, u64); 7] {
        [
            ("the peer is at its high-water mark", self.slow_subscriber),
            ("nobody has the routing id", self.unroutable),
            ("there is no room for it", self.no_room),
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

//! What a socket tells about its connections while it works.
//!
//! Owns: the names of events, and the channels they go out on.
//! Always true: an event never blocks the thread that raises it; one that finds a full channel is counted.
//! Must not know: who reads.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::origin::Origin;
use crate::sync::Mutex;

/// Something that happened to a socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The endpoint of the socket that it happened to; `None` if it concerns the socket as a whole.
    pub endpoint: Option<Endpoint>,
    /// The address of the peer, where there is one.
    pub peer: Option<String>,
}

/// What can happen to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The socket listens.
    Listening,
    /// A connection was accepted; the handshake begins.
    Accepted,
    /// A connection could not be accepted: out of file descriptors, not on the accept list, over the limit.
    AcceptFailed(LinkError),
    /// An attempt to connect begins.
    Connecting,
    /// The transport is connected; the handshake begins.
    Connected,
    /// The last attempt failed, or the connection was lost; the next attempt comes after `delay`.
    Retrying {
        /// How long until then.
        delay: Duration,
        /// Why the last one ended.
        cause: LinkError,
    },
    /// There will be no further attempt.
    GaveUp(LinkError),
    /// Peer and socket have agreed; messages flow.
    HandshakeSucceeded,
    /// Peer and socket have not agreed.
    HandshakeFailed(LinkError),
    /// A connection that had worked is lost.
    Disconnected {
        /// Why.
        cause: LinkError,
        /// How many queued messages went with it. Zero where they wait for the next connection.
        lost: usize,
    },
    /// A send found no peer with room.
    Muted,
    /// A mute socket has a peer with room again.
    Unmuted,
    /// Messages for this peer are dropped from now on, since it is at its high-water mark.
    DroppingStarted,
    /// The peer has room again.
    DroppingStopped {
        /// How many messages it has missed meanwhile.
        missed: u64,
    },
    /// The socket listens no more.
    Closed,
}

/// How an endpoint is doing that a socket has connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointState {
    /// An attempt is under way.
    Connecting {
        /// Why the one before it failed, or the connection was lost.
        last_error: Option<LinkError>,
    },
    /// The next attempt comes after a pause.
    Retrying {
        /// How long the pause is, from its beginning.
        delay: Duration,
        /// Why the last attempt failed, or the connection was lost.
        cause: LinkError,
    },
    /// Connected, and messages flow.
    Ready,
    /// There will be no further attempt.
    GivenUp(LinkError),
}

impl EndpointState {
    /// Why there is no connection, as far as that is known.
    pub fn into_error(self) -> Option<LinkError> {
        match self {
            Self::Connecting { last_error } => last_error,
            Self::Retrying { cause, .. } | Self::GivenUp(cause) => Some(cause),
            Self::Ready => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EventKind::AcceptFailed(cause) => write!(f, "accept failed: {cause}")?,
            EventKind::Retrying { delay, cause } => write!(f, "retrying in {delay:?}: {cause}")?,
            EventKind::GaveUp(cause) => write!(f, "gave up: {cause}")?,
            EventKind::HandshakeFailed(cause) => write!(f, "handshake failed: {cause}")?,
            EventKind::Disconnected { cause, lost } => {
                write!(f, "disconnected: {cause}; {lost} queued messages lost")?;
            }
            EventKind::DroppingStopped { missed } => {
                write!(f, "dropping stopped: {missed} messages missed")?;
            }
            other => write!(f, "{other:?}")?,
        }
        if let Some(endpoint) = &self.endpoint {
            write!(f, " [{endpoint}]")?;
        }
        if let Some(peer) = &self.peer {
            write!(f, " (peer {peer})")?;
        }
        Ok(())
    }
}

/// How many events wait for a reader before further ones are dropped.
const CHANNEL_CAPACITY: usize = 4096;

/// At most so many log lines a second and socket; the rest are counted in the next line.
const LINES_PER_SECOND: u32 = 20;

/// The monitors of one socket.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    channels: Mutex<Vec<Sender<Event>>>,
    watched: AtomicBool,
    missed: AtomicU64,
    lines: Mutex<Lines>,
    origin: Origin,
}

#[derive(Debug, Default)]
struct Lines {
    second: Option<Instant>,
    written: u32,
    held_back: u64,
}

impl Monitor {
    /// A channel on which every event from now on arrives; one without a sender in a forked child.
    pub(crate) fn subscribe(&self) -> Receiver<Event> {
        let (sender, receiver) = bounded(CHANNEL_CAPACITY);
        if !self.origin.is_here() {
            return receiver;
        }
        self.channels.lock().push(sender);
        self.watched.store(true, Ordering::Release);
        receiver
    }

    /// Tells everybody, without waiting for anybody.
    pub(crate) fn emit(&self, kind: EventKind, endpoint: Option<&Endpoint>, peer: Option<&str>) {
        let logged = tracing::enabled!(tracing::Level::DEBUG);
        if !logged && !self.watched.load(Ordering::Acquire) {
            return;
        }
        if !self.origin.is_here() {
            return;
        }
        let event = Event {
            kind,
            endpoint: endpoint.cloned(),
            peer: peer.map(str::to_owned),
        };
        if logged {
            self.log(&event);
        }
        self.channels
            .lock()
            .retain(|channel| match channel.try_send(event.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    self.missed.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            });
    }

    /// Events that found a channel full.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn log(&self, event: &Event) {
        let mut lines = self.lines.lock();
        let now = Instant::now();
        if lines
            .second
            .is_none_or(|begun| now.duration_since(begun) >= Duration::from_secs(1))
        {
            lines.second = Some(now);
            lines.written = 0;
        }
        if lines.written == LINES_PER_SECOND {
            lines.held_back += 1;
            return;
        }
        lines.written += 1;
        let held_back = std::mem::take(&mut lines.held_back);
        match event.kind {
            EventKind::GaveUp(_) | EventKind::HandshakeFailed(_) | EventKind::AcceptFailed(_) => {
                tracing::warn!(target: "highwater", held_back, "{event}");
            }
            _ => tracing::debug!(target: "highwater", held_back, "{event}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_monitor_hears_every_event() {
        let monitor = Monitor::default();
        let (a, b) = (monitor.subscribe(), monitor.subscribe());
        monitor.emit(EventKind::Muted, None, None);
        assert_eq!(a.try_recv().expect("a is told").kind, EventKind::Muted);
        assert_eq!(b.try_recv().expect("b is told").kind, EventKind::Muted);
    }

    #[test]
    fn a_monitor_nobody_reads_costs_a_bounded_number_of_events_and_counts_the_rest() {
        let monitor = Monitor::default();
        let unread = monitor.subscribe();
        for _ in 0..CHANNEL_CAPACITY + 5 {
            monitor.emit(EventKind::Muted, None, None);
        }
        assert_eq!((unread.len(), monitor.missed()), (CHANNEL_CAPACITY, 5));
    }

    #[test]
    fn a_dropped_monitor_is_forgotten() {
        let monitor = Monitor::default();
        drop(monitor.subscribe());
        monitor.emit(EventKind::Muted, None, None);
        assert!(monitor.channels.lock().is_empty());
    }
}

//! The entries of an I/O thread: one for each listener, session and link.
//!
//! Owns: the records, and the phases that a link and a session can be in.
//! Always true: a record belongs to one thread, and is changed by no other.
//! Must not know: the events by which a phase changes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use highwater_patterns::RoutingId;

use super::accepted_count::CountedConnection;
use super::link::Link;
use super::preparing::{Handshaking, Preparing, Step};
use super::registration::Registered;
use super::{Closing, EndpointConfig, Key, Status};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::peer::PeerInfo;
use crate::pipe::Pipe;
use crate::policy::Backoff;
use crate::transport::{Listener, Target};
use crate::zmtp::Heartbeat;

/// An entry of the map. Boxed, since half of the places in a map are empty.
#[derive(Debug)]
pub(super) enum Entry {
    Listener(Box<ListenerEntry>),
    Session(Box<SessionEntry>),
    Link(Box<LinkEntry>),
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct ListenerEntry {
    pub(super) listener: Registered<Listener>,
    pub(super) config: Arc<EndpointConfig>,
    /// The user has told the socket to stop accepting: connections stay in the kernel's queue.
    pub(super) paused: bool,
}

/// One configured peer.
#[derive(Debug)]
pub(super) struct SessionEntry {
    pub(super) config: Arc<EndpointConfig>,
    /// `None` if each connection has a pipe of its own.
    pub(super) pipe: Option<Arc<Pipe>>,
    pub(super) backoff: Backoff,
    /// How many handshakes were completed.
    pub(super) connections: usize,
    /// Since when there is a connection.
    pub(super) connected: Option<Instant>,
    /// The routing id of the last peer.
    pub(super) routing_id: Option<RoutingId>,
    pub(super) status: Status,
    /// The user has made the connection (`connect_fd`), so it cannot be made again.
    pub(super) handed_in: bool,
    pub(super) phase: SessionPhase,
    /// Addresses not yet tried in this attempt.
    pub(super) targets: VecDeque<Target>,
    /// The final refusal at one of the addresses of this attempt.
    pub(super) said_no: Option<LinkError>,
    /// How the session ends, and how many messages were queued when that began.
    pub(super) closing: Option<(Closing, usize)>,
    /// How many of those messages went with a connection, or were given up.
    pub(super) lost_meanwhile: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionPhase {
    Waiting,
    Resolving,
    Linked(Key),
    GivenUp,
}

/// How far a connection came before it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    Nothing,
    Handshake,
    Traffic,
}

/// One link, as its I/O thread sees it.
#[derive(Debug)]
pub(super) struct LinkEntry {
    pub(super) link: Arc<Link>,
    /// The listener or session it belongs to.
    pub(super) owner: Key,
    pub(super) pipe: Option<Arc<Pipe>>,
    pub(super) config: Arc<EndpointConfig>,
    pub(super) accepted: bool,
    /// Of an accepted connection: counted while this value lives.
    pub(super) counted: Option<CountedConnection>,
    pub(super) other_end: OtherEnd,
    pub(super) phase: Phase,
    /// How the link ends, and how many messages were queued when that began. Boxed, since most links never have it.
    pub(super) closing: Option<Box<(Closing, usize)>>,
    /// The peer's routing id was given to a new peer, and the peer was told. Its messages are still read.
    pub(super) handed_over: bool,
    /// Our side of the stream is closed: nothing can be written any more, but the peer is still read.
    pub(super) half_closed: bool,
    /// The reason in an ERROR of the peer, which is about to close the connection.
    pub(super) told: Option<Box<str>>,
    /// The peer has refused us by an ERROR after the handshake: it has taken none of our messages.
    pub(super) refused_after_all: bool,
    /// A write has failed: the peer's messages are read to the end, then the link is dropped for this cause.
    pub(super) output_lost: Option<Box<LinkError>>,
}

/// The other end of a link: an address, and after the handshake a peer.
#[derive(Debug)]
pub(super) enum OtherEnd {
    /// The address; empty if it has none, or none yet.
    At(Box<str>),
    Peer(Arc<PeerInfo>),
}

#[derive(Debug)]
pub(super) enum Phase {
    Connecting {
        until: Option<Instant>,
    },
    /// The exchange before the traffic: with a proxy, or the handshake with the peer.
    Preparing(Preparing),
    Traffic {
        heartbeat: Heartbeat,
    },
    /// All messages are with the kernel; see `parting.rs`. There is no deadline before the kernel has sent them.
    Parting {
        until: Option<Instant>,
        /// How many bytes the peer has sent meanwhile.
        heard: usize,
    },
}

impl Phase {
    /// The handshake, if that is the step at hand.
    pub(super) fn handshaking(&mut self) -> Option<&mut Handshaking> {
        match self {
            Self::Preparing(Preparing {
                step: Step::Handshake(handshaking),
                ..
            }) => Some(handshaking),
            _ => None,
        }
    }

    /// Whether the handshake with the peer is under way.
    pub(super) fn is_handshake(&self) -> bool {
        matches!(self, Self::Preparing(preparing) if preparing.is_with_peer())
    }
}

impl LinkEntry {
    pub(super) fn emit(&self, kind: EventKind) {
        let endpoint = Some(&self.config.endpoint);
        self.config
            .telemetry
            .monitor
            .emit(kind, endpoint, Some(self.other_end.address()));
    }

    /// Tells the drains of a closing link that it has ended.
    pub(super) fn finish(&self, lost: usize) {
        if let Some((closing, queued)) = self.closing.as_deref() {
            for drain in &closing.drains {
                drain.finish(queued.saturating_sub(lost), lost);
            }
        }
    }
}

impl OtherEnd {
    pub(super) fn address(&self) -> &str {
        match self {
            Self::At(address) => address,
            Self::Peer(peer) => &peer.address,
        }
    }
}

//! The requests to an I/O thread.
//!
//! Owns: the requests, and which of them may overtake others.
//! Must not know: how a request reaches the thread, and how it is carried out.

use std::sync::{Arc, Weak};

use super::accepted_count::CountedConnection;
use super::drain::Closing;
use super::judgement::Answer;
use super::status::Status;
use super::{EndpointConfig, Key};
use crate::error::LinkError;
use crate::pipe::{Duty, Pipe, PipeEvent, SocketSide};
use crate::transport::{Listener, Stream, Target};

/// A request to an I/O thread.
#[derive(Debug)]
pub(super) enum Request {
    /// Accept connections.
    Listen {
        key: Key,
        /// Boxed, since it is far larger than other requests.
        listener: Box<Listener>,
        config: Arc<EndpointConfig>,
    },
    /// Serve an accepted connection.
    Adopt {
        stream: Stream,
        /// The address of the peer; empty if it has none.
        address: String,
        counted: CountedConnection,
        listener: Key,
        config: Arc<EndpointConfig>,
    },
    /// Keep connected to a peer.
    Connect {
        key: Key,
        config: Arc<EndpointConfig>,
        pipe: Option<Arc<Pipe>>,
        status: Status,
        /// A connection that the user has made, and that cannot be made again.
        stream: Option<Stream>,
    },
    /// Have a listener accept no connections any more, or accept them again.
    Accept {
        key: Key,
        accept: bool,
        /// Told when it is so.
        done: crossbeam_channel::Sender<()>,
    },
    /// End a listener; the connections that it has accepted go on.
    StopListening {
        key: Key,
        /// Told when it is so.
        done: crossbeam_channel::Sender<()>,
    },
    /// End a session, or a listener with the connections that it has accepted.
    Close {
        key: Key,
        closing: Closing,
        /// Told when a listener no longer listens.
        closed: Option<crossbeam_channel::Sender<()>>,
    },
    /// A name has been looked up.
    Resolved {
        key: Key,
        outcome: Result<Vec<Target>, LinkError>,
    },
    /// It was decided whether the peer of a link may come in.
    Judged { key: Key, answer: Answer },
    /// A duty on one link.
    Duty(Key, Duty),
    /// Tell a socket of an event that it has deferred to this thread; without an event, apply its mail.
    Tell {
        side: Weak<dyn SocketSide>,
        event: Option<PipeEvent>,
    },
    /// End the thread once it has no listener, session or link left.
    Stop,
}

impl Request {
    /// The key that the request concerns; 0 if it has none yet.
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Listen { key, .. }
            | Self::Connect { key, .. }
            | Self::Accept { key, .. }
            | Self::StopListening { key, .. }
            | Self::Close { key, .. }
            | Self::Resolved { key, .. }
            | Self::Judged { key, .. }
            | Self::Duty(key, _) => *key,
            Self::Adopt { .. } | Self::Tell { .. } | Self::Stop => 0,
        }
    }

    /// Whether it may overtake others: it concerns a live connection, or a listener, whose caller waits. `Adopt` and
    /// the end of its listener on the same thread must stay in order.
    pub(super) fn is_urgent(&self) -> bool {
        match self {
            Self::Listen { .. }
            | Self::Accept { .. }
            | Self::StopListening { .. }
            | Self::Duty(..)
            | Self::Tell { .. }
            | Self::Close {
                closed: Some(_), ..
            } => true,
            Self::Adopt { .. }
            | Self::Connect { .. }
            | Self::Close { closed: None, .. }
            | Self::Resolved { .. }
            | Self::Judged { .. }
            | Self::Stop => false,
        }
    }
}

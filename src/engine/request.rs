//! What others ask of an I/O thread.
//!
//! Owns: the requests, and which of them may overtake others.
//! Must not know: how a request travels and what is done about it.

use std::sync::{Arc, Weak};

use super::accepted_count::CountedConnection;
use super::drain::Closing;
use super::status::Status;
use super::{EndpointConfig, Key};
use crate::error::LinkError;
use crate::pipe::{Duty, Pipe, PipeEvent, SocketSide};
use crate::transport::{Listener, Stream, Target};

/// What others ask of an I/O thread.
#[derive(Debug)]
pub(super) enum Request {
    /// Accept connections.
    Listen {
        key: Key,
        /// Far larger than anything else that is asked.
        listener: Box<Listener>,
        config: Arc<EndpointConfig>,
    },
    /// Look after an accepted connection.
    Adopt {
        stream: Stream,
        /// Where it comes from; empty if it has no name.
        address: String,
        counted: CountedConnection,
        listener: Key,
        config: Arc<EndpointConfig>,
    },
    /// Keep a connection to a peer.
    Connect {
        key: Key,
        config: Arc<EndpointConfig>,
        pipe: Option<Arc<Pipe>>,
        status: Status,
        /// A connection that is there already, and cannot be made again.
        stream: Option<Stream>,
    },
    /// Take no connections any more on a listener, or take them again.
    Accept {
        key: Key,
        accept: bool,
        /// Told when it is so.
        done: crossbeam_channel::Sender<()>,
    },
    /// Listen no more; the connections that were accepted go on.
    StopListening {
        key: Key,
        /// Told when it is so.
        done: crossbeam_channel::Sender<()>,
    },
    /// End a listener, with the connections it accepted, or a session.
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
    /// Work on one link.
    Duty(Key, Duty),
    /// Tell a socket what it has told itself, or have it read what it was told.
    Tell {
        side: Weak<dyn SocketSide>,
        event: Option<PipeEvent>,
    },
    /// End, once nothing is left.
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
            | Self::Duty(key, _) => *key,
            Self::Adopt { .. } | Self::Tell { .. } | Self::Stop => 0,
        }
    }

    /// Whether it may overtake the others: it concerns a listener, whose caller waits, or a live connection. A connection
    /// that is handed over, and the end of its listener on that thread, are to stay in their order.
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
            | Self::Stop => false,
        }
    }
}

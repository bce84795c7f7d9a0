//! What a pattern learns about the peer behind a pipe.

use crate::{PipeId, RoutingId};

/// The peer of a connection whose handshake has just been completed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peer<'a> {
    /// The id that the peer announced; `None` if it announced none, or an empty one.
    pub routing_id: Option<&'a RoutingId>,
    /// The id that our side gave the peer in `connect`; it prevails over the announced one.
    pub assigned_id: Option<&'a RoutingId>,
    /// Whether this end made the connection.
    pub connected_here: bool,
    /// The other pipe to the same peer, if each end has connected to the other.
    pub twin: Option<Twin>,
}

/// The other of two connections between two sockets, each of which has made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twin {
    /// The pipe of that connection.
    pub pipe: PipeId,
    /// Whether that connection ends in favour of the new one; if not, it stays. The other end decides in the same way.
    pub gives_way: bool,
}

/// What happens to a pipe whose connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterlife {
    /// The pipe stays, with its messages, and may get another connection.
    Reconnects,
    /// The pipe cannot be written any more; arrived messages can be read until it is detached.
    Ends,
}

//! What a pattern learns about the peer behind a pipe.

use crate::{PipeId, RoutingId};

/// The peer of a connection whose handshake has just been completed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peer<'a> {
    /// The id it announced; `None` if it announced none, or an empty one.
    pub routing_id: Option<&'a RoutingId>,
    /// The id that our side gave it when it connected; prevails over the one announced.
    pub assigned_id: Option<&'a RoutingId>,
    /// This end has connected.
    pub connected_here: bool,
    /// The other pipe to this very peer, where each end has connected to the other.
    pub twin: Option<Twin>,
}

/// The other one of two connections between two sockets, each of which has made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twin {
    /// Its pipe.
    pub pipe: PipeId,
    /// It is to make room for the one that is being made; otherwise it stays. The other end decides in the same way.
    pub gives_way: bool,
}

/// What becomes of a pipe whose connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterlife {
    /// The pipe stays, with what it holds, and a connection may come again.
    Reconnects,
    /// Nothing can be written any more; what arrived can still be read until the pipe is detached.
    Ends,
}

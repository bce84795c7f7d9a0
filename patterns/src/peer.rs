//! What a pattern learns about the peer behind a pipe.

use crate::RoutingId;

/// The peer of a connection whose handshake has just been completed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peer<'a> {
    /// The id it announced; `None` if it announced none, or an empty one.
    pub routing_id: Option<&'a RoutingId>,
    /// The id that our side gave it when it connected; prevails over the one announced.
    pub assigned_id: Option<&'a RoutingId>,
}

/// What becomes of a pipe whose connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterlife {
    /// The pipe stays, with what it holds, and a connection may come again.
    Reconnects,
    /// Nothing can be written any more; what arrived can still be read until the pipe is detached.
    Ends,
}

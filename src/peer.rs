//! The facts known of a peer.

use std::sync::Arc;

use bytes::Bytes;
use highwater_patterns::{RoutingId, SocketType};

use crate::endpoint::Endpoint;

/// One connected peer, as it introduced itself in the handshake.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The endpoint of this socket through which the peer came: the one it connected to, or the one we bound.
    pub endpoint: Endpoint,
    /// The peer's own address, as the text of an endpoint: `tcp://127.0.0.1:40102`, `ipc:///run/peer.sock`; just
    /// `inproc` within the process; empty for a peer without an address, such as an ipc client.
    ///
    /// For display, not for parsing: an ipc peer may choose its own address, so control and format characters in it are
    /// escaped (`\u{1b}`).
    pub address: String,
    /// Whether this end connected; otherwise the peer did.
    pub connected_here: bool,
    /// The peer's socket type, if it announced one.
    pub socket_type: Option<SocketType>,
    /// The routing id that the peer announced, if any.
    pub routing_id: Option<RoutingId>,
    /// The protocol version spoken with it, such as `(3, 1)`; `(0, 0)` in the same process.
    pub version: (u8, u8),
    /// The peer's other properties.
    pub metadata: Arc<[(String, Bytes)]>,
    /// User, group and process of the peer, where the transport knows them (ipc).
    pub credentials: Option<Credentials>,
    /// Names the peer's socket, if that is one of this library.
    pub(crate) token: Option<u64>,
}

/// The user, group and process of a peer, as the kernel reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    /// Its process id, or `None` if the system does not tell it.
    pub pid: Option<i32>,
}

impl PeerInfo {
    /// The value of the metadata property `name`, compared without case.
    pub fn property(&self, name: &str) -> Option<&Bytes> {
        self.metadata
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

//! What is known about a peer.

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
    /// The peer's own address, as the text of an endpoint: `tcp://127.0.0.1:40102`, `ipc:///run/peer.sock`; just `inproc`
    /// within the process, and empty where the peer has none, as those who connect over ipc.
    ///
    /// It is to be shown, not parsed: an ipc peer may choose its own, so control and format characters in it are escaped
    /// (`\u{1b}`).
    pub address: String,
    /// Whether this end connected; otherwise the peer did.
    pub connected_here: bool,
    /// The peer's socket type, unless it kept that to itself.
    pub socket_type: Option<SocketType>,
    /// The routing id it announced, if any.
    pub routing_id: Option<RoutingId>,
    /// The protocol version spoken with it, such as `(3, 1)`; `(0, 0)` in the same process.
    pub version: (u8, u8),
    /// The other properties it sent.
    pub metadata: Arc<[(String, Bytes)]>,
    /// User, group and process of the peer, where the transport knows them (ipc).
    pub credentials: Option<Credentials>,
    /// Names its socket, if that is one of this library.
    pub(crate) token: Option<u64>,
}

/// Who the peer process is, as the kernel reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credentials {
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    /// Its process id, or `None` where the system does not tell.
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

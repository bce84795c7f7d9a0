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
    /// The routing id that the peer announced, if any. The id that a [`Router`](crate::Router) generates for a peer without
    /// one is not here; its `recv` tells it.
    pub routing_id: Option<RoutingId>,
    /// The protocol version spoken with it, such as `(3, 1)`; `(0, 0)` in the same process.
    pub version: (u8, u8),
    /// The peer's other properties.
    pub metadata: Arc<[(String, Bytes)]>,
    /// The security mechanism of the connection: `NULL`, `PLAIN` or `CURVE`; `NULL` within the process.
    pub mechanism: &'static str,
    /// The user id under which the peer was let in: the one in the verdict; empty if there is none. See
    /// [`Verdict`](crate::security::Verdict).
    pub user: String,
    /// The public key that the peer has proved to own, with the mechanism CURVE.
    #[cfg(feature = "curve")]
    pub key: Option<highwater_curve::PublicKey>,
    /// Properties that the verdict has given to the peer. The peer cannot choose them, other than its
    /// [`metadata`](Self::metadata).
    pub granted: Arc<[(String, Bytes)]>,
    /// User, group and process of the peer, where the transport knows them (ipc).
    pub credentials: Option<Credentials>,
    /// Names the peer's socket, if that is one of this library.
    pub(crate) token: Option<u64>,
    /// How often something had been revoked when it was asked whether the peer may come in; `None` if nobody was asked.
    pub(crate) asked_after: Option<u64>,
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
    /// The value of the metadata property `name`, compared without case. The peer has chosen it.
    pub fn property(&self, name: &str) -> Option<&Bytes> {
        value_of(&self.metadata, name)
    }

    /// The value of the property `name` that the verdict has given to the peer, compared without case.
    pub fn grant(&self, name: &str) -> Option<&Bytes> {
        value_of(&self.granted, name)
    }

    /// Whether it has proved to be the same as `other`: the same mechanism, key and user. Where the mechanism proves nothing
    /// (NULL), any two may be the same.
    pub(crate) fn is_known_as(&self, other: &Self) -> bool {
        #[cfg(feature = "curve")]
        if self.key != other.key {
            return false;
        }
        self.mechanism == other.mechanism && (self.mechanism == "NULL" || self.user == other.user)
    }

    /// A peer that has told and shown nothing of itself.
    pub(crate) fn unknown(endpoint: Endpoint, address: &str, connected_here: bool) -> Self {
        Self {
            endpoint,
            address: address.to_owned(),
            connected_here,
            socket_type: None,
            routing_id: None,
            version: (0, 0),
            metadata: Arc::default(),
            mechanism: "NULL",
            user: String::new(),
            #[cfg(feature = "curve")]
            key: None,
            granted: Arc::default(),
            credentials: None,
            token: None,
            asked_after: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(address: &str) -> Self {
        let endpoint = "tcp://127.0.0.1:1".parse().expect("an endpoint");
        Self {
            version: (3, 1),
            ..Self::unknown(endpoint, address, false)
        }
    }
}

fn value_of<'a>(properties: &'a [(String, Bytes)], name: &str) -> Option<&'a Bytes> {
    properties
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_proved_nothing_may_be_anybody_and_who_has_is_one() {
        let known = |mechanism, user: &str| {
            let mut peer = PeerInfo::for_tests("");
            peer.mechanism = mechanism;
            peer.user = user.to_owned();
            peer
        };
        assert!(known("NULL", "a").is_known_as(&known("NULL", "b")));
        assert!(known("PLAIN", "a").is_known_as(&known("PLAIN", "a")));
        assert!(!known("PLAIN", "a").is_known_as(&known("PLAIN", "b")));
        assert!(!known("PLAIN", "a").is_known_as(&known("NULL", "a")));
    }

    #[cfg(feature = "curve")]
    #[test]
    fn another_key_is_another_peer() {
        let keyed = |seed| {
            let mut peer = PeerInfo::for_tests("");
            peer.mechanism = "CURVE";
            peer.key = Some(highwater_curve::SecretKey::from_bytes([seed; 32]).public());
            peer
        };
        assert!(keyed(1).is_known_as(&keyed(1)));
        assert!(!keyed(1).is_known_as(&keyed(2)));
    }
}

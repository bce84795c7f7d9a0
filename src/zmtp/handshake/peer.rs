//! What the two ends of a handshake tell each other about themselves.
//!
//! Owns: the properties that this library tells, and what is read out of those of a peer.
//! Always true: a peer that was read has a socket type that fits ours, or has told none.
//! Must not know: in which command of which mechanism the properties are told.
//! Source: RFC 37/ZMTP 3.1, "The Socket-Type Property".

use bytes::Bytes;
use highwater_patterns::{InvalidRoutingId, RoutingId, SocketType};

use crate::zmtp::Version;
use crate::zmtp::error::{ProtocolError, printable};
use crate::zmtp::metadata::{self, TOKEN, write_property};

/// What one end brings to a handshake.
#[derive(Debug, Clone)]
pub(crate) struct HandshakeConfig {
    /// Our socket's type: told to the peer, and compared with the peer's.
    pub(crate) socket_type: SocketType,
    /// Our routing id, told to the peer by the types that [announce](SocketType::announces_identity) one.
    pub(crate) routing_id: Option<RoutingId>,
    /// Further properties to tell; each name satisfies [`is_property_name`](crate::zmtp::is_property_name) and begins
    /// with `X-`.
    pub(crate) metadata: Vec<(String, Bytes)>,
    /// Names our socket to another of this library, beside its metadata: see [`Peer::token`].
    pub(crate) token: Option<u64>,
    /// READY is held back until [`Handshake::go_on`](super::Handshake::go_on), since the socket may refuse the peer.
    pub(crate) holds_back: bool,
    /// READY is held back until the peer's has come, since what that says of the payload may end the handshake. Only for
    /// the end that accepts: two ends that do so wait for each other.
    pub(crate) listens_first: bool,
    /// The longest command, in bytes, that the peer may send during the handshake.
    pub(crate) max_command_size: usize,
}

impl HandshakeConfig {
    /// No routing id, no further properties, commands of up to 64 KiB.
    pub(crate) fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            routing_id: None,
            metadata: Vec::new(),
            token: None,
            holds_back: false,
            listens_first: false,
            max_command_size: 64 * 1024,
        }
    }

    pub(super) fn encode_metadata(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_property(SOCKET_TYPE, self.socket_type.name().as_bytes(), &mut out);
        if self.socket_type.announces_identity() {
            let id = self
                .routing_id
                .as_ref()
                .map_or(&[][..], RoutingId::as_bytes);
            write_property(IDENTITY, id, &mut out);
        }
        for (name, value) in &self.metadata {
            write_property(name, value, &mut out);
        }
        if let Some(token) = self.token {
            write_property(TOKEN, &token.to_be_bytes(), &mut out);
        }
        out
    }
}

/// The other end of a connection, as the handshake has shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// What to speak with the peer.
    pub(crate) version: Version,
    /// The peer's socket type, compatible with ours; `None` if it did not tell.
    pub(crate) socket_type: Option<SocketType>,
    /// The name the peer chose for itself.
    pub(crate) routing_id: Option<RoutingId>,
    /// The peer's other properties, named as it spelt them, in its order.
    pub(crate) metadata: Vec<(String, Bytes)>,
    /// The number that names the peer's socket as long as that lives, if it is one of this library. Such a peer tries again
    /// after an ERROR for which that makes sense; libzmq gives up after any.
    pub(crate) token: Option<u64>,
}

/// Makes a peer of its metadata.
///
/// Names are compared without case, as the RFC says and libzmq does not. A peer that does not tell its type is taken
/// for compatible, as libzmq does.
pub(super) fn read_peer(
    version: Version,
    data: Bytes,
    ours: SocketType,
) -> Result<Peer, ProtocolError> {
    let mut peer = Peer {
        version,
        socket_type: None,
        routing_id: None,
        metadata: Vec::new(),
        token: None,
    };
    for (name, value) in metadata::parse(data)? {
        if name.eq_ignore_ascii_case(SOCKET_TYPE) {
            peer.socket_type = Some(compatible_type(&value, ours)?);
        } else if name.eq_ignore_ascii_case(IDENTITY) {
            peer.routing_id = chosen_id(&value)?;
        } else if name.eq_ignore_ascii_case(TOKEN) {
            // A value of another length is not a token of this library.
            peer.token = value.as_ref().try_into().ok().map(u64::from_be_bytes);
        } else {
            peer.metadata.push((name, value));
        }
    }
    Ok(peer)
}

fn compatible_type(name: &[u8], ours: SocketType) -> Result<SocketType, ProtocolError> {
    SocketType::from_name(name)
        .filter(|theirs| ours.is_compatible(*theirs))
        .ok_or_else(|| ProtocolError::IncompatibleSocketType {
            theirs: printable(name),
            ours,
        })
}

/// The id, or `None` for an empty one: the peer leaves the choice to us.
fn chosen_id(id: &[u8]) -> Result<Option<RoutingId>, ProtocolError> {
    match RoutingId::new(id) {
        Ok(id) => Ok(Some(id)),
        Err(InvalidRoutingId::Empty) => Ok(None),
        Err(why) => Err(ProtocolError::InvalidRoutingId(why)),
    }
}

const SOCKET_TYPE: &str = "Socket-Type";
const IDENTITY: &str = "Identity";

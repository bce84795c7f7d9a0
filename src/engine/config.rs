//! The configuration that all connections of one endpoint share.
//!
//! Owns: nothing that changes; the socket makes it when it binds or connects.
//! Must not know: which connections there are.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use highwater_patterns::SocketType;

use super::accepted_count::AcceptedCount;
use super::handshake_count::HandshakeCount;
use crate::endpoint::Endpoint;
use crate::options::Options;
use crate::pipe::SocketSide;
use crate::stats::Telemetry;
use crate::zmtp::HeartbeatConfig;

/// The configuration that all connections of one endpoint share.
#[derive(Debug)]
pub(crate) struct EndpointConfig {
    pub(crate) endpoint: Endpoint,
    pub(crate) socket_type: SocketType,
    pub(crate) options: Options,
    /// The heartbeat options, shared by the [`Heartbeat`](crate::zmtp::Heartbeat)s of all connections.
    pub(crate) heartbeat: Arc<HeartbeatConfig>,
    pub(crate) side: Arc<dyn SocketSide>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) accepted: AcceptedCount,
    pub(crate) handshakes: HandshakeCount,
    /// How often something was revoked by which peers had been let in.
    pub(crate) revoked: Arc<AtomicU64>,
    /// Names the socket to peers of this library.
    pub(crate) token: u64,
}

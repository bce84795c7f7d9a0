//! The first filter of an accepted connection: its address or user, the number of connections, and the number of handshakes
//! with its address. The security of the socket is asked later, in the handshake (`judging.rs`), and so is the socket itself,
//! whether it takes the peer (`asking.rs`).
//!
//! Owns: nothing; it asks the options of the endpoint, then counts the connection.
//! Always true: a connection that passes is counted until its link has gone.
//! Must not know: what becomes of a connection that does not pass.

use super::accepted_count::CountedConnection;
use super::config::EndpointConfig;
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::transport::Stream;

/// Decides about a connection that was just accepted, from `peer`.
pub(super) fn filter(
    config: &EndpointConfig,
    stream: &Stream,
    peer: Option<&Endpoint>,
) -> Result<CountedConnection, LinkError> {
    let options = &config.options;
    let filter = &options.accept_filter;
    let accepted = match stream {
        // A peer without an address has already disconnected, so the decision does not matter.
        Stream::Tcp(_) => peer
            .and_then(Endpoint::ip)
            .is_none_or(|ip| filter.admits_address(ip)),
        Stream::Unix(_) => filter.admits_user(stream.peer_credentials().map(|known| known.user)),
    };
    if !accepted {
        return Err(LinkError::NotAccepted);
    }
    let counted = config
        .accepted
        .add(options.connection_limit)
        .ok_or(LinkError::TooManyConnections)?;
    let address = match stream {
        Stream::Tcp(_) => peer.and_then(Endpoint::ip),
        Stream::Unix(_) => None,
    };
    let handshake = config
        .handshakes
        .add(address, options.handshake_limit_per_address)
        .ok_or(LinkError::TooManyHandshakes)?;
    Ok(counted.with(handshake))
}

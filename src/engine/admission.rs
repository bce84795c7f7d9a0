//! The admission of peers that connect.
//!
//! Owns: nothing; it asks the options of the endpoint, then takes a seat.
//! Always true: who is let in has a seat.
//! Must not know: what becomes of who is turned away.

use super::config::EndpointConfig;
use super::seats::Seat;
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::transport::Stream;

/// Decides about a connection that was just accepted, from `peer`.
pub(super) fn admit(
    config: &EndpointConfig,
    stream: &Stream,
    peer: Option<&Endpoint>,
) -> Result<Seat, LinkError> {
    let options = &config.options;
    let filter = &options.accept_filter;
    let admitted = match stream {
        // A peer that has already disconnected has no address; the decision does not matter then.
        Stream::Tcp(_) => peer
            .and_then(Endpoint::ip)
            .is_none_or(|ip| filter.admits_address(ip)),
        Stream::Unix(_) => filter.admits_user(stream.peer_credentials().map(|known| known.user)),
    };
    if !admitted {
        return Err(LinkError::NotAccepted);
    }
    config
        .seats
        .take(options.connection_limit)
        .ok_or(LinkError::TooManyConnections)
}

//! Who of those that connect is let in.
//!
//! Owns: how many accepted connections a socket has.
//! Always true: a seat is taken before a connection is handed out, and is free again when its link is gone; so there
//! are never more than the limit says, whichever threads accept.
//! Must not know: what becomes of who is turned away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::EndpointConfig;
use crate::endpoint::Endpoint;
use crate::error::LinkError;
use crate::transport::Stream;

/// The accepted connections of one socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seats(Arc<AtomicUsize>);

/// One of them.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

/// Decides about a connection that was just accepted, from `peer`.
pub(super) fn admit(
    config: &EndpointConfig,
    stream: &Stream,
    peer: Option<&Endpoint>,
) -> Result<Seat, LinkError> {
    let options = &config.options;
    let filter = &options.accept_filter;
    let admitted = match stream {
        // Who has gone already has no address; it does not matter what becomes of it.
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

impl Seats {
    /// Takes a seat, unless `most` are taken.
    fn take(&self, most: Option<usize>) -> Option<Seat> {
        // Only the number counts; nothing else is published by it.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                most.is_none_or(|most| taken < most).then_some(taken + 1)
            })
            .ok()
            .map(|_| Seat(Arc::clone(&self.0)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_once_its_holder_is_gone() {
        let seats = Seats::default();
        let first = seats.take(Some(2)).expect("none is taken");
        let _second = seats.clone().take(Some(2)).expect("one is taken");
        assert!(seats.take(Some(2)).is_none());
        let _third = seats.take(None).expect("there is no limit");
        drop(first);
        assert!(seats.take(Some(2)).is_none());
        assert!(seats.take(Some(3)).is_some());
    }
}

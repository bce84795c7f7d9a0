//! Errors of the calls about endpoints: bind, connect, wait, disconnect.
//!
//! Owns: the errors of the calls about endpoints.
//! Must not know: how an endpoint is made.

use std::error::Error;
use std::fmt;
use std::io;

use highwater_patterns::RoutingId;

use super::{Ended, LinkError, OptionError};
use crate::endpoint::{Endpoint, InvalidEndpoint};

/// Why an endpoint could not be bound.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The text is not a valid endpoint.
    Invalid(InvalidEndpoint),
    /// The system refused: address in use, permission denied, no such interface, too many open files.
    Io {
        /// The endpoint to bind.
        endpoint: Endpoint,
        /// The system's error.
        source: io::Error,
    },
    /// The descriptor is not a listening socket of TCP or Unix.
    Descriptor(io::Error),
    /// The builder of the socket, or of its context, was given a value that the option does not allow.
    Option(OptionError),
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

/// Why connecting could not begin. Later failures are retried in the background and reported by events.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is not a valid endpoint.
    Invalid(InvalidEndpoint),
    /// The system refused a thread or a file descriptor that the I/O threads need.
    Io {
        /// The endpoint to connect to.
        endpoint: Endpoint,
        /// The system's error.
        source: io::Error,
    },
    /// The descriptor is not a connected socket of TCP or Unix.
    Descriptor(io::Error),
    /// The builder of the socket, or of its context, was given a value that the option does not allow.
    Option(OptionError),
    /// Another peer of this ROUTER has the routing id already.
    DuplicateRoutingId(RoutingId),
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

/// Why an endpoint could not be ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum EndpointError {
    /// The text is not a valid endpoint.
    Invalid(InvalidEndpoint),
    /// The socket is not bound or connected to this endpoint.
    NotFound(Endpoint),
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

/// Why waiting for a connection to one endpoint failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadyError {
    /// There was no connection within the time.
    Timeout {
        /// Why the last attempt failed, or why the connection was lost, if known.
        last_error: Option<LinkError>,
    },
    /// There will be no further attempt.
    GivenUp(LinkError),
    /// The text is not a valid endpoint.
    Invalid(InvalidEndpoint),
    /// The socket is not connected to this endpoint.
    NotFound(Endpoint),
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "{error}"),
            Self::Io { endpoint, source } => write!(f, "cannot bind {endpoint}: {source}"),
            Self::Descriptor(error) => write!(f, "cannot listen on this descriptor: {error}"),
            Self::Option(error) => write!(f, "{error}"),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Descriptor(source) => source.source(),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "{error}"),
            Self::Descriptor(error) => write!(f, "cannot use this descriptor: {error}"),
            Self::Option(error) => write!(f, "{error}"),
            Self::Io { endpoint, source } => write!(f, "cannot connect to {endpoint}: {source}"),
            Self::DuplicateRoutingId(id) => write!(f, "another peer has the routing id {id}"),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Descriptor(source) => source.source(),
            _ => None,
        }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "{error}"),
            Self::NotFound(endpoint) => write!(f, "the socket has no endpoint {endpoint}"),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

impl Error for EndpointError {}

impl fmt::Display for ReadyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { last_error: None } => f.write_str("not connected in time"),
            Self::Timeout {
                last_error: Some(cause),
            } => write!(f, "not connected in time: {cause}"),
            Self::GivenUp(cause) => write!(f, "given up: {cause}"),
            Self::Invalid(error) => write!(f, "{error}"),
            Self::NotFound(endpoint) => write!(f, "the socket is not connected to {endpoint}"),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

impl Error for ReadyError {}

impl From<OptionError> for BindError {
    fn from(error: OptionError) -> Self {
        Self::Option(error)
    }
}

impl From<OptionError> for ConnectError {
    fn from(error: OptionError) -> Self {
        Self::Option(error)
    }
}

impl From<InvalidEndpoint> for ReadyError {
    fn from(error: InvalidEndpoint) -> Self {
        Self::Invalid(error)
    }
}

impl From<InvalidEndpoint> for BindError {
    fn from(error: InvalidEndpoint) -> Self {
        Self::Invalid(error)
    }
}

impl From<InvalidEndpoint> for ConnectError {
    fn from(error: InvalidEndpoint) -> Self {
        Self::Invalid(error)
    }
}

impl From<InvalidEndpoint> for EndpointError {
    fn from(error: InvalidEndpoint) -> Self {
        Self::Invalid(error)
    }
}

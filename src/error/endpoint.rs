//! Why an endpoint is not bound, not connected, not ready, or not there.
//!
//! Owns: the errors of the calls about endpoints.
//! Must not know: how an endpoint is made.

use std::error::Error;
use std::fmt;
use std::io;

use highwater_patterns::RoutingId;

use super::{LinkError, OptionError};
use crate::endpoint::{Endpoint, InvalidEndpoint};

/// Why an endpoint could not be bound.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// It does not read as an endpoint.
    Invalid(InvalidEndpoint),
    /// The system refused: address in use, permission denied, no such interface, too many open files.
    Io {
        /// Where the socket should have listened.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The descriptor that was handed in is no socket that listens, of TCP or Unix.
    Descriptor(io::Error),
    /// The builder of the socket, or of its context, was given a value that the option does not take.
    Option(OptionError),
    /// The socket was closed.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why connecting could not begin. What fails later is retried in the background and told by events.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// It does not read as an endpoint.
    Invalid(InvalidEndpoint),
    /// The system refused what the I/O threads need: a thread, or a file descriptor.
    Io {
        /// Where the socket should have connected to.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The descriptor that was handed in is no connected socket of TCP or Unix.
    Descriptor(io::Error),
    /// The builder of the socket, or of its context, was given a value that the option does not take.
    Option(OptionError),
    /// Another peer of this ROUTER has the routing id already.
    DuplicateRoutingId(RoutingId),
    /// The socket was closed.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why an endpoint could not be let go.
#[derive(Debug)]
#[non_exhaustive]
pub enum EndpointError {
    /// It does not read as an endpoint.
    Invalid(InvalidEndpoint),
    /// The socket is not bound or connected there.
    NotFound(Endpoint),
    /// The socket was closed.
    Closed,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

/// Why waiting for a connection to one endpoint ended without it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadyError {
    /// There was no connection when the time was over.
    Timeout {
        /// Why the last attempt failed, or the connection was lost, if that is known.
        last_error: Option<LinkError>,
    },
    /// There will be no further attempt.
    GivenUp(LinkError),
    /// It does not read as an endpoint.
    Invalid(InvalidEndpoint),
    /// The socket is not connected there.
    NotFound(Endpoint),
    /// The socket was closed, here or by another thread.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "{error}"),
            Self::Io { endpoint, source } => write!(f, "cannot bind {endpoint}: {source}"),
            Self::Descriptor(error) => write!(f, "cannot listen on this descriptor: {error}"),
            Self::Option(error) => write!(f, "{error}"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::Terminated => f.write_str("the context is shut down"),
            Self::Forked => f.write_str("the socket belongs to the parent process"),
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
            Self::Closed => f.write_str("the socket is closed"),
            Self::Terminated => f.write_str("the context is shut down"),
            Self::Forked => f.write_str("the socket belongs to the parent process"),
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
            Self::Closed => f.write_str("the socket is closed"),
            Self::Forked => f.write_str("the socket belongs to the parent process"),
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
            Self::Closed => f.write_str("the socket is closed"),
            Self::Terminated => f.write_str("the context is shut down"),
            Self::Forked => f.write_str("the socket belongs to the parent process"),
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

//! Why no room was reserved.

use std::error::Error;
use std::fmt;

use super::Ended;

/// Why there is no [`Permit`](crate::Permit).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// No peer has room, or none had within the time. A later call may succeed.
    Full,
    /// No peer can come: each endpoint that the socket has connected to was given up for good, and the socket is bound
    /// nowhere.
    GivenUp,
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("no peer has room"),
            Self::GivenUp => f.write_str("no peer will come: every endpoint was given up"),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

impl Error for ReserveError {}

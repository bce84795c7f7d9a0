//! Why an option was not set.
//!
//! Owns: the error texts.
//! Must not know: which options there are.

use std::error::Error;
use std::fmt;

use super::Ended;

/// Why an option was not set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// There is no option of this name, or not for this type of socket.
    Unknown {
        /// The name.
        name: String,
    },
    /// The option does not allow this value.
    Invalid {
        /// The option.
        name: &'static str,
        /// The allowed values, in words.
        expected: &'static str,
    },
    /// The option takes effect when the socket is built and cannot change later.
    Fixed {
        /// The option.
        name: &'static str,
    },
    /// The socket can be used no more: see [`Ended`].
    Ended(Ended),
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "a socket of this type has no option {name:?}"),
            Self::Invalid { name, expected } => write!(f, "{name} takes {expected}"),
            Self::Fixed { name } => write!(f, "{name} cannot be changed once the socket is built"),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

impl Error for OptionError {}

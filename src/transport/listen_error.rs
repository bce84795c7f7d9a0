//! Why an endpoint cannot be listened on.

use std::fmt;
use std::io;

use super::refused::OptionError;
use crate::endpoint::InvalidEndpoint;

/// Why an endpoint cannot be listened on.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum ListenFailure {
    /// The endpoint cannot be bound; no later try can succeed.
    NotBindable(InvalidEndpoint),
    /// Another socket has the address. At an `ipc://` path, that socket has answered.
    InUse,
    /// A file that is not a socket stands at the `ipc://` path; it is not touched.
    NotASocket,
    /// The system refused one of the steps.
    System {
        operation: ListenOperation,
        error: io::Error,
    },
}

/// A step on the way to a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum ListenOperation {
    /// Finding the address of a host or of an interface.
    Resolve,
    OpenSocket,
    SetOption(&'static str),
    Bind,
    /// Asking a Unix socket that is already at the path whether it is alive.
    Probe,
    /// Removing the file of a Unix socket that does not answer.
    RemoveStale,
    /// Making the directory for a wildcard path.
    MakeDirectory,
    SetPermissions,
    Listen,
    /// Asking the system which address it chose.
    ReadAddress,
}

impl ListenFailure {
    /// The reason as the standard library sorts it.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NotBindable(_) => io::ErrorKind::InvalidInput,
            Self::InUse => io::ErrorKind::AddrInUse,
            Self::NotASocket => io::ErrorKind::AlreadyExists,
            Self::System { error, .. } => error.kind(),
        }
    }

    /// The reason as an `io::Error`: the system's own error where there is one.
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::System {
                operation:
                    ListenOperation::Resolve
                    | ListenOperation::OpenSocket
                    | ListenOperation::Bind
                    | ListenOperation::Listen,
                error,
            } => error,
            other => io::Error::new(other.kind(), other),
        }
    }

    /// For `map_err`: `error` happened during `operation`.
    pub(super) fn during(operation: ListenOperation) -> impl Fn(io::Error) -> Self {
        move |error| match (operation, error.kind()) {
            (ListenOperation::Bind | ListenOperation::Listen, io::ErrorKind::AddrInUse) => {
                Self::InUse
            }
            _ => Self::System { operation, error },
        }
    }
}

impl From<OptionError> for ListenFailure {
    fn from(refused: OptionError) -> Self {
        Self::System {
            operation: ListenOperation::SetOption(refused.option),
            error: refused.error,
        }
    }
}

impl fmt::Display for ListenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBindable(error) => error.fmt(f),
            Self::InUse => f.write_str("address in use: another socket is bound there"),
            Self::NotASocket => {
                f.write_str("there is something at this path which is not a socket")
            }
            Self::System { operation, error } => write!(f, "{operation}: {error}"),
        }
    }
}

/// No `source`: the text already contains that of the cause.
impl std::error::Error for ListenFailure {}

impl fmt::Display for ListenOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve => f.write_str("finding its address"),
            Self::OpenSocket => f.write_str("opening a socket"),
            Self::SetOption(option) => write!(f, "setting {option}"),
            Self::Bind => f.write_str("binding"),
            Self::Probe => f.write_str("asking the socket already there whether it is alive"),
            Self::RemoveStale => f.write_str("removing the file of a socket that is gone"),
            Self::MakeDirectory => f.write_str("making a directory for it"),
            Self::SetPermissions => f.write_str("setting its permissions"),
            Self::Listen => f.write_str("listening"),
            Self::ReadAddress => f.write_str("reading back its address"),
        }
    }
}

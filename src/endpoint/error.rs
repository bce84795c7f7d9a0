//! Why a text is not an endpoint, or an endpoint not one for this call.

use std::fmt;

/// Why some text is not an [`Endpoint`](crate::Endpoint), or why an endpoint does not suit the call it was given to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidEndpoint {
    /// There is no `://` after the name of a transport.
    MissingTransport,
    /// The transport is none of `tcp`, `ipc` and `inproc`.
    UnknownTransport {
        /// The text before `://`.
        transport: String,
    },
    /// A TCP address without `:port`.
    MissingPort,
    /// The port is neither a number up to 65535 nor `*`.
    InvalidPort {
        /// The text after the last colon.
        port: String,
    },
    /// The host is neither an IP address, nor `*`, nor a name.
    InvalidHost {
        /// The text before the port.
        host: String,
    },
    /// There is a colon in the host, as in an IPv6 address, but no brackets around it.
    MissingBrackets {
        /// The text before the port.
        host: String,
    },
    /// The text after `%` in an IPv6 address cannot be the name of an interface: it is empty, too long, or has
    /// characters that no name has.
    InvalidZone {
        /// The text after the `%`.
        zone: String,
    },
    /// An `ipc://` endpoint without a path, or `@` without a name.
    EmptyPath,
    /// The path of an `ipc://` endpoint, or its abstract name, is longer than the system allows.
    PathTooLong {
        /// How many bytes it has.
        len: usize,
        /// How many it may have.
        max: usize,
    },
    /// There is a zero byte in the path of an `ipc://` endpoint.
    ZeroInPath,
    /// An `inproc://` endpoint without a name.
    EmptyName,
    /// The name of an `inproc://` endpoint has more than 255 bytes.
    NameTooLong {
        /// How many bytes it has.
        len: usize,
    },
    /// A wildcard can be bound, but not connected to.
    ConnectToWildcard,
    /// `source;destination` can be connected, but not bound.
    BindWithSource,
    /// `fd://` names a descriptor that `bind_fd` or `connect_fd` has taken over; it cannot be bound or connected to by
    /// name.
    Descriptor,
}

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingTransport => {
                f.write_str("an endpoint begins with tcp://, ipc:// or inproc://")
            }
            Self::UnknownTransport { transport } => {
                write!(
                    f,
                    "no transport {transport:?}; there are tcp, ipc and inproc"
                )
            }
            Self::MissingPort => f.write_str("a tcp endpoint ends with :port"),
            Self::InvalidPort { port } => {
                write!(f, "a port is a number up to 65535 or *, not {port:?}")
            }
            Self::InvalidHost { host } => {
                write!(
                    f,
                    "{host:?} is neither an IP address, nor *, nor the name of a host"
                )
            }
            Self::MissingBrackets { host } => {
                write!(
                    f,
                    "an IPv6 address stands in brackets, as in [::1]:5555, not {host:?}"
                )
            }
            Self::InvalidZone { zone } => {
                write!(
                    f,
                    "{zone:?} is neither the name nor the number of an interface"
                )
            }
            Self::EmptyPath => f.write_str("an ipc endpoint has a path, or @ and a name, or *"),
            Self::PathTooLong { len, max } => {
                write!(f, "an ipc path or name has at most {max} bytes, not {len}")
            }
            Self::ZeroInPath => f.write_str("an ipc path has no zero byte"),
            Self::EmptyName => f.write_str("an inproc endpoint has a name"),
            Self::NameTooLong { len } => {
                write!(
                    f,
                    "an inproc name has at most {} bytes, not {len}",
                    super::MAX_NAME
                )
            }
            Self::ConnectToWildcard => f.write_str(
                "a wildcard can be bound, but not connected to; connect to what bind returned",
            ),
            Self::BindWithSource => {
                f.write_str("an endpoint with a source address can be connected, but not bound")
            }
            Self::Descriptor => {
                f.write_str("a descriptor is handed in as such, to bind_fd or connect_fd")
            }
        }
    }
}

impl std::error::Error for InvalidEndpoint {}

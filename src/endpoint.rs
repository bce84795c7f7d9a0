//! Endpoints: where sockets bind, and what they connect to.
//!
//! Owns: the grammar of `tcp://`, `ipc://` and `inproc://` addresses, and its limits.
//! Always true: an [`Endpoint`] is well formed; its text parses back into an equal one.
//! Must not know: sockets, resolvers, files. A host name stays a name until somebody connects to it.
//! Source: the manual pages zmq_tcp(7), zmq_ipc(7) and zmq_inproc(7) of libzmq.

mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

pub use error::InvalidEndpoint;

/// An address on which a socket binds or to which it connects.
///
/// | text | meaning |
/// |---|---|
/// | `tcp://192.0.2.7:5555`, `tcp://[::1]:5555`, `tcp://[fe80::1%eth0]:5555` | an IP address |
/// | `tcp://example.org:5555` | a host name, resolved anew at every attempt to connect |
/// | `tcp://eth0:5555` | when binding: the address of a network interface (Linux) |
/// | `tcp://*:5555`, `tcp://127.0.0.1:*` or `:0` | when binding: every address; a port the system chooses |
/// | `tcp://192.0.2.7:*;192.0.2.1:5555` | when connecting: from this address and port; to that one |
/// | `ipc:///run/app.sock`, `ipc://app.sock` | a Unix socket at a path, at most 107 bytes (103 on BSD, macOS) |
/// | `ipc://@app` | a name in the abstract namespace (Linux) |
/// | `ipc://*` | when binding: a fresh path in the directory for temporary files |
/// | `inproc://name` | another socket of the same context; 1 to 255 bytes |
/// | `fd://7` | a connection that was handed in as this descriptor; only `connect_fd` makes one |
///
/// `bind` and `connect` make a relative `ipc://` path absolute at once, from the directory in which the process is then, so
/// that it keeps its meaning when that changes. Only a path that is too long as an absolute one stays as it is.
///
/// ```
/// use highwater::{Endpoint, Transport};
///
/// let endpoint: Endpoint = "tcp://127.0.0.1:5555".parse()?;
/// assert_eq!(endpoint.transport(), Transport::Tcp);
/// assert_eq!(endpoint.port(), Some(5555));
/// assert_eq!(endpoint.to_string(), "tcp://127.0.0.1:5555");
///
/// assert!(Endpoint::try_from("tcp://*:0")?.is_wildcard());
/// assert!(Endpoint::try_from("tcp://127.0.0.1").is_err());
/// # Ok::<(), highwater::InvalidEndpoint>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Arc<Kind>);

/// How the bytes of an [`Endpoint`] travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// TCP, over IPv4 or IPv6.
    Tcp,
    /// A Unix stream socket: between processes of one machine.
    Ipc,
    /// No bytes at all: between sockets of one context.
    Inproc,
    /// A connection that was made elsewhere and handed over as a file descriptor.
    Fd,
}

/// What an endpoint is made of, for the layers that open it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Tcp(Tcp),
    Ipc(Ipc),
    /// 1 to [`MAX_NAME`] bytes.
    Inproc(Box<str>),
    /// The number of a descriptor.
    Fd(u32),
}

/// A TCP address, and for connecting the address to come from.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Tcp {
    /// Seldom there, so it does not widen every endpoint.
    pub(crate) source: Option<Box<HostPort>>,
    pub(crate) target: HostPort,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct HostPort {
    pub(crate) host: Host,
    /// 0: whichever the system chooses.
    pub(crate) port: u16,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// `*`: every address of this machine.
    Any,
    V4(Ipv4Addr),
    /// The zone is the name or the number of an interface.
    V6(Ipv6Addr, Option<Box<str>>),
    /// A host name, or when binding perhaps an interface; never an address in figures.
    Name(Box<str>),
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Ipc {
    /// 1 to [`MAX_PATH`] bytes, none of them zero; neither `*` nor beginning with `@`.
    Path(Box<str>),
    /// 1 to [`MAX_PATH`] bytes.
    Abstract(Box<str>),
    /// `*`: a fresh path.
    Any,
}

/// The longest path of a Unix socket, in bytes, without the final zero.
pub(crate) const MAX_PATH: usize = if cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "illumos"
)) {
    107
} else {
    103
};

/// The longest name of an `inproc://` endpoint, in bytes.
pub(crate) const MAX_NAME: usize = 255;

impl Endpoint {
    /// How its bytes travel.
    pub fn transport(&self) -> Transport {
        match *self.0 {
            Kind::Tcp(_) => Transport::Tcp,
            Kind::Ipc(_) => Transport::Ipc,
            Kind::Inproc(_) => Transport::Inproc,
            Kind::Fd(_) => Transport::Fd,
        }
    }

    /// Whether something is left for the system to choose when binding: the port, the path, or every address at once.
    ///
    /// A wildcard cannot be connected to; what `bind` returns can, and is never a wildcard.
    pub fn is_wildcard(&self) -> bool {
        match &*self.0 {
            Kind::Tcp(tcp) => tcp.target.host == Host::Any || tcp.target.port == 0,
            Kind::Ipc(ipc) => *ipc == Ipc::Any,
            Kind::Inproc(_) | Kind::Fd(_) => false,
        }
    }

    /// The TCP port to bind or to connect to; `None` for other transports, and while the system is still to choose.
    pub fn port(&self) -> Option<u16> {
        match &*self.0 {
            Kind::Tcp(tcp) => Some(tcp.target.port).filter(|port| *port != 0),
            Kind::Ipc(_) | Kind::Inproc(_) | Kind::Fd(_) => None,
        }
    }

    /// The IP address, if it is a TCP endpoint that has one in figures.
    pub fn ip(&self) -> Option<IpAddr> {
        match &*self.0 {
            Kind::Tcp(tcp) => match tcp.target.host {
                Host::V4(ip) => Some(ip.into()),
                Host::V6(ip, _) => Some(ip.into()),
                Host::Any | Host::Name(_) => None,
            },
            Kind::Ipc(_) | Kind::Inproc(_) | Kind::Fd(_) => None,
        }
    }

    /// The path in the file system, if it is an `ipc://` endpoint that has one.
    pub fn path(&self) -> Option<&Path> {
        match &*self.0 {
            Kind::Ipc(Ipc::Path(path)) => Some(Path::new(&**path)),
            _ => None,
        }
    }

    /// The endpoint of a connection that was handed in as this descriptor.
    pub(crate) fn from_descriptor(number: u32) -> Self {
        Self::from(Kind::Fd(number))
    }

    /// This TCP endpoint, coming from where `other` comes from.
    pub(crate) fn with_source_of(&self, other: &Self) -> Self {
        match (&*self.0, &*other.0) {
            (Kind::Tcp(to), Kind::Tcp(from)) => Self::from(Kind::Tcp(Tcp {
                source: from.source.clone(),
                target: to.target.clone(),
            })),
            _ => self.clone(),
        }
    }

    /// Whether it says where a connection is to come from.
    pub(crate) fn has_source(&self) -> bool {
        matches!(
            &*self.0,
            Kind::Tcp(Tcp {
                source: Some(_),
                ..
            })
        )
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }

    /// The endpoint of a Unix socket that the system says is at `path`.
    ///
    /// A relative path that would read as a wildcard or as an abstract name begins with `./`. Bytes that are not
    /// UTF-8 are replaced: such an endpoint shows where the socket is, but cannot be connected to.
    pub(crate) fn from_socket_path(path: &Path) -> Self {
        let path = path.to_string_lossy();
        let here = if path == "*" || path.starts_with('@') {
            "./"
        } else {
            ""
        };
        Self::from(Kind::Ipc(Ipc::Path(format!("{here}{path}").into())))
    }

    /// The endpoint of a Unix socket in the abstract namespace; see [`Self::from_socket_path`] for other bytes.
    pub(crate) fn from_abstract_name(name: &[u8]) -> Self {
        Self::from(Kind::Ipc(Ipc::Abstract(
            String::from_utf8_lossy(name).into(),
        )))
    }

    /// Its text, in which control characters are escaped.
    pub(crate) fn in_one_line(&self) -> String {
        let text = self.to_string();
        if !text.contains(char::is_control) {
            return text;
        }
        text.chars().fold(String::new(), |mut line, character| {
            if character.is_control() {
                line.extend(character.escape_default());
            } else {
                line.push(character);
            }
            line
        })
    }

    /// Whether a socket could ever connect to it.
    pub(crate) fn check_connect(&self) -> Result<(), InvalidEndpoint> {
        match &*self.0 {
            Kind::Fd(_) => Err(InvalidEndpoint::Descriptor),
            _ if self.is_wildcard() => Err(InvalidEndpoint::ConnectToWildcard),
            _ => Ok(()),
        }
    }

    /// Whether a socket could ever bind to it.
    pub(crate) fn check_bind(&self) -> Result<(), InvalidEndpoint> {
        match &*self.0 {
            Kind::Tcp(Tcp {
                source: Some(_), ..
            }) => Err(InvalidEndpoint::BindWithSource),
            Kind::Fd(_) => Err(InvalidEndpoint::Descriptor),
            _ => Ok(()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        parse::endpoint(text).map(Self::from)
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = InvalidEndpoint;

    fn try_from(text: &str) -> Result<Self, InvalidEndpoint> {
        text.parse()
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = InvalidEndpoint;

    fn try_from(text: &String) -> Result<Self, InvalidEndpoint> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = InvalidEndpoint;

    fn try_from(text: String) -> Result<Self, InvalidEndpoint> {
        text.parse()
    }
}

impl From<Kind> for Endpoint {
    fn from(kind: Kind) -> Self {
        Self(Arc::new(kind))
    }
}

impl From<&Self> for Endpoint {
    fn from(endpoint: &Self) -> Self {
        endpoint.clone()
    }
}

impl From<SocketAddr> for Endpoint {
    /// The TCP endpoint of an address; port 0 is one the system chooses.
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => Host::V4(*v4.ip()),
            SocketAddr::V6(v6) => {
                let zone = (v6.scope_id() != 0).then(|| v6.scope_id().to_string().into());
                Host::V6(*v6.ip(), zone)
            }
        };
        let target = HostPort {
            host,
            port: address.port(),
        };
        Self::from(Kind::Tcp(Tcp {
            source: None,
            target,
        }))
    }
}

impl From<Infallible> for InvalidEndpoint {
    /// So that a function which takes `impl TryInto<Endpoint>` takes an `Endpoint`, too.
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.transport())?;
        match &*self.0 {
            Kind::Tcp(Tcp {
                source: Some(source),
                target,
            }) => write!(f, "{source};{target}"),
            Kind::Tcp(Tcp {
                source: None,
                target,
            }) => write!(f, "{target}"),
            Kind::Ipc(Ipc::Path(path)) => f.write_str(path),
            Kind::Ipc(Ipc::Abstract(name)) => write!(f, "@{name}"),
            Kind::Ipc(Ipc::Any) => f.write_str("*"),
            Kind::Inproc(name) => f.write_str(name),
            Kind::Fd(number) => write!(f, "{number}"),
        }
    }
}

/// In one line: control characters in a path or a name are escaped.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.in_one_line())
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::V4(ip) => write!(f, "{ip}")?,
            Host::V6(ip, None) => write!(f, "[{ip}]")?,
            Host::V6(ip, Some(zone)) => write!(f, "[{ip}%{zone}]")?,
            Host::Name(name) => f.write_str(name)?,
        }
        write!(f, ":{}", self.port)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Ipc => "ipc",
            Self::Inproc => "inproc",
            Self::Fd => "fd",
        })
    }
}

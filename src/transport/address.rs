//! Concrete addresses: an endpoint whose names are all resolved.

use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::endpoint::{Endpoint, Ipc, Kind, MAX_PATH};

/// One address that a socket of the system can bind or connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Inet(SocketAddr),
    /// A Unix socket in the file system.
    Path(PathBuf),
    /// A Unix socket in the abstract namespace of Linux, without the zero byte that marks it.
    Abstract(Vec<u8>),
}

/// The kinds of socket that differ in how they are made and set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
    Unix,
}

/// The addresses of a connection: where it goes, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) address: Address,
    /// The address to bind before connecting; of the same family as `address`.
    pub(crate) source: Option<SocketAddr>,
}

impl Address {
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Inet(address) => Family::of_inet(address),
            Self::Path(_) | Self::Abstract(_) => Family::Unix,
        }
    }

    /// Whether this is a loopback address.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Inet(address) => address.ip().to_canonical().is_loopback(),
            Self::Path(_) | Self::Abstract(_) => false,
        }
    }

    /// The endpoint of this address. [`Endpoint::from_socket_path`] documents which of these cannot be used to connect.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Inet(address) => Endpoint::from(*address),
            Self::Path(path) => Endpoint::from_socket_path(path),
            Self::Abstract(name) => Endpoint::from_abstract_name(name),
        }
    }

    /// In the form the system takes.
    pub(super) fn to_system(&self) -> io::Result<SockAddr> {
        match self {
            Self::Inet(address) => Ok((*address).into()),
            Self::Path(path) => SockAddr::unix(path),
            // The length counts the name and nothing after it, as libzmq peers expect.
            Self::Abstract(name) if cfg!(any(target_os = "linux", target_os = "android")) => {
                SockAddr::unix(Path::new(OsStr::from_bytes(&[b"\0", &**name].concat())))
            }
            Self::Abstract(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system has no abstract namespace for Unix sockets",
            )),
        }
    }

    /// An IPv4-mapped IPv6 address, which a dual-stack socket gives, becomes an IPv4 address.
    pub(super) fn of_inet(inet: SocketAddr) -> Self {
        Self::Inet(match inet.ip().to_canonical() {
            IpAddr::V4(ip) => SocketAddr::from((ip, inet.port())),
            IpAddr::V6(_) => inet,
        })
    }

    /// The address of the other end of a connection; `None` if it has no name or has disconnected.
    pub(super) fn of_peer(socket: &SockRef<'_>) -> Option<Self> {
        Self::from_system(&socket.peer_addr().ok()?)
    }

    /// From the form the system gives; `None` for the unnamed end of a Unix connection.
    pub(super) fn from_system(address: &SockAddr) -> Option<Self> {
        if let Some(inet) = address.as_socket() {
            return Some(Self::of_inet(inet));
        }
        if let Some(name) = address.as_abstract_namespace() {
            return Some(Self::Abstract(name.to_vec()));
        }
        address
            .as_pathname()
            .map(|path| Self::Path(path.to_owned()))
    }
}

impl Family {
    pub(super) fn of_inet(address: &SocketAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }

    /// The family of an open stream socket; `InvalidInput` for any other socket.
    pub(super) fn of(socket: &Socket) -> io::Result<Self> {
        let other = |problem| Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        if socket.r#type()? != Type::STREAM {
            return other("this is not a stream socket");
        }
        match socket.local_addr()? {
            address if address.is_ipv4() => Ok(Self::V4),
            address if address.is_ipv6() => Ok(Self::V6),
            address if address.is_unix() => Ok(Self::Unix),
            _ => other("this socket is neither TCP nor Unix"),
        }
    }

    pub(super) fn domain(self) -> Domain {
        match self {
            Self::V4 => Domain::IPV4,
            Self::V6 => Domain::IPV6,
            Self::Unix => Domain::UNIX,
        }
    }
}

/// `endpoint`, with the path of `ipc://` made absolute from the working directory, so that it keeps its meaning when
/// that changes. A path that would then be too long for a Unix socket, or is not text, stays as it is.
pub(crate) fn absolute(endpoint: &Endpoint) -> Endpoint {
    let Kind::Ipc(Ipc::Path(path)) = endpoint.kind() else {
        return endpoint.clone();
    };
    if Path::new(&**path).is_absolute() {
        return endpoint.clone();
    }
    std::path::absolute(&**path)
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok())
        .filter(|path| path.len() <= MAX_PATH)
        .map_or_else(
            || endpoint.clone(),
            |path| Endpoint::from(Kind::Ipc(Ipc::Path(path.into()))),
        )
}

impl From<Address> for Target {
    /// The source address is left to the system.
    fn from(address: Address) -> Self {
        Self {
            address,
            source: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_form_and_back_is_the_same_address() {
        let mut addresses = vec![
            Address::Inet("127.0.0.1:5".parse().expect("an address")),
            Address::Inet("[fe80::1%3]:5".parse().expect("an address")),
            Address::Path("/a/b".into()),
        ];
        if cfg!(target_os = "linux") {
            addresses.push(Address::Abstract(b"a\xff".to_vec()));
        }
        for address in addresses {
            let system = address
                .to_system()
                .expect("every address has a system form");
            assert_eq!(Address::from_system(&system), Some(address));
        }
    }

    #[test]
    fn a_relative_path_becomes_absolute_if_it_fits() {
        let made = |text: &str| {
            let endpoint: Endpoint = text.parse().expect("a good endpoint");
            absolute(&endpoint).to_string()
        };
        let here = std::env::current_dir().expect("a directory");
        assert_eq!(made("ipc://a"), format!("ipc://{}/a", here.display()));
        assert_eq!(made("ipc://./*"), format!("ipc://{}/*", here.display()));
        for text in [
            "ipc:///a/../b",
            "ipc://@a",
            "ipc://*",
            "tcp://a:1",
            "inproc://a",
        ] {
            assert_eq!(made(text), text);
        }
        let long = format!("ipc://{}", "a".repeat(MAX_PATH));
        assert_eq!(made(&long), long);
    }

    #[test]
    fn a_mapped_address_is_shown_as_ipv4() {
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:5".parse().expect("an address");
        let address = Address::from_system(&mapped.into()).expect("it has a name");
        assert_eq!(address.endpoint().to_string(), "tcp://10.0.0.1:5");
    }
}

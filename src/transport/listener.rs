//! Listening sockets.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::address::Family;
use super::refused::named;
use super::resolve::resolve_local;
use super::socket_file::{FreshDirectory, SocketFile, make_way};
use super::{
    Address, Ipv6Mode, ListenFailure, ListenOperation, ListenOptions, Stream, StreamOptions,
};
use crate::endpoint::{Endpoint, HostPort, Ipc, Kind};

/// A listening socket. Dropping it removes the file that it made, if any.
#[derive(Debug)]
pub(crate) struct Listener {
    // Dropped before the socket; [`SocketFile`] says why.
    _file: Option<SocketFile>,
    socket: Socket,
    family: Family,
    endpoint: Endpoint,
    stream: StreamOptions,
    /// Whether accepted streams inherit these options from this socket.
    hands_down: bool,
}

/// Listens on `endpoint`. The name of a wildcard path is made from `suffix`, a random number.
///
/// A name is that of an interface, or else of a host; a host name blocks until the resolver answers. The next address
/// of a name is tried only if this machine does not have the one before. An address in use is an error: a peer would
/// connect to its present user.
///
/// The file of a Unix socket that does not answer is replaced. Permissions are set before a peer can connect. A path
/// from a wildcard can be bound again after its listener has ended: its directory is made anew.
pub(crate) fn listen(
    endpoint: &Endpoint,
    options: &ListenOptions,
    suffix: u64,
) -> Result<Listener, ListenFailure> {
    endpoint.check_bind().map_err(ListenFailure::NotBindable)?;
    match endpoint.kind() {
        Kind::Tcp(tcp) => listen_tcp(&tcp.target, options),
        Kind::Ipc(Ipc::Path(path)) => {
            let path = Path::new(&**path);
            listen_path(path, FreshDirectory::of(path, options.permissions), options)
        }
        Kind::Ipc(Ipc::Abstract(name)) => listen_abstract(name.as_bytes(), options),
        Kind::Ipc(Ipc::Any) => FreshDirectory::new(suffix, options.permissions)
            .map_err(ListenFailure::during(ListenOperation::MakeDirectory))
            .and_then(|directory| listen_path(&directory.socket_path(), Some(directory), options)),
        Kind::Inproc(_) | Kind::Fd(_) => Err(ListenFailure::during(ListenOperation::OpenSocket)(
            io::ErrorKind::Unsupported.into(),
        )),
    }
}

/// Whether an error of [`Listener::accept`] means that this process or this machine has no room for another connection.
/// The connection stays in the queue and the listener stays readable, so the caller should try again after a pause.
pub(crate) fn is_out_of_resources(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

impl Listener {
    /// Takes over a socket that already listens, for example from a parent process. Its file, if any, is not removed.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is not a listening stream socket of TCP or of a Unix path or name.
    pub(crate) fn from_fd(fd: OwnedFd, options: &ListenOptions) -> io::Result<Self> {
        let socket = Socket::from(fd);
        let family = Family::of(&socket)?;
        if !listens(&socket)? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this socket does not listen",
            ));
        }
        socket.set_cloexec(true)?;
        socket.set_nonblocking(true)?;
        let endpoint = Address::from_system(&socket.local_addr()?)
            .ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, "this socket has no address")
            })?
            .endpoint();
        Ok(Self {
            _file: None,
            socket,
            family,
            endpoint,
            stream: options.stream.clone(),
            // The options were set by another process, which may still use the socket.
            hands_down: false,
        })
    }

    /// The next connection, set up and non-blocking, and its address; `None` for a peer without a name, such as a
    /// client of a Unix socket.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if no connection waits. For the lack of resources see [`is_out_of_resources`]. Any other error
    /// concerns a single connection, which is closed. A connection that was closed before it was accepted is skipped.
    pub(crate) fn accept(&self) -> io::Result<(Stream, Option<Endpoint>)> {
        let (fd, peer) = loop {
            match accept_non_blocking(&self.socket) {
                Ok(accepted) => break accepted,
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::INTR | Errno::CONNABORTED) => {}
                    _ => return Err(error),
                },
            }
        };
        let stream = if self.hands_down {
            Stream::new(fd, self.family)
        } else {
            Stream::set_up(fd, self.family, &self.stream)?
        };
        Ok((stream, peer.map(|address| address.endpoint())))
    }

    /// The address that the system gave the socket, with the actual port or path. It is never a wildcard: `tcp://*:*`
    /// has become `tcp://0.0.0.0:49152`, to which a peer can connect.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn listen_tcp(local: &HostPort, options: &ListenOptions) -> Result<Listener, ListenFailure> {
    let addresses = resolve_local(local, options.ipv6)
        .map_err(ListenFailure::during(ListenOperation::Resolve))?;
    let mut outcome = None;
    for address in addresses {
        let result = listen_inet(address, options);
        let is_elsewhere =
            matches!(&result, Err(ListenFailure::System { error, .. }) if is_not_here(error));
        if !is_elsewhere {
            return result;
        }
        outcome.get_or_insert(result);
    }
    outcome.expect("a resolved address list is not empty")
}

/// Whether this machine lacks the address or its family.
fn is_not_here(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

fn listen_inet(address: SocketAddr, options: &ListenOptions) -> Result<Listener, ListenFailure> {
    let family = Family::of_inet(&address);
    let socket = Socket::new(family.domain(), Type::STREAM, None)
        .map_err(ListenFailure::during(ListenOperation::OpenSocket))?;
    if family == Family::V6 {
        named(
            "IPV6_V6ONLY",
            socket.set_only_v6(options.ipv6 == Ipv6Mode::Only),
        )?;
    }
    // A restarted server can bind its port while old connections are in TIME_WAIT.
    named("SO_REUSEADDR", socket.set_reuse_address(true))?;
    if options.reuse_port {
        named("SO_REUSEPORT", set_reuse_port(&socket))?;
    }
    // Buffer sizes set the window, which is offered before a connection is accepted.
    options
        .stream
        .apply_for(&SockRef::from(&socket), &Address::Inet(address))?;
    socket
        .bind(&address.into())
        .map_err(ListenFailure::during(ListenOperation::Bind))?;
    start(socket, family, None, options)
}

fn listen_path(
    path: &Path,
    directory: Option<FreshDirectory>,
    options: &ListenOptions,
) -> Result<Listener, ListenFailure> {
    let bind_failed = ListenFailure::during(ListenOperation::Bind);
    let address = SockAddr::unix(path).map_err(&bind_failed)?;
    let socket = open_unix(options)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            make_way(path, &address)?;
            socket.bind(&address).map_err(&bind_failed)?;
        }
        result => result.map_err(&bind_failed)?,
    }
    let file = SocketFile::just_bound(path, directory).map_err(&bind_failed)?;
    if let Some(mode) = options.permissions {
        // No peer can connect before `listen`, so the permissions hold from the start.
        file.set_permissions(mode)
            .map_err(ListenFailure::during(ListenOperation::SetPermissions))?;
    }
    start(socket, Family::Unix, Some(file), options)
}

fn listen_abstract(name: &[u8], options: &ListenOptions) -> Result<Listener, ListenFailure> {
    let bind_failed = ListenFailure::during(ListenOperation::Bind);
    let address = Address::Abstract(name.to_vec())
        .to_system()
        .map_err(&bind_failed)?;
    let socket = open_unix(options)?;
    socket.bind(&address).map_err(&bind_failed)?;
    start(socket, Family::Unix, None, options)
}

fn open_unix(options: &ListenOptions) -> Result<Socket, ListenFailure> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)
        .map_err(ListenFailure::during(ListenOperation::OpenSocket))?;
    options
        .stream
        .apply(&SockRef::from(&socket), Family::Unix)?;
    Ok(socket)
}

/// The last steps, common to all bound sockets.
fn start(
    socket: Socket,
    family: Family,
    file: Option<SocketFile>,
    options: &ListenOptions,
) -> Result<Listener, ListenFailure> {
    socket
        .set_nonblocking(true)
        .and_then(|()| socket.listen(options.backlog.clamp(1, i32::MAX as u32) as i32))
        .map_err(ListenFailure::during(ListenOperation::Listen))?;
    let endpoint = socket
        .local_addr()
        .and_then(|address| {
            Address::from_system(&address).ok_or(io::ErrorKind::AddrNotAvailable.into())
        })
        .map_err(ListenFailure::during(ListenOperation::ReadAddress))?
        .endpoint();
    Ok(Listener {
        _file: file,
        socket,
        family,
        endpoint,
        stream: options.stream.clone(),
        hands_down: hands_down(family, &options.stream),
    })
}

/// Whether a connection inherits the `options` from its listener. Linux copies them from the listening socket, except
/// for the type of service, which may be the peer's (`net.ipv4.tcp_reflect_tos`). Other systems copy less, and no
/// system copies those of Unix sockets.
fn hands_down(family: Family, options: &StreamOptions) -> bool {
    cfg!(any(target_os = "linux", target_os = "android"))
        && family != Family::Unix
        && options.type_of_service.is_none()
}

/// Apple defines the constant but not the option; there the first `accept` fails on a socket that does not listen.
fn listens(socket: &Socket) -> io::Result<bool> {
    #[cfg(not(target_vendor = "apple"))]
    return Ok(rustix::net::sockopt::socket_acceptconn(socket)?);
    #[cfg(target_vendor = "apple")]
    return socket.local_addr().map(|_| true);
}

#[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(any(target_os = "solaris", target_os = "illumos"))]
fn set_reuse_port(_socket: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos"
))]
fn accept_non_blocking(socket: &Socket) -> io::Result<(OwnedFd, Option<Address>)> {
    use rustix::net::{SocketFlags, acceptfrom_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (stream, peer) = acceptfrom_with(socket, flags)?;
    let peer = match peer.map(SocketAddr::try_from) {
        Some(Ok(inet)) => Some(Address::of_inet(inet)),
        _ => Address::of_peer(&SockRef::from(&stream)),
    };
    Ok((stream, peer))
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos"
)))]
fn accept_non_blocking(socket: &Socket) -> io::Result<(OwnedFd, Option<Address>)> {
    let (stream, peer) = socket.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream.into(), Address::from_system(&peer)))
}

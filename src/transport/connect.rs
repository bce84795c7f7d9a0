//! Connecting without waiting.

use std::io;

use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};

use super::{Stream, StreamOptions, Target};

/// How far [`connect`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectProgress {
    Connected,
    /// In progress. The stream becomes writable at the end; [`Stream::take_error`] then tells the outcome.
    InProgress,
}

/// Begins to connect to `target`.
///
/// A TCP connection to a port of this machine on which nobody listens may connect to itself. Once connected,
/// [`Stream::is_self_connection`] tells.
///
/// # Errors
///
/// Errors that the system reports at once. `WouldBlock` means that the queue of a Unix listener is full: the attempt
/// has failed, and nothing signals when there is room.
pub(crate) fn connect(
    target: &Target,
    options: &StreamOptions,
) -> io::Result<(Stream, ConnectProgress)> {
    let address = target.address.to_system()?;
    let family = target.address.family();
    let socket = open_non_blocking(family.domain())?;
    options.apply_for(&SockRef::from(&socket), &target.address)?;
    if let Some(source) = target.source {
        // A fixed source port must be free again at once for the next attempt.
        socket.set_reuse_address(true)?;
        socket.bind(&source.into())?;
    }
    let progress = match socket.connect(&address) {
        Ok(()) => ConnectProgress::Connected,
        Err(error) => match Errno::from_io_error(&error) {
            // Within this machine the connection is complete, though the call did not wait for it.
            Some(Errno::INPROGRESS) if socket.peer_addr().is_ok() => ConnectProgress::Connected,
            // An interrupted attempt continues in the kernel.
            Some(Errno::INPROGRESS | Errno::INTR) => ConnectProgress::InProgress,
            _ => return Err(error),
        },
    };
    Ok((Stream::new(socket.into(), family), progress))
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
fn open_non_blocking(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking(), None)
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
fn open_non_blocking(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::testing::{self, endpoint, resolved};
    use super::*;

    fn start(text: &str) -> io::Result<Stream> {
        let (stream, progress) = connect(&resolved(&endpoint(text)), &StreamOptions::default())?;
        if progress == ConnectProgress::InProgress {
            testing::wait_writable(&stream);
        }
        match stream.take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    #[test]
    fn a_refused_connection_is_told_by_take_error() {
        // Bound, so that nobody else gets the port, but not listening.
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        bound
            .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .expect("a free port");
        let address = bound
            .local_addr()
            .expect("it is bound")
            .as_socket()
            .expect("it is IPv4");
        let error = start(&format!("tcp://{address}")).expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_missing_path_is_told_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let text = format!("ipc://{}/none", directory.path().display());
        assert_eq!(
            start(&text).expect_err("no file").kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn a_source_address_is_where_the_connection_comes_from() {
        if !cfg!(target_os = "linux") {
            return; // elsewhere only 127.0.0.1 is on the loopback interface
        }
        let listener = testing::listen_on("tcp://127.0.0.1:*");
        let port = listener.endpoint().port().expect("a real port");
        let _stream = start(&format!("tcp://127.0.0.9:*;127.0.0.1:{port}")).expect("it listens");
        testing::wait_readable(&listener);
        let (_stream, peer) = listener.accept().expect("somebody connected");
        let peer = peer.expect("TCP peers have addresses");
        assert_eq!(
            peer.ip().map(|ip| ip.to_string()).as_deref(),
            Some("127.0.0.9")
        );
    }

    fn meets_itself(stream: &Stream) -> bool {
        let peer = stream.peer_address().expect("it is connected");
        stream.is_self_connection(&peer)
    }

    #[test]
    fn a_connection_to_itself_is_noticed() {
        if !cfg!(target_os = "linux") {
            return;
        }
        // Another test may take the port in between; a second time it will hardly happen, a twentieth time never.
        let met_itself = (0..20).any(|_| {
            let listener = testing::listen_on("tcp://127.0.0.1:*");
            let port = listener.endpoint().port().expect("a real port");
            let (client, server) = testing::connected(&listener);
            assert!(!meets_itself(&client) && !meets_itself(&server));
            drop((listener, client, server));
            start(&format!("tcp://127.0.0.1:{port};127.0.0.1:{port}"))
                .is_ok_and(|stream| meets_itself(&stream))
        });
        assert!(met_itself);
    }

    #[test]
    fn an_option_that_is_refused_is_named() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let options = StreamOptions {
            bind_to_device: Some("no-such-device".into()),
            ..StreamOptions::default()
        };
        let error = connect(&resolved(&endpoint("tcp://127.0.0.1:1")), &options)
            .expect_err("there is no such device");
        assert!(error.to_string().contains("SO_BINDTODEVICE"), "{error}");
    }
}

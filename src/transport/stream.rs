//! Connected byte streams.

#[cfg(test)]
mod tests;

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::{SockRef, Socket};

use super::StreamOptions;
use super::address::{Address, Family};
use crate::endpoint::Endpoint;

/// One connection: bytes both ways. Never waits; a call that would have to returns `WouldBlock`. Interrupted calls are
/// repeated inside. A write to a peer that has gone is an error, and never a signal.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The process at the other end of a Unix connection, as it was when it connected or began to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerCredentials {
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) process: u32,
}

impl Stream {
    /// Takes over a connected socket.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is not a stream socket, of TCP or Unix; `NotConnected`; an option that the system refuses.
    pub(crate) fn from_fd(fd: OwnedFd, options: &StreamOptions) -> io::Result<Self> {
        let socket = Socket::from(fd);
        let family = Family::of(&socket)?;
        socket.peer_addr()?;
        socket.set_cloexec(true)?;
        socket.set_nonblocking(true)?;
        #[cfg(target_vendor = "apple")]
        socket.set_nosigpipe(true)?;
        Self::set_up(socket.into(), family, options)
    }

    /// A non-blocking socket, ready for use.
    pub(super) fn new(fd: OwnedFd, family: Family) -> Self {
        match family {
            Family::V4 | Family::V6 => Self::Tcp(fd.into()),
            Family::Unix => Self::Unix(fd.into()),
        }
    }

    /// A connected, non-blocking socket that is yet to be given its options.
    pub(super) fn set_up(fd: OwnedFd, family: Family, options: &StreamOptions) -> io::Result<Self> {
        options.apply(&SockRef::from(&fd), family)?;
        Ok(Self::new(fd, family))
    }

    /// Reads into `buffer`, which should not be empty; 0 is the end of the stream.
    #[cfg(test)]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| Ok(rustix::net::recv(self, &mut *buffer, PLAIN)?.1))
    }

    /// Reads at most `max` bytes into the spare capacity of `buffer`, which it never grows, and makes it longer by as
    /// many; 0 is the end of the stream.
    ///
    /// Fastest if the spare capacity is at most `max`: the bytes then go where they belong, into memory that nobody has
    /// cleared first. Otherwise they take a way round, 64 KiB at a time.
    ///
    /// # Errors
    ///
    /// Besides those of the system, `InvalidInput` if there is no room for a single byte.
    pub(crate) fn read_into_spare(&self, buffer: &mut Vec<u8>, max: usize) -> io::Result<usize> {
        let spare = buffer.capacity() - buffer.len();
        match spare.min(max) {
            0 => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no room to read into",
            )),
            _ if spare <= max => {
                uninterrupted(|| Ok(rustix::net::recv(self, spare_capacity(buffer), PLAIN)?.1))
            }
            room => self.read_round_about(buffer, room),
        }
    }

    /// In a function of its own, for its large frame.
    #[inline(never)]
    fn read_round_about(&self, buffer: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        let mut stop = [MaybeUninit::uninit(); 64 * 1024];
        let room = room.min(stop.len());
        uninterrupted(|| {
            let ((bytes, _), _) = rustix::net::recv(self, &mut stop[..room], PLAIN)?;
            buffer.extend_from_slice(bytes);
            Ok(bytes.len())
        })
    }

    /// How many bytes the system holds that were not read.
    pub(crate) fn unread(&self) -> usize {
        rustix::io::ioctl_fionread(self).map_or(0, |unread| unread as usize)
    }

    /// Puts the first of what was not read into `bytes`, and leaves it unread; how much that is.
    pub(crate) fn peek(&self, bytes: &mut [u8]) -> usize {
        let flags = PLAIN | RecvFlags::PEEK | RecvFlags::DONTWAIT;
        uninterrupted(|| Ok(rustix::net::recv(self, &mut *bytes, flags)?.1)).unwrap_or(0)
    }

    /// Whether the peer has closed its side, behind what it has sent. False where the system cannot tell without reading.
    pub(crate) fn has_ended(&self) -> bool {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};
            let mut descriptors = [PollFd::new(self, PollFlags::RDHUP)];
            poll(&mut descriptors, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        false
    }

    /// Reads over `pieces`, one after the other; 0 is the end of the stream, if they are not all empty.
    pub(crate) fn read_vectored(&self, pieces: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        uninterrupted(|| rustix::io::readv(self, pieces))
    }

    /// Writes the front of `bytes`, as much as the system takes.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| rustix::net::send(self, bytes, NO_SIGNAL))
    }

    /// As [`write`](Self::write), for bytes that others are about to follow: the system may keep these for a moment, to
    /// send them in one packet.
    pub(crate) fn write_ahead(&self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| rustix::net::send(self, bytes, NO_SIGNAL | MORE_FOLLOWS))
    }

    /// Writes the front of what `pieces` hold together, as much as the system takes; it looks at the first 1024 pieces.
    pub(crate) fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let pieces = &pieces[..pieces.len().min(MAX_PIECES)];
        uninterrupted(|| {
            rustix::net::sendmsg(self, pieces, &mut SendAncillaryBuffer::default(), NO_SIGNAL)
        })
    }

    /// Whether the system at the other end has left unanswered what was sent to it for at least so long, though that was
    /// repeated. False where this system cannot tell, and of Unix connections, whose other end is this system.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn has_stopped_answering(&self, silence: Duration) -> bool {
        match self {
            Self::Tcp(stream) => super::answering::has_stopped(stream, silence),
            Self::Unix(_) => false,
        }
    }

    /// Not known on this system.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn has_stopped_answering(&self, _: Duration) -> bool {
        false
    }

    /// Whether all that was written before this side was shut down has come to the system of the peer, which gives it to the
    /// peer whatever becomes of the connection. False where that cannot be told.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn has_come(&self) -> bool {
        match self {
            Self::Tcp(stream) => super::answering::has_come(stream),
            Self::Unix(_) => true,
        }
    }

    /// Not known on this system, which may forget what has come when the connection is reset.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn has_come(&self) -> bool {
        false
    }

    /// From now on the stream is writable only while nothing that was written is unsent: while the peer's system has room
    /// for all of it. False where the system cannot tell: then nothing has changed. On a Unix connection what is
    /// written is with the peer at once.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn signal_when_sent(&self) -> bool {
        matches!(self, Self::Tcp(_)) && SockRef::from(self).set_tcp_notsent_lowat(1).is_ok()
    }

    /// From now on the stream is writable only while nothing that was written is unsent: not known on this system.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn signal_when_sent(&self) -> bool {
        false
    }

    /// The error that is pending on the socket, and forgets it. After connecting in the background: why that failed.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream) => stream.take_error(),
        }
    }

    /// Ends one direction, or both.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        }
    }

    /// Where the peer is; `None` if it has no name (who connects to a Unix socket has none) or has gone.
    pub(crate) fn peer_address(&self) -> Option<Endpoint> {
        Some(Address::of_peer(&SockRef::from(self))?.endpoint())
    }

    /// The address of this end; `None` if it has no name.
    pub(crate) fn local_address(&self) -> Option<Endpoint> {
        let address = SockRef::from(self).local_addr().ok()?;
        Some(Address::from_system(&address)?.endpoint())
    }

    /// Whether both ends of a TCP connection are this one socket: the system may give a connecting socket the very port
    /// to which it connects. To be treated as a lost connection. `peer`: where the other end is.
    pub(crate) fn is_self_connection(&self, peer: &Endpoint) -> bool {
        matches!(self, Self::Tcp(_)) && self.local_address().as_ref() == Some(peer)
    }

    /// Who is at the other end of a Unix connection. `None` for TCP, and where the system does not tell: so for a
    /// process that has no number in the PID namespace of this one, being outside its container.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn peer_credentials(&self) -> Option<PeerCredentials> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(stream) => {
                let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
                Some(PeerCredentials {
                    user: peer.uid.as_raw(),
                    group: peer.gid.as_raw(),
                    process: peer.pid.as_raw_nonzero().get().unsigned_abs(),
                })
            }
        }
    }

    /// Who is at the other end of a Unix connection. `None` for TCP, and where the system does not tell.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn peer_credentials(&self) -> Option<PeerCredentials> {
        None
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Repeats `call` for as long as a signal interrupts it.
fn uninterrupted<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
}

/// To receive is less than to read: the kernel does not treat the connection as a file first.
const PLAIN: RecvFlags = RecvFlags::empty();

/// Rust programs ignore SIGPIPE, but a library may be loaded by others.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// Apple has no such flag; there every socket is told so when it is made.
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// Linux sends what it has kept so after 200 ms at the latest.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MORE_FOLLOWS: SendFlags = SendFlags::MORE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MORE_FOLLOWS: SendFlags = SendFlags::empty();

/// `IOV_MAX` of every system in use; more pieces than this in one call is an error.
const MAX_PIECES: usize = 1024;

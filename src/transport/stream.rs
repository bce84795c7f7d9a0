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

/// One connection: bytes both ways. No call waits; it gives `WouldBlock` instead. Interrupted calls are repeated. A
/// write to a peer that has disconnected is an error, and never raises a signal.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The process at the other end of a Unix connection, at the time when it connected or began to listen.
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

    /// A connected, non-blocking socket whose options are set here.
    pub(super) fn set_up(fd: OwnedFd, family: Family, options: &StreamOptions) -> io::Result<Self> {
        options.apply(&SockRef::from(&fd), family)?;
        Ok(Self::new(fd, family))
    }

    /// Reads into `buffer`, which should not be empty; 0 is the end of the stream.
    #[cfg(test)]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| Ok(rustix::net::recv(self, &mut *buffer, PLAIN)?.1))
    }

    /// Appends at most `max` bytes to `buffer`, within its spare capacity, and gives their number; 0 is the end of the
    /// stream.
    ///
    /// Fastest if the spare capacity is at most `max`: the system then reads straight into uninitialised memory.
    /// Otherwise the bytes are copied through a buffer of 64 KiB.
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

    /// Out of line because of its large stack frame.
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

    /// How many unread bytes the system holds.
    pub(crate) fn unread(&self) -> usize {
        rustix::io::ioctl_fionread(self).map_or(0, |unread| unread as usize)
    }

    /// Copies the first unread bytes into `bytes`, without taking them; gives their number.
    pub(crate) fn peek(&self, bytes: &mut [u8]) -> usize {
        let flags = PLAIN | RecvFlags::PEEK | RecvFlags::DONTWAIT;
        uninterrupted(|| Ok(rustix::net::recv(self, &mut *bytes, flags)?.1)).unwrap_or(0)
    }

    /// Whether the peer has closed its side after the last unread byte. False if the system cannot tell without
    /// reading.
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

    /// Reads into `pieces`, one after the other; 0 is the end of the stream, unless all are empty.
    pub(crate) fn read_vectored(&self, pieces: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        uninterrupted(|| rustix::io::readv(self, pieces))
    }

    /// Writes the front of `bytes`, as much as the system takes; gives the number of bytes.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| rustix::net::send(self, bytes, NO_SIGNAL))
    }

    /// As [`write`](Self::write), when more bytes will follow soon: the system may delay these, to send all in one
    /// packet.
    pub(crate) fn write_ahead(&self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| rustix::net::send(self, bytes, NO_SIGNAL | MORE_FOLLOWS))
    }

    /// Writes the front of `pieces`, as much as the system takes; it uses the first 1024 pieces only.
    pub(crate) fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let pieces = &pieces[..pieces.len().min(MAX_PIECES)];
        uninterrupted(|| {
            rustix::net::sendmsg(self, pieces, &mut SendAncillaryBuffer::default(), NO_SIGNAL)
        })
    }

    /// Whether the peer's system has not answered retransmitted data for at least `silence`. False if this system
    /// cannot tell, and for Unix connections, whose other end is on this system.
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

    /// Whether everything written before the shutdown has reached the peer's system, which will deliver it even if the
    /// connection is reset. False if the system cannot tell.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn has_come(&self) -> bool {
        match self {
            Self::Tcp(stream) => super::answering::has_come(stream),
            Self::Unix(_) => true,
        }
    }

    /// Unknown on this system, which may discard received data when the connection is reset.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn has_come(&self) -> bool {
        false
    }

    /// From now on the stream is writable only while no written byte is unsent, so while the peer's system has room for
    /// all. False if the system cannot do this; nothing has changed then. On a Unix connection written bytes reach the
    /// peer at once.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn signal_when_sent(&self) -> bool {
        matches!(self, Self::Tcp(_)) && SockRef::from(self).set_tcp_notsent_lowat(1).is_ok()
    }

    /// From now on the stream is writable only while nothing that was written is unsent: not known on this system.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn signal_when_sent(&self) -> bool {
        false
    }

    /// Takes the pending error of the socket: after a connect in the background, why it failed.
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

    /// The peer's address; `None` if it has no name, as a client of a Unix socket, or has disconnected.
    pub(crate) fn peer_address(&self) -> Option<Endpoint> {
        Some(Address::of_peer(&SockRef::from(self))?.endpoint())
    }

    /// The address of this end; `None` if it has no name.
    pub(crate) fn local_address(&self) -> Option<Endpoint> {
        let address = SockRef::from(self).local_addr().ok()?;
        Some(Address::from_system(&address)?.endpoint())
    }

    /// Whether both ends of a TCP connection are this socket: the system may choose as source port the very port to
    /// which the socket connects. The caller treats it as a lost connection. `peer` is the address of the other end.
    pub(crate) fn is_self_connection(&self, peer: &Endpoint) -> bool {
        matches!(self, Self::Tcp(_)) && self.local_address().as_ref() == Some(peer)
    }

    /// The process at the other end of a Unix connection. `None` for TCP, and if the system cannot tell, as for a
    /// process outside the PID namespace of this one.
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

    /// The process at the other end of a Unix connection. `None` for TCP, and if the system cannot tell.
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

/// `recv` is faster than `read`, which first treats the connection as a file.
const PLAIN: RecvFlags = RecvFlags::empty();

/// Rust programs ignore SIGPIPE, but other programs may load this library.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// Apple has no such flag; there an option of each new socket does the same.
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// Linux sends delayed bytes after at most 200 ms.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MORE_FOLLOWS: SendFlags = SendFlags::MORE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MORE_FOLLOWS: SendFlags = SendFlags::empty();

/// `IOV_MAX` of every system in use; more pieces than this in one call is an error.
const MAX_PIECES: usize = 1024;

//! How sockets are set up before their first byte.

use std::io;
use std::time::Duration;

#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

use super::address::{Address, Family};
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::refused::no_interface;
use super::refused::{OptionError, named};
use crate::policy::tuning::{LOCAL_RECEIVE_BUFFER_BYTES, UNIX_SEND_BUFFER_BYTES};
use crate::sync::MachineFact;

/// How a stream is set up, connected or accepted. By default only keepalive differs from the system's defaults.
///
/// Each option is set before the connection is made, or right after it is accepted. Nagle's algorithm is always off:
/// batches are formed above, and a small message should not wait for an acknowledgement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamOptions {
    /// TCP keepalive: how a connection finds out that its peer has vanished.
    pub(crate) keep_alive: KeepAlive,
    /// `SO_SNDBUF`, in bytes, for TCP and Unix sockets. `None`: TCP uses the system's adaptive size; a Unix socket,
    /// whose buffer never grows, gets room for a batch.
    pub(crate) send_buffer: Option<usize>,
    /// `SO_RCVBUF`, in bytes, for TCP and Unix sockets. `None`: the system's adaptive size; but TCP within this machine
    /// gets room for a few batches from the beginning, if the system allows that much.
    pub(crate) receive_buffer: Option<usize>,
    /// `TCP_USER_TIMEOUT`: how long sent bytes may stay unacknowledged before the connection is given up. Whole
    /// milliseconds. Linux only; ignored elsewhere.
    pub(crate) user_timeout: Option<Duration>,
    /// The type-of-service byte of IPv4 packets, the traffic class of IPv6 ones.
    pub(crate) type_of_service: Option<u8>,
    /// `SO_BINDTODEVICE`: use this network interface only. Linux only, may need privileges; an error elsewhere.
    pub(crate) bind_to_device: Option<String>,
}

/// TCP keepalive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    /// The system's setting for new sockets; usually off.
    System,
    Off,
    /// On; a field of `None` keeps the system's value.
    On {
        /// The silence before the first probe. Whole seconds, at least one.
        idle: Option<Duration>,
        /// The time between probes. Whole seconds, at least one.
        interval: Option<Duration>,
        /// The number of probes without an answer after which the connection is given up.
        count: Option<u32>,
    },
}

/// How a listener is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenOptions {
    /// How many connections may wait to be accepted. 1024, which the system cuts to its own limit (4096 on Linux,
    /// 128 elsewhere). Differs from libzmq, whose default is 100: a burst of reconnecting peers exceeds that.
    pub(crate) backlog: u32,
    /// `SO_REUSEPORT`: let several processes listen on one port; the system spreads connections over them. TCP only.
    pub(crate) reuse_port: bool,
    /// The meaning of `*`, and whether an IPv6 listener also takes IPv4 connections.
    pub(crate) ipv6: Ipv6Mode,
    /// The mode bits of an `ipc://` path. Only write permission matters: connecting needs it. `None` leaves the bits to
    /// the umask.
    pub(crate) permissions: Option<u32>,
    /// How accepted streams are set up.
    pub(crate) stream: StreamOptions,
}

/// How a TCP listener on `*`, on a name, or on `[::]` uses IPv6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ipv6Mode {
    /// `*` is every IPv4 address, and a name is its IPv4 address if it has one. `[::]` asks for IPv6 explicitly and
    /// takes both families, as in libzmq.
    #[default]
    Off,
    /// `*` and `[::]` are every address of both families.
    Dual,
    /// `*` and `[::]` are every IPv6 address, and no IPv4 one.
    Only,
}

impl Default for KeepAlive {
    /// On, with the system's times.
    fn default() -> Self {
        Self::On {
            idle: None,
            interval: None,
            count: None,
        }
    }
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: 1024,
            reuse_port: false,
            ipv6: Ipv6Mode::default(),
            permissions: None,
            stream: StreamOptions::default(),
        }
    }
}

impl StreamOptions {
    /// Sets up a socket before it connects, before it listens (accepted streams inherit from it), or after it was
    /// accepted.
    pub(super) fn apply(&self, socket: &SockRef<'_>, family: Family) -> Result<(), OptionError> {
        self.apply_buffers(socket)?;
        if family == Family::Unix {
            if self.send_buffer.is_none() {
                make_room_for_a_batch(socket);
            }
            return Ok(());
        }
        named("TCP_NODELAY", socket.set_tcp_nodelay(true))?;
        self.keep_alive.apply(socket)?;
        if let Some(timeout) = self.user_timeout {
            set_user_timeout(socket, timeout)?;
        }
        if let Some(service) = self.type_of_service {
            set_type_of_service(socket, service.into(), family)?;
        }
        if let Some(device) = &self.bind_to_device {
            named("SO_BINDTODEVICE", bind_to_device(socket, device))?;
        }
        Ok(())
    }

    /// As [`apply`](Self::apply), for a socket that is about to connect to `address`, or to listen there.
    pub(super) fn apply_for(
        &self,
        socket: &SockRef<'_>,
        address: &Address,
    ) -> Result<(), OptionError> {
        if self.receive_buffer.is_none() && address.is_loopback() {
            make_room_for_local_input(socket);
        }
        self.apply(socket, address.family())
    }

    fn apply_buffers(&self, socket: &SockRef<'_>) -> Result<(), OptionError> {
        if let Some(size) = self.send_buffer {
            named("SO_SNDBUF", socket.set_send_buffer_size(within_int(size)))?;
        }
        if let Some(size) = self.receive_buffer {
            named("SO_RCVBUF", socket.set_recv_buffer_size(within_int(size)))?;
        }
        Ok(())
    }
}

/// Gives a Unix socket room for a batch of the largest size.
///
/// Linux gives 208 KiB by default, including the overhead of the buffers, and wakes a waiting sender only when three
/// quarters of it have been read. The receiver then finds little to read until the sender continues.
fn make_room_for_a_batch(socket: &SockRef<'_>) {
    let is_small = |size| size < UNIX_SEND_BUFFER_BYTES;
    if socket.send_buffer_size().is_ok_and(is_small) {
        // If the system refuses the size, the socket works with less.
        drop(socket.set_send_buffer_size(UNIX_SEND_BUFFER_BYTES));
    }
}

/// Gives a TCP socket room for everything that a sender on this machine writes between two reads.
///
/// Linux begins with 128 KiB and adapts to the round-trip time and to the bytes read in each, which says little on a
/// loopback connection: senders meet a closed window again and again, and the buffers of many connections grow beyond
/// any cache. With a publisher and 64 subscribers of 16 KiB messages, windows closed 2,000 times a second before this
/// change and never since.
///
/// A size that is set is not adapted any more, and a system that allows less reports no error. So the size is first
/// tried on a throw-away socket, once in a process. On a system that allows less, the adaptive size is better.
fn make_room_for_local_input(socket: &SockRef<'_>) {
    static IS_ALLOWED: MachineFact = MachineFact::unknown();
    let is_allowed = || {
        let trial = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        trial.set_recv_buffer_size(LOCAL_RECEIVE_BUFFER_BYTES)?;
        Ok::<_, io::Error>(trial.recv_buffer_size()? > LOCAL_RECEIVE_BUFFER_BYTES)
    };
    if cfg!(target_os = "linux") && IS_ALLOWED.get(|| is_allowed().unwrap_or(false)) {
        drop(socket.set_recv_buffer_size(LOCAL_RECEIVE_BUFFER_BYTES));
    }
}

impl KeepAlive {
    fn apply(self, socket: &SockRef<'_>) -> Result<(), OptionError> {
        match self {
            Self::System => Ok(()),
            Self::Off => named("SO_KEEPALIVE", socket.set_keepalive(false)),
            Self::On {
                idle,
                interval,
                count,
            } => {
                named("SO_KEEPALIVE", socket.set_keepalive(true))?;
                // One at a time, so that the error names the refused option.
                if let Some(idle) = idle {
                    let parameters = TcpKeepalive::new().with_time(idle);
                    named("TCP_KEEPIDLE", socket.set_tcp_keepalive(&parameters))?;
                }
                set_keepalive_probes(socket, interval, count)
            }
        }
    }
}

#[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "solaris")))]
fn set_keepalive_probes(
    socket: &SockRef<'_>,
    interval: Option<Duration>,
    count: Option<u32>,
) -> Result<(), OptionError> {
    if let Some(interval) = interval {
        let parameters = TcpKeepalive::new().with_interval(interval);
        named("TCP_KEEPINTVL", socket.set_tcp_keepalive(&parameters))?;
    }
    if let Some(count) = count {
        let parameters = TcpKeepalive::new().with_retries(count);
        named("TCP_KEEPCNT", socket.set_tcp_keepalive(&parameters))?;
    }
    Ok(())
}

#[cfg(any(target_os = "openbsd", target_os = "haiku", target_os = "solaris"))]
fn set_keepalive_probes(
    _socket: &SockRef<'_>,
    _interval: Option<Duration>,
    _count: Option<u32>,
) -> Result<(), OptionError> {
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_user_timeout(socket: &SockRef<'_>, timeout: Duration) -> Result<(), OptionError> {
    named(
        "TCP_USER_TIMEOUT",
        socket.set_tcp_user_timeout(Some(timeout)),
    )
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_user_timeout(_socket: &SockRef<'_>, _timeout: Duration) -> Result<(), OptionError> {
    Ok(())
}

#[cfg(not(any(target_os = "haiku", target_os = "solaris")))]
fn set_type_of_service(
    socket: &SockRef<'_>,
    service: u32,
    family: Family,
) -> Result<(), OptionError> {
    if family == Family::V6 {
        named("IPV6_TCLASS", socket.set_tclass_v6(service))
    } else {
        named("IP_TOS", socket.set_tos_v4(service))
    }
}

#[cfg(any(target_os = "haiku", target_os = "solaris"))]
fn set_type_of_service(
    _socket: &SockRef<'_>,
    _service: u32,
    _family: Family,
) -> Result<(), OptionError> {
    named("IP_TOS", Err(io::ErrorKind::Unsupported.into()))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bind_to_device(socket: &SockRef<'_>, device: &str) -> io::Result<()> {
    socket
        .bind_device(Some(device.as_bytes()))
        .map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NODEV) => no_interface(device),
            _ => error,
        })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bind_to_device(_socket: &SockRef<'_>, _device: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The system takes buffer sizes as an `int`; a larger one would become negative.
fn within_int(size: usize) -> usize {
    size.min(i32::MAX as usize)
}

#[cfg(test)]
mod tests;

//! Non-blocking byte streams: TCP and Unix sockets.
//!
//! Owns: open sockets and their set-up, the file of a Unix listener, name resolution, the handshake with a SOCKS proxy.
//! Always true: no call on a [`Stream`] or a [`Listener`] waits; it gives `WouldBlock` instead. A call that may wait
//! for a resolver says so, and [`resolve_now`] never waits.
//! Must not know: what the bytes mean, threads, timers, pollers, random numbers (they come in as arguments).
//! Source: zmq_tcp(7), zmq_ipc(7); tcp(7), unix(7); RFC 1928 and RFC 1929 for SOCKS.

mod address;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod answering;
mod connect;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod interface;
mod listen_error;
mod listener;
mod options;
mod refused;
mod resolve;
mod socket_file;
mod socks5;
mod stream;
#[cfg(test)]
mod testing;

pub(crate) use address::{Address, Target, absolute};
pub(crate) use connect::{ConnectProgress, connect};
pub(crate) use listen_error::{ListenFailure, ListenOperation};
pub(crate) use listener::{Listener, is_out_of_resources, listen};
pub use options::Ipv6Mode;
pub(crate) use options::{KeepAlive, ListenOptions, StreamOptions};
pub(crate) use refused::tells_of_no_interface;
pub(crate) use resolve::{resolve, resolve_now};
pub(crate) use socks5::{Socks5, SocksCredentials, SocksError, SocksTarget};
pub(crate) use stream::Stream;

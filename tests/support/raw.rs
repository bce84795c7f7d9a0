//! A peer without manners: bytes on a connection, and the pieces of ZMTP to make them of.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use highwater::Endpoint;

use super::{PATIENCE, wait_until};

/// Why a test ends early in a run in which every socket speaks CURVE: its raw peer speaks NULL.
#[derive(Debug)]
pub(crate) struct SpeaksNull;

fn speaks_null() {
    if cfg!(highwater_curve_everywhere) {
        std::panic::panic_any(SpeaksNull);
    }
}

/// One raw connection. Reads wait, but not for ever.
#[derive(Debug)]
pub(crate) enum RawPeer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl RawPeer {
    /// Connects to where a socket listens.
    pub(crate) fn connect(endpoint: &Endpoint) -> Self {
        speaks_null();
        match endpoint.path() {
            Some(path) => {
                let stream = UnixStream::connect(path).expect("somebody listens");
                stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
                Self::Unix(stream)
            }
            None => {
                let ip = endpoint.ip().expect("an address");
                let port = endpoint.port().expect("a port");
                Self::from(TcpStream::connect((ip, port)).expect("somebody listens"))
            }
        }
    }

    /// As [`connect`](Self::connect), if somebody listens.
    pub(crate) fn try_connect(endpoint: &Endpoint) -> Option<Self> {
        speaks_null();
        Some(match endpoint.path() {
            Some(path) => {
                let stream = UnixStream::connect(path).ok()?;
                stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
                Self::Unix(stream)
            }
            None => {
                let address = (endpoint.ip()?, endpoint.port()?);
                Self::from(TcpStream::connect(address).ok()?)
            }
        })
    }

    /// Gives up sending after this time.
    pub(crate) fn write_within(&self, timeout: Duration) {
        match self {
            Self::Tcp(stream) => stream.set_write_timeout(Some(timeout)),
            Self::Unix(stream) => stream.set_write_timeout(Some(timeout)),
        }
        .expect("not zero");
    }

    /// Has its end be a reset, over tcp.
    pub(crate) fn reset(&self) {
        if let Self::Tcp(stream) = self {
            let lingers = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
            lingers.expect("a live descriptor");
        }
    }

    /// The same connection once more, for another thread.
    pub(crate) fn try_clone(&self) -> Self {
        match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone().expect("a descriptor is free")),
            Self::Unix(stream) => Self::Unix(stream.try_clone().expect("a descriptor is free")),
        }
    }

    /// Connects and does everything up to the first message.
    pub(crate) fn connect_as(socket_type: &str, endpoint: &Endpoint) -> Self {
        let mut peer = Self::connect(endpoint);
        peer.shake_hands(socket_type);
        peer
    }

    /// The whole handshake, from this end.
    pub(crate) fn shake_hands(&mut self, socket_type: &str) {
        self.send(&greeting());
        self.send(&ready(socket_type));
        let mut theirs = [0; 64];
        self.read_exact(&mut theirs).expect("a greeting");
        self.read_frame();
    }

    /// Sends, if the peer still listens.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.write_all(bytes).is_ok()
    }

    /// Waits until the system of the other end has all that was sent. Without `/proc/net/tcp`, where loopback is thought of as
    /// instant, it does not wait; nor does a Unix socket, which is.
    pub(crate) fn wait_until_all_has_come(&self) {
        let Self::Tcp(stream) = self else { return };
        // Without a peer, both sides are closed already, and all has come.
        let (Ok(ours), Ok(theirs)) = (stream.local_addr(), stream.peer_addr()) else {
            return;
        };
        let [ours, theirs] = [ours, theirs].map(|address| format!(":{:04X}", address.port()));
        wait_until("all was acknowledged", || {
            let Ok(table) = std::fs::read_to_string("/proc/net/tcp") else {
                return true;
            };
            let mut lines = table.lines().map(|line| line.split_whitespace());
            let mut line = lines.find(|line| {
                let mut line = line.clone().skip(1);
                line.next().is_some_and(|local| local.ends_with(&ours))
                    && line.next().is_some_and(|remote| remote.ends_with(&theirs))
            });
            let queues = line.as_mut().and_then(|line| line.nth(4));
            queues.is_none_or(|queues| queues.starts_with("00000000:"))
        });
    }

    /// The flags and body of the next frame.
    pub(crate) fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let mut flags = [0];
        self.read_exact(&mut flags).expect("a frame");
        let len = if flags[0] & 2 == 0 {
            let mut len = [0];
            self.read_exact(&mut len).expect("a length");
            u64::from(len[0])
        } else {
            let mut len = [0; 8];
            self.read_exact(&mut len).expect("a length");
            u64::from_be_bytes(len)
        };
        let mut body = vec![0; usize::try_from(len).expect("it fits")];
        self.read_exact(&mut body).expect("a body");
        (flags[0], body)
    }

    /// Reads until the peer closes; a reset is a way to close.
    pub(crate) fn wait_for_end(&mut self) {
        let mut sink = [0; 4096];
        loop {
            match self.read(&mut sink) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    panic!("the peer keeps the connection open")
                }
                Err(_) => return,
            }
        }
    }

    /// Reads what has come so far, and drops it.
    pub(crate) fn drain(&mut self) {
        self.set_nonblocking(true);
        let mut sink = [0; 4096];
        while self.read(&mut sink).is_ok_and(|read| read > 0) {}
        self.set_nonblocking(false);
    }

    pub(crate) fn set_nonblocking(&self, nonblocking: bool) {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
        .expect("a live descriptor");
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

impl From<TcpStream> for RawPeer {
    fn from(stream: TcpStream) -> Self {
        speaks_null();
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        Self::Tcp(stream)
    }
}

impl Read for RawPeer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for RawPeer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A ZMTP 3.1 greeting with the NULL mechanism.
pub(crate) fn greeting() -> Vec<u8> {
    let mut greeting = vec![0; 64];
    greeting[..12].copy_from_slice(&[0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1]);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// The READY command of a socket of this type.
pub(crate) fn ready(socket_type: &str) -> Vec<u8> {
    let mut body = b"\x0bSocket-Type".to_vec();
    body.extend((socket_type.len() as u32).to_be_bytes());
    body.extend(socket_type.as_bytes());
    command("READY", &body)
}

/// A command, framed.
pub(crate) fn command(name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![name.len() as u8];
    body.extend(name.as_bytes());
    body.extend(data);
    framed(4, &body)
}

/// One frame of a message; `more` follow or not.
pub(crate) fn frame(body: &[u8], more: bool) -> Vec<u8> {
    framed(u8::from(more), body)
}

fn framed(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    match u8::try_from(body.len()) {
        Ok(len) => frame.extend([flags, len]),
        Err(_) => {
            frame.push(flags | 2);
            frame.extend((body.len() as u64).to_be_bytes());
        }
    }
    frame.extend(body);
    frame
}

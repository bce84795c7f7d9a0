//! Thousands of connections that fall silent: bare TCP clients with just enough ZMTP to be peers.
//!
//! Owns: the connecting side of `idle`, the same for every library, so that what is measured is the side that accepts,
//! and no library's way of connecting (libzmq takes two descriptors a socket) meets a limit first.
//! Always true: a client has connected once it has the other end's READY; afterwards it says nothing, except that it
//! answers each PING, as every current library does, so that the accepting side keeps up its heartbeats.
//! Source: RFC 37/ZMTP 3.1, "Greeting", "The NULL Security Mechanism", "Connection Heartbeating".

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{Report, nanos, say};
use crate::peers::{Failure, Outcome};

/// Handshakes under way at a time: fewer than any library's backlog, or it would be a test of TCP's retries.
const AT_ONCE: usize = 64;

/// Connects `connections` clients to `to`, tells how long that took, and keeps them until the process is killed.
/// Returns only to say that it failed.
pub(super) fn connect_and_stay(to: &str, connections: usize) -> Outcome<()> {
    let address = to
        .strip_prefix("tcp://")
        .ok_or(Failure::Unsupported("measured over tcp"))?;
    let poller = Epoll::new(EpollCreateFlags::empty())?;
    let mut events = vec![EpollEvent::empty(); 256];
    let mut clients: Vec<Client> = Vec::with_capacity(connections);
    let mut ready = 0;
    let begin = Instant::now();
    loop {
        while clients.len() < connections && clients.len() - ready < AT_ONCE {
            let client = Client::connect(address)?;
            let number = clients.len() as u64;
            poller.add(&client.stream, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
            clients.push(client);
        }
        let count = poller.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..count] {
            let number = usize::try_from(event.data())?;
            if clients[number].readable()? {
                ready += 1;
                if ready == connections {
                    let nanos = nanos(begin.elapsed());
                    say(Report::Connected { nanos });
                }
            }
        }
    }
}

/// One connection.
struct Client {
    stream: TcpStream,
    /// What has come and is not understood yet.
    input: Vec<u8>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Handshake,
    Traffic,
}

impl Client {
    fn connect(address: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&greeting())?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            input: Vec::new(),
            stage: Stage::Greeting,
        })
    }

    /// Reads what is there; true if this has completed the handshake.
    fn readable(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 512];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::other("the library closed a connection")),
            Ok(read) => self.input.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        let mut answer = Vec::new();
        let completed = self.understand(&mut answer)?;
        // Small enough for the kernel's buffer, since the other end reads.
        self.stream.write_all(&answer)?;
        Ok(completed)
    }

    /// Takes whole pieces from the input; true if one of them has completed the handshake.
    fn understand(&mut self, answer: &mut Vec<u8>) -> io::Result<bool> {
        let mut completed = false;
        loop {
            if self.stage == Stage::Greeting {
                if self.input.len() < GREETING {
                    return Ok(completed);
                }
                if (self.input[0], self.input[9]) != (0xff, 0x7f) {
                    return Err(io::Error::other("this is no greeting"));
                }
                self.input.drain(..GREETING);
                self.stage = Stage::Handshake;
                answer.extend_from_slice(&command(b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH"));
            }
            let &[flags, length, ..] = &self.input[..] else {
                return Ok(completed);
            };
            if flags != COMMAND {
                return Err(io::Error::other("a PULL sends short commands alone"));
            }
            let end = 2 + usize::from(length);
            let Some(body) = self.input.get(2..end) else {
                return Ok(completed);
            };
            if let Some(ping) = body.strip_prefix(b"\x04PING") {
                // Behind the TTL lies the context, to be given back.
                let context = ping.get(2..).unwrap_or_default();
                answer.extend_from_slice(&command(&[b"\x04PONG", context].concat()));
            } else if self.stage == Stage::Handshake && body.starts_with(b"\x05READY") {
                self.stage = Stage::Traffic;
                completed = true;
            } else if self.stage == Stage::Handshake {
                let why = format!("not welcome: {}", body.escape_ascii());
                return Err(io::Error::other(why));
            }
            self.input.drain(..end);
        }
    }
}

/// Bytes of a greeting.
const GREETING: usize = 64;
/// The flags of a short command.
const COMMAND: u8 = 4;

/// ZMTP 3.1, NULL, not as a server.
fn greeting() -> [u8; GREETING] {
    let mut greeting = [0; GREETING];
    (greeting[0], greeting[8], greeting[9]) = (0xff, 1, 0x7f);
    (greeting[10], greeting[11]) = (3, 1);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

fn command(body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).expect("commands here are short");
    [&[COMMAND, length], body].concat()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_client_greets_gets_ready_and_answers_pings_however_the_bytes_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let mut client = Client::connect(&address).expect("connected");
        let ready = command(b"\x05READY\x0bSocket-Type\0\0\0\x04PULL");
        let ping = command(b"\x04PING\0\x0aabc");
        let (mut answer, mut completed) = (Vec::new(), 0);
        for byte in [&greeting()[..], &ready, &ping].concat() {
            client.input.push(byte);
            completed += u32::from(client.understand(&mut answer).expect("all is well"));
        }
        assert_eq!(completed, 1);
        assert!(
            answer.starts_with(b"\x04\x1a\x05READY") && answer.ends_with(b"\x04\x08\x04PONGabc")
        );
    }

    #[test]
    fn a_refusal_ends_the_measurement() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let mut client = Client::connect(&address).expect("connected");
        client.input = [&greeting()[..], &command(b"\x05ERROR\x02no")].concat();
        assert!(client.understand(&mut Vec::new()).is_err());
    }
}

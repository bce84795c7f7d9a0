//! Bare TCP clients with just enough ZMTP to be PUSH sockets: thousands that fall silent, or some that stream.
//!
//! Owns: the connecting side of `idle` and `io-threads`, and the crowd of `among-idle`, the same for every library, so that
//! what is measured is the side that accepts, and no library's way of connecting (libzmq takes two descriptors a socket)
//! meets a limit first.
//! Always true: a client has connected once it has the other end's READY; it answers each PING, as every current library
//! does, so that the accepting side keeps up its heartbeats, and between two messages, never within one.
//! Source: RFC 37/ZMTP 3.1, "Greeting", "Framing", "The NULL Security Mechanism", "Connection Heartbeating".

use std::io::{self, Read, Write};
use std::net::TcpStream;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::ledger::mark;
use crate::peers::{Failure, Outcome};

/// Handshakes under way at a time: fewer than any library's backlog, or it would be a test of TCP's retries.
const AT_ONCE: usize = 64;
/// Bytes that a stream writes at a time, as the floor does.
const BATCH: usize = 64 * 1024;
/// One message in this many bytes of a stream bears the number of its client. All clients write the same batch; to mark each
/// message of it before each write would take a twentieth of the writer's time.
const BETWEEN_MARKS: usize = 4096;

/// Clients of one endpoint, all connected, and served by one thread.
pub(super) struct Crowd {
    poller: Epoll,
    events: Vec<EpollEvent>,
    clients: Vec<Client>,
}

impl Crowd {
    /// Connects `connections` clients to `to`; returns when every one of them has.
    pub(super) fn connect(to: &str, connections: usize) -> Outcome<Self> {
        let address = to
            .strip_prefix("tcp://")
            .ok_or(Failure::unsupported("measured over tcp"))?;
        let mut crowd = Self {
            poller: Epoll::new(EpollCreateFlags::empty())?,
            events: vec![EpollEvent::empty(); 256],
            clients: Vec::with_capacity(connections),
        };
        let mut ready = 0;
        while ready < connections {
            while crowd.clients.len() < connections && crowd.clients.len() - ready < AT_ONCE {
                let client = Client::connect(address, crowd.clients.len())?;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, crowd.clients.len() as u64);
                crowd.poller.add(&client.stream, event)?;
                crowd.clients.push(client);
            }
            crowd.wait(|client, _| {
                ready += usize::from(client.readable()?);
                client.answer()
            })?;
        }
        Ok(crowd)
    }

    /// Is silent from now on. Returns only to say that it failed.
    pub(super) fn stay(mut self) -> Outcome<()> {
        loop {
            self.wait(|client, _| {
                client.readable()?;
                client.answer()
            })?;
        }
    }

    /// Streams messages of `size` bytes, every client as fast as it is read; some of them bear its number. Returns only to
    /// say that it failed.
    pub(super) fn stream(mut self, size: usize) -> Outcome<()> {
        let mut batch = batch(size);
        for (number, client) in self.clients.iter().enumerate() {
            let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT;
            let mut event = EpollEvent::new(both, number as u64);
            self.poller.modify(&client.stream, &mut event)?;
        }
        loop {
            self.wait(|client, flags| {
                if flags.contains(EpollFlags::EPOLLOUT) {
                    mark_batch(&mut batch, size, client.number);
                    client.writable(&batch)?;
                }
                // Also for an error or a hang-up, which reading tells.
                if flags != EpollFlags::EPOLLOUT {
                    client.readable()?;
                }
                Ok(())
            })?;
        }
    }

    /// Waits until something has happened, and hands over each client to which it has.
    fn wait(
        &mut self,
        mut serve: impl FnMut(&mut Client, EpollFlags) -> io::Result<()>,
    ) -> Outcome<()> {
        let count = self.poller.wait(&mut self.events, EpollTimeout::NONE)?;
        for event in &self.events[..count] {
            let number = usize::try_from(event.data())?;
            serve(&mut self.clients[number], event.events())?;
        }
        Ok(())
    }
}

/// Some messages of `size` bytes, as they stand on the wire: some 64 KiB of them, but at least one.
fn batch(size: usize) -> Vec<u8> {
    let mut message = match u8::try_from(size) {
        Ok(length) => vec![0, length],
        Err(_) => [&[2], &(size as u64).to_be_bytes()[..]].concat(),
    };
    message.resize(message.len() + size, b'.');
    message.repeat((BATCH / message.len()).max(1))
}

/// Writes the number of a client into some messages of a batch of messages of `size` bytes.
fn mark_batch(batch: &mut [u8], size: usize, number: usize) {
    let header = if size < 256 { 2 } else { 9 };
    let message = header + size;
    let marked = batch.chunks_exact_mut(message);
    for message in marked.step_by((BETWEEN_MARKS / message).max(1)) {
        mark(&mut message[header..], number);
    }
}

/// One connection.
struct Client {
    number: usize,
    stream: TcpStream,
    /// What has come and is not understood yet.
    input: Vec<u8>,
    /// Commands that wait to be written.
    answers: Vec<u8>,
    /// How much of the batch has been written; 0 between two batches.
    written: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Handshake,
    Traffic,
}

impl Client {
    fn connect(address: &str, number: usize) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&greeting())?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            number,
            stream,
            input: Vec::new(),
            answers: Vec::new(),
            written: 0,
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
        self.understand()
    }

    /// Writes its answers, if it does not stream. They fit into the kernel's buffer, because the other end reads.
    fn answer(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.answers)?;
        self.answers.clear();
        Ok(())
    }

    /// Writes once: what is left of `batch`, and between two of them what it has to answer.
    fn writable(&mut self, batch: &[u8]) -> io::Result<()> {
        let answers = self.written == 0 && !self.answers.is_empty();
        let left = if answers {
            &self.answers
        } else {
            &batch[self.written..]
        };
        let written = match self.stream.write(left) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        if answers {
            self.answers.drain(..written);
        } else {
            self.written = (self.written + written) % batch.len();
        }
        Ok(())
    }

    /// Takes whole pieces from the input; true if one of them has completed the handshake.
    fn understand(&mut self) -> io::Result<bool> {
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
                self.answers
                    .extend(command(b"\x05READY\x0bSocket-Type\0\0\0\x04PUSH"));
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
                let pong = command(&[b"\x04PONG", context].concat());
                self.answers.extend(pong);
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
pub(super) const GREETING: usize = 64;
/// The flags of a short command.
const COMMAND: u8 = 4;

/// ZMTP 3.1, NULL, not as a server.
pub(super) fn greeting() -> [u8; GREETING] {
    let mut greeting = [0; GREETING];
    (greeting[0], greeting[8], greeting[9]) = (0xff, 1, 0x7f);
    (greeting[10], greeting[11]) = (3, 1);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

pub(super) fn command(body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).expect("commands here are short");
    [&[COMMAND, length], body].concat()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::ledger::number_of;
    use super::*;

    #[test]
    fn a_client_greets_gets_ready_and_answers_pings_however_the_bytes_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let mut client = Client::connect(&address, 0).expect("connected");
        let ready = command(b"\x05READY\x0bSocket-Type\0\0\0\x04PULL");
        let ping = command(b"\x04PING\0\x0aabc");
        let mut completed = 0;
        for byte in [&greeting()[..], &ready, &ping].concat() {
            client.input.push(byte);
            completed += u32::from(client.understand().expect("all is well"));
        }
        assert_eq!(completed, 1);
        assert!(
            client.answers.starts_with(b"\x04\x1a\x05READY")
                && client.answers.ends_with(b"\x04\x08\x04PONGabc")
        );
    }

    #[test]
    fn a_batch_holds_whole_messages_as_they_stand_on_the_wire() {
        let small = batch(64);
        assert!(small.len() <= BATCH && small.len() + 66 > BATCH);
        for message in small.chunks(66) {
            assert_eq!((message.len(), &message[..3]), (66, &b"\0\x40."[..]));
        }
        assert!(batch(255).starts_with(b"\0\xff."));
        assert!(batch(256).starts_with(b"\x02\0\0\0\0\0\0\x01\0."));
        assert_eq!(batch(BATCH).len(), 9 + BATCH);
    }

    #[test]
    fn some_messages_of_a_batch_tell_who_writes_it_and_its_frames_stay() {
        for (size, header, marked) in [(64, 2, 16), (1024, 9, 21), (BATCH, 9, 1)] {
            let plain = batch(size);
            let mut batch = plain.clone();
            mark_batch(&mut batch, size, 5);
            mark_batch(&mut batch, size, 100);
            let numbers = batch.chunks(header + size).map(|message| {
                assert_eq!(message[..header], plain[..header]);
                number_of(&message[header..])
            });
            assert_eq!(numbers.filter(|&number| number == 100).count(), marked);
            let others = batch.iter().zip(&plain).filter(|(a, b)| a != b).count();
            assert!(others <= 2 * marked);
        }
    }

    #[test]
    fn a_stream_answers_between_two_batches_and_never_within_one() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let mut client = Client::connect(&address, 0).expect("connected");
        let (mut other, _) = listener.accept().expect("a client");
        other.read_exact(&mut [0; GREETING]).expect("a greeting");
        client.written = 1;
        client.answers = b"pong".to_vec();
        for _ in 0..3 {
            client.writable(b"[]").expect("room");
        }
        let mut wire = [0; 7];
        other.read_exact(&mut wire).expect("all of it");
        assert_eq!(&wire, b"]pong[]");
    }

    #[test]
    fn a_refusal_ends_the_measurement() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let mut client = Client::connect(&address, 0).expect("connected");
        client.input = [&greeting()[..], &command(b"\x05ERROR\x02no")].concat();
        assert!(client.understand().is_err());
    }
}

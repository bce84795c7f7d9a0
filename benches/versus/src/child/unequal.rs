//! One peer that sends flat out and others that send after a pause, at one socket: how often each is heard, and how long
//! each is not.
//!
//! Owns: the peers, which are bare TCP clients in one thread and the same for every library, and the ledger of the socket
//! that receives.
//! Always true: the length of a body tells which peer has sent it. To a REP each peer sends its next request when it has
//! the reply to the last one.
//! Source: RFC 37/ZMTP 3.1, "Greeting", "Framing", "The NULL Security Mechanism", "Connection Heartbeating".

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::bare::{GREETING, command, greeting};
use super::ledger::shares;
use super::{Job, Report, nanos, say};
use crate::peers::{Failure, Outcome, Socket};
use crate::plan::{Near, Receiver};

/// The length of the first peer's bodies; each other one's are a byte longer.
pub(super) const SHORTEST: usize = 16;
/// A slow peer sends once in this time, or more rarely where there are many: 5000 messages a second are enough for all.
const PACE: Duration = Duration::from_millis(10);
const LEAST_PAUSE: Duration = Duration::from_micros(200);
/// Bytes that the busy peer writes at a time.
const BATCH: usize = 64 * 1024;

/// Receives from `peers` peers, and tells how they fared.
pub(super) async fn measure(
    job: &Job,
    socket: &mut impl Socket,
    receiver: Receiver,
    peers: usize,
) -> Outcome<()> {
    let answers = matches!(receiver, Receiver::Rep);
    let mut heard = vec![0u64; peers];
    let mut missing = peers;
    while missing > 0 {
        let number = next(socket, answers, peers).await?;
        heard[number] += 1;
        missing -= usize::from(heard[number] == 1);
    }
    let warm = Instant::now();
    while warm.elapsed() < job.warm_up {
        next(socket, answers, peers).await?;
    }
    say(Report::Begin);
    heard.fill(0);
    let begin = Instant::now();
    let mut last = vec![begin; peers];
    let mut silence = Duration::ZERO;
    let (mut messages, mut now) = (0, begin);
    // Long enough to see a silence of some paces.
    let span = job.span.max(Duration::from_secs(2));
    while now - begin < span {
        let number = next(socket, answers, peers).await?;
        now = Instant::now();
        silence = silence.max(now - last[number]);
        last[number] = now;
        heard[number] += 1;
        messages += 1;
    }
    let unheard = last
        .iter()
        .map(|last| now - *last)
        .max()
        .unwrap_or_default();
    if let Some(report) = shares(&mut heard[1..], silence.max(unheard)) {
        say(report);
    }
    say(Report::Count {
        messages,
        nanos: nanos(now - begin),
    });
    std::future::pending().await
}

/// Receives a message, and answers it if that is asked for: whose it is.
async fn next(socket: &mut impl Socket, answers: bool, peers: usize) -> Outcome<usize> {
    let length = if answers {
        socket.echo_sized().await?
    } else {
        socket.recv().await?
    };
    match length.checked_sub(SHORTEST) {
        Some(number) if number < peers => Ok(number),
        _ => Err(Failure::broken(format!("a message of {length} bytes"))),
    }
}

/// Sends until the process is killed. Returns only to say that it failed.
pub(super) fn send(to: &str, receiver: Receiver, peers: usize, near: Near) -> Outcome<()> {
    let address = to
        .strip_prefix("tcp://")
        .ok_or(Failure::unsupported("measured over tcp"))?;
    let poller = Epoll::new(EpollCreateFlags::empty())?;
    let mut clients = Vec::with_capacity(peers);
    for number in (0..peers).filter(|&number| !near.holds(number)) {
        let client = Client::connect(address, receiver, number)?;
        // The busy one is told when it can write.
        let mut wanted = EpollFlags::EPOLLIN;
        wanted.set(
            EpollFlags::EPOLLOUT,
            number == 0 && receiver != Receiver::Rep,
        );
        let event = EpollEvent::new(wanted, clients.len() as u64);
        poller.add(&client.stream, event)?;
        clients.push(client);
    }
    let pace = pace(peers)?;
    // Of the busy one; the others never write as much at a time.
    let busy = clients[0]
        .message
        .repeat((BATCH / clients[0].message.len()).max(1));
    let mut events = vec![EpollEvent::empty(); 256];
    let begin = Instant::now();
    let mut due: Vec<Duration> = clients
        .iter()
        .map(|client| pace * client.number as u32 / peers as u32)
        .collect();
    loop {
        let count = poller.wait(&mut events, EpollTimeout::from(1u8))?;
        for event in &events[..count] {
            let client = &mut clients[usize::try_from(event.data())?];
            if event.events().contains(EpollFlags::EPOLLIN) {
                client.readable()?;
            }
            if event.events().contains(EpollFlags::EPOLLOUT) {
                if client.ready && client.unsent.is_empty() {
                    client.unsent.extend_from_slice(&busy);
                }
                client.write()?;
            }
        }
        let now = begin.elapsed();
        for (due, client) in due.iter_mut().zip(&mut clients) {
            if *due > now {
                continue;
            }
            *due += pace;
            let turn = match receiver {
                Receiver::Rep => !client.asked,
                _ => client.number > 0,
            };
            if turn && client.ready && client.unsent.is_empty() {
                client.unsent.extend_from_slice(&client.message);
                client.asked = true;
            }
            client.write()?;
        }
    }
}

/// The time between two messages of a slow peer, where there are `peers` peers.
pub(super) fn pace(peers: usize) -> Outcome<Duration> {
    Ok(PACE.max(LEAST_PAUSE * u32::try_from(peers)?))
}

/// One connection.
struct Client {
    number: usize,
    stream: TcpStream,
    receiver: Receiver,
    /// What it sends, as it stands on the wire.
    message: Vec<u8>,
    input: Vec<u8>,
    unsent: Vec<u8>,
    /// It has greeted, and so has the other end.
    greeted: bool,
    ready: bool,
    /// To a REP: it has a request out.
    asked: bool,
}

impl Client {
    fn connect(address: &str, receiver: Receiver, number: usize) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&greeting())?;
        stream.write_all(&command(&ready(receiver.peer())))?;
        stream.set_nonblocking(true)?;
        let mut message = match receiver {
            Receiver::Rep => vec![1, 0],
            _ => Vec::new(),
        };
        let length = SHORTEST + number;
        match u8::try_from(length) {
            Ok(short) => message.extend([0, short]),
            Err(_) => message.extend([&[2], &(length as u64).to_be_bytes()[..]].concat()),
        }
        message.resize(message.len() + length, b'.');
        Ok(Self {
            number,
            stream,
            receiver,
            message,
            input: Vec::new(),
            unsent: Vec::new(),
            greeted: false,
            ready: false,
            asked: false,
        })
    }

    fn readable(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::other("the library closed a connection")),
            Ok(read) => self.input.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        self.understand();
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.unsent) {
            Ok(written) => drop(self.unsent.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes whole frames from the input. An answer brings the next request, a PING its PONG.
    fn understand(&mut self) {
        if !self.greeted {
            if self.input.len() < GREETING {
                return;
            }
            self.input.drain(..GREETING);
            self.greeted = true;
        }
        let mut at = 0;
        while let Some((flags, body, end)) = frame(&self.input[at..]) {
            let body = &self.input[at + body..at + end];
            if flags & 4 != 0 {
                if body.starts_with(b"\x05READY") {
                    self.ready = true;
                } else if let Some(ping) = body.strip_prefix(b"\x04PING") {
                    let context = ping.get(2..).unwrap_or_default();
                    self.unsent
                        .extend(command(&[b"\x04PONG", context].concat()));
                }
            } else if flags & 1 == 0 && self.receiver == Receiver::Rep {
                self.unsent.extend_from_slice(&self.message);
                self.asked = true;
            }
            at += end;
        }
        self.input.drain(..at);
    }
}

/// The flags of the first frame, and where its body begins and ends, if all of it is there.
fn frame(input: &[u8]) -> Option<(u8, usize, usize)> {
    let &flags = input.first()?;
    let (begin, length) = if flags & 2 == 0 {
        (2, usize::from(*input.get(1)?))
    } else {
        let length = input.get(1..9)?.try_into().ok()?;
        (9, usize::try_from(u64::from_be_bytes(length)).ok()?)
    };
    let end = begin + length;
    (input.len() >= end).then_some((flags, begin, end))
}

fn ready(socket_type: &str) -> Vec<u8> {
    let length = u8::try_from(socket_type.len()).expect("a short name");
    [
        b"\x05READY\x0bSocket-Type\0\0\0",
        &[length][..],
        socket_type.as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_once_it_is_whole() {
        assert_eq!(frame(b""), None);
        assert_eq!(frame(b"\0\x02a"), None);
        assert_eq!(frame(b"\0\x02abc"), Some((0, 2, 4)));
        let long = [&[2], &300u64.to_be_bytes()[..], &[0; 300]].concat();
        assert_eq!(frame(&long), Some((2, 9, 309)));
        assert_eq!(frame(&long[..308]), None);
    }

    #[test]
    fn the_length_of_a_body_tells_whose_it_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        for (number, receiver) in [
            (0, Receiver::Pull),
            (999, Receiver::Router),
            (3, Receiver::Rep),
        ] {
            let client = Client::connect(&address, receiver, number).expect("connected");
            let envelope = if receiver == Receiver::Rep { 2 } else { 0 };
            let (_, begin, end) = frame(&client.message[envelope..]).expect("whole");
            assert_eq!(end - begin, SHORTEST + number);
            assert_eq!(envelope + end, client.message.len());
        }
    }
}

//! What the machine can do without a messaging library: bare TCP and Unix sockets, and for inproc a bounded channel.
//!
//! Frames are ZMTP's (a flag, a length of one or eight bytes, the body), without a handshake. A stream is written in
//! batches of 64 KiB from one buffer and parsed in the buffer it is read into; a ping-pong is one blocking write and one
//! blocking read each way. Over inproc a message is a `Vec` made for each send.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::frames::{BATCH, Input, LARGE, is_full_for, put};
use super::{Failure, HIGH_WATER, Outcome, Peer, Role, Socket, ready, recv_each, send_each};

#[derive(Clone)]
pub(super) struct Floor {
    /// What a bound end of inproc has left for the end that connects.
    inproc: Arc<Mutex<Option<Channel>>>,
}

pub(super) enum FloorSocket {
    Listening(Listener),
    Stream(Stream),
    Channel(Channel),
}

pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

pub(super) struct Stream {
    socket: Box<dyn ReadWrite>,
    out: Vec<u8>,
    input: Input,
}

pub(super) struct Channel {
    sender: Sender<Vec<u8>>,
    receiver: Receiver<Vec<u8>>,
}

pub(super) trait ReadWrite: Read + Write + Send {}

impl<T: Read + Write + Send> ReadWrite for T {}

impl Floor {
    pub(super) fn new() -> Self {
        Self {
            inproc: Arc::default(),
        }
    }
}

impl Peer for Floor {
    type Socket = FloorSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        ready(future)
    }

    async fn bind(&self, role: Role, at: &str, expected: usize) -> Outcome<(FloorSocket, String)> {
        if !matches!(role, Role::Pull | Role::Rep) || expected != 1 {
            return Err(Failure::unsupported("the floor is one pair of sockets"));
        }
        if let Some(address) = at.strip_prefix("tcp://") {
            let listener = TcpListener::bind(address)?;
            let endpoint = format!("tcp://{}", listener.local_addr()?);
            return Ok((FloorSocket::Listening(Listener::Tcp(listener)), endpoint));
        }
        if let Some(path) = at.strip_prefix("ipc://") {
            let listener = UnixListener::bind(path)?;
            return Ok((
                FloorSocket::Listening(Listener::Unix(listener)),
                at.to_owned(),
            ));
        }
        let (there, back) = (bounded(HIGH_WATER.into()), bounded(HIGH_WATER.into()));
        let mut inproc = self.inproc.lock().unwrap_or_else(PoisonError::into_inner);
        *inproc = Some(Channel {
            sender: there.0,
            receiver: back.1,
        });
        Ok((
            FloorSocket::Channel(Channel {
                sender: back.0,
                receiver: there.1,
            }),
            at.to_owned(),
        ))
    }

    async fn connect(&self, _role: Role, to: &str) -> Outcome<FloorSocket> {
        if let Some(address) = to.strip_prefix("tcp://") {
            return Ok(FloorSocket::Stream(Stream::tcp(TcpStream::connect(
                address,
            )?)?));
        }
        if let Some(path) = to.strip_prefix("ipc://") {
            return Ok(FloorSocket::Stream(Stream::new(UnixStream::connect(path)?)));
        }
        let mut inproc = self.inproc.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = inproc
            .take()
            .ok_or(Failure::unsupported("the floor is one pair"))?;
        Ok(FloorSocket::Channel(channel))
    }
}

impl Socket for FloorSocket {
    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        match self {
            Self::Stream(stream) => send_each(messages, || stream.send(body)),
            Self::Channel(channel) => send_each(messages, || channel.sender.send(body.to_vec())),
            Self::Listening(_) => Err(Failure::broken("nobody has connected".into())),
        }
    }

    async fn flush(&mut self) -> Outcome<()> {
        match self {
            Self::Stream(stream) => Ok(stream.flush()?),
            Self::Channel(_) | Self::Listening(_) => Ok(()),
        }
    }

    async fn recv(&mut self) -> Outcome<usize> {
        match self.accepted()? {
            Self::Stream(stream) => Ok(stream.recv()?),
            Self::Channel(channel) => Ok(channel.receiver.recv()?.len()),
            Self::Listening(_) => Err(Failure::broken("nobody has connected".into())),
        }
    }

    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        match self.accepted()? {
            Self::Stream(stream) => recv_each(size, messages, || stream.recv()),
            Self::Channel(Channel { receiver, .. }) => {
                recv_each(size, messages, || receiver.recv().map(|body| body.len()))
            }
            Self::Listening(_) => Err(Failure::broken("nobody has connected".into())),
        }
    }

    async fn echo(&mut self) -> Outcome<()> {
        let length = self.recv().await?;
        self.send(&vec![b'.'; length]).await?;
        self.flush().await
    }

    async fn subscribe(&mut self, _prefix: &str) -> Outcome<()> {
        Err(Failure::unsupported("the floor has no subscriptions"))
    }
}

impl FloorSocket {
    /// Itself, once the peer that it listens for is there.
    fn accepted(&mut self) -> Outcome<&mut Self> {
        if let Self::Listening(listener) = self {
            *self = Self::Stream(listener.accept()?);
        }
        Ok(self)
    }
}

impl Listener {
    fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => Stream::tcp(listener.accept()?.0),
            Self::Unix(listener) => Ok(Stream::new(listener.accept()?.0)),
        }
    }
}

impl Stream {
    fn tcp(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self::new(socket))
    }

    fn new(socket: impl ReadWrite + 'static) -> Self {
        Self {
            socket: Box::new(socket),
            out: Vec::with_capacity(BATCH),
            input: Input::new(),
        }
    }

    fn send(&mut self, body: &[u8]) -> io::Result<()> {
        if is_full_for(&self.out, body) {
            self.flush()?;
        }
        put(&mut self.out, body);
        if body.len() < LARGE {
            return Ok(());
        }
        let written = self
            .socket
            .write_vectored(&[IoSlice::new(&self.out), IoSlice::new(body)])?;
        let (of_out, of_body) = match written.checked_sub(self.out.len()) {
            Some(of_body) => (self.out.len(), of_body),
            None => (written, 0),
        };
        self.socket.write_all(&self.out[of_out..])?;
        self.socket.write_all(&body[of_body..])?;
        self.out.clear();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    fn recv(&mut self) -> io::Result<usize> {
        loop {
            if let Some(length) = self.input.next() {
                return Ok(length);
            }
            match self.socket.read(self.input.space())? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.input.filled(read),
            }
        }
    }
}

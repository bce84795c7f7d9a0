//! The floor of the cells of tasks: bare tokio on a current-thread runtime, without a messaging library.
//!
//! The frames and the batches are those of [`floor`](super::floor). A ping-pong is one `write_all` and one `read` each way.
//! Over inproc a message is a `Vec` made for each send, through tokio's bounded channel, and both tasks are on one thread.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::frames::{BATCH, Input, LARGE, is_full_for, put};
use super::{Failure, HIGH_WATER, Outcome, Peer, Role, Socket, check};

#[derive(Clone)]
pub(super) struct FloorAsync {
    runtime: Arc<Runtime>,
    /// What a bound end of inproc has left for the end that connects.
    inproc: Arc<Mutex<Option<Channel>>>,
}

pub(super) enum FloorAsyncSocket {
    ListeningTcp(TcpListener),
    ListeningUnix(UnixListener),
    Tcp(Stream<TcpStream>),
    Unix(Stream<UnixStream>),
    Channel(Channel),
}

pub(super) struct Stream<S> {
    socket: S,
    out: Vec<u8>,
    input: Input,
}

pub(super) struct Channel {
    sender: Sender<Vec<u8>>,
    receiver: Receiver<Vec<u8>>,
}

impl FloorAsync {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            runtime: Arc::new(runtime),
            inproc: Arc::default(),
        })
    }
}

impl Peer for FloorAsync {
    type Socket = FloorAsyncSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    fn one_thread(&self) -> bool {
        true
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn bind(
        &self,
        role: Role,
        at: &str,
        expected: usize,
    ) -> Outcome<(FloorAsyncSocket, String)> {
        if !matches!(role, Role::Pull | Role::Rep) || expected != 1 {
            return Err(Failure::unsupported("the floor is one pair of sockets"));
        }
        if let Some(address) = at.strip_prefix("tcp://") {
            let listener = TcpListener::bind(address).await?;
            let endpoint = format!("tcp://{}", listener.local_addr()?);
            return Ok((FloorAsyncSocket::ListeningTcp(listener), endpoint));
        }
        if let Some(path) = at.strip_prefix("ipc://") {
            let listener = UnixListener::bind(path)?;
            return Ok((FloorAsyncSocket::ListeningUnix(listener), at.to_owned()));
        }
        let (there, back) = (channel(HIGH_WATER.into()), channel(HIGH_WATER.into()));
        let mut inproc = self.inproc.lock().unwrap_or_else(PoisonError::into_inner);
        *inproc = Some(Channel {
            sender: there.0,
            receiver: back.1,
        });
        let channel = Channel {
            sender: back.0,
            receiver: there.1,
        };
        Ok((FloorAsyncSocket::Channel(channel), at.to_owned()))
    }

    async fn connect(&self, _role: Role, to: &str) -> Outcome<FloorAsyncSocket> {
        if let Some(address) = to.strip_prefix("tcp://") {
            return FloorAsyncSocket::tcp(TcpStream::connect(address).await?);
        }
        if let Some(path) = to.strip_prefix("ipc://") {
            let socket = UnixStream::connect(path).await?;
            return Ok(FloorAsyncSocket::Unix(Stream::new(socket)));
        }
        let mut inproc = self.inproc.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = inproc
            .take()
            .ok_or(Failure::unsupported("the floor is one pair"))?;
        Ok(FloorAsyncSocket::Channel(channel))
    }
}

impl Socket for FloorAsyncSocket {
    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        match self {
            Self::Tcp(stream) => stream.send_all(body, messages).await,
            Self::Unix(stream) => stream.send_all(body, messages).await,
            Self::Channel(channel) => {
                for _ in 0..messages {
                    channel.sender.send(body.to_vec()).await?;
                }
                Ok(())
            }
            Self::ListeningTcp(_) | Self::ListeningUnix(_) => Err(nobody()),
        }
    }

    async fn flush(&mut self) -> Outcome<()> {
        match self {
            Self::Tcp(stream) => Ok(stream.flush().await?),
            Self::Unix(stream) => Ok(stream.flush().await?),
            Self::Channel(_) | Self::ListeningTcp(_) | Self::ListeningUnix(_) => Ok(()),
        }
    }

    async fn recv(&mut self) -> Outcome<usize> {
        match self.accepted().await? {
            Self::Tcp(stream) => Ok(stream.recv().await?),
            Self::Unix(stream) => Ok(stream.recv().await?),
            Self::Channel(channel) => channel.recv().await,
            Self::ListeningTcp(_) | Self::ListeningUnix(_) => Err(nobody()),
        }
    }

    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        match self.accepted().await? {
            Self::Tcp(stream) => stream.recv_all(size, messages).await,
            Self::Unix(stream) => stream.recv_all(size, messages).await,
            Self::Channel(channel) => {
                for _ in 0..messages {
                    check(channel.recv().await?, size)?;
                }
                Ok(())
            }
            Self::ListeningTcp(_) | Self::ListeningUnix(_) => Err(nobody()),
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

fn nobody() -> Failure {
    Failure::broken("nobody has connected".into())
}

impl FloorAsyncSocket {
    fn tcp(socket: TcpStream) -> Outcome<Self> {
        socket.set_nodelay(true)?;
        Ok(Self::Tcp(Stream::new(socket)))
    }

    /// Itself, once the peer that it listens for is there.
    async fn accepted(&mut self) -> Outcome<&mut Self> {
        match self {
            Self::ListeningTcp(listener) => *self = Self::tcp(listener.accept().await?.0)?,
            Self::ListeningUnix(listener) => {
                *self = Self::Unix(Stream::new(listener.accept().await?.0));
            }
            Self::Tcp(_) | Self::Unix(_) | Self::Channel(_) => {}
        }
        Ok(self)
    }
}

impl Channel {
    async fn recv(&mut self) -> Outcome<usize> {
        let body = self.receiver.recv().await;
        body.map(|body| body.len()).ok_or_else(nobody)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    fn new(socket: S) -> Self {
        Self {
            socket,
            out: Vec::with_capacity(BATCH),
            input: Input::new(),
        }
    }

    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        for _ in 0..messages {
            if is_full_for(&self.out, body) {
                self.flush().await?;
            }
            put(&mut self.out, body);
            if body.len() >= LARGE {
                self.flush().await?;
                self.socket.write_all(body).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.out).await?;
        self.out.clear();
        Ok(())
    }

    async fn recv(&mut self) -> io::Result<usize> {
        loop {
            if let Some(length) = self.input.next() {
                return Ok(length);
            }
            match self.socket.read(self.input.space()).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.input.filled(read),
            }
        }
    }

    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        for _ in 0..messages {
            check(self.recv().await?, size)?;
        }
        Ok(())
    }
}

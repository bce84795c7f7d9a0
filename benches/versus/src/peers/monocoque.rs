//! `monocoque-rs`: one thread, no I/O thread, no queue; a socket is one connection, and batches are flushed by hand.
//!
//! As its authors advise: streams coalesce writes, DEALER and ROUTER buffer and flush, receiving reuses one buffer.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use monocoque::rt::{LocalRuntime, TcpListener, TcpStream, UnixListener, UnixStream};
use monocoque::zmq::{
    DealerSocket, PubSocket, PullFanIn, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket,
    SocketOptions, SubSocket,
};

use super::{Failure, HIGH_WATER, Outcome, Peer, Role, Socket, check, send_high_water};

/// Its runtime belongs to the thread that waits on it.
#[derive(Clone)]
pub(super) struct Monocoque;

pub(super) struct MonocoqueSocket {
    socket: Kind,
    /// Frames of the message received last, reused.
    frames: Vec<Bytes>,
}

enum Kind {
    /// Accepts when it is first used, as accepting and listening are one call away from each other.
    Listening(Role, Listener, usize),
    Push(Stream<PushSocket, PushSocket<UnixStream>>),
    Pull(Stream<PullSocket, PullSocket<UnixStream>>),
    FanIn(PullFanIn),
    Req(Stream<ReqSocket, ReqSocket<UnixStream>>),
    Rep(Stream<RepSocket, RepSocket<UnixStream>>),
    Dealer(DealerSocket),
    /// How many subscribers it waits for before it sends.
    Pub(PubSocket, usize),
    Sub(SubSocket),
}

enum Stream<T, U> {
    Tcp(T),
    Unix(U),
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Calls the same method whatever the transport.
macro_rules! on {
    ($stream:expr, $socket:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($socket) => $call,
            Stream::Unix($socket) => $call,
        }
    };
}

impl Monocoque {
    /// # Errors
    ///
    /// If the runtime cannot be had, as where io_uring is switched off.
    pub(super) fn new() -> io::Result<Self> {
        LocalRuntime::new().map(|_| Self)
    }
}

fn options(role: Role) -> SocketOptions {
    SocketOptions::default()
        .with_send_hwm(send_high_water(role).into())
        .with_recv_hwm(HIGH_WATER.into())
        .with_write_coalescing(matches!(role, Role::Push | Role::Dealer))
}

impl Peer for Monocoque {
    type Socket = MonocoqueSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        LocalRuntime::new()
            .expect("one was made in `new`")
            .block_on(future)
    }

    async fn pause(&self, time: Duration) {
        monocoque::rt::sleep(time).await;
    }

    async fn bind(
        &self,
        role: Role,
        at: &str,
        expected: usize,
    ) -> Outcome<(MonocoqueSocket, String)> {
        let (socket, endpoint) = if let Some(address) = at.strip_prefix("tcp://") {
            if role == Role::Pub {
                let socket = PubSocket::bind_with_options(address, options(role)).await?;
                let endpoint = format!("tcp://{}", socket.local_addr()?);
                (Kind::Pub(socket, expected), endpoint)
            } else {
                let listener = TcpListener::bind(address).await?;
                let endpoint = format!("tcp://{}", listener.local_addr()?);
                (
                    Kind::Listening(role, Listener::Tcp(listener), expected),
                    endpoint,
                )
            }
        } else if let Some(path) = at.strip_prefix("ipc://") {
            if !matches!(role, Role::Pull | Role::Rep) {
                return Err(Failure::unsupported("measured over ipc: PULL and REP"));
            }
            let listener = UnixListener::bind(path).await?;
            (
                Kind::Listening(role, Listener::Unix(listener), expected),
                at.to_owned(),
            )
        } else {
            return Err(Failure::unsupported(
                "it has inproc for DEALER and PAIR only",
            ));
        };
        Ok((
            MonocoqueSocket {
                socket,
                frames: Vec::new(),
            },
            endpoint,
        ))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<MonocoqueSocket> {
        let options = options(role);
        let socket = if let Some(address) = to.strip_prefix("tcp://") {
            let stream = TcpStream::connect(address).await?;
            match role {
                Role::Push => Kind::Push(Stream::Tcp(
                    PushSocket::from_tcp_with_options(stream, options).await?,
                )),
                Role::Req => Kind::Req(Stream::Tcp(
                    ReqSocket::from_tcp_with_options(stream, options).await?,
                )),
                Role::Dealer => {
                    Kind::Dealer(DealerSocket::from_tcp_with_options(stream, options).await?)
                }
                Role::Sub => Kind::Sub(SubSocket::from_tcp_with_options(stream, options).await?),
                _ => return Err(Failure::unsupported("this role only binds here")),
            }
        } else {
            let path = to.strip_prefix("ipc://").unwrap_or(to);
            let stream = UnixStream::connect(path).await?;
            match role {
                Role::Push => Kind::Push(Stream::Unix(
                    PushSocket::from_unix_stream_with_options(stream, options).await?,
                )),
                Role::Req => Kind::Req(Stream::Unix(
                    ReqSocket::from_unix_stream_with_options(stream, options).await?,
                )),
                _ => return Err(Failure::unsupported("measured over ipc: PUSH and REQ")),
            }
        };
        Ok(MonocoqueSocket {
            socket,
            frames: Vec::new(),
        })
    }
}

impl MonocoqueSocket {
    /// Turns what listens into what is connected; a ROUTER never comes back: it serves each connection in a task.
    async fn accept(&mut self) -> Outcome<()> {
        let Kind::Listening(role, listener, expected) = &self.socket else {
            return Ok(());
        };
        let options = options(*role);
        self.socket = match (role, listener) {
            (Role::Pull, Listener::Tcp(listener)) if *expected == 1 => {
                let (stream, _) = listener.accept().await?;
                let socket = PullSocket::from_tcp_with_options(stream, options).await?;
                Kind::Pull(Stream::Tcp(socket))
            }
            (Role::Pull, Listener::Tcp(listener)) => {
                Kind::FanIn(PullFanIn::accept_workers(listener, *expected, options).await?)
            }
            (Role::Pull, Listener::Unix(listener)) => {
                let (stream, _) = listener.accept().await?;
                let socket = PullSocket::from_unix_stream_with_options(stream, options).await?;
                Kind::Pull(Stream::Unix(socket))
            }
            (Role::Rep, Listener::Tcp(listener)) => {
                let (stream, _) = listener.accept().await?;
                let socket = RepSocket::from_tcp_with_options(stream, options).await?;
                Kind::Rep(Stream::Tcp(socket))
            }
            (Role::Rep, Listener::Unix(listener)) => {
                let (stream, _) = listener.accept().await?;
                let socket = RepSocket::from_unix_stream_with_options(stream, options).await?;
                Kind::Rep(Stream::Unix(socket))
            }
            (Role::Router, Listener::Tcp(listener)) => loop {
                let (stream, _) = listener.accept().await?;
                let router = RouterSocket::from_tcp_with_options(stream, options.clone()).await?;
                monocoque::rt::spawn_detached(serve(router));
            },
            _ => return Err(Failure::unsupported("not measured with this role over ipc")),
        };
        Ok(())
    }
}

/// Sends back what arrives, all that has arrived in one flush.
async fn serve(mut router: RouterSocket) {
    while let Ok(Some(message)) = router.recv().await {
        if router.send_buffered(message).is_err() {
            return;
        }
        let mut more = Vec::new();
        while router.try_recv_into(&mut more).unwrap_or(false) {
            if router.send_buffered(std::mem::take(&mut more)).is_err() {
                return;
            }
        }
        if router.flush().await.is_err() {
            return;
        }
    }
}

fn closed() -> Failure {
    Failure::broken("the connection was closed".into())
}

impl Socket for MonocoqueSocket {
    async fn send(&mut self, body: &[u8]) -> Outcome<()> {
        let body = Bytes::copy_from_slice(body);
        match &mut self.socket {
            Kind::Push(stream) => on!(stream, socket => socket.send_one(body).await?),
            Kind::Req(stream) => on!(stream, socket => socket.send_one(body).await?),
            Kind::Dealer(socket) => socket.send_buffered(vec![body])?,
            Kind::Pub(socket, awaited) => {
                while *awaited > 0 {
                    socket.accept_subscriber().await?;
                    *awaited -= 1;
                }
                socket.send_frames(&[body]).await?;
            }
            _ => return Err(Failure::unsupported("this role does not send")),
        }
        Ok(())
    }

    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        match &mut self.socket {
            Kind::Push(stream) => on!(stream, socket => {
                for _ in 0..messages {
                    socket.send_one(Bytes::copy_from_slice(body)).await?;
                }
            }),
            Kind::Dealer(socket) => {
                for _ in 0..messages {
                    socket.send_buffered(vec![Bytes::copy_from_slice(body)])?;
                }
            }
            _ => {
                for _ in 0..messages {
                    self.send(body).await?;
                }
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Outcome<()> {
        match &mut self.socket {
            Kind::Push(stream) => on!(stream, socket => socket.flush().await?),
            Kind::Dealer(socket) => socket.flush().await?,
            _ => {}
        }
        Ok(())
    }

    async fn recv(&mut self) -> Outcome<usize> {
        if let Kind::Listening(..) = self.socket {
            self.accept().await?;
        }
        let frames = &mut self.frames;
        let open = match &mut self.socket {
            Kind::Pull(stream) => on!(stream, socket => {
                socket.try_recv_into(frames)? || socket.recv_into(frames).await?
            }),
            Kind::FanIn(socket) => match socket.recv().await? {
                Some(message) => {
                    *frames = message;
                    true
                }
                None => false,
            },
            Kind::Req(stream) => on!(stream, socket => socket.recv_into(frames).await?),
            Kind::Dealer(socket) => {
                socket.try_recv_into(frames)? || socket.recv_into(frames).await?
            }
            Kind::Sub(socket) => socket.try_recv_into(frames)? || socket.recv_into(frames).await?,
            _ => return Err(Failure::unsupported("this role does not receive")),
        };
        if open {
            Ok(frames.first().map_or(0, Bytes::len))
        } else {
            Err(closed())
        }
    }

    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        if let Kind::Listening(..) = self.socket {
            self.accept().await?;
        }
        // One message after the other from a socket whose type is known.
        macro_rules! each {
            ($socket:ident) => {
                for _ in 0..messages {
                    let frames = &mut self.frames;
                    if !$socket.try_recv_into(frames)? && !$socket.recv_into(frames).await? {
                        return Err(closed());
                    }
                    check(frames.first().map_or(0, Bytes::len), size)?;
                }
            };
        }
        match &mut self.socket {
            Kind::Pull(stream) => on!(stream, socket => each!(socket)),
            Kind::Dealer(socket) => each!(socket),
            _ => {
                for _ in 0..messages {
                    check(self.recv().await?, size)?;
                }
            }
        }
        Ok(())
    }

    async fn echo(&mut self) -> Outcome<()> {
        self.accept().await?;
        let Kind::Rep(stream) = &mut self.socket else {
            return Err(Failure::unsupported("this role does not answer"));
        };
        on!(stream, socket => {
            if !socket.recv_into(&mut self.frames).await? {
                return Err(closed());
            }
            Ok(socket.send(std::mem::take(&mut self.frames)).await?)
        })
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        match &mut self.socket {
            Kind::Sub(socket) => Ok(socket.subscribe(prefix.as_bytes()).await?),
            _ => Err(Failure::unsupported("this role does not subscribe")),
        }
    }
}

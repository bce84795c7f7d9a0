//! `omq-tokio`: blocking sockets on a context with its own I/O thread, or asynchronous ones on the caller's runtime.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use omq_tokio::{Context, ContextConfig, Endpoint, Message, Options, SocketType, blocking};
use tokio::runtime::Runtime;

use super::{Failure, HIGH_WATER, Outcome, Peer, Role, Socket, ready, send_high_water};

#[derive(Clone)]
pub(super) enum Omq {
    Blocking(Context),
    OneThread(Arc<Runtime>),
}

pub(super) enum OmqSocket {
    Blocking(blocking::Socket),
    OneThread(omq_tokio::Socket),
}

impl Omq {
    pub(super) fn blocking(io_threads: Option<usize>) -> Self {
        let io_threads = io_threads.unwrap_or(1);
        Self::Blocking(Context::with_config(ContextConfig { io_threads }))
    }

    pub(super) fn one_thread() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self::OneThread(Arc::new(runtime)))
    }

    fn socket(&self, role: Role) -> OmqSocket {
        let kind = match role {
            Role::Push => SocketType::Push,
            Role::Pull => SocketType::Pull,
            Role::Req => SocketType::Req,
            Role::Rep => SocketType::Rep,
            Role::Dealer => SocketType::Dealer,
            Role::Router => SocketType::Router,
            Role::Pub => SocketType::Pub,
            Role::Sub => SocketType::Sub,
        };
        let options = Options {
            send_hwm: send_high_water(role).into(),
            recv_hwm: HIGH_WATER.into(),
            // As in its authors' benchmarks.
            xpub_nodrop: true,
            ..Options::default()
        };
        match self {
            Self::Blocking(context) => OmqSocket::Blocking(context.blocking_socket(kind, options)),
            Self::OneThread(_) => OmqSocket::OneThread(omq_tokio::Socket::new(kind, options)),
        }
    }
}

fn parse(endpoint: &str) -> Outcome<Endpoint> {
    endpoint
        .parse()
        .map_err(|error| Failure::broken(format!("{endpoint}: {error}")))
}

impl Peer for Omq {
    type Socket = OmqSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self {
            Self::Blocking(_) => ready(future),
            Self::OneThread(runtime) => runtime.block_on(future),
        }
    }

    fn one_thread(&self) -> bool {
        matches!(self, Self::OneThread(_))
    }

    async fn pause(&self, time: Duration) {
        match self {
            Self::Blocking(_) => std::thread::sleep(time),
            Self::OneThread(_) => tokio::time::sleep(time).await,
        }
    }

    async fn bind(&self, role: Role, at: &str, _expected: usize) -> Outcome<(OmqSocket, String)> {
        let socket = self.socket(role);
        let endpoint = match &socket {
            OmqSocket::Blocking(socket) => socket.bind(parse(at)?)?,
            OmqSocket::OneThread(socket) => socket.bind(parse(at)?).await?,
        };
        Ok((socket, endpoint.to_string()))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<OmqSocket> {
        let socket = self.socket(role);
        match &socket {
            OmqSocket::Blocking(socket) => drop(socket.connect(parse(to)?)?),
            OmqSocket::OneThread(socket) => drop(socket.connect(parse(to)?).await?),
        }
        Ok(socket)
    }
}

impl Socket for OmqSocket {
    async fn send(&mut self, body: &[u8]) -> Outcome<()> {
        let message = Message::from_slice(body);
        match self {
            Self::Blocking(socket) => socket.send(message)?,
            Self::OneThread(socket) => socket.send(message).await?,
        }
        Ok(())
    }

    async fn recv(&mut self) -> Outcome<usize> {
        let message = match self {
            Self::Blocking(socket) => socket.recv()?,
            Self::OneThread(socket) => socket.recv().await?,
        };
        Ok(message.byte_len())
    }

    async fn echo(&mut self) -> Outcome<()> {
        match self {
            Self::Blocking(socket) => {
                let message = socket.recv()?;
                Ok(socket.send(message)?)
            }
            Self::OneThread(socket) => {
                let message = socket.recv().await?;
                Ok(socket.send(message).await?)
            }
        }
    }

    async fn connect_also(&mut self, to: &str) -> Outcome<()> {
        match self {
            Self::Blocking(socket) => drop(socket.connect(parse(to)?)?),
            Self::OneThread(socket) => drop(socket.connect(parse(to)?).await?),
        }
        Ok(())
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        let prefix = Bytes::copy_from_slice(prefix.as_bytes());
        match self {
            Self::Blocking(socket) => Ok(socket.subscribe(prefix)?),
            Self::OneThread(socket) => Ok(socket.subscribe(prefix).await?),
        }
    }
}

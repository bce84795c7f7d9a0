//! `zeromq`: asynchronous, on tokio; no I/O thread, no high-water mark, no inproc.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use zeromq::{
    DealerSocket, PubSocket, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket,
    Socket as _, SocketRecv, SocketSend, SubSocket, ZmqMessage,
};

use super::{Failure, Outcome, Peer, Role, Socket};

#[derive(Clone)]
pub(super) struct Zeromq {
    runtime: Arc<Runtime>,
    one_thread: bool,
}

pub(super) enum ZeromqSocket {
    Push(PushSocket),
    Pull(PullSocket),
    Req(ReqSocket),
    Rep(RepSocket),
    Dealer(DealerSocket),
    Router(RouterSocket),
    Pub(PubSocket),
    Sub(SubSocket),
}

impl Zeromq {
    /// On as many tokio workers as a cell asks for I/O threads, or two.
    pub(super) fn multi_thread(workers: Option<usize>) -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(workers.unwrap_or(2));
        Self::new(builder, false)
    }

    pub(super) fn one_thread() -> io::Result<Self> {
        Self::new(Builder::new_current_thread(), true)
    }

    fn new(mut builder: Builder, one_thread: bool) -> io::Result<Self> {
        Ok(Self {
            runtime: Arc::new(builder.enable_all().build()?),
            one_thread,
        })
    }
}

fn socket(role: Role, at: &str) -> Outcome<ZeromqSocket> {
    if at.starts_with("inproc:") {
        return Err(Failure::unsupported("it has no inproc"));
    }
    Ok(match role {
        Role::Push => ZeromqSocket::Push(PushSocket::new()),
        Role::Pull => ZeromqSocket::Pull(PullSocket::new()),
        Role::Req => ZeromqSocket::Req(ReqSocket::new()),
        Role::Rep => ZeromqSocket::Rep(RepSocket::new()),
        Role::Dealer => ZeromqSocket::Dealer(DealerSocket::new()),
        Role::Router => ZeromqSocket::Router(RouterSocket::new()),
        Role::Pub => ZeromqSocket::Pub(PubSocket::new()),
        Role::Sub => ZeromqSocket::Sub(SubSocket::new()),
    })
}

impl Peer for Zeromq {
    type Socket = ZeromqSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    fn one_thread(&self) -> bool {
        self.one_thread
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn bind(
        &self,
        role: Role,
        at: &str,
        _expected: usize,
    ) -> Outcome<(ZeromqSocket, String)> {
        let mut socket = socket(role, at)?;
        let endpoint = match &mut socket {
            ZeromqSocket::Push(socket) => socket.bind(at).await?,
            ZeromqSocket::Pull(socket) => socket.bind(at).await?,
            ZeromqSocket::Req(socket) => socket.bind(at).await?,
            ZeromqSocket::Rep(socket) => socket.bind(at).await?,
            ZeromqSocket::Dealer(socket) => socket.bind(at).await?,
            ZeromqSocket::Router(socket) => socket.bind(at).await?,
            ZeromqSocket::Pub(socket) => socket.bind(at).await?,
            ZeromqSocket::Sub(socket) => socket.bind(at).await?,
        };
        Ok((socket, endpoint.to_string()))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<ZeromqSocket> {
        let mut socket = socket(role, to)?;
        match &mut socket {
            ZeromqSocket::Push(socket) => socket.connect(to).await?,
            ZeromqSocket::Pull(socket) => socket.connect(to).await?,
            ZeromqSocket::Req(socket) => socket.connect(to).await?,
            ZeromqSocket::Rep(socket) => socket.connect(to).await?,
            ZeromqSocket::Dealer(socket) => socket.connect(to).await?,
            ZeromqSocket::Router(socket) => socket.connect(to).await?,
            ZeromqSocket::Pub(socket) => socket.connect(to).await?,
            ZeromqSocket::Sub(socket) => socket.connect(to).await?,
        }
        Ok(socket)
    }
}

impl Socket for ZeromqSocket {
    async fn send(&mut self, body: &[u8]) -> Outcome<()> {
        let message = ZmqMessage::from(Bytes::copy_from_slice(body));
        match self {
            Self::Push(socket) => socket.send(message).await?,
            Self::Req(socket) => socket.send(message).await?,
            Self::Dealer(socket) => socket.send(message).await?,
            Self::Pub(socket) => socket.send(message).await?,
            Self::Pull(_) | Self::Rep(_) | Self::Router(_) | Self::Sub(_) => {
                return Err(Failure::unsupported("this role does not send"));
            }
        }
        Ok(())
    }

    async fn recv(&mut self) -> Outcome<usize> {
        let message = match self {
            Self::Pull(socket) => socket.recv().await?,
            Self::Req(socket) => socket.recv().await?,
            Self::Dealer(socket) => socket.recv().await?,
            Self::Sub(socket) => socket.recv().await?,
            Self::Push(_) | Self::Rep(_) | Self::Router(_) | Self::Pub(_) => {
                return Err(Failure::unsupported("this role does not receive"));
            }
        };
        Ok(message.get(0).map_or(0, Bytes::len))
    }

    async fn echo(&mut self) -> Outcome<()> {
        match self {
            Self::Rep(socket) => {
                let message = socket.recv().await?;
                Ok(socket.send(message).await?)
            }
            Self::Router(socket) => {
                let message = socket.recv().await?;
                Ok(socket.send(message).await?)
            }
            _ => Err(Failure::unsupported("this role does not answer")),
        }
    }

    async fn connect_also(&mut self, to: &str) -> Outcome<()> {
        match self {
            Self::Sub(socket) => Ok(socket.connect(to).await?),
            _ => Err(Failure::unsupported("measured with SUB")),
        }
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        match self {
            Self::Sub(socket) => Ok(socket.subscribe(prefix).await?),
            _ => Err(Failure::unsupported("this role does not subscribe")),
        }
    }
}

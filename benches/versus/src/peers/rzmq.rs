//! `rzmq`: asynchronous, on tokio, a session task for each connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rzmq::socket::{LAST_ENDPOINT, MAX_CONNECTIONS, RCVHWM, SNDHWM, SUBSCRIBE, TCP_CORK};
use rzmq::{Context, Msg, SocketType};
use tokio::runtime::{Builder, Runtime};

use super::{Failure, HIGH_WATER, Outcome, Peer, Role, Socket, send_high_water};
use crate::plan::{Cell, Scenario, Transport};

#[derive(Clone)]
pub(super) struct Rzmq {
    runtime: Arc<Runtime>,
    context: Context,
    one_thread: bool,
    cork: bool,
}

pub(super) struct RzmqSocket {
    socket: rzmq::Socket,
    /// ROUTER: messages are an id and a body.
    router: bool,
}

impl Rzmq {
    /// On as many tokio workers as the cell asks for I/O threads, or as there are cores.
    pub(super) fn multi_thread(cell: Cell) -> Outcome<Self> {
        let mut builder = Builder::new_multi_thread();
        if let Some(workers) = cell.io_threads() {
            builder.worker_threads(workers);
        }
        Self::new(cell, builder, false)
    }

    pub(super) fn one_thread(cell: Cell) -> Outcome<Self> {
        Self::new(cell, Builder::new_current_thread(), true)
    }

    fn new(cell: Cell, mut builder: Builder, one_thread: bool) -> Outcome<Self> {
        let runtime = Arc::new(builder.enable_all().build()?);
        let entered = runtime.enter();
        let context = Context::new()?;
        drop(entered);
        // It gains half as much again on a stream from 1 KiB on; where a batch ends, its last message waits 200 ms for it.
        let stream = matches!(
            cell.scenario,
            Scenario::PushPull { .. } | Scenario::AmongIdle { .. }
        );
        Ok(Self {
            runtime,
            context,
            one_thread,
            cork: cell.transport == Transport::Tcp && stream,
        })
    }

    async fn socket(&self, role: Role) -> Outcome<RzmqSocket> {
        let socket = self.context.socket(match role {
            Role::Push => SocketType::Push,
            Role::Pull => SocketType::Pull,
            Role::Req => SocketType::Req,
            Role::Rep => SocketType::Rep,
            Role::Dealer => SocketType::Dealer,
            Role::Router => SocketType::Router,
            Role::Pub => SocketType::Pub,
            Role::Sub => SocketType::Sub,
        })?;
        socket
            .set_option(SNDHWM, i32::from(send_high_water(role)))
            .await?;
        socket.set_option(RCVHWM, i32::from(HIGH_WATER)).await?;
        if self.cork {
            socket.set_option(TCP_CORK, 1i32).await?;
        }
        Ok(RzmqSocket {
            socket,
            router: role == Role::Router,
        })
    }
}

impl Peer for Rzmq {
    type Socket = RzmqSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    fn one_thread(&self) -> bool {
        self.one_thread
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn bind(&self, role: Role, at: &str, expected: usize) -> Outcome<(RzmqSocket, String)> {
        let socket = self.socket(role).await?;
        let connections = i32::try_from(expected + 1)?;
        socket
            .socket
            .set_option(MAX_CONNECTIONS, connections)
            .await?;
        socket.socket.bind(at).await?;
        let endpoint = String::from_utf8(socket.socket.get_option(LAST_ENDPOINT).await?)?;
        Ok((socket, endpoint.trim_end_matches('\0').to_owned()))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<RzmqSocket> {
        let socket = self.socket(role).await?;
        socket.socket.connect(to).await?;
        Ok(socket)
    }
}

impl Socket for RzmqSocket {
    async fn send(&mut self, body: &[u8]) -> Outcome<()> {
        Ok(self
            .socket
            .send(Msg::from_bytes(Bytes::copy_from_slice(body)))
            .await?)
    }

    async fn recv(&mut self) -> Outcome<usize> {
        Ok(self.socket.recv().await?.size())
    }

    async fn echo(&mut self) -> Outcome<()> {
        if self.router {
            let frames = self.socket.recv_multipart().await?;
            Ok(self.socket.send_multipart(frames).await?)
        } else {
            let message = self.socket.recv().await?;
            Ok(self.socket.send(message).await?)
        }
    }

    async fn connect_also(&mut self, to: &str) -> Outcome<()> {
        Ok(self.socket.connect(to).await?)
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        self.socket
            .set_option_raw(SUBSCRIBE, prefix.as_bytes())
            .await
            .map_err(|error| Failure::broken(error.to_string()))
    }
}

//! `highwater` as tasks use it: the same sockets through `send_async`, `recv_async` and `request_async`, on tokio.
//!
//! The runtime only polls: the sockets have the I/O thread of their context, as with blocking calls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use highwater::Message;
use tokio::runtime::{Builder, Runtime};

use super::highwater::{Highwater, HighwaterSocket};
use super::{Failure, Outcome, Peer, Role, Socket, check};
use crate::plan::Cell;

#[derive(Clone)]
pub(super) struct HighwaterAsync {
    plain: Highwater,
    runtime: Arc<Runtime>,
    one_thread: bool,
}

pub(super) struct HighwaterAsyncSocket(HighwaterSocket);

impl HighwaterAsync {
    /// On two tokio workers.
    pub(super) fn multi_thread(cell: Cell) -> Outcome<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2);
        Self::new(cell, builder.enable_all().build(), false)
    }

    pub(super) fn one_thread(cell: Cell) -> Outcome<Self> {
        Self::new(
            cell,
            Builder::new_current_thread().enable_all().build(),
            true,
        )
    }

    fn new(cell: Cell, runtime: io::Result<Runtime>, one_thread: bool) -> Outcome<Self> {
        Ok(Self {
            plain: Highwater::new(cell)?,
            runtime: Arc::new(runtime?),
            one_thread,
        })
    }
}

impl Peer for HighwaterAsync {
    type Socket = HighwaterAsyncSocket;

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
        expected: usize,
    ) -> Outcome<(HighwaterAsyncSocket, String)> {
        let (socket, endpoint) = self.plain.bind(role, at, expected).await?;
        Ok((HighwaterAsyncSocket(socket), endpoint))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<HighwaterAsyncSocket> {
        Ok(HighwaterAsyncSocket(self.plain.connect(role, to).await?))
    }
}

impl Socket for HighwaterAsyncSocket {
    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        match &mut self.0 {
            HighwaterSocket::Push(socket) => {
                for _ in 0..messages {
                    socket.send_async(body).await?;
                }
            }
            HighwaterSocket::Req(socket, reply) => {
                for _ in 0..messages {
                    *reply = socket.request_async(body).await?.first().len();
                }
            }
            HighwaterSocket::Pub(socket) => {
                for _ in 0..messages {
                    let _ = socket.send_async(body).await?;
                }
            }
            _ => return Err(Failure::unsupported("this role does not send")),
        }
        Ok(())
    }

    async fn recv(&mut self) -> Outcome<usize> {
        Ok(match &mut self.0 {
            HighwaterSocket::Pull(socket) => socket.recv_async().await?.first().len(),
            HighwaterSocket::Sub(socket) => socket.recv_async().await?.first().len(),
            HighwaterSocket::Req(_, reply) => *reply,
            _ => return Err(Failure::unsupported("this role does not receive")),
        })
    }

    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        let HighwaterSocket::Pull(socket) = &self.0 else {
            for _ in 0..messages {
                check(self.recv().await?, size)?;
            }
            return Ok(());
        };
        for _ in 0..messages {
            check(socket.recv_async().await?.first().len(), size)?;
        }
        Ok(())
    }

    async fn echo(&mut self) -> Outcome<()> {
        let HighwaterSocket::Rep(socket) = &self.0 else {
            return Err(Failure::unsupported("this role does not answer"));
        };
        let request = socket.recv_async().await?;
        let reply = Message::clone(&request);
        Ok(request.reply_async(reply).await?)
    }

    async fn connect_also(&mut self, to: &str) -> Outcome<()> {
        self.0.connect_also(to).await
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        self.0.subscribe(prefix).await
    }
}

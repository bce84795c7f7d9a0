//! `highwater` as a program uses it that has many messages at once: through `send_many` and `recv_many`.
//!
//! A peer of its own beside the plain calls, for a fair look at libraries whose batches are flushed by hand.

use highwater::{Message, Pull, Push};

use super::highwater::{Highwater, HighwaterSocket};
use super::{Failure, Outcome, Peer, Role, Socket, ready};

#[derive(Clone)]
pub(super) struct HighwaterMany {
    plain: Highwater,
}

pub(super) enum HighwaterManySocket {
    /// And what waits to be sent.
    Push(Push, Vec<Message>),
    /// And what was received at once, and how many of it have been told of.
    Pull(Pull, Vec<Message>, usize),
}

/// Messages in a call.
const BATCH: usize = 64;

impl HighwaterMany {
    pub(super) fn new(io_threads: Option<usize>) -> Self {
        Self {
            plain: Highwater::new(io_threads),
        }
    }
}

fn many(plain: HighwaterSocket) -> Outcome<HighwaterManySocket> {
    let batch = Vec::with_capacity(BATCH);
    match plain {
        HighwaterSocket::Push(socket) => Ok(HighwaterManySocket::Push(socket, batch)),
        HighwaterSocket::Pull(socket) => Ok(HighwaterManySocket::Pull(socket, batch, 0)),
        _ => Err(Failure::unsupported("measured with PUSH and PULL")),
    }
}

impl Peer for HighwaterMany {
    type Socket = HighwaterManySocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        ready(future)
    }

    async fn bind(
        &self,
        role: Role,
        at: &str,
        expected: usize,
    ) -> Outcome<(HighwaterManySocket, String)> {
        let (socket, endpoint) = self.plain.bind(role, at, expected).await?;
        Ok((many(socket)?, endpoint))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<HighwaterManySocket> {
        many(self.plain.connect(role, to).await?)
    }
}

impl Socket for HighwaterManySocket {
    fn send_blocking(&mut self, body: &[u8]) -> Option<Outcome<()>> {
        let Self::Push(socket, batch) = self else {
            return Some(Err(Failure::unsupported("this role does not send")));
        };
        batch.push(body.into());
        if batch.len() < BATCH {
            return Some(Ok(()));
        }
        let sent = socket.send_many(batch.drain(..));
        Some(sent.map(drop).map_err(Failure::from))
    }

    async fn flush(&mut self) -> Outcome<()> {
        if let Self::Push(socket, batch) = self {
            socket.send_many(batch.drain(..))?;
        }
        Ok(())
    }

    fn recv_blocking(&mut self) -> Option<Outcome<usize>> {
        let Self::Pull(socket, batch, told) = self else {
            return Some(Err(Failure::unsupported("this role does not receive")));
        };
        if *told == batch.len() {
            batch.clear();
            *told = 0;
            if let Err(error) = socket.recv_many(batch, BATCH) {
                return Some(Err(error.into()));
            }
        }
        *told += 1;
        Some(Ok(batch[*told - 1].first().len()))
    }

    async fn echo(&mut self) -> Outcome<()> {
        Err(Failure::unsupported("this role does not answer"))
    }

    async fn subscribe(&mut self, _prefix: &str) -> Outcome<()> {
        Err(Failure::unsupported("this role does not subscribe"))
    }
}

//! `highwater` as a program uses it that has many messages at once: through `send_many` and `recv_many`.
//!
//! A peer of its own beside the plain calls, for a fair look at libraries whose batches are flushed by hand.

use highwater::{Message, Pull, Push};

use super::highwater::{Highwater, HighwaterSocket};
use super::{Failure, Outcome, Peer, Role, Socket, ready, recv_each};
use crate::plan::Cell;

#[derive(Clone)]
pub(super) struct HighwaterMany {
    plain: Highwater,
}

pub(super) enum HighwaterManySocket {
    Push(Push),
    /// And what was received at once, and how many of it have been told of.
    Pull(Pull, Vec<Message>, usize),
}

/// Messages in a call.
const BATCH: usize = 64;

impl HighwaterMany {
    pub(super) fn new(cell: Cell) -> Outcome<Self> {
        Ok(Self {
            plain: Highwater::new(cell)?,
        })
    }
}

fn many(plain: HighwaterSocket) -> Outcome<HighwaterManySocket> {
    match plain {
        HighwaterSocket::Push(socket) => Ok(HighwaterManySocket::Push(socket)),
        HighwaterSocket::Pull(socket) => {
            let batch = Vec::with_capacity(BATCH);
            Ok(HighwaterManySocket::Pull(socket, batch, 0))
        }
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
    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        let Self::Push(socket) = self else {
            return Err(Failure::unsupported("this role does not send"));
        };
        let mut left = messages;
        while left > 0 {
            left -= socket.send_many(std::iter::repeat_n(body, left.min(BATCH)))?;
        }
        Ok(())
    }

    async fn recv(&mut self) -> Outcome<usize> {
        Err(Failure::unsupported("it receives many messages at once"))
    }

    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        let Self::Pull(socket, batch, told) = self else {
            return Err(Failure::unsupported("this role does not receive"));
        };
        recv_each(size, messages, || {
            if *told == batch.len() {
                batch.clear();
                *told = 0;
                socket.recv_many(batch, BATCH)?;
            }
            *told += 1;
            Outcome::Ok(batch[*told - 1].first().len())
        })
    }

    async fn echo(&mut self) -> Outcome<()> {
        Err(Failure::unsupported("this role does not answer"))
    }

    async fn subscribe(&mut self, _prefix: &str) -> Outcome<()> {
        Err(Failure::unsupported("this role does not subscribe"))
    }
}

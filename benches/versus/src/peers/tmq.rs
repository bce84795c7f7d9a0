//! `tmq`: libzmq in the tasks of tokio, which waits on the descriptor of each socket.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tmq::request_reply::{RequestReceiver, RequestSender};
use tmq::{AsZmqSocket, Context, FromZmqSocket, Multipart, SocketBuilder};
use tokio::runtime::{Builder, Runtime};

use super::{Failure, HIGH_WATER, Outcome, Peer, Role, Socket, send_high_water};

#[derive(Clone)]
pub(super) struct Tmq {
    runtime: Arc<Runtime>,
    context: Context,
}

pub(super) enum TmqSocket {
    Push(tmq::push::Push),
    Pull(tmq::pull::Pull),
    Pub(tmq::publish::Publish),
    Sub(tmq::subscribe::Subscribe),
    /// REQ and REP: the turn to send.
    Sends(RequestSender),
    /// The turn to receive.
    Receives(RequestReceiver),
    /// A turn has failed.
    Broken,
}

impl Tmq {
    pub(super) fn new() -> Outcome<Self> {
        Ok(Self {
            runtime: Arc::new(Builder::new_current_thread().enable_all().build()?),
            context: Context::new(),
        })
    }

    /// A socket that binds or connects at `at`, and its last endpoint.
    fn socket(&self, role: Role, at: &str, end: End) -> Outcome<(TmqSocket, String)> {
        let context = &self.context;
        match role {
            Role::Push => open(tmq::push(context), role, at, end, TmqSocket::Push),
            Role::Pull => open(tmq::pull(context), role, at, end, TmqSocket::Pull),
            Role::Pub => open(tmq::publish(context), role, at, end, TmqSocket::Pub),
            // It cannot be had without a subscription. All cells of tasks subscribe to everything.
            Role::Sub => {
                let sub = at_its_end(tmq::subscribe(context), role, at, end)?;
                Ok((TmqSocket::Sub(sub.subscribe(b"")?), at.to_owned()))
            }
            Role::Req => open(tmq::request(context), role, at, end, TmqSocket::Sends),
            Role::Rep => open(tmq::reply(context), role, at, end, TmqSocket::Receives),
            Role::Dealer | Role::Router => {
                Err(Failure::unsupported("its adapter does not have this type"))
            }
        }
    }
}

/// What a socket does with its endpoint.
#[derive(Debug, Clone, Copy)]
enum End {
    Binds,
    Connects,
}

fn open<S: FromZmqSocket<S> + AsZmqSocket>(
    builder: SocketBuilder<S>,
    role: Role,
    at: &str,
    end: End,
    socket: fn(S) -> TmqSocket,
) -> Outcome<(TmqSocket, String)> {
    let opened = at_its_end(builder, role, at, end)?;
    let endpoint = opened.get_socket().get_last_endpoint()?;
    let endpoint = endpoint.map_err(|_| Failure::broken("its endpoint is no text".into()))?;
    Ok((socket(opened), endpoint))
}

fn at_its_end<S: FromZmqSocket<S>>(
    builder: SocketBuilder<S>,
    role: Role,
    at: &str,
    end: End,
) -> Outcome<S> {
    let builder = builder
        .set_sndhwm(send_high_water(role).into())
        .set_rcvhwm(HIGH_WATER.into())
        .set_linger(0);
    Ok(match end {
        End::Binds => builder.bind(at)?,
        End::Connects => builder.connect(at)?,
    })
}

impl Peer for Tmq {
    type Socket = TmqSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    fn one_thread(&self) -> bool {
        true
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn bind(&self, role: Role, at: &str, _expected: usize) -> Outcome<(TmqSocket, String)> {
        self.socket(role, at, End::Binds)
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<TmqSocket> {
        Ok(self.socket(role, to, End::Connects)?.0)
    }
}

impl Socket for TmqSocket {
    async fn send(&mut self, body: &[u8]) -> Outcome<()> {
        match self {
            Self::Push(socket) => return Ok(socket.send(vec![body]).await?),
            Self::Pub(socket) => return Ok(socket.send(vec![body]).await?),
            _ => {}
        }
        match std::mem::replace(self, Self::Broken) {
            Self::Sends(turn) => {
                *self = Self::Receives(turn.send(vec![body].into()).await?);
                Ok(())
            }
            _ => Err(Failure::unsupported("this role does not send")),
        }
    }

    async fn recv(&mut self) -> Outcome<usize> {
        let next = match self {
            Self::Pull(socket) => Some(socket.next().await),
            Self::Sub(socket) => Some(socket.next().await),
            _ => None,
        };
        if let Some(message) = next {
            return length(&message.ok_or_else(|| Failure::broken("its stream ended".into()))??);
        }
        match std::mem::replace(self, Self::Broken) {
            Self::Receives(turn) => {
                let (message, turn) = turn.recv().await?;
                *self = Self::Sends(turn);
                length(&message)
            }
            _ => Err(Failure::unsupported("this role does not receive")),
        }
    }

    async fn echo(&mut self) -> Outcome<()> {
        match std::mem::replace(self, Self::Broken) {
            Self::Receives(turn) => {
                let (message, turn) = turn.recv().await?;
                *self = Self::Receives(turn.send(message).await?);
                Ok(())
            }
            _ => Err(Failure::unsupported("this role does not answer")),
        }
    }

    async fn connect_also(&mut self, to: &str) -> Outcome<()> {
        match self {
            Self::Sub(socket) => Ok(socket.get_socket().connect(to)?),
            _ => Err(Failure::unsupported("measured with SUB")),
        }
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        match self {
            Self::Sub(socket) => Ok(socket.subscribe(prefix.as_bytes())?),
            _ => Err(Failure::unsupported("this role does not subscribe")),
        }
    }
}

/// Of the body, the last frame.
fn length(message: &Multipart) -> Outcome<usize> {
    let body = message.iter().last();
    body.map(|body| body.len())
        .ok_or_else(|| Failure::broken("a message without a frame".into()))
}

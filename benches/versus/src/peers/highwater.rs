//! `highwater`, with its defaults: one I/O thread unless a cell is about their number, blocking calls.

use std::time::Instant;

#[cfg(feature = "curve")]
use highwater::security::Keypair;
use highwater::security::Security;
use highwater::{Context, Dealer, Endpoint, Message, Pub, Pull, Push, Rep, Req, Router, Sub};

#[cfg(feature = "curve")]
use super::{CLIENT_SECRET, SERVER_SECRET};
use super::{
    Failure, HIGH_WATER, Outcome, Peer, Role, Socket, ready, recv_each, send_each, send_high_water,
};
use crate::child::ledger::{Ledger, NOBODY, Number, number_of};
use crate::plan::Cell;

#[derive(Clone)]
pub(super) struct Highwater {
    context: Context,
    /// Of sockets that bind.
    of_server: Security,
    /// Of sockets that connect.
    of_client: Security,
}

pub(super) enum HighwaterSocket {
    Push(Push),
    Pull(Pull),
    /// And the length of the last reply: `request` asks and waits in one call.
    Req(Req, usize),
    Rep(Rep),
    Dealer(Dealer),
    Router(Router),
    Pub(Pub),
    Sub(Sub),
}

impl Highwater {
    pub(super) fn new(cell: Cell) -> Outcome<Self> {
        let (of_server, of_client) = securities(cell.is_sealed())?;
        let builder = Context::builder().io_threads(cell.io_threads().unwrap_or(1));
        Ok(Self {
            context: builder.build(),
            of_server,
            of_client,
        })
    }

    fn socket(&self, role: Role, security: &Security) -> HighwaterSocket {
        let security = security.clone();
        let context = &self.context;
        let mark: usize = HIGH_WATER.into();
        match role {
            Role::Push => HighwaterSocket::Push(
                Push::builder(context)
                    .security(security)
                    .send_high_water_mark(mark)
                    .build(),
            ),
            Role::Pull => HighwaterSocket::Pull(
                Pull::builder(context)
                    .security(security)
                    .receive_high_water_mark(mark)
                    .build(),
            ),
            Role::Req => HighwaterSocket::Req(Req::builder(context).security(security).build(), 0),
            Role::Rep => HighwaterSocket::Rep(Rep::builder(context).security(security).build()),
            Role::Dealer => HighwaterSocket::Dealer(
                Dealer::builder(context)
                    .security(security)
                    .send_high_water_mark(mark)
                    .receive_high_water_mark(mark)
                    .build(),
            ),
            Role::Router => HighwaterSocket::Router(
                Router::builder(context)
                    .security(security)
                    .send_high_water_mark(mark)
                    .receive_high_water_mark(mark)
                    .build(),
            ),
            Role::Pub => HighwaterSocket::Pub(
                Pub::builder(context)
                    .security(security)
                    .send_high_water_mark(usize::from(send_high_water(role)))
                    .build(),
            ),
            Role::Sub => HighwaterSocket::Sub(
                Sub::builder(context)
                    .security(security)
                    .receive_high_water_mark(mark)
                    .build(),
            ),
        }
    }
}

/// That of sockets which bind, and of those which connect.
#[cfg(not(feature = "curve"))]
fn securities(is_sealed: bool) -> Outcome<(Security, Security)> {
    if is_sealed {
        return Err(Failure::unsupported("built without CURVE"));
    }
    Ok((Security::default(), Security::default()))
}

/// That of sockets which bind, and of those which connect.
#[cfg(feature = "curve")]
fn securities(is_sealed: bool) -> Outcome<(Security, Security)> {
    if !is_sealed {
        return Ok((Security::default(), Security::default()));
    }
    let server = Keypair::from_secret(SERVER_SECRET.parse()?);
    let client = Keypair::from_secret(CLIENT_SECRET.parse()?);
    Ok((
        Security::curve_server(&server).anyone(),
        Security::curve_client(&client, server.public()),
    ))
}

impl HighwaterSocket {
    fn listen(&self, at: &str) -> Outcome<Endpoint> {
        Ok(match self {
            Self::Push(socket) => socket.bind(at)?,
            Self::Pull(socket) => socket.bind(at)?,
            Self::Req(socket, _) => socket.bind(at)?,
            Self::Rep(socket) => socket.bind(at)?,
            Self::Dealer(socket) => socket.bind(at)?,
            Self::Router(socket) => socket.bind(at)?,
            Self::Pub(socket) => socket.bind(at)?,
            Self::Sub(socket) => socket.bind(at)?,
        })
    }

    fn receive(&mut self) -> Outcome<usize> {
        Ok(match self {
            Self::Pull(socket) => socket.recv()?.first().len(),
            Self::Req(_, reply) => *reply,
            Self::Dealer(socket) => socket.recv()?.first().len(),
            Self::Sub(socket) => socket.recv()?.first().len(),
            Self::Router(socket) => socket.recv()?.1.first().len(),
            Self::Push(_) | Self::Rep(_) | Self::Pub(_) => {
                return Err(Failure::unsupported("this role does not receive"));
            }
        })
    }
}

impl Peer for Highwater {
    type Socket = HighwaterSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        ready(future)
    }

    async fn bind(
        &self,
        role: Role,
        at: &str,
        _expected: usize,
    ) -> Outcome<(HighwaterSocket, String)> {
        let socket = self.socket(role, &self.of_server);
        let endpoint = socket.listen(at)?;
        Ok((socket, endpoint.to_string()))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<HighwaterSocket> {
        let mut socket = self.socket(role, &self.of_client);
        socket.connect_also(to).await?;
        Ok(socket)
    }
}

impl Socket for HighwaterSocket {
    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        match self {
            Self::Push(socket) => send_each(messages, || socket.send(body)),
            Self::Req(socket, reply) => send_each(messages, || {
                let answer = socket.request(body)?;
                *reply = answer.first().len();
                Outcome::Ok(())
            }),
            Self::Dealer(socket) => send_each(messages, || socket.send(body)),
            Self::Pub(socket) => send_each(messages, || socket.send(body)),
            Self::Pull(_) | Self::Rep(_) | Self::Router(_) | Self::Sub(_) => {
                Err(Failure::unsupported("this role does not send"))
            }
        }
    }

    async fn recv(&mut self) -> Outcome<usize> {
        self.receive()
    }

    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        match self {
            Self::Pull(socket) => {
                recv_each(size, messages, || Outcome::Ok(socket.recv()?.first().len()))
            }
            Self::Dealer(socket) => {
                recv_each(size, messages, || Outcome::Ok(socket.recv()?.first().len()))
            }
            other => recv_each(size, messages, || other.receive()),
        }
    }

    async fn recv_all_from(
        &mut self,
        size: usize,
        messages: usize,
        ledger: &mut Ledger,
    ) -> Outcome<()> {
        match self {
            Self::Pull(socket) => recv_each(size, messages, || {
                let message = socket.recv()?;
                ledger.hear(number_of(message.first()), Instant::now);
                Outcome::Ok(message.first().len())
            }),
            _ => Err(Failure::unsupported("measured with PULL")),
        }
    }

    async fn echo(&mut self) -> Outcome<()> {
        self.echo_from().await?;
        Ok(())
    }

    async fn echo_from(&mut self) -> Outcome<Number> {
        match self {
            Self::Rep(socket) => {
                let request = socket.recv()?;
                let reply = Message::clone(&request);
                request.reply(reply)?;
                Ok(NOBODY)
            }
            Self::Router(socket) => {
                let (from, message) = socket.recv()?;
                let number = number_of(message.first());
                socket.send_to(&from, message)?;
                Ok(number)
            }
            _ => Err(Failure::unsupported("this role does not answer")),
        }
    }

    async fn bind_also(&mut self, at: &str) -> Outcome<()> {
        self.listen(at)?;
        Ok(())
    }

    async fn connect_also(&mut self, to: &str) -> Outcome<()> {
        match self {
            Self::Push(socket) => socket.connect(to)?,
            Self::Pull(socket) => socket.connect(to)?,
            Self::Req(socket, _) => socket.connect(to)?,
            Self::Rep(socket) => socket.connect(to)?,
            Self::Dealer(socket) => socket.connect(to)?,
            Self::Router(socket) => socket.connect(to)?,
            Self::Pub(socket) => socket.connect(to)?,
            Self::Sub(socket) => socket.connect(to)?,
        }
        Ok(())
    }

    async fn echo_sized(&mut self) -> Outcome<usize> {
        match self {
            Self::Rep(socket) => {
                let request = socket.recv()?;
                let reply = Message::clone(&request);
                let length = reply.first().len();
                request.reply(reply)?;
                Ok(length)
            }
            _ => Err(Failure::unsupported("this role does not answer")),
        }
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        match self {
            Self::Sub(socket) => Ok(socket.subscribe(prefix)?),
            _ => Err(Failure::unsupported("this role does not subscribe")),
        }
    }
}

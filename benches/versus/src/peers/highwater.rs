//! `highwater`, with its defaults: one I/O thread unless a cell is about their number, blocking calls.

use highwater::{Context, Dealer, Endpoint, Message, Pub, Pull, Push, Rep, Req, Router, Sub};

use super::{Failure, HIGH_WATER, Outcome, Peer, Role, Socket, ready, send_high_water};

#[derive(Clone)]
pub(super) struct Highwater {
    context: Context,
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
    pub(super) fn new(io_threads: Option<usize>) -> Self {
        let builder = Context::builder().io_threads(io_threads.unwrap_or(1));
        Self {
            context: builder.build(),
        }
    }

    fn socket(&self, role: Role) -> HighwaterSocket {
        let context = &self.context;
        let mark: usize = HIGH_WATER.into();
        match role {
            Role::Push => {
                HighwaterSocket::Push(Push::builder(context).send_high_water_mark(mark).build())
            }
            Role::Pull => {
                HighwaterSocket::Pull(Pull::builder(context).receive_high_water_mark(mark).build())
            }
            Role::Req => HighwaterSocket::Req(Req::new(context), 0),
            Role::Rep => HighwaterSocket::Rep(Rep::new(context)),
            Role::Dealer => HighwaterSocket::Dealer(
                Dealer::builder(context)
                    .send_high_water_mark(mark)
                    .receive_high_water_mark(mark)
                    .build(),
            ),
            Role::Router => HighwaterSocket::Router(
                Router::builder(context)
                    .send_high_water_mark(mark)
                    .receive_high_water_mark(mark)
                    .build(),
            ),
            Role::Pub => HighwaterSocket::Pub(
                Pub::builder(context)
                    .send_high_water_mark(usize::from(send_high_water(role)))
                    .build(),
            ),
            Role::Sub => {
                HighwaterSocket::Sub(Sub::builder(context).receive_high_water_mark(mark).build())
            }
        }
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
        let socket = self.socket(role);
        let endpoint: Endpoint = match &socket {
            HighwaterSocket::Push(socket) => socket.bind(at)?,
            HighwaterSocket::Pull(socket) => socket.bind(at)?,
            HighwaterSocket::Req(socket, _) => socket.bind(at)?,
            HighwaterSocket::Rep(socket) => socket.bind(at)?,
            HighwaterSocket::Dealer(socket) => socket.bind(at)?,
            HighwaterSocket::Router(socket) => socket.bind(at)?,
            HighwaterSocket::Pub(socket) => socket.bind(at)?,
            HighwaterSocket::Sub(socket) => socket.bind(at)?,
        };
        Ok((socket, endpoint.to_string()))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<HighwaterSocket> {
        let socket = self.socket(role);
        match &socket {
            HighwaterSocket::Push(socket) => socket.connect(to)?,
            HighwaterSocket::Pull(socket) => socket.connect(to)?,
            HighwaterSocket::Req(socket, _) => socket.connect(to)?,
            HighwaterSocket::Rep(socket) => socket.connect(to)?,
            HighwaterSocket::Dealer(socket) => socket.connect(to)?,
            HighwaterSocket::Router(socket) => socket.connect(to)?,
            HighwaterSocket::Pub(socket) => socket.connect(to)?,
            HighwaterSocket::Sub(socket) => socket.connect(to)?,
        }
        Ok(socket)
    }
}

impl Socket for HighwaterSocket {
    fn send_blocking(&mut self, body: &[u8]) -> Option<Outcome<()>> {
        Some(match self {
            Self::Push(socket) => socket.send(body).map_err(Failure::from),
            Self::Req(socket, reply) => socket
                .request(body)
                .map(|answer| *reply = answer.first().len())
                .map_err(Failure::from),
            Self::Dealer(socket) => socket.send(body).map_err(Failure::from),
            Self::Pub(socket) => socket.send(body).map(drop).map_err(Failure::from),
            Self::Pull(_) | Self::Rep(_) | Self::Router(_) | Self::Sub(_) => {
                Err(Failure::unsupported("this role does not send"))
            }
        })
    }

    fn recv_blocking(&mut self) -> Option<Outcome<usize>> {
        let received = match self {
            Self::Pull(socket) => socket.recv(),
            Self::Req(_, reply) => return Some(Ok(*reply)),
            Self::Dealer(socket) => socket.recv(),
            Self::Sub(socket) => socket.recv(),
            Self::Push(_) | Self::Rep(_) | Self::Router(_) | Self::Pub(_) => {
                return Some(Err(Failure::unsupported("this role does not receive")));
            }
        };
        let length = received.map(|message| message.first().len());
        Some(length.map_err(Failure::from))
    }

    async fn echo(&mut self) -> Outcome<()> {
        match self {
            Self::Rep(socket) => {
                let request = socket.recv()?;
                let reply = Message::clone(&request);
                request.reply(reply)?;
            }
            Self::Router(socket) => {
                let (from, message) = socket.recv()?;
                socket.send_to(&from, message)?;
            }
            _ => return Err(Failure::unsupported("this role does not answer")),
        }
        Ok(())
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        match self {
            Self::Sub(socket) => Ok(socket.subscribe(prefix)?),
            _ => Err(Failure::unsupported("this role does not subscribe")),
        }
    }
}

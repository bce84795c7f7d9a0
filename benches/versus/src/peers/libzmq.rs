//! libzmq through the `zmq` crate: what all others are compared with.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{
    CLIENT_PUBLIC, CLIENT_SECRET, HIGH_WATER, Outcome, Peer, Role, SERVER_PUBLIC, SERVER_SECRET,
    Socket, ready, recv_each, send_each, send_high_water,
};
use crate::child::ledger::{Ledger, Number, number_of};
use crate::peers::Failure;
use crate::plan::Cell;

#[derive(Clone)]
pub(super) struct Libzmq {
    contexts: Arc<Mutex<Contexts>>,
    is_sealed: bool,
}

struct Contexts {
    current: zmq::Context,
    sockets: usize,
    io_threads: usize,
}

pub(super) struct LibzmqSocket {
    socket: zmq::Socket,
    message: zmq::Message,
}

/// A context holds 1023 sockets, and the crate has no way to ask for more: a storm takes a context for each thousand.
const SOCKETS_PER_CONTEXT: usize = 1000;

impl Libzmq {
    pub(super) fn new(cell: Cell) -> Outcome<Self> {
        if cell.is_sealed() && zmq::has("curve") != Some(true) {
            return Err(Failure::unsupported("built without CURVE"));
        }
        let contexts = Contexts::new(cell.io_threads().unwrap_or(1))?;
        Ok(Self {
            contexts: Arc::new(Mutex::new(contexts)),
            is_sealed: cell.is_sealed(),
        })
    }

    fn socket(&self, role: Role, end: End) -> Outcome<LibzmqSocket> {
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        if contexts.sockets == SOCKETS_PER_CONTEXT {
            *contexts = Contexts::new(contexts.io_threads)?;
        }
        contexts.sockets += 1;
        let socket = contexts.current.socket(match role {
            Role::Push => zmq::PUSH,
            Role::Pull => zmq::PULL,
            Role::Req => zmq::REQ,
            Role::Rep => zmq::REP,
            Role::Dealer => zmq::DEALER,
            Role::Router => zmq::ROUTER,
            Role::Pub => zmq::PUB,
            Role::Sub => zmq::SUB,
        })?;
        socket.set_sndhwm(send_high_water(role).into())?;
        socket.set_rcvhwm(HIGH_WATER.into())?;
        socket.set_linger(0)?;
        // All connections of a storm at once; the default of 100 would make it a test of TCP's retries.
        socket.set_backlog(8192)?;
        if self.is_sealed {
            seal(&socket, end)?;
        }
        Ok(LibzmqSocket {
            socket,
            message: zmq::Message::new(),
        })
    }
}

/// Which end of CURVE a socket is.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Binds.
    Server,
    /// Connects.
    Client,
}

/// Without a ZAP handler a server of libzmq lets everyone in.
fn seal(socket: &zmq::Socket, end: End) -> Outcome<()> {
    match end {
        End::Server => {
            socket.set_curve_server(true)?;
            socket.set_curve_secretkey(SERVER_SECRET.as_bytes())?;
        }
        End::Client => {
            socket.set_curve_serverkey(SERVER_PUBLIC.as_bytes())?;
            socket.set_curve_publickey(CLIENT_PUBLIC.as_bytes())?;
            socket.set_curve_secretkey(CLIENT_SECRET.as_bytes())?;
        }
    }
    Ok(())
}

impl Contexts {
    fn new(io_threads: usize) -> Outcome<Self> {
        let current = zmq::Context::new();
        current.set_io_threads(i32::try_from(io_threads)?)?;
        Ok(Self {
            current,
            sockets: 0,
            io_threads,
        })
    }
}

impl LibzmqSocket {
    fn receive(&mut self) -> zmq::Result<usize> {
        self.socket.recv(&mut self.message, 0)?;
        // A ROUTER's message begins with whom it is from.
        while self.message.get_more() {
            self.socket.recv(&mut self.message, 0)?;
        }
        Ok(self.message.len())
    }
}

impl Peer for Libzmq {
    type Socket = LibzmqSocket;

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        ready(future)
    }

    async fn bind(
        &self,
        role: Role,
        at: &str,
        _expected: usize,
    ) -> Outcome<(LibzmqSocket, String)> {
        let socket = self.socket(role, End::Server)?;
        socket.socket.bind(at)?;
        let endpoint = socket.socket.get_last_endpoint()?;
        let endpoint = endpoint.map_err(|_| Failure::broken("an endpoint not in UTF-8".into()))?;
        Ok((socket, endpoint))
    }

    async fn connect(&self, role: Role, to: &str) -> Outcome<LibzmqSocket> {
        let socket = self.socket(role, End::Client)?;
        socket.socket.connect(to)?;
        Ok(socket)
    }
}

impl Socket for LibzmqSocket {
    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        send_each(messages, || self.socket.send(body, 0))
    }

    async fn recv(&mut self) -> Outcome<usize> {
        Ok(self.receive()?)
    }

    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        recv_each(size, messages, || self.receive())
    }

    async fn recv_all_from(
        &mut self,
        size: usize,
        messages: usize,
        ledger: &mut Ledger,
    ) -> Outcome<()> {
        recv_each(size, messages, || {
            let length = self.receive()?;
            ledger.hear(number_of(&self.message), Instant::now);
            zmq::Result::Ok(length)
        })
    }

    async fn echo(&mut self) -> Outcome<()> {
        self.echo_from().await?;
        Ok(())
    }

    async fn echo_from(&mut self) -> Outcome<Number> {
        loop {
            let frame = self.socket.recv_msg(0)?;
            if !frame.get_more() {
                let number = number_of(&frame);
                self.socket.send(frame, 0)?;
                return Ok(number);
            }
            self.socket.send(frame, zmq::SNDMORE)?;
        }
    }

    async fn bind_also(&mut self, at: &str) -> Outcome<()> {
        Ok(self.socket.bind(at)?)
    }

    async fn connect_also(&mut self, to: &str) -> Outcome<()> {
        Ok(self.socket.connect(to)?)
    }

    async fn echo_sized(&mut self) -> Outcome<usize> {
        let length = self.receive()?;
        self.socket.send(&*self.message, 0)?;
        Ok(length)
    }

    async fn subscribe(&mut self, prefix: &str) -> Outcome<()> {
        Ok(self.socket.set_subscribe(prefix.as_bytes())?)
    }
}

//! The port through which one and the same driver measures every library, and the list of those built in.
//!
//! An adapter holds what a careful user of its library would write and nothing that belongs to a scenario: how to open a
//! socket with high-water marks of 1000, how to send a body the natural way (one message made for each send), how to
//! receive one. Where many messages are sent or received in a row, blocking libraries are called without a future.

mod floor;
mod floor_async;
mod frames;
#[cfg(feature = "highwater")]
mod highwater;
#[cfg(feature = "highwater")]
mod highwater_async;
#[cfg(feature = "highwater")]
mod highwater_many;
#[cfg(feature = "libzmq")]
mod libzmq;
mod list;
#[cfg(any(feature = "monocoque-uring", feature = "monocoque-tokio"))]
mod monocoque;
#[cfg(feature = "omq")]
mod omq;
#[cfg(feature = "rzmq")]
mod rzmq;
#[cfg(feature = "tmq")]
mod tmq;
#[cfg(feature = "zeromq")]
mod zeromq;

use std::error::Error;
use std::time::Duration;

pub(crate) use self::list::{Entry, FLOOR, LIBZMQ, all};
use crate::child::ledger::{Ledger, NOBODY, Number};

/// High-water mark, in messages, of every peer that has one.
const HIGH_WATER: u16 = 1000;

/// The sending side's mark for `role`: out of the way of PUB and SUB, as the subscribers' credit bounds what is under way.
///
/// At 1000, libzmq's PUB drops messages when 500 are under way, since it looks but once a millisecond for room that was
/// freed, and its SUB drops subscriptions beyond the thousandth.
const fn send_high_water(role: Role) -> u16 {
    match role {
        Role::Pub | Role::Sub => 50_000,
        _ => HIGH_WATER,
    }
}

/// The keys of the cells of CURVE, those of the RFC's and the manual's examples: of the side that binds, and of all that
/// connect.
#[cfg(feature = "libzmq")]
const SERVER_PUBLIC: &str = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
#[cfg(any(feature = "libzmq", all(feature = "highwater", feature = "curve")))]
const SERVER_SECRET: &str = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
#[cfg(feature = "libzmq")]
const CLIENT_PUBLIC: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
#[cfg(any(feature = "libzmq", all(feature = "highwater", feature = "curve")))]
const CLIENT_SECRET: &str = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Push,
    Pull,
    Req,
    Rep,
    Dealer,
    Router,
    Pub,
    Sub,
}

/// A library, with its context and its runtime; clones share them.
pub(crate) trait Peer: Clone + Send + 'static {
    type Socket: Socket;

    /// Runs `future` to its end on this thread.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Whether both ends of an inproc pair run on one thread.
    fn one_thread(&self) -> bool {
        false
    }

    /// Waits for `time`; the runtime goes on meanwhile.
    async fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    /// A socket that listens on `at` (port 0: the system chooses), and where. `expected` peers will connect to it.
    async fn bind(&self, role: Role, at: &str, expected: usize) -> Outcome<(Self::Socket, String)>;

    /// A socket that connects to `to`; the connection may still be under way.
    async fn connect(&self, role: Role, to: &str) -> Outcome<Self::Socket>;
}

/// A socket of any role; what its role does not have is not called.
///
/// A stream goes through [`send_all`](Self::send_all) and [`recv_all`](Self::recv_all), each message by a call of its own to
/// the library. A library that needs but a few nanoseconds for a message implements these with a loop for each role, so
/// that the choice of the role, and a future, are paid once and not for each message; others need only
/// [`send`](Self::send) and [`recv`](Self::recv).
pub(crate) trait Socket {
    /// Sends one message; waits while there is no room.
    async fn send(&mut self, body: &[u8]) -> Outcome<()> {
        self.send_all(body, 1).await
    }

    /// Sends `body` `messages` times.
    async fn send_all(&mut self, body: &[u8], messages: usize) -> Outcome<()> {
        for _ in 0..messages {
            self.send(body).await?;
        }
        Ok(())
    }

    /// Lets go what `send` may have kept back to batch it.
    async fn flush(&mut self) -> Outcome<()> {
        Ok(())
    }

    /// Waits for one message: the length of its body.
    async fn recv(&mut self) -> Outcome<usize>;

    /// Waits for `messages` messages, each with a body of `size` bytes.
    async fn recv_all(&mut self, size: usize, messages: usize) -> Outcome<()> {
        for _ in 0..messages {
            check(self.recv().await?, size)?;
        }
        Ok(())
    }

    /// As [`recv_all`](Self::recv_all), and enters in `ledger` whose each message is, if the adapter can tell.
    async fn recv_all_from(
        &mut self,
        size: usize,
        messages: usize,
        _ledger: &mut Ledger,
    ) -> Outcome<()> {
        self.recv_all(size, messages).await
    }

    /// REP and ROUTER: sends at least one message back to where it came from.
    async fn echo(&mut self) -> Outcome<()>;

    /// As [`echo`](Self::echo): whose the message was, if the adapter can tell.
    async fn echo_from(&mut self) -> Outcome<Number> {
        self.echo().await?;
        Ok(NOBODY)
    }

    /// Listens at one more endpoint.
    async fn bind_also(&mut self, _at: &str) -> Outcome<()> {
        Err(Failure::unsupported("its adapter binds one endpoint"))
    }

    /// Connects to one more endpoint.
    async fn connect_also(&mut self, _to: &str) -> Outcome<()> {
        Err(Failure::unsupported("its adapter connects to one endpoint"))
    }

    /// As [`echo`](Self::echo), of one message; the length of its body.
    async fn echo_sized(&mut self) -> Outcome<usize> {
        Err(Failure::unsupported("its adapter does not tell"))
    }

    /// SUB: takes messages that begin with `prefix`.
    async fn subscribe(&mut self, prefix: &str) -> Outcome<()>;
}

pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why there is no figure. One pointer, so that a call that succeeds hands back a register and not a value in memory.
#[derive(Debug)]
pub(crate) struct Failure(Box<Reason>);

/// What lies behind a [`Failure`].
#[derive(Debug)]
pub(crate) enum Reason {
    /// The library does not have this.
    Unsupported(&'static str),
    /// It has, and it went wrong.
    Broken(String),
}

impl Failure {
    /// The library does not have `what`.
    #[cold]
    pub(crate) fn unsupported(what: &'static str) -> Self {
        Self(Box::new(Reason::Unsupported(what)))
    }

    /// It has, and `what` went wrong.
    #[cold]
    pub(crate) fn broken(what: String) -> Self {
        Self(Box::new(Reason::Broken(what)))
    }

    pub(crate) fn reason(self) -> Reason {
        *self.0
    }
}

impl<E: Error> From<E> for Failure {
    #[cold]
    fn from(error: E) -> Self {
        Self::broken(error.to_string())
    }
}

/// Calls `receive`, which gives the length of a body, `messages` times.
fn recv_each<E: Into<Failure>>(
    size: usize,
    messages: usize,
    mut receive: impl FnMut() -> Result<usize, E>,
) -> Outcome<()> {
    for _ in 0..messages {
        check(receive().map_err(Into::into)?, size)?;
    }
    Ok(())
}

/// Calls `send` `messages` times.
fn send_each<T, E: Into<Failure>>(
    messages: usize,
    mut send: impl FnMut() -> Result<T, E>,
) -> Outcome<()> {
    for _ in 0..messages {
        send().map_err(Into::into)?;
    }
    Ok(())
}

pub(crate) fn check(length: usize, size: usize) -> Outcome<()> {
    if length == size {
        Ok(())
    } else {
        Err(Failure::broken(format!(
            "a message of {length} bytes, not {size}"
        )))
    }
}

/// What a blocking adapter's future gives: it waits in its calls, so what is not ready at once never will be (a side that
/// has done its part and keeps its sockets), and this thread sleeps until the process is killed.
fn ready<F: Future>(future: F) -> F::Output {
    use std::task::{Context, Poll, Waker};

    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => loop {
            std::thread::park();
        },
    }
}

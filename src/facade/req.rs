//! REQ: asks, and gets one reply.

use std::time::{Duration, Instant};

use highwater_patterns::{IntoMessage, Message, RequestFailed, SocketType};

use super::AsSocket;
use crate::error::{RequestError, SendError};
use crate::socket::{SendFailure, Wait};

super::socket! {
    /// Sends requests, one at a time, to one of its peers in turn, and receives the reply to each.
    ///
    /// That a request and its reply alternate is in the types: [`request`](Self::request) borrows the socket for both,
    /// and in two steps the [`Pending`] that [`send`](Self::send) gives does so until it is received or dropped:
    ///
    /// ```compile_fail,E0499
    /// # let context = highwater::Context::new();
    /// let mut req = highwater::Req::new(&context);
    /// let first = req.send("one at a time")?;
    /// let second = req.send("not before the first is done")?;
    /// first.recv()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A request that is given up, by a timeout or by dropping its `Pending`, frees the socket at once, as
    /// libzmq's `ZMQ_REQ_RELAXED` does. If nothing of it has left this process, nobody sees it any more; it counts in
    /// [`Dropped::unsent`](crate::Dropped::unsent). If some of it has, its connection is replaced by another, at once, so that
    /// its late reply cannot be taken for the reply to the next request: the peer sees a connection that ends and one that
    /// begins (if the peer has connected, it connects again in its own time). Where that is too dear, number the requests:
    /// with [`correlated`](crate::Builder::correlated) the connection stays, and the late reply is dropped, and counted in
    /// [`Dropped::late_reply`](crate::Dropped::late_reply). That is necessary, too, if a REP or ROUTER *of libzmq* connects
    /// to this socket: what such a one answers late, it sends on its next connection.
    ///
    /// If the peer goes before it has replied, the request fails, or is sent again to another peer: see
    /// [`lost_peer`](crate::Builder::lost_peer). A request that has failed is not sent to anybody later.
    ///
    /// A request goes to peers that are connected, as long as there is one, and waits for the others only if there is none;
    /// it then goes to the first that comes. libzmq, and here [`Push`](crate::Push) and [`Dealer`](crate::Dealer), have
    /// endpoints take their turns where nobody is yet; there [`immediate`](crate::Builder::immediate) says not to. Here it
    /// says that a request waits in `send` until somebody is there.
    ///
    /// Source: RFC 28/REQREP, "The REQ Socket Type".
    ///
    /// ```
    /// use highwater::{Context, Rep, Req};
    ///
    /// let context = Context::new();
    /// let rep = Rep::new(&context);
    /// let at = rep.bind("tcp://127.0.0.1:0")?;
    /// let service = std::thread::spawn(move || {
    ///     for _ in 0..2 {
    ///         let request = rep.recv().expect("a request comes");
    ///         request.reply("pong").expect("the peer waits");
    ///     }
    /// #   rep.close(std::time::Duration::from_secs(5));
    /// });
    ///
    /// let mut req = Req::new(&context);
    /// req.connect(&at)?;
    /// assert_eq!(req.request("ping")?, "pong");
    /// let pending = req.send("ping")?;
    /// // ... do something else meanwhile ...
    /// assert_eq!(pending.recv()?, "pong");
    /// # service.join().expect("the service does not panic");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Req, SocketType::Req
}

impl Req {
    /// Sends `message` to the next peer with room, and waits for the reply.
    ///
    /// Waits for room as long as the `send_timeout` option says, then for the reply as long as `receive_timeout`
    /// says; by default for ever.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn request(&mut self, message: impl IntoMessage) -> Result<Message, RequestError> {
        self.start(Wait::Configured, message.into_message())?.recv()
    }

    /// As [`request`](Self::request), but gives up after `timeout`, sending and receiving taken together.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn request_timeout(
        &mut self,
        message: impl IntoMessage,
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let begun = Instant::now();
        let pending = self.start(Wait::AtMost(timeout), message.into_message())?;
        pending.recv_timeout(timeout.saturating_sub(begun.elapsed()))
    }

    /// Sends `message` to the next peer with room; the reply is received from what this returns.
    ///
    /// Waits for room as long as the `send_timeout` option says; by default for ever.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message.
    pub fn send(&mut self, message: impl IntoMessage) -> Result<Pending<'_>, SendError> {
        Ok(self.start(Wait::Configured, message.into_message())?)
    }

    fn start(&mut self, wait: Wait, mut message: Message) -> Result<Pending<'_>, SendFailure> {
        match self.core.ask(wait, &mut message) {
            Ok(()) => Ok(Pending {
                req: self,
                is_out: true,
            }),
            Err(why) => Err(why.of(message)),
        }
    }
}

/// A request that is under way. Dropping it gives the request up: see [`Req`].
#[derive(Debug)]
#[must_use = "dropping it gives the request up"]
pub struct Pending<'a> {
    req: &'a mut Req,
    /// Its outcome has not been received.
    is_out: bool,
}

impl Pending<'_> {
    /// The reply; waits until it is there.
    ///
    /// Waits as long as the `receive_timeout` option says, by default for ever; the request is given up then.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv(mut self) -> Result<Message, RequestError> {
        self.outcome(Wait::Configured)
    }

    /// The reply; waits at most `timeout` for it, and gives the request up then.
    ///
    /// To wait on afterwards, see [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv_timeout(mut self, timeout: Duration) -> Result<Message, RequestError> {
        self.outcome(Wait::AtMost(timeout))
    }

    /// Waits at most `timeout`; tells whether [`recv`](Self::recv) would return at once, with the reply or an error.
    /// The request stays under way either way.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.req.core.wait_for_reply(timeout)
    }

    fn outcome(&mut self, wait: Wait) -> Result<Message, RequestError> {
        let outcome = self.req.core.reply(wait)?;
        self.is_out = false;
        outcome.map_err(|failed| match failed {
            RequestFailed::PeerLost => RequestError::PeerGone,
        })
    }
}

impl Drop for Pending<'_> {
    /// Gives the request up, unless its outcome has been received.
    fn drop(&mut self) {
        if !self.is_out {
            return;
        }
        // In a forked child there is nothing to give up: the request is the parent's.
        let _ = self.req.core.give_request_up();
    }
}

/// Readable when the outcome is there.
impl AsSocket for Pending<'_> {
    fn as_socket(&self) -> super::SocketRef {
        self.req.as_socket()
    }
}

//! REQ: sends a request and gets its reply.

use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_patterns::{IntoMessage, Message, SocketType};

use super::{AsSocket, RequestFuture};
use crate::error::{RequestError, SendError};
use crate::peer::PeerInfo;
use crate::socket::{SendFailure, Wait};

super::socket! {
    /// Sends requests, one at a time, to one of its peers in turn, and receives the reply to each.
    ///
    /// The types ensure that requests and replies alternate. [`request`](Self::request) borrows the socket for both;
    /// with [`send`](Self::send), the returned [`Pending`] borrows it until the reply is received or the `Pending` is
    /// dropped:
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
    /// A request that is given up, by a timeout or by dropping its `Pending`, frees the socket at once, as libzmq's
    /// `ZMQ_REQ_RELAXED` does. If no byte of it has left this process, no peer gets it; it counts in
    /// [`Dropped::unsent`](crate::Dropped::unsent). Otherwise its connection is replaced at once, so that a late reply
    /// cannot be taken for the reply to the next request. The peer sees one connection end and another begin; a peer
    /// that had connected connects again in its own time. If that costs too much, number the requests: with
    /// [`correlated`](crate::Builder::correlated) the connection stays, and the late reply is dropped and counted in
    /// [`Dropped::late_reply`](crate::Dropped::late_reply). Numbers are also needed if a REP or ROUTER *of libzmq*
    /// connects to this socket: it sends a late reply on its next connection.
    ///
    /// A service that answers a question twice is not asked for this either: before a request is written to a connection,
    /// all that has come there is read, dropped and counted in `late_reply`. If the last of it is a part of a message, the
    /// connection is replaced. A second answer that comes only after the next request has left cannot be told from the
    /// answer to that request; with [`correlated`](crate::Builder::correlated) it can.
    ///
    /// If the peer disconnects before its reply, the request fails, or is sent again to another peer: see
    /// [`lost_peer`](crate::Builder::lost_peer). A failed request is never sent later.
    ///
    /// A request goes to a connected peer if there is one. Otherwise it waits and goes to the first peer that connects.
    /// In libzmq, and here with [`Push`](crate::Push) and [`Dealer`](crate::Dealer), endpoints without a peer take
    /// their turns unless [`immediate`](crate::Builder::immediate) is set. With a REQ, `immediate` makes `send` wait
    /// until a peer is connected.
    ///
    /// Many requests at once, from many threads or tasks: [`ReqPool`](crate::ReqPool).
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
    /// Waits for room at most `send_timeout`, then for the reply at most `receive_timeout`; by default for ever.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn request(&mut self, message: impl IntoMessage) -> Result<Message, RequestError> {
        self.request_within(Wait::Configured, message.into_message())
    }

    /// As [`request`](Self::request), but gives up after `timeout` in all.
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

    /// Sends `message` to the next peer with room; the returned value receives the reply.
    ///
    /// Waits for room at most `send_timeout`; by default for ever.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message.
    pub fn send(&mut self, message: impl IntoMessage) -> Result<Pending<'_>, SendError> {
        Ok(self.start(Wait::Configured, message.into_message())?)
    }

    /// Sends a request and waits for its reply, as a future.
    ///
    /// Waits without limit: `send_timeout` and `receive_timeout` are for [`request`](Self::request). For a limit, use a
    /// timer of the executor.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready gives the request up: a later reply is never taken for that of another
    /// request.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; never `Timeout`.
    pub fn request_async(&mut self, message: impl IntoMessage) -> RequestFuture<'_> {
        RequestFuture::new(&self.core, message.into_message())
    }

    /// As [`request_async`](Self::request_async), for a caller that keeps the socket from other requests itself.
    pub(crate) fn ask_unborrowed(&mut self, message: Message) -> RequestFuture<'static> {
        RequestFuture::new(&self.core, message)
    }

    /// As [`request`](Self::request), but waits for room as `room` says.
    pub(crate) fn request_within(
        &mut self,
        room: Wait,
        message: Message,
    ) -> Result<Message, RequestError> {
        self.start(room, message)?.recv()
    }

    /// As [`send`](Self::send), for a caller that keeps the socket from other requests itself, and comes back for the
    /// [`pending`](Self::pending) reply.
    pub(crate) fn send_unborrowed(
        &mut self,
        wait: Wait,
        message: Message,
    ) -> Result<(), SendError> {
        self.start(wait, message)?.is_out = false;
        Ok(())
    }

    /// The request that was sent unborrowed.
    pub(crate) fn pending(&mut self) -> Pending<'_> {
        Pending {
            req: self,
            is_out: true,
        }
    }

    /// The reply to the request that was sent unborrowed, in a task.
    pub(crate) fn hear_unborrowed(&mut self) -> RequestFuture<'static> {
        RequestFuture::of_request(&self.core)
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

/// A request in flight. Dropping it gives the request up: see [`Req`].
#[derive(Debug)]
#[must_use = "dropping it gives the request up"]
pub struct Pending<'a> {
    req: &'a mut Req,
    /// Whether the outcome has not been received yet.
    is_out: bool,
}

impl<'a> Pending<'a> {
    /// The reply; waits until it has arrived.
    ///
    /// Waits at most `receive_timeout`, by default for ever, and then gives the request up.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv(mut self) -> Result<Message, RequestError> {
        self.outcome(Wait::Configured)
    }

    /// The reply; waits for it at most `timeout`, and then gives the request up.
    ///
    /// To keep the request, use [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv_timeout(mut self, timeout: Duration) -> Result<Message, RequestError> {
        self.outcome(Wait::AtMost(timeout))
    }

    /// The reply, and the peer on whose connection it came. With CURVE, the field `key` of the peer says who has replied. There is no
    /// peer if that connection had ended before the reply was received here, and was not one that this socket makes again.
    ///
    /// Waits as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    ///
    /// ```
    /// use highwater::{Context, Rep, Req};
    ///
    /// let context = Context::new();
    /// let rep = Rep::new(&context);
    /// let at = rep.bind("tcp://127.0.0.1:0")?;
    /// let mut req = Req::new(&context);
    /// req.connect(&at)?;
    /// let pending = req.send("who are you?")?;
    /// rep.recv()?.reply("the one at this endpoint")?;
    /// let (peer, reply) = pending.recv_from()?;
    /// assert_eq!(reply, "the one at this endpoint");
    /// assert!(peer.is_some_and(|peer| peer.connected_here));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_from(mut self) -> Result<(Option<Arc<PeerInfo>>, Message), RequestError> {
        self.outcome_from(Wait::Configured)
    }

    /// As [`recv_from`](Self::recv_from), but waits at most `timeout`, and then gives the request up.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv_from_timeout(
        mut self,
        timeout: Duration,
    ) -> Result<(Option<Arc<PeerInfo>>, Message), RequestError> {
        self.outcome_from(Wait::AtMost(timeout))
    }

    /// Waits at most `timeout`; tells whether [`recv`](Self::recv) would return at once, with the reply or an error.
    /// The request goes on in either case.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.req.core.wait_for_reply(timeout)
    }

    /// The reply, as a future that waits without limit.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready gives the request up, as the drop of this value does.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; never `Timeout`.
    pub fn recv_async(mut self) -> RequestFuture<'a> {
        self.is_out = false;
        RequestFuture::of_request(&self.req.core)
    }

    fn outcome_from(
        &mut self,
        wait: Wait,
    ) -> Result<(Option<Arc<PeerInfo>>, Message), RequestError> {
        let outcome = self.req.core.reply_from(wait)?;
        self.is_out = false;
        outcome.map_err(RequestError::from)
    }

    fn outcome(&mut self, wait: Wait) -> Result<Message, RequestError> {
        let outcome = self.req.core.reply(wait)?;
        self.is_out = false;
        outcome.map_err(RequestError::from)
    }
}

impl Drop for Pending<'_> {
    /// Gives the request up unless its outcome has been received.
    fn drop(&mut self) {
        if !self.is_out {
            return;
        }
        // In a forked child nothing is given up: the request is the parent's.
        let _ = self.req.core.give_request_up();
    }
}

/// Readable once the outcome is known.
impl AsSocket for Pending<'_> {
    fn as_socket(&self) -> super::SocketRef {
        self.req.as_socket()
    }
}

//! ROUTER: talks to each peer by its routing id.

use std::sync::Arc;
use std::time::Duration;

use highwater_patterns::{self as patterns, IntoMessage, Message, Outbound, RoutingId, SocketType};

use super::{PollSenderTo, RecvFuture, SendToFuture};
use crate::endpoint::{Endpoint, InvalidEndpoint};
use crate::error::{ConnectError, RecvError, RouteError, TryRecvError};
use crate::peer::PeerInfo;
use crate::socket::{RecvFailure, Unsent, Wait, calls};

super::socket! {
    /// Talks to any number of peers, each by its [`RoutingId`].
    ///
    /// The id of a peer is the one given by [`connect_as`](Self::connect_as), else the one that the peer announces (the
    /// `routing_id` option of a REQ, DEALER or ROUTER), else a generated one. An endpoint that this end has connected
    /// to may get several peers, one after another. The id of the former peer then has no route any more, and the
    /// messages that waited for it are dropped and counted in [`Dropped::unsent`](crate::Dropped::unsent), unless the
    /// same peer comes back. An id of `connect_as` stays with the endpoint. A message for a peer that is not connected,
    /// or has no room, is given back: see [`send_to`](Self::send_to). Receiving is fair among the peers.
    ///
    /// Frames pass unchanged. A message from a REQ begins with an empty frame, or with a number and an empty frame if
    /// its requests are numbered. A reply must begin with the same frames.
    ///
    /// A peer that goes takes what it had received with it. To give its work to another, note which id has what; at each
    /// event [`Disconnected`](crate::EventKind::Disconnected), look which of these ids [`peers`](Self::peers) no longer has.
    /// For that the peers need ids of their own, by [`routing_id`](crate::Builder::routing_id): [`PeerInfo`] does not have a
    /// generated one, and an event has the address of the peer, which is empty for a client over ipc.
    ///
    /// Source: RFC 28/REQREP, "The ROUTER Socket Type".
    ///
    /// ```
    /// use highwater::{Context, Dealer, RouteError, Router, RoutingId};
    ///
    /// let context = Context::new();
    /// let router = Router::new(&context);
    /// let at = router.bind("tcp://127.0.0.1:0")?;
    /// let dealer = Dealer::builder(&context).routing_id(RoutingId::new("worker-7")?).build();
    /// dealer.connect(&at)?;
    ///
    /// dealer.send("ready")?;
    /// let (from, message) = router.recv()?;
    /// assert_eq!((from.as_bytes(), message.to_str()?), (&b"worker-7"[..], "ready"));
    /// router.send_to(&from, "job 1")?;
    /// assert_eq!(dealer.recv()?, "job 1");
    ///
    /// let nobody = RoutingId::new("worker-8")?;
    /// match router.send_to(&nobody, "job 2") {
    ///     Err(RouteError::NoRoute(message)) => assert_eq!(message, "job 2"),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Router, SocketType::Router
}

impl Router {
    /// As [`connect`](Self::connect), and names the peer of the endpoint `id`, whatever id it announces.
    ///
    /// Messages for `id` are queued from now on, before the peer has connected, unless the `immediate` option is set.
    /// As libzmq's `ZMQ_CONNECT_ROUTING_ID`.
    ///
    /// The name is not for others: a peer that connects to this socket and announces `id` is refused, unless it takes the name by
    /// [`DuplicateId::HandOver`](crate::DuplicateId::HandOver). If it is the ROUTER to which this endpoint leads, the two ends
    /// settle on one connection; what waits goes out on it, and `id` belongs to this endpoint again when it ends. A peer that takes
    /// the name while this endpoint has no connection gets what waits for `id`, too.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; [`ConnectError::DuplicateRoutingId`] if another peer has the id.
    #[doc(alias = "ZMQ_CONNECT_ROUTING_ID")]
    pub fn connect_as<E>(&self, endpoint: E, id: RoutingId) -> Result<(), ConnectError>
    where
        E: TryInto<Endpoint>,
        InvalidEndpoint: From<E::Error>,
    {
        let endpoint = endpoint.try_into().map_err(InvalidEndpoint::from)?;
        self.core.connect(&endpoint, Some(id))
    }

    /// Sends `message` to the peer known as `id`. Never waits, so that one slow peer cannot hold up the others.
    ///
    /// # Errors
    ///
    /// [`RouteError`], with the message: no peer has this id, or the peer is at its high-water mark. With
    /// [`Undeliverable::Drop`](crate::Undeliverable::Drop) such messages are dropped and counted instead.
    #[inline]
    pub fn send_to(&self, id: &RoutingId, message: impl IntoMessage) -> Result<(), RouteError> {
        self.deliver(Wait::No, id, message)
    }

    /// As [`send_to`](Self::send_to), but waits at most `timeout` for room at this peer.
    ///
    /// # Errors
    ///
    /// [`RouteError`], with the message. If the peer disconnects meanwhile, the wait ends with
    /// [`NoRoute`](RouteError::NoRoute).
    pub fn send_to_timeout(
        &self,
        id: &RoutingId,
        message: impl IntoMessage,
        timeout: Duration,
    ) -> Result<(), RouteError> {
        self.deliver(Wait::AtMost(timeout), id, message)
    }

    #[inline]
    fn deliver(
        &self,
        wait: Wait,
        id: &RoutingId,
        message: impl IntoMessage,
    ) -> Result<(), RouteError> {
        calls::give(
            message,
            |body| self.route(wait, id, body),
            |message| self.route(wait, id, message),
        )
    }

    /// After a failure, `message` is unchanged.
    #[inline(never)]
    fn route(&self, wait: Wait, id: &RoutingId, message: &mut impl Outbound) -> Result<(), Unsent> {
        self.core
            .send_with(wait, message, |pattern, table, message| {
                let rules = pattern.rules_mut::<patterns::Router>();
                rules.send_to(id, message, table).map(drop)
            })
    }

    /// The next message, from each peer in turn, and the id of its sender.
    ///
    /// Waits until there is one, at most `receive_timeout`; by default for ever.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn recv(&self) -> Result<(RoutingId, Message), RecvError> {
        self.next(Wait::Configured)
    }

    /// The next message and its sender, if one is there now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    #[inline]
    pub fn try_recv(&self) -> Result<(RoutingId, Message), TryRecvError> {
        self.next(Wait::No)
    }

    /// The next message and its sender; waits at most `timeout` for one.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<(RoutingId, Message), RecvError> {
        self.next(Wait::AtMost(timeout))
    }

    /// The next message, the id of its sender, and the peer on whose connection it came, which may have disconnected
    /// since. The [`PeerInfo`] is shared between all messages of a connection, not copied.
    ///
    /// Waits as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub fn recv_from(&self) -> Result<(Arc<PeerInfo>, RoutingId, Message), RecvError> {
        self.next_from(Wait::Configured)
    }

    /// As [`recv_from`](Self::recv_from), if a message is there now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    pub fn try_recv_from(&self) -> Result<(Arc<PeerInfo>, RoutingId, Message), TryRecvError> {
        self.next_from(Wait::No)
    }

    /// As [`recv_from`](Self::recv_from), but waits at most `timeout` for a message.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub fn recv_from_timeout(
        &self,
        timeout: Duration,
    ) -> Result<(Arc<PeerInfo>, RoutingId, Message), RecvError> {
        self.next_from(Wait::AtMost(timeout))
    }

    fn next_from<E: From<RecvFailure>>(
        &self,
        wait: Wait,
    ) -> Result<(Arc<PeerInfo>, RoutingId, Message), E> {
        let received = self.core.recv_with(wait, |pattern, table| {
            let rules = pattern.rules_mut::<patterns::Router>();
            let (id, message) = rules.recv_from(table)?;
            let peer = calls::sender(table, rules.source());
            Some((peer, id, message))
        });
        Ok(received?)
    }

    /// The next message and the routing id of its peer, as a future; from each peer in turn.
    ///
    /// Waits without limit: `receive_timeout` is for [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken no message.
    ///
    /// # Errors
    ///
    /// [`RecvError`]; never `Timeout`.
    pub fn recv_async(&self) -> RecvFuture<(RoutingId, Message)> {
        RecvFuture::new(&self.core, |_, pattern, table, into| {
            let (from, message) = into.insert((RoutingId::UNKNOWN, Message::EMPTY));
            let rules = pattern.rules_mut::<patterns::Router>();
            rules.recv_from_into(table, from, message)
        })
    }

    /// The messages from now on, each with the routing id of its peer, until the socket is closed (feature `futures`).
    #[cfg(feature = "futures")]
    pub fn stream(&self) -> crate::RecvStream<(RoutingId, Message)> {
        self.recv_async().into()
    }

    /// Sends `message` to the peer with the routing id `id`, as a future that waits while that peer is at its high-water
    /// mark.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing. [`SendToFuture::take`] gives the message back.
    ///
    /// # Errors
    ///
    /// [`RouteError`], with the message: no peer has this id, or the socket has ended.
    pub fn send_to_async(&self, id: &RoutingId, message: impl IntoMessage) -> SendToFuture {
        SendToFuture::new(&self.core, id.clone(), message.into_message())
    }

    /// Sends in futures that are written by hand: [`PollSenderTo::poll_send_to`].
    pub fn poll_sender_to(&self) -> PollSenderTo {
        PollSenderTo::new(&self.core)
    }

    #[inline]
    fn next<E: From<RecvFailure>>(&self, wait: Wait) -> Result<(RoutingId, Message), E> {
        let mut both = (RoutingId::UNKNOWN, Message::EMPTY);
        match self.next_into(wait, &mut both) {
            Ok(()) => Ok(both),
            Err(failure) => calls::not_received(failure),
        }
    }

    #[inline(never)]
    fn next_into(
        &self,
        wait: Wait,
        (from, message): &mut (RoutingId, Message),
    ) -> Result<(), RecvFailure> {
        self.core.recv_with(wait, |pattern, table| {
            let rules = pattern.rules_mut::<patterns::Router>();
            rules.recv_from_into(table, from, message).then_some(())
        })
    }
}

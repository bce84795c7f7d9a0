//! ROUTER: talks to each peer by its routing id.

use std::time::Duration;

use highwater_patterns::{self as patterns, IntoMessage, Message, Outbound, RoutingId, SocketType};

use crate::endpoint::{Endpoint, InvalidEndpoint};
use crate::error::{ConnectError, RecvError, RouteError, TryRecvError};
use crate::socket::{RecvFailure, Unsent, Wait, calls};

super::socket! {
    /// Talks to any number of peers, each by its [`RoutingId`].
    ///
    /// A peer has the id that it announces (the `routing_id` option of a REQ, DEALER or ROUTER), or that this end has
    /// given it with [`connect_as`](Self::connect_as); otherwise one is generated. Where this end has
    /// connected, that is so for each peer that comes to the endpoint, one after another: the id of the one before has no
    /// route any more, and what waited for it is dropped, counted in [`Dropped::unsent`](crate::Dropped::unsent), unless the
    /// same peer comes back; an id of `connect_as` stays with the endpoint. A message for a peer that is not there, or has no room, comes back: see [`send_to`](Self::send_to). Receiving is fair among the peers.
    ///
    /// Frames pass unchanged. From a REQ, a message begins with an empty frame (before that with a number, if its
    /// requests are numbered), and a reply has to begin with the same.
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
    /// As [`connect`](Self::connect), and names the peer there `id`, whatever it calls itself.
    ///
    /// Messages for `id` are queued from now on, before the peer is there, unless the `immediate` option is set. As
    /// libzmq's `ZMQ_CONNECT_ROUTING_ID`.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; [`ConnectError::DuplicateRoutingId`] if another peer has the id.
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
    /// [`RouteError`], with the message: nobody has this id, or the peer is at its high-water mark. With
    /// [`Undeliverable::Drop`](crate::Undeliverable::Drop) such messages are dropped and counted instead.
    #[inline]
    pub fn send_to(&self, id: &RoutingId, message: impl IntoMessage) -> Result<(), RouteError> {
        self.deliver(Wait::No, id, message)
    }

    /// As [`send_to`](Self::send_to), but waits at most `timeout` for room at this peer.
    ///
    /// # Errors
    ///
    /// [`RouteError`], with the message. That the peer goes meanwhile ends the wait with
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

    /// After a failure, `message` is as it was.
    #[inline(never)]
    fn route(&self, wait: Wait, id: &RoutingId, message: &mut impl Outbound) -> Result<(), Unsent> {
        self.core
            .send_with(wait, message, |pattern, table, message| {
                let rules = pattern.rules_mut::<patterns::Router>();
                rules.send_to(id, message, table).map(drop)
            })
    }

    /// The next message, from each peer in turn, and who sent it; waits until there is one.
    ///
    /// Waits as long as the `receive_timeout` option says; by default for ever.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn recv(&self) -> Result<(RoutingId, Message), RecvError> {
        self.next(Wait::Configured)
    }

    /// The next message and its sender, if one is there at this moment.
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

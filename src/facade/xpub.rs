//! XPUB: a PUB whose application sees the subscriptions.

use bytes::Bytes;
use highwater_patterns::{self as patterns, Message, Received, SocketType};

use super::RecvFuture;
use crate::error::{RecvError, TryRecvError};
use crate::socket::Wait;

super::socket! {
    /// A [`Pub`](crate::Pub) whose application sees the subscriptions as they come and go, and may decide on them.
    ///
    /// By default the application sees a topic's first subscribe and its last cancel; the
    /// [`notices`](crate::Builder::notices) option shows more. Unread subscriptions wait here, in bounded memory. With
    /// [`manual`](crate::Builder::manual), no subscription is applied by itself: [`grant`](Self::grant) and
    /// [`revoke`](Self::revoke) do that.
    ///
    /// Source: RFC 29/PUBSUB, "The XPUB Socket Type".
    ///
    /// A message broker in its shortest form; [`Proxy`](crate::Proxy) does more:
    ///
    /// ```
    /// use highwater::{Context, Pub, Sub, XPub, XSub};
    /// # use std::time::Duration;
    ///
    /// let context = Context::new();
    /// let (downstream, upstream) = (XPub::new(&context), XSub::new(&context));
    /// let out = downstream.bind("tcp://127.0.0.1:0")?;
    /// let into = upstream.bind("tcp://127.0.0.1:0")?;
    ///
    /// let subscriber = Sub::new(&context);
    /// subscriber.connect(&out)?;
    /// subscriber.subscribe("news")?;
    /// let publisher = Pub::new(&context);
    /// publisher.connect(&into)?;
    /// # upstream.wait_for_peers(1, Duration::from_secs(5))?;
    ///
    /// upstream.pass_on(downstream.recv()?)?;          // the subscription
    /// publisher.wait_for_subscribers(1, Duration::from_secs(5))?;
    /// publisher.send("news: a proxy was built")?;
    /// downstream.send(upstream.recv()?)?;             // the message
    /// assert_eq!(subscriber.recv()?, "news: a proxy was built");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Late subscribers
    ///
    /// A subscriber gets what is sent after its subscription has arrived. Where it needs the last value of a topic as well, send
    /// that once more for each subscription. The option `notices` has to be [`EverySubscribe`](crate::Notices::EverySubscribe): by
    /// default a topic's second subscriber is not seen. All subscribers of a topic get its value again, so number the values
    /// where one that comes twice does harm.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use highwater::{Context, Notices, Sub, Upstream, XPub};
    ///
    /// let context = Context::new();
    /// let station = XPub::builder(&context).notices(Notices::EverySubscribe).build();
    /// let at = station.bind("tcp://127.0.0.1:0")?;
    /// let last = BTreeMap::from([("weather.nyc", "21C"), ("weather.sfo", "17C")]);
    ///
    /// let mut subscribers = Vec::new();
    /// for _ in 0..2 {
    ///     let late = Sub::new(&context);
    ///     late.subscribe("weather.")?;
    ///     late.connect(&at)?;
    ///
    ///     if let Upstream::Subscribe(wanted) = station.recv()? {
    ///         for (topic, value) in &last {
    ///             if topic.as_bytes().starts_with(&wanted) {
    ///                 station.send([*topic, *value])?;
    ///             }
    ///         }
    ///     }
    ///     assert_eq!(late.recv()?, ["weather.nyc", "21C"]);
    ///     assert_eq!(late.recv()?, ["weather.sfo", "17C"]);
    ///     subscribers.push(late);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    XPub, SocketType::XPub
}

super::publishes!(XPub);
super::knows_subscribers!(XPub);

/// An item from the subscribers of an [`XPub`]. A topic is bytes: `std::str::from_utf8(&topic)` makes text of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upstream {
    /// A subscription to all messages whose first frame begins with this topic.
    Subscribe(Bytes),
    /// The end of a subscription.
    Cancel(Bytes),
    /// A message that an [`XSub`](crate::XSub) has sent.
    Message(Message),
}

impl Upstream {
    /// In the form in which libzmq's XPUB and XSUB have it: 1 and the topic, 0 and the topic, or the message.
    pub fn into_message(self) -> Message {
        let (kind, topic) = match self {
            Self::Subscribe(topic) => (1, topic),
            Self::Cancel(topic) => (0, topic),
            Self::Message(message) => return message,
        };
        Message::from([&[kind], &topic[..]].concat())
    }
}

#[doc(hidden)]
impl From<Received> for Upstream {
    fn from(received: Received) -> Self {
        match received {
            Received::Subscribe(topic) => Self::Subscribe(topic),
            Received::Cancel(topic) => Self::Cancel(topic),
            Received::Message(message) => Self::Message(message),
        }
    }
}

impl XPub {
    /// The next subscription, cancel or upstream message; waits until there is one.
    ///
    /// The subscribers take turns, so an item waits for at most one item of each other subscriber. Messages of a subscriber
    /// come in its order, and subscribes and cancels of a topic in the order in which they took effect. libzmq gives
    /// everything in the order of arrival, behind all that a busy subscriber has sent before. There is no `recv_from`: the
    /// one first subscribe and the one last cancel of a topic may come from several peers. So where a subscriber may not
    /// have every topic, do not let it in: see [`security`](crate::security).
    ///
    /// Waits as long as the `receive_timeout` option says; by default for ever.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub fn recv(&self) -> Result<Upstream, RecvError> {
        self.next(Wait::Configured)
    }

    /// As [`recv`](Self::recv), if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    pub fn try_recv(&self) -> Result<Upstream, TryRecvError> {
        self.next(Wait::No)
    }

    /// As [`recv`](Self::recv), but waits at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub fn recv_timeout(&self, timeout: std::time::Duration) -> Result<Upstream, RecvError> {
        self.next(Wait::AtMost(timeout))
    }

    /// The next change of the subscriptions, or message, as a future.
    ///
    /// Waits without limit: `receive_timeout` is for [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    ///
    /// # Errors
    ///
    /// [`RecvError`]; never `Timeout`.
    pub fn recv_async(&self) -> RecvFuture<Upstream> {
        RecvFuture::new(&self.core, |_, pattern, table, into| {
            let rules = pattern.rules_mut::<patterns::XPub>();
            *into = rules.next_event(table).map(Upstream::from);
            into.is_some()
        })
    }

    /// The subscriptions and messages from now on, until the socket is closed (feature `futures`).
    #[cfg(feature = "futures")]
    pub fn stream(&self) -> crate::RecvStream<Upstream> {
        self.recv_async().into()
    }

    fn next<E: From<crate::socket::RecvFailure>>(&self, wait: Wait) -> Result<Upstream, E> {
        let received = self.core.recv_with(wait, |pattern, table| {
            pattern.rules_mut::<patterns::XPub>().next_event(table)
        })?;
        Ok(received.into())
    }

    /// With the `manual` option: subscribes the sender of the subscription received last to `topic`, which may differ
    /// from the topic it asked for. False if that peer has gone or has too many topics.
    ///
    /// The subscription received last is the socket's, not the thread's: receive and grant on one thread.
    pub fn grant(&self, topic: impl AsRef<[u8]>) -> bool {
        // The caller's code runs without the socket's lock: it may use the socket.
        let topic = topic.as_ref();
        let granted = self.core.change_subscriptions(|pattern, table| {
            pattern.rules_mut::<patterns::XPub>().grant(topic, table)
        });
        granted.unwrap_or(false)
    }

    /// With the `manual` option: ends the subscription to `topic` of the sender of the subscription received last.
    /// False if it had none.
    pub fn revoke(&self, topic: impl AsRef<[u8]>) -> bool {
        let topic = topic.as_ref();
        let revoked = self
            .core
            .change_subscriptions(|pattern, _| pattern.rules_mut::<patterns::XPub>().revoke(topic));
        revoked.unwrap_or(false)
    }
}

//! PUB: sends each message to every subscriber of its topic.

use highwater_patterns::SocketType;

super::socket! {
    /// Sends each message to the peers that subscribe to a prefix of its first frame, the topic, and to no other.
    ///
    /// Sending never waits by default. A subscriber at its high-water mark misses the message; the others get it.
    /// `send` says how many have missed the message, [`stats`](Self::stats) counts it for each peer, and the events
    /// [`DroppingStarted`](crate::EventKind::DroppingStarted) and
    /// [`DroppingStopped`](crate::EventKind::DroppingStopped) mark beginning and end. The
    /// [`slow_subscriber`](crate::Builder::slow_subscriber) option changes this. A message is framed once for all its
    /// subscribers.
    ///
    /// A message published before a subscription has arrived is not sent to that subscriber. To miss nothing at the
    /// start, wait with [`wait_for_subscribers`](Self::wait_for_subscribers) or
    /// [`wait_for_subscription`](Self::wait_for_subscription); to give a subscriber that comes late the last value, take an
    /// [`XPub`](crate::XPub#late-subscribers). A PUB has neither `recv` nor `subscribe`:
    ///
    /// ```compile_fail,E0599
    /// # let context = highwater::Context::new();
    /// highwater::Pub::new(&context).recv();
    /// ```
    ///
    /// Source: RFC 29/PUBSUB, "The PUB Socket Type".
    ///
    /// ```
    /// use std::time::Duration;
    /// use highwater::{Context, Pub, Sub};
    ///
    /// let context = Context::new();
    /// let publisher = Pub::new(&context);
    /// let at = publisher.bind("tcp://127.0.0.1:0")?;
    /// let subscriber = Sub::new(&context);
    /// subscriber.connect(&at)?;
    /// subscriber.subscribe("weather.")?;
    ///
    /// publisher.wait_for_subscribers(1, Duration::from_secs(5))?;
    /// let report = publisher.send(["weather.nyc", "21C"])?;
    /// assert_eq!((report.sent, report.dropped), (1, 0));
    /// publisher.send(["sports", "0:0"])?;
    /// publisher.send(["weather.sfo", "17C"])?;
    ///
    /// assert_eq!(subscriber.recv()?, ["weather.nyc", "21C"]);
    /// assert_eq!(subscriber.recv()?, ["weather.sfo", "17C"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Pub, SocketType::Pub
}

super::publishes!(Pub);
super::knows_subscribers!(Pub);

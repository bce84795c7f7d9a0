//! PAIR: exactly one peer, both ways.

use highwater_patterns::SocketType;

super::socket! {
    /// Exactly one peer, both ways, in any order.
    ///
    /// While it has a peer, a further one is refused before its handshake is done. Both ends get
    /// [`LinkError::AlreadyPaired`](crate::LinkError::AlreadyPaired) in the event
    /// [`HandshakeFailed`](crate::EventKind::HandshakeFailed) and in the log. The refused peer keeps its messages, and
    /// tries again after growing pauses. A `connect` takes the place of the peer at once, whether the peer is there or
    /// not; if the place is taken, it gets it once it is free. A PAIR without a peer, or whose peer is at its
    /// high-water mark, is mute: `send` waits. After an accepted peer has disconnected, the next may come. A socket
    /// that connected keeps the messages queued for its peer until that comes back.
    ///
    /// Source: RFC 31/EXPAIR, "The PAIR Socket Type".
    ///
    /// ```
    /// use highwater::{Context, Pair};
    ///
    /// let context = Context::new();
    /// let here = Pair::new(&context);
    /// let at = here.bind("tcp://127.0.0.1:0")?;
    /// let there = Pair::new(&context);
    /// there.connect(&at)?;
    /// here.send("knock knock")?;
    /// assert_eq!(there.recv()?, "knock knock");
    /// there.send("who is there?")?;
    /// assert_eq!(here.recv()?, "who is there?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Pair, SocketType::Pair
}

super::sends!(Pair);
super::receives!(Pair);

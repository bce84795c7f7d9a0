//! PAIR: exactly one peer, both ways.

use highwater_patterns::SocketType;

super::socket! {
    /// Exactly one peer, both ways, in any order.
    ///
    /// While it has a peer, a further one is refused before its handshake is done, with
    /// [`LinkError::AlreadyPaired`](crate::LinkError::AlreadyPaired) in the event
    /// [`HandshakeFailed`](crate::EventKind::HandshakeFailed) of both ends and in the log. It keeps its messages, and tries
    /// again after pauses that grow. An endpoint that is connected to keeps the place of the peer from then on, whether that
    /// is there or not; one that is connected to while the place is taken has it once it is free. Without a peer, or while the peer is at its
    /// high-water mark, it is mute: `send` waits. When an accepted peer has gone the next may come; a socket that
    /// connected keeps what it has queued for its peer until that comes back.
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

//! SUB: receives the messages to whose topics it has subscribed.

use highwater_patterns::SocketType;

super::socket! {
    /// Receives the messages whose first frame begins with one of the topics it has subscribed to, from each
    /// publisher in turn.
    ///
    /// Nothing is received before the first [`subscribe`](Self::subscribe). The publisher filters, and this end filters
    /// once more. Messages that are not received wait here up to the receive high-water mark, then at the publisher,
    /// which then drops the newest messages for this peer alone. A SUB has no `send`:
    ///
    /// ```compile_fail,E0599
    /// # let context = highwater::Context::new();
    /// highwater::Sub::new(&context).send("not here");
    /// ```
    ///
    /// Source: RFC 29/PUBSUB, "The SUB Socket Type". For an example see [`Pub`](crate::Pub).
    Sub, SocketType::Sub
}

super::subscribes!(Sub);
super::receives!(Sub);

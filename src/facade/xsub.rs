//! XSUB: the receiving side of a broker: a SUB that passes subscriptions on and may send upstream.

use highwater_patterns::SocketType;

use super::Upstream;
use crate::error::SendError;

super::socket! {
    /// A [`Sub`](crate::Sub) for brokers: it does not filter arriving messages, and may send messages upstream.
    ///
    /// A sent message goes to every publisher with room. A frame that begins with the byte 1 subscribes to the rest of
    /// the frame, and one that begins with 0 ends that subscription. Subscriptions are remembered, and told to every
    /// publisher that connects later; they are never dropped.
    ///
    /// Source: RFC 29/PUBSUB, "The XSUB Socket Type". For an example see [`XPub`](crate::XPub).
    XSub, SocketType::XSub
}

super::subscribes!(XSub);
super::publishes!(
    XSub,
    "Sends `message` to every publisher; gives how many got it and how many missed it.

Never waits: a publisher at its high-water mark misses the message, which is counted
([`Dropped::no_room`](crate::Dropped::no_room)). A message that subscribes or unsubscribes always reaches every publisher."
);
super::receives!(XSub);

impl XSub {
    /// Passes on an item that an [`XPub`](crate::XPub) has received.
    ///
    /// # Errors
    ///
    /// [`SendError`]: the socket has ended. The error has the item in the form that [`send`](Self::send) takes.
    pub fn pass_on(&self, upstream: Upstream) -> Result<crate::Report, SendError> {
        self.send(upstream.into_message())
    }
}

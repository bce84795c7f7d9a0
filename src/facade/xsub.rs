//! XSUB: a SUB for those in between: it passes subscriptions on and may send upstream.

use highwater_patterns::SocketType;

use super::Upstream;
use crate::error::SendError;

super::socket! {
    /// A [`Sub`](crate::Sub) for those in between: it does not filter what arrives, and may send messages upstream.
    ///
    /// What it sends goes to every publisher with room; a message whose first frame begins with the byte 1 or 0 is
    /// a subscription to the rest of that frame, or its end. Subscriptions are remembered, and told to every
    /// publisher that comes later; they are never dropped.
    ///
    /// Source: RFC 29/PUBSUB, "The XSUB Socket Type". For an example see [`XPub`](crate::XPub).
    XSub, SocketType::XSub
}

super::subscribes!(XSub);
super::publishes!(XSub);
super::receives!(XSub);

impl XSub {
    /// Passes on what an [`XPub`](crate::XPub) has received.
    ///
    /// # Errors
    ///
    /// [`SendError`]: the socket is of no more use. The message that comes back is what [`send`](Self::send) would
    /// have taken.
    pub fn pass_on(&self, upstream: Upstream) -> Result<crate::Report, SendError> {
        self.send(upstream.into_message())
    }
}

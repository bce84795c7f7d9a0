//! The end of a typed socket in a task, for every type.

use std::time::Duration;

use super::super::{CloseFuture, Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
use super::Typed;

macro_rules! closes {
    ($($socket:ident)+) => {$(
        impl<T, C> Typed<$socket, T, C> {
            /// Closes the socket at once; ready once queued messages are sent and each peer has read to the end, or `drain` is
            /// over, as `close_async` of the socket.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped before it is ready, queued messages are still sent until `drain` is over.
            pub fn close_async(self, drain: Duration) -> CloseFuture {
                self.socket.close_async(drain)
            }
        }
    )+};
}

closes! { Push Pull Pair Dealer Router Req Rep Pub Sub XPub XSub }

//! A request of a pool that is out, as a value that borrows nothing.
//!
//! Owns: a socket of the pool until the request is over.
//! Always true: the socket goes back once the request has its outcome, or is given up.
//! Must not know: how a request is given up: that is a REQ's.

use std::sync::Arc;
use std::time::Duration;

use highwater_patterns::Message;

use super::place::Lease;
use super::{PoolRequestFuture, Shared};
use crate::error::{RequestError, SendError};
use crate::facade::{AsSocket, Pending, SocketRef};
use crate::peer::PeerInfo;
use crate::socket::Wait;

/// A request in flight, with a socket of the pool: made by [`ReqPool::send`](crate::ReqPool::send). Dropping it gives the request
/// up, as that of a [`Req`](crate::Req), and the socket back.
#[derive(Debug)]
#[must_use = "dropping it gives the request up"]
pub struct PoolPending {
    /// `None` once the outcome is received elsewhere.
    lease: Option<Lease>,
}

impl PoolPending {
    /// Sends `message`, if it has its turn within the time of `wait`.
    pub(super) fn send(
        shared: &Arc<Shared>,
        wait: Wait,
        message: Message,
    ) -> Result<Self, SendError> {
        match shared.turn(wait) {
            Ok(Some((mut lease, room))) => {
                lease.req().send_unborrowed(room, message)?;
                Ok(Self { lease: Some(lease) })
            }
            Ok(None) => Err(SendError::Timeout(message)),
            Err(ended) => Err(SendError::Ended(message, ended)),
        }
    }

    /// The reply; waits until it has arrived.
    ///
    /// Waits at most `receive_timeout`, by default for ever, and then gives the request up.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv(self) -> Result<Message, RequestError> {
        self.over(|pending| pending.recv())
    }

    /// The reply; waits for it at most `timeout`, and then gives the request up.
    ///
    /// To keep the request, use [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv_timeout(self, timeout: Duration) -> Result<Message, RequestError> {
        self.over(|pending| pending.recv_timeout(timeout))
    }

    /// The reply, and the peer on whose connection it came, as [`Pending::recv_from`] gives it.
    ///
    /// Waits as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv_from(self) -> Result<(Option<Arc<PeerInfo>>, Message), RequestError> {
        self.over(|pending| pending.recv_from())
    }

    /// As [`recv_from`](Self::recv_from), but waits at most `timeout`, and then gives the request up.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn recv_from_timeout(
        self,
        timeout: Duration,
    ) -> Result<(Option<Arc<PeerInfo>>, Message), RequestError> {
        self.over(|pending| pending.recv_from_timeout(timeout))
    }

    /// Waits at most `timeout`; tells whether [`recv`](Self::recv) would return at once, with the reply or an error.
    /// The request goes on in either case.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.as_socket().core().wait_for_reply(timeout)
    }

    /// The reply, as a future that waits without limit.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready gives the request up, as the drop of this value does.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; never `Timeout`.
    pub fn recv_async(mut self) -> PoolRequestFuture {
        PoolRequestFuture::of_request(self.lease.take().expect(HAS_IT))
    }

    fn over<T>(mut self, outcome: impl FnOnce(Pending<'_>) -> T) -> T {
        let mut lease = self.lease.take().expect(HAS_IT);
        outcome(lease.req().pending())
    }
}

impl Drop for PoolPending {
    fn drop(&mut self) {
        if let Some(lease) = &mut self.lease {
            // Its drop gives the request up, before the socket is given back.
            drop(lease.req().pending());
        }
    }
}

/// Readable once the outcome is known.
impl AsSocket for PoolPending {
    fn as_socket(&self) -> SocketRef {
        self.lease.as_ref().expect(HAS_IT).as_socket()
    }
}

const HAS_IT: &str = "it has its socket until the outcome is received";

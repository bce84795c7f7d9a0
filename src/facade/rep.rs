//! REP: answers requests.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use highwater_patterns::{IntoMessage, Message, ReturnPath, SocketType};

use super::{RecvFuture, ReplyFuture};
use crate::error::{RecvError, ReplyError, TryRecvError};
use crate::peer::PeerInfo;
use crate::socket::{Core, RecvFailure, RequestReceived, Wait, take_request};

super::socket! {
    /// Receives requests, from each peer in turn, and answers them.
    ///
    /// Each request is a value with its own return path: any number may be outstanding, answered in any order and from
    /// any thread, so that a pool of threads can share one socket. The types ensure that a request is answered at most
    /// once, and never before it is received: see [`Request`].
    ///
    /// A reply goes to the connection of its request, or is dropped. Replies that wait for a requester when its
    /// connection is lost are dropped and counted in [`Dropped::unsent`](crate::Dropped::unsent), whichever end had
    /// connected. So no requester gets the reply to another's request.
    ///
    /// Source: RFC 28/REQREP, "The REP Socket Type". libzmq's REP has one request at a time.
    ///
    /// ```
    /// use highwater::{Context, Rep, Req};
    ///
    /// let context = Context::new();
    /// let rep = Rep::new(&context);
    /// let at = rep.bind("tcp://127.0.0.1:0")?;
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| {
    ///             while let Ok(request) = rep.recv() {
    ///                 let answer = request.to_str().unwrap_or_default().to_uppercase();
    ///                 // That the peer may have gone meanwhile is not this worker's concern.
    ///                 let _ = request.reply(answer);
    ///             }
    ///         });
    ///     }
    ///     let mut req = Req::new(&context);
    ///     req.connect(&at)?;
    ///     assert_eq!(req.request("hello")?, "HELLO");
    ///     context.shutdown();
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Rep, SocketType::Rep
}

impl Rep {
    /// The next request; waits until there is one.
    ///
    /// Waits at most `receive_timeout`; by default for ever. A message without the envelope of a request is dropped and
    /// counted.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub fn recv(&self) -> Result<Request, RecvError> {
        self.next(Wait::Configured)
    }

    /// The next request, if one is there now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    pub fn try_recv(&self) -> Result<Request, TryRecvError> {
        self.next(Wait::No)
    }

    /// The next request; waits at most `timeout` for one.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Request, RecvError> {
        self.next(Wait::AtMost(timeout))
    }

    /// The next request, as a future; from each requester in turn.
    ///
    /// Waits without limit: `receive_timeout` is for [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken no request.
    ///
    /// # Errors
    ///
    /// [`RecvError`]; never `Timeout`.
    pub fn recv_async(&self) -> RecvFuture<Request> {
        RecvFuture::new(&self.core, |core, pattern, table, into| {
            let received = take_request(pattern, table);
            *into = received.map(|received| Request::new(core, received));
            into.is_some()
        })
    }

    /// The requests from now on, until the socket is closed (feature `futures`).
    #[cfg(feature = "futures")]
    pub fn stream(&self) -> crate::RecvStream<Request> {
        self.recv_async().into()
    }

    fn next<E: From<RecvFailure>>(&self, wait: Wait) -> Result<Request, E> {
        Ok(Request::new(&self.core, self.core.next_request(wait)?))
    }
}

/// A request that a [`Rep`] has received, with the return path for its reply.
///
/// It reads like the [`Message`] it is. Answering consumes it, so a second answer does not compile:
///
/// ```compile_fail,E0382
/// # let context = highwater::Context::new();
/// let request = highwater::Rep::new(&context).recv()?;
/// request.reply("once")?;
/// request.reply("twice")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A request dropped without an answer is counted in [`Dropped::unanswered`](crate::Dropped::unanswered), and its peer
/// is told nothing. It may be answered from any thread while its socket is open.
#[must_use = "a request that is dropped is never answered"]
pub struct Request {
    message: Message,
    peer: Option<Arc<PeerInfo>>,
    /// `None` once it is answered.
    path: Option<ReturnPath>,
    core: Arc<Core>,
}

impl Request {
    fn new(core: &Arc<Core>, received: RequestReceived) -> Self {
        let RequestReceived {
            message,
            path,
            peer,
        } = received;
        Self {
            message,
            peer,
            path: Some(path),
            core: Arc::clone(core),
        }
    }

    /// Sends the reply. Never waits, so that a peer that does not read cannot hold up a service.
    ///
    /// # Errors
    ///
    /// [`ReplyError`], with the reply; it cannot be sent any more.
    pub fn reply(self, message: impl IntoMessage) -> Result<(), ReplyError> {
        self.answer(Wait::No, message.into_message())
    }

    /// As [`reply`](Self::reply), but waits at most `timeout` for a peer that is at its high-water mark.
    ///
    /// # Errors
    ///
    /// [`ReplyError`], with the reply; it cannot be sent any more.
    pub fn reply_timeout(
        self,
        message: impl IntoMessage,
        timeout: Duration,
    ) -> Result<(), ReplyError> {
        self.answer(Wait::AtMost(timeout), message.into_message())
    }

    /// Sends the reply, as a future that waits while the requester is at its high-water mark.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has sent nothing; the request counts as unanswered.
    ///
    /// # Errors
    ///
    /// [`ReplyError`], with the reply: the requester has gone, or the socket has ended.
    pub fn reply_async(mut self, message: impl IntoMessage) -> ReplyFuture {
        let Some(path) = self.path.take() else {
            unreachable!("a request is consumed by its answer");
        };
        ReplyFuture::new(&self.core, path, message.into_message())
    }

    fn answer(mut self, wait: Wait, mut message: Message) -> Result<(), ReplyError> {
        let Some(path) = self.path.take() else {
            unreachable!("a request is consumed by its answer");
        };
        match self.core.answer(path, wait, &mut message) {
            Ok(()) => Ok(()),
            Err(why) => Err(why.of(message).into()),
        }
    }

    /// The request itself.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Takes the request out and leaves an empty message.
    pub fn take_message(&mut self) -> Message {
        std::mem::take(&mut self.message)
    }

    /// The peer on whose connection the request came: the requester, or the last broker on the way. It may have
    /// disconnected since.
    pub fn peer(&self) -> Option<&PeerInfo> {
        self.peer.as_deref()
    }

    /// How many ROUTERs the request has passed, plus one if a REQ has put a number on it.
    pub fn hops(&self) -> usize {
        self.path.as_ref().map_or(0, |path| path.addresses().len())
    }
}

impl Deref for Request {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("message", &self.message)
            .field("peer", &self.peer.as_ref().map(|peer| &peer.address))
            .finish_non_exhaustive()
    }
}

impl Drop for Request {
    /// Counts the request as unanswered unless it was answered.
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.core.abandon(path);
        }
    }
}

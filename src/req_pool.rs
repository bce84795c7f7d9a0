//! Many requests at once: a pool of REQ sockets with the same options and endpoints.
//!
//! Owns: the sockets that it has made, and the settings of new ones.
//! Always true: a socket has one request at a time, and only one call has the socket. So each answer is to its own question.
//! No more sockets exist than the pool may have.
//! Must not know: how a request is sent, failed, or given up: that is a REQ's.

mod closing;
mod desk;
mod future;
mod pending;
mod place;
mod plan;
#[cfg(feature = "serde")]
mod typed;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_patterns::{IntoMessage, Message};

use crate::context::Context;
use crate::endpoint::{Endpoint, InvalidEndpoint};
use crate::engine::DrainReport;
use crate::error::{ConnectError, Ended, EndpointError, OptionError, RequestError, SendError};
use crate::facade::{AsSocket, Builder, Req, Socket, SocketRef};
use crate::options::Linger;
use crate::peer::PeerInfo;
use crate::socket::{Core, Wait};
use crate::stats::Stats;
use crate::sync::{Mutex, MutexGuard};
pub use closing::PoolCloseFuture;
use desk::Desk;
pub use future::PoolRequestFuture;
pub use pending::PoolPending;
use plan::Plan;
#[cfg(feature = "serde")]
pub use typed::PoolAnswerFuture;

/// Sends requests from many threads and tasks at once, each to one of its peers in turn, and gives each caller the reply to
/// its own request.
///
/// A [`Req`] has one request at a time. A pool has several, up to a number that is given when it is made, and makes them as
/// they are needed. Each request takes a free one, and gives it back when the reply has come or the request is given up: by
/// its timeout, or because its future was dropped. If all are in use, a call waits for its turn; whoever came first goes first.
///
/// To the services this is as many REQ sockets as there are requests at once, so any REP, ROUTER or broker can answer them, of
/// any library, and needs no envelope beyond the usual. The price is a connection for each, to each endpoint. The rules of a
/// request are those of [`Req`]: what happens when a peer goes, when a request is given up, and to a late reply. Set
/// [`correlated`](Builder::correlated) where requests are given up often: otherwise each replaces a connection.
///
/// A pool does not ask twice by itself, except with [`LostPeer::SendAgain`](crate::LostPeer::SendAgain), which sends the
/// request of a peer that has gone to another one. After `Timeout`, `PeerGone` and `NotSent` ask again, if it does no harm that
/// two peers may carry a request out. `GivenUp` stays until the pool is told otherwise: [`sockets`](Self::sockets) know the
/// cause ([`endpoint_state`](Socket::endpoint_state)), and [`disconnect`](Self::disconnect) and [`connect`](Self::connect)
/// begin anew; with [`retry_refused`](Builder::retry_refused) a client that was refused is tried again by itself.
///
/// A pool connects and does not bind: a service that connects to it would reach one of its sockets only.
///
/// ```
/// use highwater::{Context, Rep, ReqPool};
///
/// let context = Context::new();
/// let rep = Rep::new(&context);
/// let at = rep.bind("tcp://127.0.0.1:0")?;
/// let service = std::thread::spawn(move || {
///     for _ in 0..100 {
///         let request = rep.recv().expect("a request comes");
///         let answer = format!("{}!", request.to_str().expect("it is text"));
///         request.reply(answer).expect("the peer waits");
///     }
/// #   rep.close(std::time::Duration::from_secs(5));
/// });
///
/// let pool = ReqPool::new(&context, 8);
/// pool.connect(&at)?;
/// std::thread::scope(|scope| {
///     for thread in 0..10 {
///         let pool = &pool;
///         scope.spawn(move || {
///             for number in 0..10 {
///                 let question = format!("{thread}/{number}");
///                 let answer = pool.request(&*question).expect("it is answered");
///                 assert_eq!(answer, format!("{question}!"));
///             }
///         });
///     }
/// });
/// assert_eq!(pool.stats().messages_received, 100);
/// # service.join().expect("the service does not panic");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ReqPool {
    shared: Arc<Shared>,
}

/// The state that the handle and its futures share.
struct Shared {
    desk: Mutex<Desk<Req>>,
    plan: Mutex<Plan>,
    /// The socket that was made first; it ends with the pool.
    first: Arc<Core>,
    /// How many sockets there may be.
    most: usize,
}

impl ReqPool {
    /// A pool of at most `most` sockets with the default options; of one, if `most` is 0.
    pub fn new(context: &Context, most: usize) -> Self {
        Self::of(Req::builder(context), most)
    }

    /// A pool of at most `most` sockets with the options of `builder`; of one, if `most` is 0.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: an option has a value that it does not allow, as [`try_build`](Builder::try_build) says; or there is a
    /// `routing_id`, which a peer takes from one socket only.
    ///
    /// ```
    /// use std::time::Duration;
    /// use highwater::{Context, Req, ReqPool};
    ///
    /// let builder = Req::builder(&Context::new())
    ///     .correlated(true)
    ///     .receive_timeout(Duration::from_secs(2));
    /// let pool = ReqPool::build(builder, 16)?;
    /// # Ok::<(), highwater::OptionError>(())
    /// ```
    pub fn build(builder: Builder<Req>, most: usize) -> Result<Self, OptionError> {
        if builder.has_routing_id() {
            return Err(NO_ROUTING_ID);
        }
        builder.check()?;
        Ok(Self::of(builder, most))
    }

    fn of(builder: Builder<Req>, most: usize) -> Self {
        let most = most.max(1);
        let req = builder.again().build();
        let socket = req.as_socket();
        Self {
            shared: Arc::new(Shared {
                first: Arc::clone(socket.core()),
                desk: Mutex::new(Desk::new(req, most - 1)),
                plan: Mutex::new(Plan::new(builder, socket)),
                most,
            }),
        }
    }

    /// Sends `message` to the next peer with room, and waits for the reply.
    ///
    /// Waits for a free socket and for room together at most `send_timeout`, then for the reply at most `receive_timeout`; by
    /// default for ever.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; [`NotSent`](RequestError::NotSent) also if no socket became free in time.
    pub fn request(&self, message: impl IntoMessage) -> Result<Message, RequestError> {
        let message = message.into_message();
        match self.shared.turn(Wait::Configured)? {
            Some((mut lease, room)) => lease.req().request_within(room, message),
            None => Err(RequestError::NotSent(message)),
        }
    }

    /// As [`request`](Self::request), but gives up after `timeout` in all. If that is over before a socket is free, or is zero,
    /// nothing is sent.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; [`NotSent`](RequestError::NotSent) also if no socket became free in time.
    pub fn request_timeout(
        &self,
        message: impl IntoMessage,
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let message = message.into_message();
        match self.shared.turn_within(Instant::now(), timeout)? {
            Some((mut lease, left)) => lease.req().request_timeout(message, left),
            None => Err(RequestError::NotSent(message)),
        }
    }

    /// Sends `message` to the next peer with room; the returned value receives the reply. It borrows nothing, so it may be kept
    /// anywhere, and moved to another thread or task. It has one of the sockets until then.
    ///
    /// Waits for a free socket and for room together at most `send_timeout`; by default for ever.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message; [`Timeout`](SendError::Timeout) also if no socket became free in time.
    ///
    /// ```
    /// use highwater::{Context, Rep, ReqPool};
    ///
    /// let context = Context::new();
    /// let rep = Rep::new(&context);
    /// let pool = ReqPool::new(&context, 2);
    /// pool.connect(rep.bind("tcp://127.0.0.1:0")?)?;
    ///
    /// let pending = [pool.send("one")?, pool.send("two")?];
    /// for _ in 0..2 {
    ///     let request = rep.recv()?;
    ///     let answer = request.message().clone();
    ///     request.reply(answer)?;
    /// }
    /// let waiting = pending.map(|pending| std::thread::spawn(|| pending.recv()));
    /// let [one, two] = waiting.map(|thread| thread.join().expect("it does not panic"));
    /// assert_eq!((one?, two?), ("one".into(), "two".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, message: impl IntoMessage) -> Result<PoolPending, SendError> {
        PoolPending::send(&self.shared, Wait::Configured, message.into_message())
    }

    /// As [`send`](Self::send), but waits for a free socket and for room together at most `timeout`; with zero not at all.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message; [`Timeout`](SendError::Timeout) also if no socket became free in time.
    pub fn send_timeout(
        &self,
        message: impl IntoMessage,
        timeout: Duration,
    ) -> Result<PoolPending, SendError> {
        PoolPending::send(&self.shared, Wait::AtMost(timeout), message.into_message())
    }

    /// Sends a request and waits for its reply, as a future that can be sent to any task.
    ///
    /// Waits without limit: `send_timeout` and `receive_timeout` are for [`request`](Self::request). For a limit, use a
    /// timer of the executor.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready gives the request up, and its socket back; or its turn to the next, if it
    /// had none yet.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; never `Timeout`.
    pub fn request_async(&self, message: impl IntoMessage) -> PoolRequestFuture {
        PoolRequestFuture::new(&self.shared, message.into_message())
    }

    /// Keeps a connection to `endpoint` from each socket, those to be made included; its peer may start to listen later.
    ///
    /// Does not wait. Of several endpoints, each new socket begins with another.
    ///
    /// # Errors
    ///
    /// As [`Req::connect`], if one of the sockets fails: then none is connected there that was not before. A request that has
    /// gone there meanwhile fails, as after [`disconnect`](Self::disconnect).
    pub fn connect<E>(&self, endpoint: E) -> Result<(), ConnectError>
    where
        E: TryInto<Endpoint>,
        InvalidEndpoint: From<E::Error>,
    {
        let endpoint = endpoint.try_into().map_err(InvalidEndpoint::from)?;
        self.shared.plan()?.connect(endpoint)
    }

    /// Gives up the connections to `endpoint`. A request that is on its way there fails, as that of a [`Req`] does.
    ///
    /// # Errors
    ///
    /// [`EndpointError`]: the pool is not connected there; or one of its sockets is not, and the others were until now.
    pub fn disconnect<E>(&self, endpoint: E) -> Result<(), EndpointError>
    where
        E: TryInto<Endpoint>,
        InvalidEndpoint: From<E::Error>,
    {
        let endpoint = endpoint.try_into().map_err(InvalidEndpoint::from)?;
        self.shared.plan()?.disconnect(endpoint)
    }

    /// The sockets made so far, to be watched and asked as any [`Socket`].
    ///
    /// To close or to connect one of them alone changes what becomes of the requests that it gets.
    pub fn sockets(&self) -> Vec<SocketRef> {
        self.shared
            .plan()
            .map_or_else(|_| Vec::new(), |plan| plan.sockets())
    }

    /// The peers connected now, of all sockets: a service as often as there are sockets connected to it.
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.sockets().iter().flat_map(Socket::peers).collect()
    }

    /// The counts of all sockets so far, added up.
    pub fn stats(&self) -> Stats {
        self.sockets().iter().map(Socket::stats).sum()
    }

    /// Sets an option by name for all sockets, those to be made included.
    ///
    /// # Errors
    ///
    /// [`OptionError`], as [`Req::set_option`]; also for `routing_id`. No socket has another value then than before.
    pub fn set_option(&self, name: &str, value: &str) -> Result<(), OptionError> {
        if name == "routing_id" {
            return Err(NO_ROUTING_ID);
        }
        self.shared.plan()?.set_option(name, value)
    }

    /// The value of the option `name`, as text.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the option does not exist.
    pub fn option(&self, name: &str) -> Result<String, OptionError> {
        self.shared.first.option(name)
    }

    /// Closes all sockets at once, and waits for each as [`Req::close`] does, at most `drain` in all.
    ///
    /// Each request that waits, for a socket or a reply, fails with [`Ended::Closed`], and so does each later one.
    pub fn close(&self, drain: Duration) -> DrainReport {
        let linger = Some(Linger::AtMost(drain));
        self.shared.close(|core| core.close(linger)).wait()
    }

    /// As [`close`](Self::close): closes all sockets at once, and is ready once each is done, or `drain` is over.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, queued messages are still sent until `drain` is over.
    pub fn close_async(self, drain: Duration) -> PoolCloseFuture {
        PoolCloseFuture::new(&self.shared, drain)
    }
}

impl Shared {
    fn desk(&self) -> Result<MutexGuard<'_, Desk<Req>>, Ended> {
        let desk = self.desk.lock_here(|| self.first.is_here());
        desk.ok_or(Ended::Forked)
    }

    fn plan(&self) -> Result<MutexGuard<'_, Plan>, Ended> {
        let plan = self.plan.lock_here(|| self.first.is_here());
        plan.ok_or(Ended::Forked)
    }

    /// One more socket, connected as all others; none if the pool has ended.
    fn make(&self) -> Option<Req> {
        self.plan().ok()?.make()
    }
}

impl Drop for ReqPool {
    /// Closes all sockets, as the drop of a [`Req`] does: requests that are still waited for fail.
    fn drop(&mut self) {
        drop(self.shared.close(|core| core.close(None)));
    }
}

/// One line: how many sockets there may be, and the first of them.
impl fmt::Debug for ReqPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqPool")
            .field("most", &self.shared.most)
            .field("first", &self.shared.first)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("first", &self.first)
            .finish_non_exhaustive()
    }
}

const NO_ROUTING_ID: OptionError = OptionError::Invalid {
    name: "routing_id",
    expected: "nothing in a pool, whose sockets a peer must be able to tell apart",
};

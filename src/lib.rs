//! ZeroMQ-style messaging: sockets that send and receive whole messages, connect to any number of peers, and reconnect by
//! themselves. Wire compatible with every ZMTP 3.x peer (libzmq, pyzmq, zeromq.js, JeroMQ, NetMQ), without C and without an
//! async runtime.
//!
//! A socket belongs to a [`Context`], whose I/O threads look after the connections of its sockets. A [`Message`] is one or
//! more frames, and a frame is bytes. Each socket type is a Rust type that has the calls of its role and no others: a
//! [`Pull`] has no `send`. For each peer there is a queue with a *high-water mark*: the number of messages that may wait in
//! it. Nothing is lost in silence: a message for which there is no room comes back inside the error, and a message that is
//! lost later is counted ([`Stats`]) and reported ([`Event`]).
//!
//! # Install
//!
//! ```toml
//! [dependencies]
//! highwater = "0.1" # until it is on crates.io: { path = "../highwater" }, a checkout
//! ```
//!
//! Unix only. Rust 1.88 or later; Rust 1.89 with the feature `curve`.
//!
//! | feature | what it adds |
//! |---|---|
//! | none (the default) | all socket types and transports, futures, the mechanisms NULL and PLAIN |
//! | `curve` | the mechanism CURVE: encryption and keys |
//! | `futures` | the traits `Stream` and `Sink`: `stream`, `sink`. `async` calls need no feature |
//! | `json`, `postcard`, `msgpack`, `cbor` | sockets whose payload has a type: `typed` |
//!
//! # A whole program
//!
//! ```
//! use std::time::Duration;
//! use highwater::{Context, Rep, Req};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let context = Context::new();
//!     let rep = Rep::new(&context);
//!     let at = rep.bind("tcp://127.0.0.1:*")?; // the endpoint, with the port that the system chose
//!
//!     let service = std::thread::spawn(move || {
//!         // Ends when the context is shut down: `recv` returns an error then.
//!         while let Ok(request) = rep.recv() {
//!             let answer = request.to_str().unwrap_or("not text").to_uppercase();
//!             let _ = request.reply(answer); // fails if the requester has gone meanwhile
//!         }
//!     });
//!
//!     let mut req = Req::new(&context);
//!     req.connect(&at)?;
//!     let reply = req.request_timeout("hello", Duration::from_secs(5))?;
//!     assert_eq!(reply, "HELLO");
//!
//!     context.shutdown();
//!     service.join().expect("the service does not panic");
//!     Ok(())
//! }
//! ```
//!
//! Either side may bind and either may connect, in any order, over `tcp://`, `ipc://` (Unix sockets) and `inproc://` (within
//! a context): see [`Endpoint`].
//!
//! # Which socket for what
//!
//! | you want | sockets |
//! |---|---|
//! | each job done by one of several workers | [`Push`] to [`Pull`] |
//! | the same, and no job lost when a worker dies | [`ReqPool`] to [`Rep`], or [`Router`] to [`Dealer`] |
//! | a question and its answer | [`Req`] to [`Rep`]; a [`Rep`] can have many requests at work |
//! | many questions at a time, answered in any order | [`Dealer`] to [`Rep`] or [`Router`] |
//! | many questions at once, from threads or tasks, each with its own answer | [`ReqPool`] to [`Rep`] |
//! | to send to a peer by its name | [`Router`], with any of [`Dealer`], [`Req`], [`Router`] |
//! | news for all who have subscribed to its topic | [`Pub`] to [`Sub`] |
//! | to see or decide who subscribes, to give late subscribers the last value, or to pass subscriptions on | [`XPub`], [`XSub`] |
//! | a line between two, in both directions | [`Pair`] |
//! | a broker between any of these | [`Proxy`] |
//!
//! All of them have the calls of the trait [`Socket`]: endpoints, peers, counters, events and options, also for code over any socket.
//!
//! # When a peer cannot keep up
//!
//! Its queue fills up to the [`send_high_water_mark`](Builder::send_high_water_mark), 1000 messages by default. A socket whose
//! every queue is full, or that has no peer, is *mute*. You choose by the call what happens then:
//!
//! | call | a mute socket |
//! |---|---|
//! | `send`, `send_async` | waits for room |
//! | `send_timeout` | waits for a limited time |
//! | `try_send` | fails at once with `Full` |
//! | `reserve` and its like | wait for room before there is a message: the [`Permit`] then sends without waiting |
//!
//! A [`Pub`] never waits: a subscriber whose queue is full misses the message, and the [`Report`] of the send counts that (the
//! option [`slow_subscriber`](Builder::slow_subscriber) decides otherwise). A [`Router`] fails for the peer that is named.
//!
//! # Threads
//!
//! Sockets are `Send + Sync`. Threads share one behind a reference or an [`Arc`](std::sync::Arc); each message is received
//! by one of them. A [`Context`] is a handle: a clone of it is the same context. [`Poll`] waits for several sockets and file
//! descriptors at once. A child of `fork` cannot use the sockets of its parent: calls return `Ended`
//! ([after a fork](Context#after-a-fork)).
//!
//! # Async
//!
//! Each call that waits has a twin that returns a future: `send_async`, `recv_async`, [`Req::request_async`],
//! [`Request::reply_async`], `close_async`, `wait_for_peers_async`; [`events`](Push::events) for [`monitor`](Push::monitor).
//! They work on every executor, tokio among them, and need no feature. A future that is dropped before it is ready has taken
//! nothing and sent nothing. So `select!` loses no message, and a time limit is that of your executor:
//! `tokio::time::timeout(limit, pull.recv_async())`. [`send_timeout`](Builder::send_timeout) and
//! [`receive_timeout`](Builder::receive_timeout) hold for the blocking calls alone. In a task, end a socket with
//! `close_async`: to drop the last owner of a context blocks its thread while messages linger.
//!
//! ```
//! use std::time::Duration;
//! use highwater::{Context, Rep, Req, RequestError};
//! use tokio::time::timeout;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     let context = Context::new();
//!     let rep = Rep::new(&context);
//!     let at = rep.bind("tcp://127.0.0.1:*")?;
//!     let service = tokio::spawn(async move {
//!         while let Ok(request) = rep.recv_async().await {
//!             tokio::spawn(async move { // each request may take its time
//!                 let answer = request.to_str().unwrap_or("not text").to_uppercase();
//!                 let _ = request.reply_async(answer).await; // fails if the requester has gone meanwhile
//!             });
//!         }
//!     });
//!
//!     let mut req = Req::new(&context);
//!     req.connect(&at)?;
//!     let reply = loop {
//!         // After a second the future is dropped, and with it the request: a late reply is never taken for the next one.
//!         match timeout(Duration::from_secs(1), req.request_async("hello")).await {
//!             Ok(Ok(reply)) => break reply,
//!             Ok(Err(RequestError::PeerGone)) | Err(_) => continue, // ask again
//!             Ok(Err(error)) => return Err(error.into()),
//!         }
//!     };
//!     assert_eq!(reply, "HELLO");
//!
//!     context.shutdown();
//!     service.await?;
//!     Ok(())
//! }
//! ```
//!
//! # Errors
//!
//! Each kind of call has an error type of its own, with a variant for each decision that a caller can take; all convert into
//! [`io::Error`](std::io::Error) and `Box<dyn Error + Send + Sync>`.
//!
//! | variant | what it means | what to do |
//! |---|---|---|
//! | `Timeout`, `Full`, `Empty` | no room, or no message, in that time | try again |
//! | `PeerGone` ([`RequestError`]) | the peer has gone before its reply; whether it has acted is not known | ask again, if acting twice does no harm |
//! | `CutOff` ([`RequestError`]) | as many peers as `send_attempts` says have ended their connection on this request | look at its size |
//! | `NoRoute` ([`RouteError`]) | no peer has this routing id | forget the peer |
//! | `GivenUp` | this socket has no peer, and will get none from an endpoint that it connects to | look at [`endpoint_state`](Push::endpoint_state) for the cause |
//! | `Ended` | the socket was closed or retired, or its context was shut down: [`Ended`] says which | end the loop |
//!
//! An error of a send has the message in it: `into_message` gives it back. [`connect`](Push::connect) does not wait for the
//! peer and so says nothing of it: [`wait_until_ready`](Push::wait_until_ready) does, with the cause of a failure.
//!
//! # Closing
//!
//! | call | waits | unsent messages |
//! |---|---|---|
//! | drop a socket | no, unless it is the last owner of its context | are sent in the background, at most for [`linger`](Builder::linger) (30 s) |
//! | [`close`](Push::close), `close_async` | until all is sent and read, at most as long as you say | are counted in the [`DrainReport`] |
//! | [`retire`](Push::retire) | no; see [`Retirement`] | are sent; what peers had sent can still be received, then `recv` returns `Ended` |
//! | [`Context::shutdown`] | no | linger; each call of each socket returns `Ended` |
//!
//! A receiver does not learn that no more will come, since another sender may connect at any time. Let the last message say so, give
//! [`receive_timeout`](Builder::receive_timeout), or shut the context down: no call returns what had not been received until then.
//!
//! # Options
//!
//! Options are set before the socket exists, by [`Builder`]; most can be changed later, by type
//! ([`set_linger`](Push::set_linger)) or by name ([`set_option`](Push::set_option)):
//!
//! ```
//! use std::time::Duration;
//! use highwater::{Context, Push};
//!
//! let push = Push::builder(&Context::new())
//!     .send_high_water_mark(10_000)
//!     .send_timeout(Duration::from_millis(200))
//!     .try_build()?;
//! push.set_option("linger", "250")?; // in milliseconds
//! # Ok::<(), highwater::OptionError>(())
//! ```
//!
//! # Security
//!
//! Without [`Builder::security`], a socket lets in everybody who can reach it. See [`security`] for PLAIN, CURVE, and lists
//! and closures that decide who may come in. A client that is refused gives its endpoint up: the request that waited for this
//! peer fails with `PeerGone`, later ones with `GivenUp`, and [`wait_until_ready`](Push::wait_until_ready) and
//! [`monitor`](Push::monitor) tell the reason. A peer that is revoked sees its connection end; it learns the reason when it
//! connects again.
//!
//! # Typed values
//!
//! With the feature of a codec, a socket sends and receives values of a type. `typed` turns a socket into one. The calls of tasks,
//! `recv_many`, `stream` and `sink` are there for values, too:
//!
//! ```
//! # #[cfg(feature = "json")] {
//! use std::time::Duration;
//! use highwater::typed::{Json, TypedError};
//! use highwater::{Context, Pull, Push, RecvError};
//!
//! let context = Context::new();
//! let push = Push::new(&context).typed::<Vec<u32>, Json>();
//! let pull = Pull::builder(&context).receive_timeout(Duration::from_millis(500)).build().typed::<Vec<u32>, Json>();
//! push.connect(pull.bind("inproc://numbers")?)?;
//! push.send(&vec![1, 2, 3])?;
//! (*push).send("no list")?; // the socket itself still sends messages
//!
//! let mut sum = 0;
//! loop {
//!     match pull.recv() {
//!         Ok(numbers) => sum += numbers.iter().sum::<u32>(),
//!         Err(TypedError::Undecodable { received, cause }) => eprintln!("{received:?}: {cause}"), // and go on
//!         Err(TypedError::Socket(RecvError::Timeout | RecvError::Ended(_))) => break, // what the call of the socket says
//!         Err(error) => return Err(error.into()),
//!     }
//! }
//! assert_eq!(sum, 6);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A peer with another encoding, or another version of the type, is refused before a message is lost, if both ends
//! announce what their payload is: `push.announce("numbers/1")?`.
//!
//! # Coming from libzmq
//!
//! Search these pages for the name that you know, such as `ZMQ_SNDHWM`: the setters are found by it.
//!
//! | libzmq | here |
//! |---|---|
//! | `ZMQ_SNDHWM`, `ZMQ_RCVHWM` | [`send_high_water_mark`](Builder::send_high_water_mark), [`receive_high_water_mark`](Builder::receive_high_water_mark); `None`, not 0, is no limit |
//! | `ZMQ_SNDTIMEO`, `ZMQ_RCVTIMEO` | [`send_timeout`](Builder::send_timeout), [`receive_timeout`](Builder::receive_timeout), or for one call `send_timeout(message, limit)`, `recv_timeout(limit)` |
//! | `ZMQ_DONTWAIT` | `try_send`, `try_recv` |
//! | `ZMQ_SNDMORE`, `ZMQ_RCVMORE` | a [`Message`] has all its frames: `send(["topic", "body"])`, `message[1]` |
//! | `ZMQ_LINGER` | [`linger`](Builder::linger); the default is 30 s, not for ever |
//! | `ZMQ_SUBSCRIBE`, `ZMQ_UNSUBSCRIBE` | [`Sub::subscribe`], [`Sub::unsubscribe`] |
//! | `ZMQ_ROUTING_ID`, `ZMQ_IDENTITY`; `ZMQ_CONNECT_ROUTING_ID` | [`routing_id`](Builder::routing_id); [`Router::connect_as`] |
//! | `ZMQ_ROUTER_MANDATORY`, `ZMQ_ROUTER_HANDOVER` | [`undeliverable`](Builder::undeliverable) (the default gives the message back), [`duplicate_id`](Builder::duplicate_id) |
//! | `ZMQ_PROBE_ROUTER` | [`probe`](Builder::probe) |
//! | `ZMQ_REQ_RELAXED`, `ZMQ_REQ_CORRELATE` | always on; [`correlated`](Builder::correlated) |
//! | `ZMQ_RECONNECT_IVL`, `ZMQ_RECONNECT_IVL_MAX`, `ZMQ_RECONNECT_STOP` | [`reconnect_interval`](Builder::reconnect_interval), [`reconnect_interval_max`](Builder::reconnect_interval_max), [`reconnect_stop`](Builder::reconnect_stop) |
//! | `ZMQ_CONNECT_TIMEOUT`, `ZMQ_HANDSHAKE_IVL` | [`connect_timeout`](Builder::connect_timeout), [`handshake_timeout`](Builder::handshake_timeout) |
//! | `ZMQ_HEARTBEAT_IVL`, `_TIMEOUT`, `_TTL` | [`heartbeat_interval`](Builder::heartbeat_interval) (on, every 10 s), [`heartbeat_timeout`](Builder::heartbeat_timeout), [`heartbeat_ttl`](Builder::heartbeat_ttl) |
//! | `ZMQ_MAXMSGSIZE` | [`max_message_size`](Builder::max_message_size), 1 GiB, all frames together |
//! | `ZMQ_IMMEDIATE`, `ZMQ_CONFLATE` | [`immediate`](Builder::immediate), [`conflate`](Builder::conflate) |
//! | `ZMQ_XPUB_NODROP`, `ZMQ_INVERT_MATCHING` | [`slow_subscriber`](Builder::slow_subscriber), [`invert_matching`](Builder::invert_matching) |
//! | `ZMQ_XPUB_VERBOSE`, `_VERBOSER`, `_MANUAL`, `_WELCOME_MSG` | [`notices`](Builder::notices), [`manual`](Builder::manual), [`welcome`](Builder::welcome) |
//! | `ZMQ_ONLY_FIRST_SUBSCRIBE`, `ZMQ_XSUB_VERBOSE_UNSUBSCRIBE` | [`only_first_subscribe`](Builder::only_first_subscribe), [`verbose_unsubscribe`](Builder::verbose_unsubscribe) |
//! | `ZMQ_SNDBUF`, `ZMQ_RCVBUF`, `ZMQ_BACKLOG` | [`send_buffer`](Builder::send_buffer), [`receive_buffer`](Builder::receive_buffer), [`backlog`](Builder::backlog) |
//! | `ZMQ_TCP_KEEPALIVE` and its like, `ZMQ_TCP_MAXRT` | [`keepalive`](Builder::keepalive), [`tcp_user_timeout`](Builder::tcp_user_timeout) |
//! | `ZMQ_IPV6`, `ZMQ_TOS`, `ZMQ_BINDTODEVICE` | [`ipv6`](Builder::ipv6), [`type_of_service`](Builder::type_of_service), [`bind_to_device`](Builder::bind_to_device) |
//! | `ZMQ_SOCKS_PROXY`, `_USERNAME`, `_PASSWORD` | [`socks_proxy`](Builder::socks_proxy) |
//! | `ZMQ_METADATA` | [`metadata`](Builder::metadata) |
//! | `ZMQ_TCP_ACCEPT_FILTER`, `ZMQ_IPC_FILTER_UID` and its like | [`accept_filter`](Builder::accept_filter) |
//! | `ZMQ_PLAIN_*`, `ZMQ_CURVE_*`, `ZMQ_ZAP_DOMAIN` | [`security`](Builder::security); a ZAP handler is asked by [`Zap`] |
//! | `ZMQ_LAST_ENDPOINT` | what [`bind`](Push::bind) returns, and [`local_endpoints`](Push::local_endpoints) |
//! | `ZMQ_FD`, `ZMQ_EVENTS`; `ZMQ_USE_FD` | [`readiness`](Push::readiness); [`bind_fd`](Push::bind_fd), [`connect_fd`](Push::connect_fd) |
//! | `ZMQ_TOPICS_COUNT` | [`Sub::topic_count`], [`Pub::topic_count`] |
//! | `ZMQ_IO_THREADS` | [`ContextBuilder::io_threads`] |
//! | `zmq_ctx_shutdown`, `zmq_ctx_term` | [`Context::shutdown`]; to drop the last owner of a context waits as `zmq_ctx_term` does |
//! | `zmq_poll`, `zmq_proxy`, `zmq_socket_monitor` | [`Poll`], [`Proxy`], [`monitor`](Push::monitor) |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod activation;
mod context;
mod endpoint;
mod engine;
mod error;
mod facade;
mod inproc;
mod monitor;
mod options;
mod origin;
mod peer;
mod pipe;
mod policy;
mod poll;
mod proxy;
mod req_pool;
pub mod security;
mod socket;
mod stats;
mod sync;
mod transport;
mod wake;
mod zap;
mod zmtp;

pub use activation::{ListenFd, listen_fds};
pub use context::{Context, ContextBuilder};
pub use endpoint::{Endpoint, InvalidEndpoint, Transport};
pub use engine::{DrainReport, RetireReport};
pub use error::{
    BindError, ConnectError, Ended, EndpointError, LinkError, OptionError, ReadyError, RecvError,
    ReplyError, RequestError, ReserveError, RouteError, SendError, SendManyError, SubscribeError,
    TryRecvError, TrySendError, WaitError,
};
pub use facade::{
    AsSocket, Builder, CloseFuture, Dealer, EventStream, Messages, NextEvent, Pair, Pending,
    Permit, PollSender, PollSenderTo, Pub, Pull, Push, RecvFuture, RecvManyFuture, Rep,
    ReplyFuture, Report, Req, Request, RequestFuture, ReserveFuture, Router, SendFuture,
    SendToFuture, Socket, SocketRef, Sub, Upstream, WaitFuture, XPub, XSub,
};
#[cfg(feature = "futures")]
pub use facade::{FlushFuture, RecvStream, SendSink};
// The signatures of hidden calls of `Message`, `Frame` and `IntoMessage` need them.
#[doc(hidden)]
pub use highwater_patterns::{Body, INLINE_CAPACITY};
pub use highwater_patterns::{
    DuplicateId, Frame, IntoMessage, InvalidChoice, InvalidRoutingId, LostPeer, MAX_TOPIC, Message,
    Notices, RoutingId, SeveralFrames, SlowSubscriber, SocketType, Undeliverable,
};
pub use monitor::{EndpointState, Event, EventKind};
pub use options::{AcceptFilter, IpcPermissions, Keepalive, Linger, ReconnectStop, SocksProxy};
pub use peer::{Credentials, PeerInfo};
pub use poll::{Poll, Ready, Token};
pub use proxy::{Proxy, ProxyControl, ProxyHandle, ProxySide, ProxyStats};
#[cfg(feature = "serde")]
pub use req_pool::PoolAnswerFuture;
pub use req_pool::{PoolCloseFuture, PoolPending, PoolRequestFuture, ReqPool};
pub use socket::{Interest, Readiness, RetireFuture, Retirement};
pub use stats::{Dropped, PeerStats, Stats};
pub use transport::Ipv6Mode;
pub use zap::Zap;
pub use zmtp::{FrameError, ProtocolError};

#[cfg(feature = "serde")]
pub use facade::typed;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

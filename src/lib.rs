//! ZeroMQ-style messaging: typed sockets, wire compatible with every ZMTP 3.x peer, without C or an async runtime.
//!
//! A socket sends and receives whole [`Message`]s; I/O threads of its [`Context`] look after any number of
//! connections in both directions. What a socket does when a peer cannot keep up is the heart of this library, and
//! nothing about it is silent: see [`Stats`] and [`Event`].

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
    BindError, ConnectError, EndpointError, LinkError, OptionError, ReadyError, RecvError,
    ReplyError, RequestError, RouteError, SendError, SendManyError, SubscribeError, TryRecvError,
    TrySendError, WaitError,
};
pub use facade::{
    AsSocket, Builder, CloseFuture, Dealer, EventStream, Messages, NextEvent, Pair, Pending, Pub,
    Pull, Push, RecvFuture, RecvManyFuture, Rep, ReplyFuture, Report, Req, Request, RequestFuture,
    Router, SendFuture, SendToFuture, SocketRef, Sub, Upstream, WaitFuture, XPub, XSub,
};
#[cfg(feature = "futures")]
pub use facade::{RecvStream, SendSink};
pub use highwater_patterns::{
    Body, DuplicateId, Frame, INLINE_CAPACITY, IntoMessage, InvalidRoutingId, LostPeer, MAX_TOPIC,
    Message, Notices, RoutingId, SeveralFrames, SlowSubscriber, SocketType, Undeliverable,
};
pub use monitor::{EndpointState, Event, EventKind};
pub use options::{AcceptFilter, IpcPermissions, Keepalive, Linger, ReconnectStop, SocksProxy};
pub use peer::{Credentials, PeerInfo};
pub use poll::{Poll, Ready, Token};
pub use proxy::{Proxy, ProxyControl, ProxyHandle, ProxySide, ProxyStats};
pub use socket::{Interest, Readiness, Retirement};
pub use stats::{Dropped, PeerStats, Stats};
pub use transport::Ipv6Mode;
pub use zap::Zap;
pub use zmtp::{FrameError, ProtocolError};

#[cfg(feature = "serde")]
pub use facade::typed;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Typed handles: a socket type has only the methods of its role.
//!
//! Owns: one short file per socket type, the builder, and the calls that all types share.
//! Always true: no decision is taken here; every call goes to the untyped core.

mod as_socket;
mod builder;
mod common_calls;
mod dealer;
mod endpoints;
mod failures;
mod futures;
mod live_options;
mod macros;
mod messages;
mod pair;
mod permit;
mod publish;
mod pull;
mod push;
mod rep;
mod report;
mod req;
mod router;
mod sub;
#[cfg(feature = "serde")]
pub mod typed;
mod xpub;
mod xsub;

pub use as_socket::{AsSocket, Socket, SocketRef};
pub use builder::Builder;
pub use dealer::Dealer;
pub use futures::{
    CloseFuture, EventStream, NextEvent, PollSender, PollSenderTo, RecvFuture, RecvManyFuture,
    ReplyFuture, RequestFuture, ReserveFuture, SendFuture, SendToFuture, WaitFuture,
};
#[cfg(feature = "futures")]
pub use futures::{FlushFuture, RecvStream, SendSink};
pub use messages::Messages;
pub use pair::Pair;
pub use permit::Permit;
pub use publish::Pub;
pub use pull::Pull;
pub use push::Push;
pub use rep::{Rep, Request};
pub use report::Report;
pub use req::{Pending, Req};
pub use router::Router;
pub use sub::Sub;
pub use xpub::{Upstream, XPub};
pub use xsub::XSub;

use macros::{knows_subscribers, publishes, receives, reserves, sends, socket, subscribes};

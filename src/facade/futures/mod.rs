//! The calls of tasks: futures on the same sockets, for any executor.
//!
//! Owns: one file for each kind of future, and the macros that give the calls that make them to the handles.
//! Always true: a future makes an attempt at each poll and holds no lock between two polls. Dropped, it has taken nothing
//! from the socket and left nothing in it.
//! Must not know: executors, timers.

mod closing;
mod events;
mod poll_sender;
mod poll_sender_to;
mod receiving;
mod requesting;
mod reserving;
mod sending;
#[cfg(feature = "futures")]
mod streams;
mod waiting;

pub use closing::CloseFuture;
pub use events::{EventStream, NextEvent};
pub use poll_sender::PollSender;
pub use poll_sender_to::PollSenderTo;
pub use receiving::{RecvFuture, RecvManyFuture};
pub use requesting::{ReplyFuture, RequestFuture};
pub use reserving::ReserveFuture;
pub use sending::{SendFuture, SendToFuture};
#[cfg(feature = "futures")]
pub use streams::{FlushFuture, RecvStream, SendSink};
pub use waiting::WaitFuture;

#[cfg(feature = "serde")]
pub(super) use receiving::PollMany;
pub(super) use receiving::receives_async;
pub(super) use sending::{publishes_async, sends_async};
pub(super) use waiting::{closes_async, knows_subscribers_async, waits_async};

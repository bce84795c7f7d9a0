//! The I/O threads, which serve connections while the application does other work.
//!
//! Owns: listeners, sessions (one configured peer each), links (one live connection each), their timers and back-off.
//! Always true: each listener, session and link belongs to one thread; other threads reach it by [`Request`]s, or
//! through the locks of a link.
//! Must not know: sockets and patterns. It sends events to a [`SocketSide`].
//!
//! ```text
//!   Engine --Request--> Loop --owns--> Listener --accepts--> Link --------+
//!                        |                                    ^           | PipeEvent
//!                        +-----------> Session --connects-----+           v
//!                                      (its Pipe outlives links)      SocketSide
//! ```

mod accept_filter;
mod accepted_count;
mod affinity;
mod asking;
mod config;
mod deadlines;
mod drain;
mod entries;
mod event_loop;
mod flushing;
mod handshake;
mod handshake_count;
mod hearing;
mod helpers;
mod inbox;
mod judgement;
mod judging;
mod lenders;
mod link;
mod link_dispatch;
mod listener;
mod mechanism;
mod parting;
mod pending_heartbeats;
mod preparing;
mod proxying;
mod queued_connects;
mod reading;
mod registration;
mod report;
mod request;
mod resolver;
mod scheduled;
mod session;
mod session_end;
mod sign_of_life;
mod status;
mod threads;
mod timers;

pub(crate) use accepted_count::AcceptedCount;
pub(crate) use config::EndpointConfig;
pub(crate) use drain::{Closing, Drain, Hold};
pub(crate) use handshake_count::HandshakeCount;
pub use report::{DrainReport, RetireReport};
pub(crate) use status::Status;
pub(crate) use threads::{Engine, is_io_thread};

pub(crate) use crate::pipe::Key;

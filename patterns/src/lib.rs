//! The pure part of `highwater`: what a message is, and which pipe it takes.
//!
//! Owns: [`Message`], [`SocketType`] and [`RoutingId`]; the port [`Pipes`] through which a pattern touches the
//! world; the four strategies; one short file per socket type that composes them.
//! Always true: the same calls give the same answers. No clock, no socket, no thread, no lock, no random number.
//! Must not know: how bytes travel, who waits for what, what time it is.
#![forbid(unsafe_code)]

mod frame;
mod message;
mod pipes;
mod routing_id;
mod socket_type;

pub use frame::{Frame, INLINE_CAPACITY};
pub use message::Message;
pub use pipes::{PipeId, Pipes, Received};
pub use routing_id::{InvalidRoutingId, RoutingId};
pub use socket_type::SocketType;

//! Memory of message bodies, used again.
//!
//! Owns: the [`Shelf`], on which buffers lie that nobody uses; [`body`], which sees to it that one comes back to its own
//! shelf; and the shelf of the process, on which [`Reused`] bodies leave their memory for copies.
//! Always true: nobody waits for a lock here; a body that is used is written by nobody; a body may outlive its shelf.
//! Must not know: messages, sockets, threads.
#![forbid(unsafe_code)]

mod body;
mod copies;
mod shelf;
mod sync;

pub use body::body;
pub use copies::{LEAST_REUSED, Lease, Reused};
pub use shelf::Shelf;

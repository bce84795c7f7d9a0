//! Reused memory of message bodies.
//!
//! Owns: the [`Shelf`], which holds unused buffers; [`body`], which returns a buffer to its shelf; the shelf of
//! the process, which keeps the memory of [`Reused`] bodies for copies; and the bodies that a thread drops only once it
//! has released its locks.
//! Always true: no thread waits for a lock here; the bytes of a body in use are never written; a body may outlive its
//! shelf.
//! Must not know: messages, sockets, threads.
#![forbid(unsafe_code)]

mod body;
mod copies;
mod late;
mod reused;
mod shelf;
mod sync;

pub use body::body;
pub use copies::{LEAST_REUSED, Lease};
pub use late::{LateScope, drop_late, hold_drops, holds_drops};
pub use reused::Reused;
pub use shelf::Shelf;

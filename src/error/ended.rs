//! Why a socket can be used no more.
//!
//! Owns: its texts.
//! Must not know: the calls that fail for it.

use std::error::Error;
use std::fmt;

/// Why a socket can be used no more: it was closed, or its context was shut down, or the process was forked.
///
/// Every error of a call has it in its variant `Ended`, and gives it as `ended()`. No later call on the socket succeeds.
///
/// ```
/// use highwater::{Context, Pull, RecvError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let pull = Pull::new(&context);
/// pull.bind("tcp://127.0.0.1:0")?;
/// # context.shutdown();
/// loop {
///     match pull.recv() {
///         Ok(message) => println!("{message:?}"),
///         Err(RecvError::Ended(_)) => break, // closed, or shut down
///         Err(error) => return Err(error.into()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// The socket was closed, here or by another thread, or it was retired and everything has been received.
    Closed,
    /// The context was shut down.
    Terminated,
    /// The socket belongs to the process from which this one was forked: see [`Context`](crate::Context#after-a-fork).
    Forked,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the socket is closed",
            Self::Terminated => "the context is shut down",
            Self::Forked => "the socket belongs to the parent process",
        })
    }
}

impl Error for Ended {}

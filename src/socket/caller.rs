//! Who makes a call, and how long it may wait.
//!
//! Owns: what an attempt and a wait must know of the call that makes them.
//! Always true: a task keeps no thread of its executor waiting.
//! Must not know: what is sent or received.

use std::time::Duration;

/// How long a call may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    /// Not at all.
    No,
    /// At most for this time.
    AtMost(Duration),
    /// For the timeout that is an option of the socket.
    Configured,
}

/// Who makes an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller {
    /// A thread, in a call that may wait so long.
    Thread(Wait),
    /// A task: it keeps no thread of its executor waiting.
    Task,
}

//! The caller of an attempt, and how long its call may wait.
//!
//! Owns: the facts about a call that an attempt and a wait decide by.
//! Always true: pure. A task keeps no thread of its executor waiting, so only a thread has a time to wait.
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

/// The caller of an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller {
    /// A thread, in a call that may wait this long.
    Thread(Wait),
    /// A task: it keeps no thread of its executor waiting.
    Task,
}

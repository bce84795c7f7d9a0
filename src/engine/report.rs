//! The report to the user on a socket that has closed or retired.
//!
//! Owns: the two reports.
//! Must not know: how and when is counted.

use std::fmt;

use crate::error::counted;

/// The outcome of the messages that were queued when a socket was closed. Messages that had gone out before do not count.
///
/// ```
/// use std::time::Duration;
/// use highwater::{Context, Push};
///
/// let push = Push::new(&Context::new());
/// push.connect("tcp://127.0.0.1:9")?; // nobody listens there
/// push.send("for nobody")?;
/// assert_eq!(push.close(Duration::ZERO).to_string(), "0 sent, 1 lost");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it says how many messages were lost"]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Messages that were written to the kernel. If `close` has returned before its time was over, the peers have read
    /// them as well; otherwise those of a slow peer may still be lost.
    pub sent: usize,
    /// Messages that were given up, since the time was over or their connection failed.
    pub lost: usize,
}

/// Such as `3 sent, 0 lost`.
impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, {} lost", self.sent, self.lost)
    }
}

/// The outcome of the connections of a socket that retires.
#[must_use = "it says how many messages were lost"]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetireReport {
    /// Connections, over a wire, that ended in good order: everything that the peer had sent was read.
    pub parted: usize,
    /// Connections, over a wire, that ended otherwise: the peer failed, or did not close before the time was over.
    /// Messages that it had sent and that were still on the way are lost.
    pub cut: usize,
    /// Messages of this socket that were still queued and went out.
    pub sent: usize,
    /// Messages of this socket that were still queued and were given up.
    pub lost: usize,
}

/// Such as `2 connections parted, 0 cut; 3 sent, 0 lost`.
impl fmt::Display for RetireReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parted = counted(self.parted as u64, "connection");
        write!(f, "{parted} parted, {} cut; ", self.cut)?;
        write!(f, "{} sent, {} lost", self.sent, self.lost)
    }
}

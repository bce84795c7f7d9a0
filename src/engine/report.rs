//! The report to the user on a socket that has closed or retired.
//!
//! Owns: the two reports.
//! Must not know: how and when is counted.

/// The outcome of the messages that were queued when a socket was closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Messages that were written to the kernel. If `close` has returned before its time was over, the peers have read
    /// them as well; otherwise those of a slow peer may still be lost.
    pub sent: usize,
    /// Messages that were given up, since the time was over or their connection failed.
    pub lost: usize,
}

/// The outcome of the connections of a socket that retires.
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

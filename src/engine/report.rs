//! The report to the user on a socket that has closed or retired.
//!
//! Owns: the two reports.
//! Must not know: who counts, and when.

/// The outcome of the messages that were queued when a socket was closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Handed to the kernel; and read to the end by the peer, unless the time was over before it had closed.
    pub sent: usize,
    /// Given up.
    pub lost: usize,
}

/// The outcome of the connections of a socket that retires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetireReport {
    /// Connections, over a wire, that ended in good order: everything that the peer had sent was read.
    pub parted: usize,
    /// Connections, over a wire, that ended otherwise: their peer failed, or did not close before the time was over. What
    /// it had sent and was still under way is lost, as far as the peer counts it as sent.
    pub cut: usize,
    /// Messages of this socket that were still queued and went out.
    pub sent: usize,
    /// Messages of this socket that were still queued and were given up.
    pub lost: usize,
}

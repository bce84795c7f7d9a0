//! The outcome of one published message.

use std::fmt;

use highwater_patterns::Sent;

/// The outcome of one published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// The number of peers for which it was queued.
    pub sent: usize,
    /// The number of peers that it was for and that were at their high-water mark.
    pub dropped: usize,
}

/// Such as `sent to 3, missed by 0`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent to {}, missed by {}", self.sent, self.dropped)
    }
}

#[doc(hidden)]
impl From<Sent> for Report {
    fn from(Sent { sent, dropped }: Sent) -> Self {
        Self { sent, dropped }
    }
}

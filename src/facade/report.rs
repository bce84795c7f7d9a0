//! The outcome of one published message.

use highwater_patterns::Sent;

/// The outcome of one published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// The number of peers for which it was queued.
    pub sent: usize,
    /// The number of peers that subscribe to it and were at their high-water mark.
    pub dropped: usize,
}

#[doc(hidden)]
impl From<Sent> for Report {
    fn from(Sent { sent, dropped }: Sent) -> Self {
        Self { sent, dropped }
    }
}

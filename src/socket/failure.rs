//! Why a send or a receive came to nothing.
//!
//! Owns: nothing.
//! Always true: a message that was not sent is in its failure, or where it was.
//! Must not know: in which words a handle tells a failure.

use highwater_patterns::{Message, Refusal};

use super::Ended;

/// Why a send came to nothing. The message is where it was: a result of its size would be copied at each return, also by
/// the sends that succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// Nobody has room, and waiting was not allowed or long enough; or the pattern says no for another reason.
    Refused(Refusal),
    /// Nobody will come who could take it.
    GivenUp,
    /// The socket is of no more use.
    Ended(Ended),
}

impl Unsent {
    /// The failure, with what was not sent.
    #[cold]
    pub(crate) fn of(self, message: Message) -> SendFailure {
        match self {
            Self::Refused(reason) => SendFailure::Refused(message, reason),
            Self::GivenUp => SendFailure::GivenUp(message),
            Self::Ended(ended) => SendFailure::Ended(message, ended),
        }
    }
}

/// Why a message was not sent, with the message.
#[derive(Debug)]
pub(crate) enum SendFailure {
    /// See [`Unsent`].
    Refused(Message, Refusal),
    /// See [`Unsent`].
    GivenUp(Message),
    /// See [`Unsent`].
    Ended(Message, Ended),
}

/// Why a receive came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvFailure {
    /// Nothing came in time.
    Timeout,
    /// The socket is of no more use.
    Ended(Ended),
}

//! Why a send or a receive has failed.
//!
//! Owns: nothing.
//! Always true: a message that was not sent is in its failure, or where it was.
//! Must not know: the error types of the handles.

use highwater_patterns::{Message, Refusal};

use crate::error::Ended;

/// Why a send has failed. The message stays where it was: a result that holds it would be copied at each return, also
/// by sends that succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// No pipe has room, and the call must not wait any longer; or the pattern refuses for another reason.
    Refused(Refusal),
    /// No peer will ever come: each endpoint was given up.
    GivenUp,
    /// The socket has ended.
    Ended(Ended),
}

impl Unsent {
    /// The failure, with the message that was not sent.
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

/// Why a receive has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvFailure {
    /// No message came in time.
    Timeout,
    /// The socket has ended.
    Ended(Ended),
}

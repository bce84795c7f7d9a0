//! The outcome of a send, and of a new peer.
//!
//! Owns: [`Sent`], [`Refused`] and [`Refusal`]; [`Admission`] and [`AdmissionRefusal`].
//! Always true: a refused message comes back, untouched; different reasons never share a variant.
//! Must not know: which socket type decided.

use std::fmt;

use crate::{Message, PipeId, Pipes};

/// How many pipes a message went to, and how many missed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Pipes that took the message.
    pub sent: usize,
    /// Pipes that should have taken the message and had no room.
    pub dropped: usize,
}

impl Sent {
    /// Taken by one pipe: the outcome of every send that does not fan out.
    pub(crate) const ONE: Self = Self {
        sent: 1,
        dropped: 0,
    };

    /// Dropped by a socket type that drops.
    pub(crate) const LOST: Self = Self {
        sent: 0,
        dropped: 1,
    };
}

/// A message that was not taken, unchanged, and why; it can be sent elsewhere, or again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The message, as it was handed in.
    pub message: Message,
    /// Why it was not taken.
    pub reason: Refusal,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Refused {}

/// Why a pattern cannot send, or cannot receive, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No pipe that may take the message has room, or there is no pipe; a later send may succeed.
    Full,
    /// No peer has this routing id.
    NoRoute,
    /// The call is out of turn: REQ awaits a reply or has asked nothing, REP owes a reply or has no request.
    OutOfTurn,
    /// This socket type never sends, or never receives.
    NotSupported,
    /// The peer to which the message belongs has gone.
    PeerGone,
    /// The message does not have the frames that the socket type needs.
    Malformed,
    /// The message has more frames than [`Message::MAX_FRAMES`].
    TooManyFrames,
    /// A subscription to a topic of more than [`MAX_TOPIC`](crate::MAX_TOPIC) bytes.
    TopicTooLong,
}

impl Refusal {
    /// The refusal with `message`, which goes back to the caller.
    pub(crate) fn give_back(self, message: Message) -> Refused {
        Refused {
            message,
            reason: self,
        }
    }

    /// Why `pipe` has refused a message: its connection has ended, which is this refusal, or it is full.
    #[cold]
    pub(crate) fn unless_full(self, pipe: PipeId, pipes: &impl Pipes) -> Self {
        if pipes.is_closed(pipe) {
            self
        } else {
            Self::Full
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no peer has room for the message",
            Self::NoRoute => "no peer has this routing id",
            Self::OutOfTurn => "it is not the turn of this call",
            Self::NotSupported => "this socket type does not do that",
            Self::PeerGone => "the peer has gone",
            Self::Malformed => "the message lacks a frame that this socket type needs",
            Self::TooManyFrames => "the message has more than 65,536 frames",
            Self::TopicTooLong => "the topic is longer than 65,526 bytes",
        })
    }
}

impl std::error::Error for Refusal {}

/// Whether a socket type takes a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// The pipe is in use from now on.
    Accepted,
    /// The pipe is not used; every later event about it is ignored.
    Refused(AdmissionRefusal),
}

/// Why a socket type does not take a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdmissionRefusal {
    /// A PAIR has a peer already.
    AlreadyPaired,
    /// A ROUTER has a peer of this routing id already.
    DuplicateRoutingId,
}

impl fmt::Display for AdmissionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyPaired => "the PAIR socket has a peer already",
            Self::DuplicateRoutingId => "another peer has this routing id",
        })
    }
}

impl std::error::Error for AdmissionRefusal {}

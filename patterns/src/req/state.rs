//! The state of the one request of a REQ.
//!
//! Owns: the states, and why a request fails.
//! Always true: each state names the events by which it is left.
//! Must not know: pipes that have no request.

use std::fmt;

use crate::{Frame, Message, PipeId};

/// The state of the one request.
#[derive(Debug)]
pub(super) enum RequestState {
    /// No request; left by a send.
    Idle,
    /// The peer behind `pipe` has the request; left by the reply, by the peer's disconnect, or by abandoning.
    Waiting {
        pipe: PipeId,
        number: Option<Frame>,
        /// The request, if it may have to be sent again.
        again: Option<Again>,
        /// The request with its envelope, while the pipe has no peer: it goes to the first peer that connects.
        for_anybody: Option<Message>,
    },
    /// No peer has the request, and none has room for it; left when one has, or by abandoning.
    Unsent {
        number: Option<Frame>,
        request: Message,
        /// How many peers have cut the request off, if it is sent again when its peer is lost.
        cuts: Option<usize>,
    },
    /// Answered; left when the reply is read.
    Answered(Message),
    /// The peer disconnected, or one peer too many; left when the caller has been told.
    Failed(RequestFailed),
}

/// A request that is sent again if its peer is lost.
#[derive(Debug, Clone)]
pub(super) struct Again {
    /// With its envelope.
    pub(super) request: Message,
    /// How many peers that had it have ended their connection and not replied.
    pub(super) cuts: usize,
}

impl RequestState {
    /// Whether it holds the request itself.
    pub(super) fn keeps_request(&self) -> bool {
        match self {
            Self::Waiting {
                again, for_anybody, ..
            } => again.is_some() || for_anybody.is_some(),
            Self::Unsent { .. } => true,
            Self::Idle | Self::Answered(_) | Self::Failed(_) => false,
        }
    }
}

/// Why a request will not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestFailed {
    /// The connection to the peer that had the request was lost before the reply. The peer may have carried the request
    /// out.
    PeerLost,
    /// The request was sent again after its peer had ended the connection, and as many peers as are enough have ended theirs.
    CutOff,
}

impl fmt::Display for RequestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerLost => f.write_str("the peer went before it replied"),
            Self::CutOff => f.write_str("each peer that got it ended its connection"),
        }
    }
}

impl std::error::Error for RequestFailed {}

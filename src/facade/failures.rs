//! What the core says that went wrong, as each group of calls says it.

use highwater_patterns::Refusal;

use crate::error::{
    RecvError, ReplyError, RequestError, RouteError, SendError, SubscribeError, TryRecvError,
    TrySendError,
};
use crate::socket::{Ended, RecvFailure, SendFailure};

impl From<SendFailure> for SendError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, _) => Self::Timeout(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
        }
    }
}

impl From<SendFailure> for TrySendError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, _) => Self::Full(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
        }
    }
}

impl From<RecvFailure> for RecvError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Timeout,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
        }
    }
}

impl From<RecvFailure> for TryRecvError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Empty,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
        }
    }
}

impl From<SendFailure> for RouteError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::NoRoute) => Self::NoRoute(message),
            SendFailure::Refused(message, _) => Self::Full(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
        }
    }
}

impl From<SendFailure> for ReplyError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::PeerGone) => Self::PeerGone(message),
            SendFailure::Refused(message, _) => Self::Full(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
        }
    }
}

/// Of the sending half of a request.
impl From<SendFailure> for RequestError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, _) => Self::NotSent(message),
            SendFailure::Ended(_, Ended::Closed) => Self::Closed,
            SendFailure::Ended(_, Ended::Terminated) => Self::Terminated,
        }
    }
}

/// Of the receiving half of a request.
impl From<RecvFailure> for RequestError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Timeout,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
        }
    }
}

impl From<Ended> for SubscribeError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed => Self::Closed,
            Ended::Terminated => Self::Terminated,
        }
    }
}

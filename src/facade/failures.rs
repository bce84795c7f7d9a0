//! The public errors of each group of calls, made from the core's.

use highwater_patterns::Refusal;

use crate::error::{
    RecvError, ReplyError, RequestError, RouteError, SendError, TryRecvError, TrySendError,
};
use crate::socket::{RecvFailure, SendFailure};

impl From<SendFailure> for SendError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::TooManyFrames) => Self::TooManyFrames(message),
            SendFailure::Refused(message, Refusal::TopicTooLong) => Self::TopicTooLong(message),
            SendFailure::Refused(message, Refusal::PeerGone) => Self::PeerGone(message),
            SendFailure::Refused(message, _) => Self::Timeout(message),
            SendFailure::GivenUp(message) => Self::GivenUp(message),
            SendFailure::Ended(message, ended) => Self::Ended(message, ended),
        }
    }
}

impl From<SendFailure> for TrySendError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::TooManyFrames) => Self::TooManyFrames(message),
            SendFailure::Refused(message, Refusal::TopicTooLong) => Self::TopicTooLong(message),
            SendFailure::Refused(message, _) => Self::Full(message),
            SendFailure::GivenUp(message) => Self::GivenUp(message),
            SendFailure::Ended(message, ended) => Self::Ended(message, ended),
        }
    }
}

impl From<RecvFailure> for RecvError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Timeout,
            RecvFailure::Ended(ended) => Self::Ended(ended),
        }
    }
}

impl From<RecvFailure> for TryRecvError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Empty,
            RecvFailure::Ended(ended) => Self::Ended(ended),
        }
    }
}

impl From<SendFailure> for RouteError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::NoRoute) => Self::NoRoute(message),
            SendFailure::Refused(message, Refusal::TooManyFrames) => Self::TooManyFrames(message),
            SendFailure::Refused(message, _) | SendFailure::GivenUp(message) => Self::Full(message),
            SendFailure::Ended(message, ended) => Self::Ended(message, ended),
        }
    }
}

impl From<SendFailure> for ReplyError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::PeerGone) => Self::PeerGone(message),
            SendFailure::Refused(message, Refusal::TooManyFrames) => Self::TooManyFrames(message),
            SendFailure::Refused(message, _) | SendFailure::GivenUp(message) => Self::Full(message),
            SendFailure::Ended(message, ended) => Self::Ended(message, ended),
        }
    }
}

/// For the sending half of a request.
impl From<SendFailure> for RequestError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::TooManyFrames) => Self::TooManyFrames(message),
            SendFailure::Refused(message, _) => Self::NotSent(message),
            SendFailure::GivenUp(message) => Self::GivenUp(message),
            SendFailure::Ended(_, ended) => Self::Ended(ended),
        }
    }
}

/// For the receiving half of a request.
impl From<RecvFailure> for RequestError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Timeout,
            RecvFailure::Ended(ended) => Self::Ended(ended),
        }
    }
}

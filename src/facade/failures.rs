//! The public errors of each group of calls, made from the core's.

use highwater_patterns::Refusal;

use crate::error::{
    BindError, ConnectError, EndpointError, RecvError, ReplyError, RequestError, RouteError,
    SendError, SubscribeError, TryRecvError, TrySendError, WaitError,
};
use crate::socket::{Ended, RecvFailure, SendFailure};

impl From<SendFailure> for SendError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::TooManyFrames) => Self::TooManyFrames(message),
            SendFailure::Refused(message, Refusal::TopicTooLong) => Self::TopicTooLong(message),
            SendFailure::Refused(message, _) => Self::Timeout(message),
            SendFailure::GivenUp(message) => Self::GivenUp(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
            SendFailure::Ended(message, Ended::Forked) => Self::Forked(message),
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
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
            SendFailure::Ended(message, Ended::Forked) => Self::Forked(message),
        }
    }
}

impl From<RecvFailure> for RecvError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Timeout,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
            RecvFailure::Ended(Ended::Forked) => Self::Forked,
        }
    }
}

impl From<RecvFailure> for TryRecvError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Empty,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
            RecvFailure::Ended(Ended::Forked) => Self::Forked,
        }
    }
}

impl From<SendFailure> for RouteError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::NoRoute) => Self::NoRoute(message),
            SendFailure::Refused(message, Refusal::TooManyFrames) => Self::TooManyFrames(message),
            SendFailure::Refused(message, _) | SendFailure::GivenUp(message) => Self::Full(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
            SendFailure::Ended(message, Ended::Forked) => Self::Forked(message),
        }
    }
}

impl From<SendFailure> for ReplyError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(message, Refusal::PeerGone) => Self::PeerGone(message),
            SendFailure::Refused(message, Refusal::TooManyFrames) => Self::TooManyFrames(message),
            SendFailure::Refused(message, _) | SendFailure::GivenUp(message) => Self::Full(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
            SendFailure::Ended(message, Ended::Forked) => Self::Forked(message),
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
            SendFailure::Ended(_, Ended::Closed) => Self::Closed,
            SendFailure::Ended(_, Ended::Terminated) => Self::Terminated,
            SendFailure::Ended(_, Ended::Forked) => Self::Forked,
        }
    }
}

/// For the receiving half of a request.
impl From<RecvFailure> for RequestError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Timeout,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
            RecvFailure::Ended(Ended::Forked) => Self::Forked,
        }
    }
}

/// Gives each of these errors the variants of an ended socket.
macro_rules! of_ended {
    ($($error:ident)+) => {$(
        impl From<Ended> for $error {
            fn from(ended: Ended) -> Self {
                match ended {
                    Ended::Closed => Self::Closed,
                    Ended::Terminated => Self::Terminated,
                    Ended::Forked => Self::Forked,
                }
            }
        }
    )+};
}

of_ended! { SubscribeError WaitError BindError ConnectError }

/// Endpoints can be ended after a shutdown, too.
impl From<Ended> for EndpointError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed | Ended::Terminated => Self::Closed,
            Ended::Forked => Self::Forked,
        }
    }
}

//! One error as another: for code that takes the errors of several calls as one, and for `io::Error`.

use std::io;

use super::{
    BindError, ConnectError, EndpointError, OptionError, ReadyError, RecvError, ReplyError,
    RequestError, RouteError, SendError, SendManyError, SubscribeError, TryRecvError, TrySendError,
    WaitError,
};

/// Full becomes [`Timeout`](SendError::Timeout): a `send` that may not wait says so.
impl From<TrySendError> for SendError {
    fn from(error: TrySendError) -> Self {
        match error {
            TrySendError::Full(message) => Self::Timeout(message),
            TrySendError::GivenUp(message) => Self::GivenUp(message),
            TrySendError::TooManyFrames(message) => Self::TooManyFrames(message),
            TrySendError::TopicTooLong(message) => Self::TopicTooLong(message),
            TrySendError::Closed(message) => Self::Closed(message),
            TrySendError::Terminated(message) => Self::Terminated(message),
            TrySendError::Forked(message) => Self::Forked(message),
        }
    }
}

/// Empty becomes [`Timeout`](RecvError::Timeout): a `recv` that may not wait says so.
impl From<TryRecvError> for RecvError {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty => Self::Timeout,
            TryRecvError::Closed => Self::Closed,
            TryRecvError::Terminated => Self::Terminated,
            TryRecvError::Forked => Self::Forked,
        }
    }
}

/// Makes an `io::Error` of each, of the kind that is given for a variant, else `Other`; the error is inside.
macro_rules! as_io_error {
    ($($error:ty { $($pattern:pat => $kind:ident),* $(,)? })+) => {$(
        impl From<$error> for io::Error {
            fn from(error: $error) -> Self {
                #[allow(unreachable_patterns, reason = "the last stands for all others")]
                let kind = match &error {
                    $($pattern => io::ErrorKind::$kind,)*
                    _ => io::ErrorKind::Other,
                };
                Self::new(kind, error)
            }
        }
    )+};
}

as_io_error! {
    SendError {
        SendError::Timeout(_) => TimedOut,
        SendError::TooManyFrames(_) | SendError::TopicTooLong(_) => InvalidInput,
        SendError::Closed(_) | SendError::Terminated(_) => NotConnected,
    }
    TrySendError {
        TrySendError::Full(_) => WouldBlock,
        TrySendError::TooManyFrames(_) | TrySendError::TopicTooLong(_) => InvalidInput,
        TrySendError::Closed(_) | TrySendError::Terminated(_) => NotConnected,
    }
    RecvError {
        RecvError::Timeout => TimedOut,
        RecvError::Closed | RecvError::Terminated => NotConnected,
    }
    TryRecvError {
        TryRecvError::Empty => WouldBlock,
        TryRecvError::Closed | TryRecvError::Terminated => NotConnected,
    }
    RouteError {
        RouteError::NoRoute(_) => NotFound,
        RouteError::Full(_) => WouldBlock,
        RouteError::TooManyFrames(_) => InvalidInput,
        RouteError::Closed(_) | RouteError::Terminated(_) => NotConnected,
    }
    RequestError {
        RequestError::Timeout | RequestError::NotSent(_) => TimedOut,
        RequestError::PeerGone => ConnectionReset,
        RequestError::TooManyFrames(_) => InvalidInput,
        RequestError::Closed | RequestError::Terminated => NotConnected,
    }
    ReplyError {
        ReplyError::PeerGone(_) => ConnectionReset,
        ReplyError::Full(_) => WouldBlock,
        ReplyError::TooManyFrames(_) => InvalidInput,
        ReplyError::Closed(_) | ReplyError::Terminated(_) => NotConnected,
    }
    WaitError {
        WaitError::Timeout => TimedOut,
        WaitError::Closed | WaitError::Terminated => NotConnected,
    }
    SendManyError {}
    SubscribeError {}
    BindError {}
    ConnectError {}
    EndpointError {}
    OptionError {}
    ReadyError {}
}

#[cfg(test)]
mod tests {
    use highwater_patterns::Message;

    use super::*;

    #[test]
    fn an_io_error_has_a_kind_and_the_error_inside() {
        let error = io::Error::from(TrySendError::Full(Message::from("x")));
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let inside = error.into_inner().expect("the error is inside");
        let inside = inside.downcast::<TrySendError>().expect("it is ours");
        assert_eq!(*inside, TrySendError::Full(Message::from("x")));
        assert_eq!(
            io::Error::from(RecvError::Timeout).kind(),
            io::ErrorKind::TimedOut
        );
    }

    #[test]
    fn a_try_that_finds_nothing_is_a_call_whose_time_is_over() {
        let unsent = SendError::from(TrySendError::Full(Message::from("x")));
        assert_eq!(unsent, SendError::Timeout(Message::from("x")));
        assert_eq!(RecvError::from(TryRecvError::Empty), RecvError::Timeout);
    }
}

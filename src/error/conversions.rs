//! One error as another: for code that takes the errors of several calls as one, and for `io::Error`.

use std::io;

use highwater_patterns::RequestFailed;

use super::{
    BindError, ConnectError, Ended, EndpointError, OptionError, ReadyError, RecvError, ReplyError,
    RequestError, ReserveError, RouteError, SendError, SendManyError, SubscribeError, TryRecvError,
    TrySendError, WaitError,
};

/// Full becomes [`Timeout`](SendError::Timeout): a `send` that may not wait says so.
impl From<TrySendError> for SendError {
    fn from(error: TrySendError) -> Self {
        match error {
            TrySendError::Full(message) => Self::Timeout(message),
            TrySendError::GivenUp(message) => Self::GivenUp(message),
            TrySendError::TooManyFrames(message) => Self::TooManyFrames(message),
            TrySendError::TopicTooLong(message) => Self::TopicTooLong(message),
            TrySendError::Ended(message, ended) => Self::Ended(message, ended),
        }
    }
}

/// Empty becomes [`Timeout`](RecvError::Timeout): a `recv` that may not wait says so.
impl From<TryRecvError> for RecvError {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty => Self::Timeout,
            TryRecvError::Ended(ended) => Self::Ended(ended),
        }
    }
}

/// Gives each error `ended`.
macro_rules! tells_the_end {
    ($($error:ident)+) => {$(
        impl $error {
            /// Why the socket can be used no more, if that is why the call failed.
            pub fn ended(&self) -> Option<Ended> {
                match self {
                    Self::Ended(.., ended) => Some(*ended),
                    _ => None,
                }
            }
        }
    )+};
}

tells_the_end! {
    SendError TrySendError RouteError RequestError ReplyError SubscribeError RecvError TryRecvError WaitError
    ReserveError BindError ConnectError EndpointError ReadyError OptionError
}

impl SendManyError {
    /// Why the socket can be used no more, if that is why the call failed.
    pub fn ended(&self) -> Option<Ended> {
        self.error.ended()
    }
}

/// Makes each of these errors, in which no message is, of an `Ended`.
macro_rules! of_ended {
    ($($error:ident)+) => {$(
        impl From<Ended> for $error {
            fn from(ended: Ended) -> Self {
                Self::Ended(ended)
            }
        }
    )+};
}

of_ended! {
    RequestError SubscribeError RecvError TryRecvError WaitError ReserveError
    BindError ConnectError EndpointError ReadyError OptionError
}

/// Makes an `io::Error` of each, of the kind that is given for a variant, else `Other`; the error is inside.
impl From<RequestFailed> for RequestError {
    fn from(failed: RequestFailed) -> Self {
        match failed {
            RequestFailed::PeerLost => Self::PeerGone,
            RequestFailed::CutOff => Self::CutOff,
        }
    }
}

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
        SendError::PeerGone(_) => ConnectionReset,
        SendError::TooManyFrames(_) | SendError::TopicTooLong(_) => InvalidInput,
        SendError::Ended(_, Ended::Closed | Ended::Terminated) => NotConnected,
    }
    TrySendError {
        TrySendError::Full(_) => WouldBlock,
        TrySendError::TooManyFrames(_) | TrySendError::TopicTooLong(_) => InvalidInput,
        TrySendError::Ended(_, Ended::Closed | Ended::Terminated) => NotConnected,
    }
    RecvError {
        RecvError::Timeout => TimedOut,
        RecvError::Ended(Ended::Closed | Ended::Terminated) => NotConnected,
    }
    TryRecvError {
        TryRecvError::Empty => WouldBlock,
        TryRecvError::Ended(Ended::Closed | Ended::Terminated) => NotConnected,
    }
    RouteError {
        RouteError::NoRoute(_) => NotFound,
        RouteError::Full(_) => WouldBlock,
        RouteError::TooManyFrames(_) => InvalidInput,
        RouteError::Ended(_, Ended::Closed | Ended::Terminated) => NotConnected,
    }
    RequestError {
        RequestError::Timeout | RequestError::NotSent(_) => TimedOut,
        RequestError::PeerGone | RequestError::CutOff => ConnectionReset,
        RequestError::TooManyFrames(_) => InvalidInput,
        RequestError::Ended(Ended::Closed | Ended::Terminated) => NotConnected,
    }
    ReplyError {
        ReplyError::PeerGone(_) => ConnectionReset,
        ReplyError::Full(_) => WouldBlock,
        ReplyError::TooManyFrames(_) => InvalidInput,
        ReplyError::Ended(_, Ended::Closed | Ended::Terminated) => NotConnected,
    }
    ReserveError {
        ReserveError::Full => WouldBlock,
        ReserveError::Ended(Ended::Closed | Ended::Terminated) => NotConnected,
    }
    WaitError {
        WaitError::Timeout => TimedOut,
        WaitError::Ended(Ended::Closed | Ended::Terminated) => NotConnected,
    }
    Ended {
        Ended::Closed | Ended::Terminated => NotConnected,
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

    #[test]
    fn the_end_of_a_socket_is_one_word_in_every_error() {
        let ended = [Ended::Closed, Ended::Terminated, Ended::Forked];
        let texts = ended.map(|ended| ended.to_string());
        for (ended, text) in ended.into_iter().zip(texts) {
            let unsent = SendError::Ended(Message::from("x"), ended);
            assert_eq!(
                (unsent.ended(), unsent.to_string()),
                (Some(ended), text.clone())
            );
            let late = SendManyError {
                sent: 3,
                error: unsent,
            };
            assert_eq!(late.ended(), Some(ended));
            assert_eq!(late.into_message(), "x");
            let refused = BindError::from(ended);
            assert_eq!(
                (refused.ended(), refused.to_string()),
                (Some(ended), text.clone())
            );
            let nothing = RecvError::from(TryRecvError::from(ended));
            assert_eq!(
                (nothing, nothing.to_string()),
                (RecvError::Ended(ended), text)
            );
            assert_eq!(
                io::Error::from(nothing).kind(),
                io::Error::from(ended).kind()
            );
        }
        assert_eq!(RecvError::Timeout.ended(), None);
        assert_eq!(
            io::Error::from(Ended::Closed).kind(),
            io::ErrorKind::NotConnected
        );
    }

    #[test]
    fn the_error_of_a_receive_is_copied_in_the_pieces_of_a_message() {
        assert_eq!((size_of::<RecvError>(), align_of::<RecvError>()), (16, 16));
        assert_eq!(
            (size_of::<TryRecvError>(), align_of::<TryRecvError>()),
            (16, 16)
        );
        assert_eq!(size_of::<Result<Message, RecvError>>(), 80);
        assert_eq!(size_of::<SendError>(), 80);
    }
}

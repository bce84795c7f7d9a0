//! Values with their senders.

use std::sync::Arc;

use highwater_patterns::Message;

use super::super::{AsSocket, RecvFuture};
use super::{TypedError, ValueFuture};
use crate::error::RecvError;
use crate::peer::PeerInfo;

/// Why no value was received with its sender; a message that is no value comes back with the peer.
pub type ReceivedFromError<S, E> = TypedError<S, E, (Arc<PeerInfo>, Message)>;

/// The next value and the peer on whose connection it came: made by `recv_from_async`.
pub type RecvValueFromFuture<V, E> = ValueFuture<
    RecvFuture<(Arc<PeerInfo>, Message)>,
    Result<(Arc<PeerInfo>, V), ReceivedFromError<RecvError, E>>,
>;

/// The value that `decode` makes of a message, with its sender.
pub(super) fn from<V, S, E, R: AsSocket>(
    (peer, message): (Arc<PeerInfo>, Message),
    socket: &R,
    decode: impl FnOnce(Message, &R) -> Result<V, TypedError<S, E>>,
) -> Result<(Arc<PeerInfo>, V), ReceivedFromError<S, E>> {
    match decode(message, socket) {
        Ok(value) => Ok((peer, value)),
        Err(TypedError::Undecodable { received, cause }) => Err(TypedError::Undecodable {
            received: (peer, received),
            cause,
        }),
        Err(TypedError::Socket(error)) => Err(TypedError::Socket(error)),
        Err(TypedError::Encode(error)) => Err(TypedError::Encode(error)),
    }
}

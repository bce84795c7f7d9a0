//! The calls that the handles share, each with its call of the pattern.
//!
//! Owns: nothing.
//! Always true: after a failure, a message goes into the error as it was given.
//! Must not know: typed handles, and their error types.

use std::sync::Arc;

use highwater_patterns::{
    Body, IntoMessage, Message, Outbound, Pattern, PipeId, Refusal, Refused, Sent,
};

use super::{Core, RecvFailure, SendFailure, State, Table, Unsent, Wait};
use crate::error::SubscribeError;
use crate::peer::PeerInfo;

impl Core {
    /// Sends a message to all subscribers of its topic, and gives their number.
    #[inline]
    pub(crate) fn publish<T: From<Sent>, E: From<SendFailure>>(
        &self,
        wait: Wait,
        message: impl IntoMessage,
    ) -> Result<T, E> {
        let sent = give(
            message,
            |body| self.publish_from(wait, body),
            |message| self.publish_from(wait, message),
        );
        Ok(T::from(sent?))
    }

    #[inline(never)]
    fn publish_from(&self, wait: Wait, message: &mut impl Outbound) -> Result<Sent, Unsent> {
        self.send_with(wait, message, |pattern, table, message| {
            pattern.offer(message, table)
        })
    }

    pub(crate) fn change_subscriptions<T>(
        &self,
        change: impl FnOnce(&mut Pattern, &mut Table) -> T,
    ) -> Result<T, SubscribeError> {
        let mut state = self.enter()?;
        if let Some(ended) = state.ended() {
            return Err(ended.into());
        }
        let State { pattern, table, .. } = &mut *state;
        Ok(change(pattern, table))
    }

    /// Sends a message.
    #[inline]
    pub(crate) fn send<E: From<SendFailure>>(
        &self,
        wait: Wait,
        message: impl IntoMessage,
    ) -> Result<(), E> {
        give(
            message,
            |body| self.send_from(wait, body),
            |message| self.send_from(wait, message),
        )
    }

    /// After a failure, `message` is as it was.
    #[inline(never)]
    fn send_from(&self, wait: Wait, message: &mut impl Outbound) -> Result<(), Unsent> {
        self.send_with(wait, message, |pattern, table, message| {
            pattern.offer(message, table).map(drop)
        })
    }

    /// The next message. It is written at its final place in the caller's frame, and not read before the lock is
    /// released (docs/DECISIONS.md, "Store-to-load forwarding").
    #[inline(always)]
    pub(crate) fn recv<E: From<RecvFailure>>(&self, wait: Wait) -> Result<Message, E> {
        let mut message = Message::EMPTY;
        match self.recv_into(wait, &mut message) {
            Ok(()) => Ok(message),
            Err(failure) => not_received(failure),
        }
    }

    /// The next message, with the peer on whose connection it came.
    pub(crate) fn recv_from<E: From<RecvFailure>>(
        &self,
        wait: Wait,
    ) -> Result<(Arc<PeerInfo>, Message), E> {
        let mut message = Message::EMPTY;
        let sender = self.recv_with(wait, |pattern, table| {
            let pipe = pattern.recv_with_source(table, &mut message)?;
            Some(sender(table, pipe))
        });
        match sender {
            Ok(sender) => Ok((sender, message)),
            Err(failure) => not_received(failure),
        }
    }

    #[inline(never)]
    fn recv_into(&self, wait: Wait, into: &mut Message) -> Result<(), RecvFailure> {
        self.recv_with(wait, |pattern, table| {
            pattern.recv_into(table, into).then_some(())
        })
    }
}

/// The peer whose message was just read from `pipe`.
pub(crate) fn sender(table: &mut Table, pipe: PipeId) -> Arc<PeerInfo> {
    table
        .sender(pipe)
        .expect("a connection is read only once its peer is known")
}

/// Sends `message` by one of two functions: by the first as a borrowed body, if it is one; otherwise by the second as a
/// message, which is made here and not moved until it is encoded. After a failure the message goes into the error.
#[inline]
pub(crate) fn give<T, E: From<SendFailure>>(
    message: impl IntoMessage,
    as_body: impl FnOnce(&mut Body<'_>) -> Result<T, Unsent>,
    as_message: impl FnOnce(&mut Message) -> Result<T, Unsent>,
) -> Result<T, E> {
    if let Some(mut body) = message.body() {
        return match as_body(&mut body) {
            Ok(done) => Ok(done),
            Err(why) => Err(why.of(body.into()).into()),
        };
    }
    let mut message = message.into_message();
    if message.frame_count() > Message::MAX_FRAMES {
        return Err(too_many_frames(message).into());
    }
    match as_message(&mut message) {
        Ok(done) => Ok(done),
        Err(why) => Err(why.of(message).into()),
    }
}

/// The failure of a `message` that has more frames than allowed.
#[cold]
fn too_many_frames(message: Message) -> SendFailure {
    Unsent::Refused(Refusal::TooManyFrames).of(message)
}

/// Makes the error, out of line. If it were inlined, the compiler would copy the message into the result in pieces of
/// another size than those in which it was written (docs/DECISIONS.md, "Store-to-load forwarding").
#[cold]
#[inline(never)]
pub(crate) fn not_received<T, E: From<RecvFailure>>(failure: RecvFailure) -> Result<T, E> {
    Err(failure.into())
}

/// Sends by a call that takes the message by value and gives it back inside its error.
pub(super) fn by_value<T>(
    message: &mut Message,
    send: impl FnOnce(Message) -> Result<T, Refused>,
) -> Result<T, Refusal> {
    send(std::mem::take(message)).map_err(|refused| {
        *message = refused.message;
        refused.reason
    })
}

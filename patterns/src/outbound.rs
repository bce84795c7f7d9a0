//! What a send hands to a pattern: a message, or a body that is still its owner's.
//!
//! Owns: the difference between the two, for those that pass on what they are given.
//! Always true: either is queued on one pipe, whole, or left as it was.
//! Must not know: which pipe it takes, and how it is encoded.

use crate::{Body, Message, PipeId, Pipes};

/// Something that pipes may take.
///
/// A pattern that passes messages on as they are asks no more of one than to be written, and for its first frame; one that
/// takes them apart, or adds to them, has it made into a [`Message`].
pub trait Outbound {
    /// The first frame: the topic of what is published.
    fn first(&self) -> &[u8];

    /// Queues it on `pipe` and says so, or leaves it untouched if the pipe is at its high-water mark or gone; what is here
    /// after a success is of no use.
    #[must_use]
    fn write_to(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> bool;

    /// Queues it on each of `these` pipes; calls `full` for each that has no room.
    fn write_to_all(&self, these: &[PipeId], pipes: &mut impl Pipes, full: &mut dyn FnMut(PipeId));

    /// Calls `then` with it as a message, which `then` may take if it succeeds.
    fn as_message<T>(&mut self, then: impl FnOnce(&mut Message) -> T) -> T;
}

impl Outbound for Message {
    #[inline]
    fn first(&self) -> &[u8] {
        Self::first(self)
    }

    #[inline(always)]
    fn write_to(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> bool {
        pipes.try_write(pipe, self)
    }

    #[inline]
    fn write_to_all(&self, these: &[PipeId], pipes: &mut impl Pipes, full: &mut dyn FnMut(PipeId)) {
        pipes.try_write_all(these, self, full);
    }

    #[inline]
    fn as_message<T>(&mut self, then: impl FnOnce(&mut Self) -> T) -> T {
        then(self)
    }
}

impl Outbound for Body<'_> {
    #[inline]
    fn first(&self) -> &[u8] {
        self.bytes()
    }

    #[inline(always)]
    fn write_to(&mut self, pipe: PipeId, pipes: &mut impl Pipes) -> bool {
        pipes.try_write_body(pipe, *self)
    }

    #[inline]
    fn write_to_all(&self, these: &[PipeId], pipes: &mut impl Pipes, full: &mut dyn FnMut(PipeId)) {
        pipes.try_write_body_all(these, *self, full);
    }

    fn as_message<T>(&mut self, then: impl FnOnce(&mut Message) -> T) -> T {
        then(&mut Message::from(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use crate::{Pattern, PatternOptions, SocketType};

    /// Every type of socket, with a peer whose pipe takes one message.
    fn sockets() -> impl Iterator<Item = (Bench, PipeId)> {
        let kinds = [
            SocketType::Pair,
            SocketType::Pub,
            SocketType::Sub,
            SocketType::Req,
            SocketType::Rep,
            SocketType::Dealer,
            SocketType::Router,
            SocketType::Pull,
            SocketType::Push,
            SocketType::XPub,
            SocketType::XSub,
        ];
        kinds.into_iter().map(|kind| {
            let mut socket = Bench::new(Pattern::new(kind, &PatternOptions::default()));
            let pipe = socket.accept(1);
            socket.pipes.limit(pipe, 1);
            if matches!(kind, SocketType::Pub | SocketType::XPub) {
                socket.arrive_subscribe(pipe, "bo");
            }
            (socket, pipe)
        })
    }

    #[test]
    fn a_body_is_taken_or_refused_by_each_type_as_its_message_is() {
        for ((mut socket, pipe), (mut other, other_pipe)) in sockets().zip(sockets()) {
            let kind = socket.pattern.kind();
            // The second finds no room, the third nobody who wants it.
            for bytes in ["body", "body again", "nobody's"] {
                let mut body = Body::new(bytes.as_bytes()).expect("short");
                let mut message = Message::from(body);
                let outcome = socket.pattern.offer(&mut body, &mut socket.pipes);
                let expected = other.pattern.offer(&mut message, &mut other.pipes);
                assert_eq!(outcome, expected, "{bytes:?} of a {kind:?}");
            }
            let (written, expected) = (socket.pipes.take(pipe), other.pipes.take(other_pipe));
            assert_eq!(written, expected, "a {kind:?}");
            assert_eq!(socket.pipes.dropped, other.pipes.dropped, "a {kind:?}");
        }
    }
}

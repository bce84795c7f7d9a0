//! The argument of a send: a message, or a borrowed body.
//!
//! Owns: one view of both, for patterns that choose a pipe and for pipes that encode.
//! Always true: both give the same frames.
//! Must not know: which pipe is chosen, and how frames look on a wire.

use bytes::Bytes;

use crate::{Body, INLINE_CAPACITY, Message};

/// Something that is sent: a [`Message`], or a borrowed [`Body`].
///
/// Users send an [`IntoMessage`](crate::IntoMessage); the socket makes an `Outbound` of it. A pattern that passes
/// messages on unchanged hands it to [`Pipes::try_write`](crate::Pipes::try_write). A pattern that changes messages
/// first turns it into a [`Message`]. A pipe reads its frames.
pub trait Outbound {
    /// The bytes of the first frame: the topic of a published message.
    fn first(&self) -> &[u8];

    /// How many frames there are; at least 1.
    fn frame_count(&self) -> usize;

    /// Copies the only frame to the front of `window` and gives its length in bytes. `None` if there are several
    /// frames, or the frame is longer than the window. The bytes behind the frame are unspecified.
    ///
    /// For speed: a copy in pieces of constant size needs no function call.
    fn copy_short(&self, window: &mut [u8; INLINE_CAPACITY]) -> Option<usize>;

    /// Calls `each` with the frames, first to last.
    fn for_each_frame(&self, each: impl FnMut(OutboundFrame<'_>));

    /// A new message with these frames.
    fn to_message(&self) -> Message;

    /// Calls `then` with this value as a message. If `then` succeeds, it may take the message.
    fn as_message<T>(&mut self, then: impl FnOnce(&mut Message) -> T) -> T;

    /// Takes the message; the value left here is unspecified.
    #[inline]
    fn take(&mut self) -> Message {
        self.as_message(std::mem::take)
    }

    /// Whether it is a message with a body that [may have an owner](Message::may_have_owner).
    #[inline]
    fn may_have_owner(&self) -> bool {
        false
    }
}

/// A frame of something that is sent.
#[derive(Debug, Clone, Copy)]
pub struct OutboundFrame<'a> {
    /// Its body.
    pub body: &'a [u8],
    /// The memory of the body, if it can be shared instead of copied.
    pub shared: Option<&'a Bytes>,
    /// Whether another frame of the same message follows.
    pub more: bool,
}

#[doc(hidden)]
impl Outbound for Message {
    #[inline]
    fn first(&self) -> &[u8] {
        Self::first(self)
    }

    #[inline]
    fn frame_count(&self) -> usize {
        Self::frame_count(self)
    }

    #[inline]
    fn copy_short(&self, window: &mut [u8; INLINE_CAPACITY]) -> Option<usize> {
        let (body, len) = self.single()?.window()?;
        *window = *body;
        Some(len)
    }

    #[inline]
    fn for_each_frame(&self, mut each: impl FnMut(OutboundFrame<'_>)) {
        let frames = self.frames();
        let last = frames.len() - 1;
        for (index, frame) in frames.iter().enumerate() {
            each(OutboundFrame {
                body: frame,
                shared: frame.shared(),
                more: index < last,
            });
        }
    }

    fn to_message(&self) -> Self {
        self.clone()
    }

    #[inline]
    fn as_message<T>(&mut self, then: impl FnOnce(&mut Self) -> T) -> T {
        then(self)
    }

    #[inline]
    fn may_have_owner(&self) -> bool {
        Self::may_have_owner(self)
    }
}

impl Outbound for Body<'_> {
    #[inline]
    fn first(&self) -> &[u8] {
        self.bytes()
    }

    #[inline]
    fn frame_count(&self) -> usize {
        1
    }

    #[inline]
    fn copy_short(&self, window: &mut [u8; INLINE_CAPACITY]) -> Option<usize> {
        self.copy_to(window)
    }

    #[inline]
    fn for_each_frame(&self, mut each: impl FnMut(OutboundFrame<'_>)) {
        each(OutboundFrame {
            body: self.bytes(),
            shared: None,
            more: false,
        });
    }

    fn to_message(&self) -> Message {
        Message::from(*self)
    }

    fn as_message<T>(&mut self, then: impl FnOnce(&mut Message) -> T) -> T {
        then(&mut Message::from(*self))
    }

    #[inline]
    fn take(&mut self) -> Message {
        Message::from(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use crate::{Frame, Pattern, PatternOptions, PipeId, SocketType};

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
            // The second message finds no room, the third no peer that wants it.
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

    /// The frames as they are handed out one by one.
    fn frames(sent: &impl Outbound) -> Vec<(Frame, bool)> {
        let mut frames = Vec::new();
        sent.for_each_frame(|frame| {
            let shared = frame.shared.map_or(frame.body, |shared| shared);
            assert_eq!(shared, frame.body);
            frames.push((Frame::from(frame.body), frame.more));
        });
        frames
    }

    #[test]
    fn a_body_shows_the_frame_that_its_message_has() {
        let bytes = [7; 100];
        for len in [0, 1, INLINE_CAPACITY, INLINE_CAPACITY + 1, 100] {
            let mut body = Body::new(&bytes[..len]).expect("short");
            let mut message = Message::from(body);
            assert_eq!(frames(&body), frames(&message));
            assert_eq!(Outbound::first(&body), Outbound::first(&message));
            assert_eq!(Outbound::frame_count(&body), 1);
            let (mut one, mut other) = ([0; INLINE_CAPACITY], [0; INLINE_CAPACITY]);
            let copied = body.copy_short(&mut one);
            assert_eq!(copied, (len <= INLINE_CAPACITY).then_some(len));
            assert_eq!(message.copy_short(&mut other), copied);
            let copied = copied.unwrap_or(0);
            assert_eq!(one[..copied], other[..copied]);
            assert_eq!(body.to_message(), message);
            assert_eq!(body.take(), message.take());
        }
    }

    #[test]
    fn every_frame_but_the_last_is_followed_by_more_and_none_of_several_is_short() {
        let two = Message::from(["one", "two"]);
        let expected = [(Frame::from("one"), true), (Frame::from("two"), false)];
        assert_eq!(frames(&two), expected);
        assert_eq!(two.copy_short(&mut [0; INLINE_CAPACITY]), None);
    }
}

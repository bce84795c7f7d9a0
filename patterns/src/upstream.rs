//! Messages from subscriber to publisher, which may contain subscriptions.
//!
//! Owns: telling subscribe and cancel frames from ordinary ones.
//! Always true: every frame comes out once, in order; the ordinary ones come last, joined to one message.
//! Must not know: the direction; an XSUB splits a message before it is sent, an XPUB after it was received.

use crate::{Frame, MAX_TOPIC, Message, Received};

/// Whether `frame` has the form of a subscription or a cancel.
#[inline]
fn is_command(frame: &Frame) -> bool {
    matches!(frame.first(), Some(0 | 1))
}

/// Whether [`split`] would give anything but an ordinary message.
#[inline]
pub(crate) fn has_commands(message: &Message, only_first: bool) -> bool {
    is_command(message.first()) || (!only_first && message.frames().iter().any(is_command))
}

/// Whether `message` has a subscribe or cancel frame whose topic is too long.
pub(crate) fn has_long_topic(message: &Message, only_first: bool) -> bool {
    let is_long = |frame: &Frame| frame.len() > 1 + MAX_TOPIC && is_command(frame);
    has_commands(message, only_first) && message.frames().iter().any(is_long)
}

/// Splits `message`: a frame that begins with 1 is a subscribe, one that begins with 0 a cancel.
///
/// With `only_first`, later frames can be commands only if the first one is.
pub(crate) fn split(message: Message, only_first: bool, mut each: impl FnMut(Received)) {
    if !has_commands(&message, only_first) {
        return each(Received::Message(message));
    }
    let mut ordinary = Vec::new();
    for frame in message.into_frames() {
        match frame.first() {
            Some(1) => each(Received::Subscribe(frame.to_bytes().slice(1..))),
            Some(0) => each(Received::Cancel(frame.to_bytes().slice(1..))),
            _ => ordinary.push(frame),
        }
    }
    if let Some(message) = Message::from_frames(ordinary) {
        each(Received::Message(message));
    }
}

/// The reverse of [`split`]: a received item as one frame, as the application of an XPUB sees it.
pub(crate) fn join(received: Received) -> Message {
    let (first, topic) = match received {
        Received::Message(message) => return message,
        Received::Subscribe(topic) => (1, topic),
        Received::Cancel(topic) => (0, topic),
    };
    Message::from([&[first], &topic[..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(frames: &[&[u8]], only_first: bool) -> Vec<String> {
        let mut parts = Vec::new();
        let message = frames.iter().map(|frame| Frame::from(*frame)).collect();
        split(message, only_first, |part| {
            parts.push(match part {
                Received::Subscribe(topic) => format!("+{}", topic.escape_ascii()),
                Received::Cancel(topic) => format!("-{}", topic.escape_ascii()),
                Received::Message(message) => {
                    let frames = message.frames().iter();
                    let frames: Vec<_> = frames
                        .map(|frame| frame.escape_ascii().to_string())
                        .collect();
                    frames.join("|")
                }
            });
        });
        parts
    }

    #[test]
    fn every_frame_may_be_a_subscription() {
        let frames: [&[u8]; 4] = [b"x", b"\x01a", b"\x00b", b"y"];
        assert_eq!(parts(&frames, false), ["+a", "-b", "x|y"]);
    }

    #[test]
    fn if_only_the_first_may_be_one_the_later_follow_it() {
        let ordinary: [&[u8]; 2] = [b"x", b"\x01a"];
        assert_eq!(parts(&ordinary, true), [r"x|\x01a"]);
        let commands: [&[u8]; 2] = [b"\x01a", b"\x01b"];
        assert_eq!(parts(&commands, true), ["+a", "+b"]);
    }

    #[test]
    fn an_empty_frame_is_ordinary() {
        assert_eq!(parts(&[b""], false), [""]);
    }
}

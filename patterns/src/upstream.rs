//! Messages from subscriber to publisher, in which subscriptions may hide.
//!
//! Owns: telling a subscription, or its end, from an ordinary frame.
//! Always true: every frame comes out once, in order, the ordinary ones joined to one message at the end.
//! Must not know: which direction it serves; an XSUB takes a message apart before it is sent, an XPUB after.

use crate::{Frame, MAX_TOPIC, Message, Received};

/// Whether `frame` has the form of a subscription or a cancel.
#[inline]
fn is_command(frame: &Frame) -> bool {
    matches!(frame.first(), Some(0 | 1))
}

/// Whether [`split`] would find anything but an ordinary message.
#[inline]
pub(crate) fn has_commands(message: &Message, only_first: bool) -> bool {
    is_command(message.first()) || (!only_first && message.frames().iter().any(is_command))
}

/// Whether there is a subscription, or the end of one, in `message` whose topic is too long.
pub(crate) fn has_long_topic(message: &Message, only_first: bool) -> bool {
    let is_long = |frame: &Frame| frame.len() > 1 + MAX_TOPIC && is_command(frame);
    has_commands(message, only_first) && message.frames().iter().any(is_long)
}

/// Takes `message` apart: a frame that begins with 1 is a subscription, one that begins with 0 its end.
///
/// With `only_first`, later frames are looked at only if the first one is of that kind.
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

/// The other way round: what is received as one frame, as the application of an XPUB sees it.
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

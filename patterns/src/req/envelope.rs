//! The frames that a REQ puts before a request, and takes off a reply: `[number,] empty frame`.
//!
//! Owns: the layout of these frames.
//! Always true: `unseal` of what `seal` has made is the original message.
//! Must not know: which request a number belongs to.
//! Source: RFC 28/REQREP, "The REQ Socket Type"; the number as in libzmq's `ZMQ_REQ_CORRELATE`.

use crate::{DropCause, Frame, Message};

/// The most frames that a REQ puts before a request: its number, and the empty one.
pub(super) const ENVELOPE: usize = 2;

/// The request as it is sent: its number, if it has one, the delimiter, the message.
pub(super) fn seal(number: Option<&Frame>, message: Message) -> Message {
    let delimited = message.with_first(Frame::EMPTY);
    match number {
        Some(number) => delimited.with_first(number.clone()),
        None => delimited,
    }
}

/// The message in a request that [`seal`] has made.
pub(super) fn unseal(number: Option<&Frame>, request: Message) -> Message {
    let envelope = if number.is_some() { 2 } else { 1 };
    request.into_frames().into_iter().skip(envelope).collect()
}

/// The message in a reply of the form `[number,] empty frame, body`; otherwise the fault of the reply.
pub(super) fn open_reply(number: Option<&Frame>, reply: Message) -> Result<Message, DropCause> {
    let delimited = match number {
        None => reply,
        Some(number) => match reply.split_first() {
            (first, Some(rest)) if first == *number => rest,
            // The form is right, so the reply belongs to another request.
            (first, Some(rest)) if first.len() == 4 && rest.first().is_empty() => {
                return Err(DropCause::LateReply);
            }
            _ => return Err(DropCause::Malformed),
        },
    };
    match delimited.split_first() {
        (delimiter, Some(body)) if delimiter.is_empty() => Ok(body),
        _ => Err(DropCause::Malformed),
    }
}

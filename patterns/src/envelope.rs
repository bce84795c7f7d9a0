//! Envelopes: the addresses a request collects on its way, and the empty frame that ends them.
//!
//! Owns: taking an envelope off a message, and putting it back.
//! Always true: [`close`] of what [`open`] gave is the original message; a message without an envelope is given back.
//! Must not know: what the addresses mean; only the ROUTER that added an address can tell.
//! Source: RFC 28/REQREP, "The REP Socket Type".

use crate::{Frame, Message};

/// Takes the envelope off: gives the frames before the first empty frame, and the message behind that frame.
///
/// # Errors
///
/// The message, if it has no empty frame, or no frame behind the empty one.
pub(crate) fn open(message: Message) -> Result<(Vec<Frame>, Message), Message> {
    let Some(delimiter) = delimiter(&message) else {
        return Err(message);
    };
    if delimiter == 0 {
        // A request of a REQ has no addresses: no list has to be allocated.
        return match message.split_first() {
            (_, Some(body)) => Ok((Vec::new(), body)),
            (only, None) => Err(Message::from(only)),
        };
    }
    let mut addresses = message.into_frames();
    let body = Message::from(addresses.split_off(delimiter + 1));
    addresses.truncate(delimiter);
    Ok((addresses, body))
}

/// Whether [`open`] would succeed.
pub(crate) fn is_sealed(message: &Message) -> bool {
    delimiter(message).is_some()
}

/// Puts `addresses` and the delimiter before `body`.
pub(crate) fn close(addresses: &[Frame], body: Message) -> Message {
    if addresses.is_empty() {
        return body.with_first(Frame::EMPTY);
    }
    let mut frames = Vec::with_capacity(addresses.len() + 1 + body.frame_count());
    frames.extend_from_slice(addresses);
    frames.push(Frame::EMPTY);
    frames.extend(body.into_frames());
    Message::from(frames)
}

/// The index of the first empty frame, if another frame follows it.
fn delimiter(message: &Message) -> Option<usize> {
    let delimiter = message.frames().iter().position(|frame| frame.is_empty())?;
    (delimiter + 1 < message.frame_count()).then_some(delimiter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_envelope_ends_at_the_first_empty_frame() {
        let message = Message::from(["a", "b", "", "body", "", "more"]);
        let (addresses, body) = open(message).expect("well-formed");
        assert_eq!(addresses, ["a", "b"]);
        assert_eq!(body, ["body", "", "more"]);
    }

    #[test]
    fn without_an_empty_frame_or_without_a_body_it_cannot_be_opened() {
        for frames in [vec!["body"], vec!["a", "b"], vec![""], vec!["a", ""]] {
            let message: Message = frames.into_iter().collect();
            assert!(!is_sealed(&message));
            assert_eq!(open(message.clone()), Err(message));
        }
    }

    proptest! {
        #[test]
        fn closing_what_was_opened_gives_the_same_message(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3), 1..6),
        ) {
            let message: Message = frames.into_iter().collect();
            let sealed = is_sealed(&message);
            match open(message.clone()) {
                Ok((addresses, body)) => {
                    prop_assert!(sealed);
                    prop_assert_eq!(close(&addresses, body), message);
                }
                Err(same) => {
                    prop_assert!(!sealed);
                    prop_assert_eq!(same, message);
                }
            }
        }
    }
}

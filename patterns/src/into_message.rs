//! What can be sent: whatever is a message, or becomes one.
//!
//! Owns: the list of such types.
//! Always true: whichever way a value is sent, it arrives as the message that `into_message` makes of it.
//! Must not know: sockets.

use bytes::Bytes;

use crate::{Body, Frame, Message};

/// What a socket sends: a [`Message`], or anything that becomes one.
///
/// A body (`&str`, `String`, `&String`, `&[u8]`, `&[u8; N]`, `Vec<u8>`, `&Vec<u8>`, [`Bytes`], [`Frame`]) makes a message of
/// one frame, an array of bodies or a `Vec` of frames one of several. Each of these types has a [`From`] to [`Message`] as well, with
/// the same result; sending a borrowed body as it is, and not as a message made of it, saves that its bytes are copied
/// twice.
///
/// [`Bytes`] with an owner of your own (`Bytes::from_owner`) are let go by whoever has written them, which may hold the lock of
/// the socket: when the owner is dropped, it must not use that socket.
///
/// A type of your own needs only [`into_message`](Self::into_message):
///
/// ```
/// use highwater_patterns::{IntoMessage, Message};
///
/// struct Job {
///     number: u32,
///     name: String,
/// }
///
/// impl IntoMessage for Job {
///     fn into_message(self) -> Message {
///         Message::from([&self.number.to_be_bytes()[..], self.name.as_bytes()])
///     }
/// }
///
/// let job = Job { number: 7, name: "resize".into() };
/// assert_eq!(job.into_message().frame_count(), 2);
/// ```
pub trait IntoMessage {
    /// The message.
    fn into_message(self) -> Message;

    /// The body of the message, if that has one frame and its body is only borrowed and not large (8 KiB or more); a socket
    /// may then copy it to where it is written from without making the message. `None` by default. The same each time that it
    /// is asked.
    #[inline]
    fn body(&self) -> Option<Body<'_>> {
        None
    }
}

impl IntoMessage for Message {
    #[inline]
    fn into_message(self) -> Message {
        self
    }
}

macro_rules! owned {
    ($($source:ty),+ $(,)?) => {$(
        impl IntoMessage for $source {
            #[inline]
            fn into_message(self) -> Message {
                Message::from(self)
            }
        }
    )+};
}

owned!(String, Vec<u8>, Bytes, Frame, Vec<Frame>);

macro_rules! borrowed {
    ($($source:ty),+ $(,)?) => {$(
        impl IntoMessage for $source {
            #[inline]
            fn into_message(self) -> Message {
                Message::from(self)
            }

            #[inline]
            fn body(&self) -> Option<Body<'_>> {
                Body::new(self.as_ref())
            }
        }
    )+};
}

borrowed!(&str, &String, &[u8], &Vec<u8>);

impl<const N: usize> IntoMessage for &[u8; N] {
    #[inline]
    fn into_message(self) -> Message {
        Message::from(self)
    }

    #[inline]
    fn body(&self) -> Option<Body<'_>> {
        Body::new(*self)
    }
}

/// An array of no frames makes a message of one empty frame.
impl<T: Into<Frame>, const N: usize> IntoMessage for [T; N] {
    fn into_message(self) -> Message {
        Message::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body is offered, and that it is the message.
    fn offers_body(value: impl IntoMessage) -> bool {
        let body = value.body().map(|body| body.bytes().to_vec());
        let message = value.into_message();
        body.is_some_and(|body| {
            assert_eq!(message, body, "the body is that of the message");
            true
        })
    }

    #[test]
    fn what_is_borrowed_offers_its_body_and_what_is_owned_does_not() {
        let text = String::from("some text");
        let bytes = vec![7_u8; 300];
        assert!(offers_body("text") && offers_body(&text) && offers_body(""));
        assert!(offers_body(&bytes) && offers_body(&bytes[..]) && offers_body(b"array"));
        assert!(!offers_body(text) && !offers_body(bytes.clone()));
        assert!(!offers_body(Bytes::from(bytes)) && !offers_body(Frame::from("frame")));
        assert!(!offers_body(["a", "b"]) && !offers_body(vec![Frame::EMPTY]));
        assert!(!offers_body(Message::from("message")));
    }

    #[test]
    fn a_large_body_is_better_made_into_a_message() {
        assert!(offers_body(&[7; 8 * 1024 - 1]));
        assert!(!offers_body(&[7; 8 * 1024]));
    }

    #[test]
    fn every_shape_makes_the_message_that_from_makes() {
        assert_eq!(["a", "b"].into_message(), ["a", "b"]);
        assert_eq!(vec![Frame::from("x")].into_message(), "x");
        assert_eq!([""; 0].into_message(), Message::EMPTY);
        assert_eq!(Frame::from("y").into_message(), "y");
    }
}

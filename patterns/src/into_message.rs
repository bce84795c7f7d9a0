//! The types that a socket can send.
//!
//! Owns: the list of such types.
//! Always true: a value arrives as the message that `into_message` makes of it, on whichever path it is sent.
//! Must not know: sockets.

use bytes::Bytes;

use crate::{Body, Frame, Message};

/// A value that a socket can send: a [`Message`], or anything that becomes one.
///
/// A body (text and bytes, borrowed, owned or shared: `&str`, `String`, `&[u8]`, `Vec<u8>`, [`Bytes`], `Cow`, `Box<[u8]>`,
/// `Arc<[u8]>`, [`Frame`] and the like) makes a message of one frame. A tuple (of at most six), an array, a slice or a `Vec` of
/// bodies makes a message of several; none makes one of an empty frame. Each of these types also has a [`From`] to [`Message`]
/// with the same result. A borrowed body that is sent directly is copied once; one that
/// is first made into a message is copied twice.
///
/// [`Bytes`] with an owner of your own (`Bytes::from_owner`) are dropped by the thread that has written them or given them up:
/// one of yours, inside a call on a socket, or an I/O thread. No lock of a socket is held then, so the `drop` of such an owner
/// may use any socket; it should be quick, and not wait.
///
/// A type of your own needs only [`into_message`](Self::into_message):
///
/// ```
/// # extern crate highwater_patterns as highwater;
/// use highwater::{IntoMessage, Message};
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as a message",
    note = "a message is made of text or bytes, of a tuple, an array or a list of them, or of a `Message`",
    note = "collect frames of other iterators into a `Message`, or implement `IntoMessage` for your own type"
)]
pub trait IntoMessage {
    /// The message.
    fn into_message(self) -> Message;

    /// The body, if the message has a single frame whose body is borrowed and shorter than 8 KiB. A socket may then
    /// copy the body to its write buffer without making the message. The default is `None`. Every call must give the
    /// same answer.
    #[doc(hidden)]
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

    /// Whether `value` offers a body; checks that it is the body of the message.
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

//! Frames on the wire: reading a header, writing messages.
//!
//! Owns: the layout of a frame, and which bodies are copied on their way out and which are shared.
//! Always true: bodies of up to 255 bytes are written in the short form and longer ones in the long form; either form
//! is read with any length. Reserved flag bits are never set on writing and ignored on reading, as libzmq does.
//! Must not know: commands, limits, where the bytes go.
//! Source: RFC 37/ZMTP 3.1, "Framing".

use bytes::Bytes;
use highwater_patterns::{Frame, INLINE_CAPACITY, Message, Outbound};

use super::error::FrameError;

/// A body longer than this, in bytes, is not copied through shared buffers: on its way out it stays the
/// [`Bytes`] it is, and on its way in it gets a buffer of its own.
pub(crate) const LARGE_BODY: usize = 8 * 1024;

/// Where encoded messages go: bytes, interspersed with large bodies that need no copy.
pub(crate) trait FrameSink {
    /// Puts `bytes` behind everything that is here.
    fn append(&mut self, bytes: &[u8]);

    /// Puts `body` behind everything that is here.
    fn share(&mut self, body: &Bytes);
}

/// A plain buffer copies large bodies, too.
impl FrameSink for Vec<u8> {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn share(&mut self, body: &Bytes) {
        self.extend_from_slice(body);
    }
}

/// The most bytes that a short message takes: one frame whose body is inline.
pub(crate) const SHORT_MESSAGE: usize = SHORT_HEADER + INLINE_CAPACITY;

/// Writes `message` to the front of `space`, if it is short, and says how many bytes it takes. The bytes of `space` behind
/// them are overwritten too, and mean nothing.
///
/// The fast path of [`encode_message`]. It copies a constant number of bytes, without a call: that costs half of a copy
/// whose length is known only at run time.
#[inline]
pub(crate) fn encode_short(
    message: &impl Outbound,
    space: &mut [u8; SHORT_MESSAGE],
) -> Option<usize> {
    let [flags, length, body @ ..] = space;
    let len = message.copy_short(body)?;
    (*flags, *length) = (0, len as u8);
    Some(SHORT_HEADER + len)
}

/// Writes `message` as frames; a body over [`LARGE_BODY`] that is shared already is shared with `sink`.
pub(crate) fn encode_message(message: &impl Outbound, sink: &mut impl FrameSink) {
    message.for_each_frame(|frame| {
        let flags = if frame.more { MORE } else { 0 };
        write_header(flags, frame.body.len(), sink);
        match frame.shared {
            Some(body) if body.len() > LARGE_BODY => sink.share(body),
            _ => sink.append(frame.body),
        }
    });
}

/// What stands before a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Another frame of the same message follows.
    pub(crate) more: bool,
    /// The body is a command and belongs to no message.
    pub(crate) command: bool,
    /// The length of the body in bytes; at most 2^63-1.
    pub(crate) body_len: u64,
}

impl FrameHeader {
    /// Reads a header from the front of `input`: the header and the bytes it took, or `None` while `input` is too
    /// short; the caller tries again with more.
    ///
    /// # Errors
    ///
    /// [`FrameError::BodyTooLong`] if the length exceeds 2^63-1.
    #[inline]
    pub(crate) fn decode(input: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((&flags, rest)) = input.split_first() else {
            return Ok(None);
        };
        let (body_len, taken) = if flags & LONG == 0 {
            let Some(&len) = rest.first() else {
                return Ok(None);
            };
            (u64::from(len), SHORT_HEADER)
        } else {
            let Some(len) = rest.first_chunk() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*len), LONG_HEADER)
        };
        if body_len > i64::MAX as u64 {
            return Err(FrameError::BodyTooLong { len: body_len });
        }
        let header = Self {
            more: flags & MORE != 0,
            command: flags & COMMAND != 0,
            body_len,
        };
        Ok(Some((header, taken)))
    }
}

/// How many bytes the header of a body of `body_len` bytes takes.
#[cfg(feature = "curve")]
pub(super) fn header_len(body_len: usize) -> usize {
    match u8::try_from(body_len) {
        Ok(_) => SHORT_HEADER,
        Err(_) => LONG_HEADER,
    }
}

/// Writes the header of a body of `body_len` bytes; `flags` are [`MORE`] and [`COMMAND`], the form follows the length.
#[inline]
pub(super) fn write_header(flags: u8, body_len: usize, out: &mut impl FrameSink) {
    match u8::try_from(body_len) {
        Ok(short) => out.append(&[flags, short]),
        Err(_) => {
            let mut header = [flags | LONG; LONG_HEADER];
            header[1..].copy_from_slice(&(body_len as u64).to_be_bytes());
            out.append(&header);
        }
    }
}

/// Another frame of the same message follows.
pub(super) const MORE: u8 = 1;
/// The length takes 8 bytes.
pub(super) const LONG: u8 = 2;
/// The body is a command.
pub(super) const COMMAND: u8 = 4;
/// The bits that mean something.
pub(super) const KNOWN_FLAGS: u8 = MORE | LONG | COMMAND;

/// Bytes of a header with a length of one byte.
pub(crate) const SHORT_HEADER: usize = 2;
/// Bytes of a header with a length of eight bytes.
pub(super) const LONG_HEADER: usize = 9;

/// How many bytes [`encode_message`] writes and shares for `message`, headers included.
pub(crate) fn encoded_len(message: &Message) -> usize {
    let header_len = |body_len| match u8::try_from(body_len) {
        Ok(_) => SHORT_HEADER,
        Err(_) => LONG_HEADER,
    };
    let frame_len = |frame: &Frame| header_len(frame.len()) + frame.len();
    message.frames().iter().map(frame_len).sum()
}

#[cfg(test)]
mod tests {
    use highwater_patterns::{Body, Frame, Message};

    use super::*;

    fn encoded(message: &Message) -> Vec<u8> {
        let mut out = Vec::new();
        encode_message(message, &mut out);
        assert_eq!(out.len(), encoded_len(message));
        out
    }

    #[test]
    fn a_short_body_has_a_header_of_two_bytes_and_a_long_one_of_nine() {
        assert_eq!(encoded(&Message::from("hi")), b"\x00\x02hi");
        assert_eq!(encoded(&Message::EMPTY), b"\x00\x00");
        assert_eq!(encoded(&Message::from(vec![7; 255]))[..3], [0, 255, 7]);
        assert_eq!(
            encoded(&Message::from(vec![7; 256]))[..10],
            [2, 0, 0, 0, 0, 0, 0, 1, 0, 7]
        );
    }

    #[test]
    fn a_short_message_is_the_same_whichever_way_it_is_written() {
        for len in 0..=INLINE_CAPACITY + 1 {
            let message = Message::from(vec![7; len]);
            let mut space = [9; SHORT_MESSAGE];
            match encode_short(&message, &mut space) {
                Some(taken) => assert_eq!(space[..taken], encoded(&message)),
                None => assert!(len > INLINE_CAPACITY),
            }
        }
        let two = Message::from(["a", "b"]);
        assert_eq!(encode_short(&two, &mut [0; SHORT_MESSAGE]), None);
    }

    #[test]
    fn a_body_is_written_as_its_message_is() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for len in (0..=300).chain([1000]) {
            let body = Body::new(&bytes[..len]).expect("not large");
            let expected = encoded(&Message::from(body));
            let mut out = Vec::new();
            encode_message(&body, &mut out);
            assert_eq!(out, expected);
            let mut space = [9; SHORT_MESSAGE];
            match encode_short(&body, &mut space) {
                Some(taken) => assert_eq!(space[..taken], expected),
                None => assert!(len > INLINE_CAPACITY),
            }
        }
    }

    #[test]
    fn every_frame_but_the_last_says_more() {
        let message = Message::from([&b"a"[..], b"", &[7; 256]]);
        let out = encoded(&message);
        assert_eq!(out[..14], [1, 1, b'a', 1, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0]);
    }

    /// Keeps what was shared apart, as a sink for `writev` does.
    #[derive(Default)]
    struct Pieces {
        bytes: Vec<u8>,
        shared: Vec<(usize, Bytes)>,
    }

    impl FrameSink for Pieces {
        fn append(&mut self, bytes: &[u8]) {
            self.bytes.extend_from_slice(bytes);
        }

        fn share(&mut self, body: &Bytes) {
            self.shared.push((self.bytes.len(), body.clone()));
        }
    }

    #[test]
    fn a_large_body_is_shared_at_its_place_and_not_copied() {
        let large = Bytes::from(vec![7; LARGE_BODY + 1]);
        let limit = Bytes::from(vec![8; LARGE_BODY]);
        let message = Message::from(vec![large.clone().into(), limit.into(), Frame::from("end")]);
        let mut pieces = Pieces::default();
        encode_message(&message, &mut pieces);
        let [(at, body)] = &pieces.shared[..] else {
            panic!("one body is large, not {}", pieces.shared.len());
        };
        assert_eq!(*at, LONG_HEADER);
        assert_eq!(body.as_ptr(), large.as_ptr());
        assert_eq!(pieces.bytes.len() + large.len(), encoded_len(&message));
    }

    #[test]
    fn a_header_too_short_to_read_is_not_an_error() {
        for input in [&b""[..], b"\x00", b"\x02\x00\x00\x00\x00\x00\x00\x00"] {
            assert_eq!(FrameHeader::decode(input), Ok(None));
        }
    }

    #[test]
    fn reserved_bits_are_ignored_and_a_short_body_may_have_a_long_header() {
        let plain = FrameHeader {
            more: false,
            command: false,
            body_len: 3,
        };
        assert_eq!(FrameHeader::decode(b"\xf8\x03abc"), Ok(Some((plain, 2))));
        let long = b"\x02\x00\x00\x00\x00\x00\x00\x00\x03abc";
        assert_eq!(FrameHeader::decode(long), Ok(Some((plain, 9))));
    }

    #[test]
    fn a_length_above_two_to_the_63rd_minus_one_is_an_error() {
        let mut input = [0xff; 9];
        input[0] = LONG;
        assert_eq!(
            FrameHeader::decode(&input),
            Err(FrameError::BodyTooLong { len: u64::MAX })
        );
        input[1] = 0x7f;
        let (header, _) = FrameHeader::decode(&input)
            .expect("allowed")
            .expect("whole");
        assert_eq!(header.body_len, i64::MAX as u64);
    }
}

//! The traffic of CURVE: each frame travels in a MESSAGE.
//!
//! Owns: the layout of a MESSAGE, and the counters of both directions.
//! Always true: no counter is sent twice or accepted twice. The text of a box is passed on only after the box has opened, and
//! a frame that is not a MESSAGE is never passed on.
//! Must not know: the content of the frames.
//! Source: RFC 26/CurveZMQ, "The MESSAGE Command". libzmq sends it in a message frame, and drops one that comes in a
//! command frame. We send it as libzmq does, and accept both.

use std::fmt;

use highwater_curve::BoxKey;

use super::{CurveLimits, TAG};
use crate::zmtp::error::{FrameError, ProtocolError};
use crate::zmtp::frame::{COMMAND, FrameHeader, MORE, header_len, write_header};
use crate::zmtp::limits::MAX_COMMAND;
use crate::zmtp::sealing::{Open, Seal};

/// Seals the frames that we send.
pub(super) struct CurveSeal {
    key: BoxKey,
    /// The counter of the last MESSAGE. At one in each nanosecond, 64 bits last for 580 years.
    sent: u64,
}

impl CurveSeal {
    pub(super) fn new(key: BoxKey, sent: u64) -> Self {
        Self { key, sent }
    }
}

impl Seal for CurveSeal {
    fn lay_apart(&mut self, header: FrameHeader, body: &[u8], out: &mut Vec<u8>) {
        self.sent += 1;
        write_header(0, BEFORE_BODY + body.len(), out);
        out.extend_from_slice(NAME);
        out.extend_from_slice(&self.sent.to_be_bytes());
        out.extend_from_slice(&[0; TAG]);
        let more = if header.more { INNER_MORE } else { 0 };
        let command = if header.command { INNER_COMMAND } else { 0 };
        out.push(more | command);
        out.extend_from_slice(body);
    }

    fn seal_laid(&mut self, laid: &mut [u8]) {
        self.key.seal_all(Boxes(laid));
    }

    fn sealed_len(&self, body_len: usize) -> usize {
        let body_len = BEFORE_BODY + body_len;
        header_len(body_len) + body_len
    }
}

impl fmt::Debug for CurveSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurveSeal")
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

/// The counters and boxes of MESSAGEs that [`CurveSeal::lay_apart`] has written.
struct Boxes<'a>(&'a mut [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 8], &'a mut [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (header, header_len) = FrameHeader::decode(self.0).ok().flatten()?;
        let all = std::mem::take(&mut self.0);
        let (message, rest) = all.split_at_mut(header_len + header.body_len as usize);
        self.0 = rest;
        let (counter, boxed) = message[header_len + NAME.len()..].split_first_chunk_mut()?;
        Some((*counter, boxed))
    }
}

/// Opens the frames that the peer sends.
pub(super) struct CurveOpen {
    key: BoxKey,
    received: Counted,
    limits: CurveLimits,
}

/// The counter of the last MESSAGE in one direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted(u64);

impl Counted {
    pub(super) fn new(last: u64) -> Self {
        Self(last)
    }

    fn check(self, nonce: u64, allows_gaps: bool) -> Result<(), ProtocolError> {
        let last = self.0;
        if nonce <= last {
            return Err(ProtocolError::NonceNotRising { nonce, last });
        }
        if nonce - last > 1 && !allows_gaps {
            return Err(ProtocolError::NonceSkipped { nonce, last });
        }
        Ok(())
    }
}

impl CurveOpen {
    pub(super) fn new(key: BoxKey, received: Counted, limits: CurveLimits) -> Self {
        Self {
            key,
            received,
            limits,
        }
    }

    /// Appends the sealed texts of the whole MESSAGEs at the front of `input` to `frames`. Gives their length in `input`, in
    /// bytes, and the error of the MESSAGE after them, if it has one.
    fn unpack(&self, input: &[u8], frames: &mut Vec<u8>) -> (usize, Result<(), ProtocolError>) {
        let (mut taken, mut received) = (0, self.received);
        loop {
            let message = match Message::at(&input[taken..], self.limits) {
                Ok(Some(message)) => message,
                Ok(None) => return (taken, Ok(())),
                Err(error) => return (taken, Err(error)),
            };
            if let Err(error) = received.check(message.nonce(), self.limits.allows_gaps) {
                return (taken, Err(error));
            }
            let reserved = if message.frame_len() > frames.capacity() {
                // No more than it takes: twice a large body would be much.
                frames.try_reserve_exact(message.frame_len())
            } else {
                frames.try_reserve(message.frame_len())
            };
            if reserved.is_err() {
                let len = message.body_len() as u64;
                return (taken, Err(FrameError::NoMemory { len }.into()));
            }
            received = Counted(message.nonce());
            write_header(0, message.body_len(), frames);
            frames.pop();
            frames.extend_from_slice(message.text);
            taken += message.whole_len;
        }
    }
}

/// A received MESSAGE, still sealed.
struct Message<'a> {
    counter: &'a [u8; 8],
    tag: &'a [u8; TAG],
    /// The flags and the body, sealed.
    text: &'a [u8],
    /// Its length with the frame header, in bytes.
    whole_len: usize,
}

impl<'a> Message<'a> {
    /// The MESSAGE at the front of `input`, or `None` while it is not whole.
    fn at(input: &'a [u8], limits: CurveLimits) -> Result<Option<Self>, ProtocolError> {
        let Some((header, header_len)) = FrameHeader::decode(input)? else {
            return Ok(None);
        };
        let body_len = header.body_len;
        if let Some(max) = limits.max_frame {
            let size = body_len.saturating_sub(BEFORE_BODY as u64);
            if size > max.max(MAX_COMMAND) as u64 {
                return Err(FrameError::MessageTooLarge { size, max }.into());
            }
        }
        let body = usize::try_from(body_len)
            .ok()
            .and_then(|len| input[header_len..].get(..len));
        let Some(body) = body else {
            return Ok(None);
        };
        let data = body.strip_prefix(NAME).ok_or(ProtocolError::NotSealed)?;
        Self::of(data, header_len + body.len())
            .ok_or(ProtocolError::Malformed { command: "MESSAGE" })
            .map(Some)
    }

    fn of(data: &'a [u8], whole_len: usize) -> Option<Self> {
        let (counter, boxed) = data.split_first_chunk()?;
        let (tag, text) = boxed.split_first_chunk()?;
        (!text.is_empty()).then_some(Self {
            counter,
            tag,
            text,
            whole_len,
        })
    }

    fn nonce(&self) -> u64 {
        u64::from_be_bytes(*self.counter)
    }

    fn body_len(&self) -> usize {
        self.text.len() - 1
    }

    /// The position of the text in the frame that is made of it. The first byte of the text, the flags, lies where the last
    /// byte of the frame header goes, so the body lies at its place and is not moved.
    fn flags_at(&self) -> usize {
        header_len(self.body_len()) - 1
    }

    /// The length of the frame that is made of it, in bytes.
    fn frame_len(&self) -> usize {
        self.flags_at() + self.text.len()
    }
}

/// The counters and tags of whole MESSAGEs in `input`, with their texts, which `unpack` has put into `frames`.
struct Unpacked<'a> {
    input: &'a [u8],
    frames: &'a mut [u8],
}

impl<'a> Iterator for Unpacked<'a> {
    type Item = ([u8; 8], &'a [u8; TAG], &'a mut [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let message = Message::at(self.input, ANY).ok().flatten()?;
        self.input = &self.input[message.whole_len..];
        let (frame, rest) = std::mem::take(&mut self.frames).split_at_mut(message.frame_len());
        self.frames = rest;
        Some((
            *message.counter,
            message.tag,
            &mut frame[message.flags_at()..],
        ))
    }
}

impl Open for CurveOpen {
    fn open(&mut self, input: &[u8], frames: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let begin = frames.len();
        let (taken, found) = self.unpack(input, frames);
        let opened = self.key.open_all(Unpacked {
            input: &input[..taken],
            frames: &mut frames[begin..],
        });
        // The number of boxes that have opened.
        let count = opened.err().unwrap_or(usize::MAX);
        let (mut rest, mut at) = (&input[..taken], begin);
        for _ in 0..count {
            let Some(message) = Message::at(rest, ANY)? else {
                break;
            };
            let flags_at = at + message.flags_at();
            let inner = frames[flags_at];
            frames[flags_at] = message.body_len() as u8;
            if inner & INNER_MORE != 0 {
                frames[at] |= MORE;
            }
            if inner & INNER_COMMAND != 0 {
                frames[at] |= COMMAND;
            }
            self.received = Counted(message.nonce());
            at += message.frame_len();
            rest = &rest[message.whole_len..];
        }
        frames.truncate(at);
        if opened.is_err() {
            return Err(ProtocolError::BoxRefused { name: "MESSAGE" });
        }
        found.map(|()| taken)
    }

    fn lacking(&self, input: &[u8]) -> Option<usize> {
        let (header, header_len) = FrameHeader::decode(input).ok()??;
        let whole_len = usize::try_from(header.body_len).ok()?;
        Some(
            header_len
                .saturating_add(whole_len)
                .saturating_sub(input.len()),
        )
    }
}

impl fmt::Debug for CurveOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurveOpen")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// No limits, for MESSAGEs that were checked before.
const ANY: CurveLimits = CurveLimits {
    max_frame: None,
    allows_gaps: true,
};

/// The first bytes of the body of a MESSAGE.
const NAME: &[u8] = b"\x07MESSAGE";
/// The length of name, counter, tag and flags, in bytes.
const BEFORE_BODY: usize = NAME.len() + 8 + TAG + 1;

/// The flags inside a box. Their bits differ from those of a frame header.
const INNER_MORE: u8 = 1;
const INNER_COMMAND: u8 = 2;

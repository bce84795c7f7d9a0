//! The traffic: each frame in a MESSAGE.
//!
//! Owns: the layout of a MESSAGE, and the counters of both directions.
//! Always true: no counter is used twice, none is taken twice, and what is in a box is given out only once the box has
//! opened. A frame that is no MESSAGE is never given out.
//! Must not know: what the frames say.
//! Source: RFC 26/CurveZMQ, "The MESSAGE Command". libzmq sends it in a message frame and drops it in a command frame; we
//! send it as libzmq does and take both.

use std::fmt;

use highwater_curve::BoxKey;

use super::{CurveLimits, TAG};
use crate::zmtp::error::{FrameError, ProtocolError};
use crate::zmtp::frame::{COMMAND, FrameHeader, MORE, write_header};
use crate::zmtp::sealing::{Open, Seal};

/// The frames that we send.
pub(super) struct CurveSeal {
    key: BoxKey,
    /// The last counter in use. At one each nanosecond, 64 bits last for 580 years.
    sent: u64,
}

impl CurveSeal {
    pub(super) fn new(key: BoxKey, sent: u64) -> Self {
        Self { key, sent }
    }
}

impl Seal for CurveSeal {
    fn seal(&mut self, frames: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        let mut rest = frames;
        while let Some((header, header_len)) = FrameHeader::decode(rest).ok().flatten() {
            let (body, others) = rest[header_len..].split_at(header.body_len as usize);
            self.sent += 1;
            write_header(0, BEFORE_BODY + body.len(), out);
            out.extend_from_slice(NAME);
            out.extend_from_slice(&self.sent.to_be_bytes());
            out.extend_from_slice(&[0; TAG]);
            let more = if header.more { INNER_MORE } else { 0 };
            let command = if header.command { INNER_COMMAND } else { 0 };
            out.push(more | command);
            out.extend_from_slice(body);
            rest = others;
        }
        debug_assert!(rest.is_empty(), "frames are handed over whole");
        self.key.seal_all(Boxes(&mut out[begin..]));
    }
}

impl fmt::Debug for CurveSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurveSeal")
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

/// The counters and boxes of whole MESSAGEs that we wrote.
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

/// The frames that the peer sends.
pub(super) struct CurveOpen {
    key: BoxKey,
    received: Counted,
    limits: CurveLimits,
}

/// The last counter of a direction.
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

    /// Opens the MESSAGE that is the body of one frame.
    fn open_one(&mut self, body: &[u8], frames: &mut Vec<u8>) -> Result<(), ProtocolError> {
        let data = body.strip_prefix(NAME).ok_or(ProtocolError::NotSealed)?;
        let malformed = ProtocolError::Malformed { command: "MESSAGE" };
        let Some((counter, boxed)) = data.split_first_chunk::<8>() else {
            return Err(malformed);
        };
        let Some((tag, text)) = boxed.split_first_chunk::<TAG>() else {
            return Err(malformed);
        };
        let Some(len) = text.len().checked_sub(1) else {
            return Err(malformed);
        };
        let nonce = u64::from_be_bytes(*counter);
        self.received.check(nonce, self.limits.allows_gaps)?;
        // The text is put so that its first byte, the flags, is where the last of the header is to be: what is behind it
        // need not be moved.
        let begin = frames.len();
        write_header(0, len, frames);
        frames.pop();
        let flags_at = frames.len();
        frames.extend_from_slice(text);
        let opened = self
            .key
            .open_detached(*counter, tag, &mut frames[flags_at..]);
        if opened.is_err() {
            frames.truncate(begin);
            return Err(ProtocolError::BoxRefused { name: "MESSAGE" });
        }
        self.received = Counted(nonce);
        let inner = frames[flags_at];
        frames[flags_at] = len as u8;
        if inner & INNER_MORE != 0 {
            frames[begin] |= MORE;
        }
        if inner & INNER_COMMAND != 0 {
            frames[begin] |= COMMAND;
        }
        Ok(())
    }
}

impl Open for CurveOpen {
    fn open(&mut self, input: &[u8], frames: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let mut taken = 0;
        while let Some((header, header_len)) = FrameHeader::decode(&input[taken..])? {
            let body_len = header.body_len;
            if let Some(max) = self.limits.max_frame {
                let size = body_len.saturating_sub(BEFORE_BODY as u64);
                if size > max as u64 {
                    return Err(FrameError::MessageTooLarge { size, max }.into());
                }
            }
            let body = usize::try_from(body_len)
                .ok()
                .and_then(|len| input[taken + header_len..].get(..len));
            let Some(body) = body else {
                break;
            };
            self.open_one(body, frames)?;
            taken += header_len + body.len();
        }
        Ok(taken)
    }
}

impl fmt::Debug for CurveOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurveOpen")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// How the body of a MESSAGE begins.
const NAME: &[u8] = b"\x07MESSAGE";
/// Name, counter, tag and flags.
const BEFORE_BODY: usize = NAME.len() + 8 + TAG + 1;

/// The flags inside a box: not the bits of those outside.
const INNER_MORE: u8 = 1;
const INNER_COMMAND: u8 = 2;

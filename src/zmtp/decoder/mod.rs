//! Traffic coming in: bytes to messages and commands.
//!
//! Owns: the message under way, the large body under way, and the bounds on both.
//! Always true: a frame is taken whole or not at all, except a large body that is not whole yet, which is taken as it comes
//! into a buffer of its own; so a caller whose own buffer holds more than 8 KiB + 9 bytes can always go on. Every bound is
//! checked before memory is reserved, and what is reserved for a body is never more than 256 KiB or twice what has arrived
//! of it; what a message takes that is not whole is about what has arrived of it, however short its frames are.
//! Must not know: where bytes come from, who wants the messages, what a command leads to.
//! Source: RFC 37/ZMTP 3.1, "Traffic"; in one way looser, as libzmq is: commands may stand between the frames of a
//! message (libzmq sends its PINGs so).

mod frames;
mod large;
mod survey;

use std::sync::Arc;

use highwater_patterns::{Frame, INLINE_CAPACITY, Message};

pub(crate) use large::{BodyRoom, Buffers};
pub(crate) use survey::Stop;

use super::command::{Command, LONGEST_SUBSCRIBE, OwnedCommand, is_about_topics};
use super::error::FrameError;
use super::frame::{FrameHeader, LARGE_BODY, LONG, LONG_HEADER, SHORT_HEADER, SHORT_MESSAGE};
use super::limits::{MAX_COMMAND, MAX_FRAMES};
use frames::Frames;
use large::LargeBody;

/// What a frame takes in memory beside its body, in bytes.
const FRAME_COST: usize = 72;

/// How many frames of a message cost nothing beside their bodies. An envelope has fewer, so a body of the greatest allowed
/// size is taken together with one.
const FREE_FRAMES: usize = 16;

/// What `count` frames of one message add to its size beside their bodies: 72 bytes for each frame beyond the sixteenth.
pub(crate) fn cost_of_frames(count: usize) -> usize {
    count.saturating_sub(FREE_FRAMES) * FRAME_COST
}

/// How many bytes are kept of a SUBSCRIBE or CANCEL that is longer than allowed. Its topic is then still found too long.
const CUT_COMMAND: usize = MAX_COMMAND + 1;
const _: () = assert!(CUT_COMMAND == LONGEST_SUBSCRIBE + 1);

/// Reads the traffic of one connection.
#[derive(Debug)]
pub(crate) struct Decoder {
    max_message_size: usize,
    /// The frames so far of the message under way.
    frames: Frames,
    /// The bytes in the bodies of `frames`.
    size: usize,
    /// The frame under way, if its body is large. Boxed, since each connection has a decoder and few have such a frame.
    large: Option<Box<LargeBody>>,
    /// Used buffers for large bodies.
    buffers: Option<Arc<dyn Buffers>>,
}

/// What a decoder gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A whole message.
    Message(Message),
    /// A command that means something in traffic; others are dropped.
    Command(OwnedCommand),
}

impl Decoder {
    /// A decoder at the beginning of traffic.
    ///
    /// `max_message_size` bounds the bytes in the bodies of one message, all frames together and with [what these
    /// cost](cost_of_frames), so that it bounds memory; libzmq compares each frame alone. Commands are bounded by [`MAX_COMMAND`] instead.
    pub(crate) fn new(max_message_size: Option<usize>) -> Self {
        // A vector cannot hold more than this.
        const MOST: usize = isize::MAX as usize;
        Self {
            max_message_size: max_message_size.map_or(MOST, |max| max.min(MOST)),
            frames: Frames::default(),
            size: 0,
            large: None,
            buffers: None,
        }
    }

    /// The decoder, from now on with used `buffers` for large bodies.
    pub(crate) fn with_buffers(self, buffers: Arc<dyn Buffers>) -> Self {
        Self {
            buffers: Some(buffers),
            ..self
        }
    }

    /// The message at the front of `input`, if it is one short frame: the place of its body, which has a constant size, and the
    /// length of the body. Nothing is taken: the caller goes on behind header and body.
    ///
    /// The fast path of [`decode`](Self::decode), for a caller that builds the message at its final place.
    #[inline]
    pub(crate) fn peek_short<'a>(
        &self,
        input: &'a [u8; SHORT_MESSAGE],
    ) -> Option<(&'a [u8; INLINE_CAPACITY], usize)> {
        let [flags, len, body @ ..] = input;
        let len = usize::from(*len);
        let is_short = len <= INLINE_CAPACITY && len <= self.max_message_size;
        (*flags == 0 && is_short && self.is_between_messages()).then_some((body, len))
    }

    /// The body of the message at the front of `input`, if it is one whole frame of at most [`LARGE_BODY`] bytes, and the
    /// bytes it takes with its header. Nothing is taken. Like [`peek_short`](Self::peek_short), for any such length.
    #[inline]
    pub(crate) fn peek_single<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let header_len = match input.first()? {
            0 => SHORT_HEADER,
            &LONG => LONG_HEADER,
            _ => return None,
        };
        let (header, _) = FrameHeader::decode(input).ok()??;
        let body_len = usize::try_from(header.body_len).ok()?;
        if body_len > LARGE_BODY.min(self.max_message_size) || !self.is_between_messages() {
            return None;
        }
        let taken = header_len + body_len;
        Some((input.get(header_len..taken)?, taken))
    }

    /// Takes bytes from the front of `input`: how many, and the first item among them, if one was completed.
    ///
    /// Without an item, all that can be taken has been: the caller comes back with what was left and more behind it.
    ///
    /// # Errors
    ///
    /// [`FrameError`]; fatal to the connection. Items before the offending frame have been given by earlier calls.
    #[inline]
    pub(crate) fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Item>), FrameError> {
        if let Some((window, len)) = input.first_chunk().and_then(|input| self.peek_short(input)) {
            let message = Message::from(Frame::from_window(window, len));
            return Ok((SHORT_HEADER + len, Some(Item::Message(message))));
        }
        self.decode_any(input)
    }

    /// Where the rest of the large body under way goes, or `None` if there is none.
    ///
    /// Once `decode` has taken all its input without an item, the caller may put bytes here, straight from the
    /// connection, instead of passing them through `decode`. The buffer of [`BodyRoom::New`] may have more capacity than the
    /// body lacks, if the allocator gave more than it was asked for: append at most the number of bytes beside it. After
    /// writing to [`BodyRoom::Used`], call [`large_body_received`](Self::large_body_received).
    /// When the body is complete, `decode` gives the item, also for an empty input; this gives `None` then.
    ///
    /// # Panics
    ///
    /// If more was appended than was lacking: what follows could no longer be told apart from the body.
    pub(crate) fn large_body(&mut self) -> Option<BodyRoom<'_>> {
        self.large.as_mut()?.room()
    }

    /// The first `count` bytes of [`BodyRoom::Used`] have come.
    pub(crate) fn large_body_received(&mut self, count: usize) {
        if let Some(large) = &mut self.large {
            large.used(count);
        }
    }

    /// Whether no message is under way: each byte that was taken belongs to an item that was given.
    #[inline]
    pub(crate) fn is_between_messages(&self) -> bool {
        self.frames.is_empty() && self.large.is_none()
    }

    fn decode_any(&mut self, input: &[u8]) -> Result<(usize, Option<Item>), FrameError> {
        let mut taken = 0;
        loop {
            let rest = &input[taken..];
            let item = if let Some(mut large) = self.large.take() {
                taken += large.receive(rest)?;
                if large.is_incomplete() {
                    self.large = Some(large);
                    return Ok((taken, None));
                }
                let header = large.header;
                if header.command {
                    command_item(large.arrived())
                } else {
                    self.frame_received(Frame::from(large.into_bytes()), header.more)
                }
            } else {
                let Some((header, header_len)) = FrameHeader::decode(rest)? else {
                    return Ok((taken, None));
                };
                let admitted = self.admit(header, self.frames.len(), self.size);
                let rest = &rest[header_len..];
                if let Err(FrameError::CommandTooLong { len }) = admitted
                    && let Some(buffers) = match is_about_topics(rest) {
                        Some(true) => Some(self.buffers.as_ref()),
                        Some(false) => None,
                        None => return Ok((taken, None)),
                    }
                {
                    taken += header_len;
                    let behind = len - CUT_COMMAND as u64;
                    let large = LargeBody::new(header, CUT_COMMAND, buffers).before(behind);
                    self.large = Some(Box::new(large));
                    continue;
                }
                let body_len = admitted?;
                if rest.len() < body_len {
                    if body_len <= LARGE_BODY {
                        return Ok((taken, None));
                    }
                    taken += header_len;
                    let large = LargeBody::new(header, body_len, self.buffers.as_ref());
                    self.large = Some(Box::new(large));
                    continue;
                }
                taken += header_len + body_len;
                if header.command {
                    command_item(&rest[..body_len])
                } else {
                    self.frame_received(copy_body(rest, body_len), header.more)
                }
            };
            if item.is_some() {
                return Ok((taken, item));
            }
        }
    }

    /// The message that `frame` completes, or `None` if more frames follow.
    fn frame_received(&mut self, frame: Frame, more: bool) -> Option<Item> {
        if more {
            self.size += frame.len();
            self.frames.push(frame);
            return None;
        }
        if self.frames.is_empty() {
            return Some(Item::Message(Message::from(frame)));
        }
        self.size = 0;
        self.frames.complete(frame).map(Item::Message)
    }

    /// Checks `header` against the bounds, given what its message has so far; the length of the body, if it may come.
    fn admit(&self, header: FrameHeader, frames: usize, size: usize) -> Result<usize, FrameError> {
        let len = header.body_len;
        if header.command {
            return match usize::try_from(len) {
                Ok(body_len) if body_len <= MAX_COMMAND => Ok(body_len),
                _ => Err(FrameError::CommandTooLong { len }),
            };
        }
        if frames >= MAX_FRAMES {
            return Err(FrameError::TooManyFrames);
        }
        let size = size + cost_of_frames(frames + 1);
        match usize::try_from(len) {
            Ok(body_len) if size.saturating_add(body_len) <= self.max_message_size => Ok(body_len),
            _ => Err(FrameError::MessageTooLarge {
                size: len.saturating_add(size as u64),
                max: self.max_message_size,
            }),
        }
    }
}

fn command_item(body: &[u8]) -> Option<Item> {
    OwnedCommand::from_traffic(Command::parse(body)).map(Item::Command)
}

/// The first `len` bytes of `input`, which has them.
fn copy_body(input: &[u8], len: usize) -> Frame {
    match input.first_chunk::<INLINE_CAPACITY>() {
        Some(window) if len <= INLINE_CAPACITY => Frame::from_window(window, len),
        _ => Frame::copy_from_slice(&input[..len]),
    }
}

#[cfg(test)]
mod tests;

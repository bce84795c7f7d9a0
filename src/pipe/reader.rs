//! The reader of a connection: buffer and decoder in one value, which its I/O thread can lend to the socket.
//!
//! Owns: the bytes that were read and are not decoded, and the message that is not yet whole.
//! Always true: `start <= buffer.len()`; the bytes from `start` on are not decoded.
//! Must not know: whether it is lent.

use std::io;
use std::sync::Arc;

use highwater_patterns::{Message, Received};

use super::busy_readers::SharedReadSize;
use super::opener::Opener;
use super::{BufferPool, BusyReaders, Delivery, Wire};
use crate::policy::Eagerness;
use crate::policy::tuning::{BEHIND_BODY_BYTES, MOST_SLACK, READ_BYTES};
use crate::zmtp::{
    BodyRoom, Command, Decoder, FrameError, Item, Open, OwnedCommand, ProtocolError, SHORT_HEADER,
    Stop,
};

/// Buffer and decoder of one connection.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    start: usize,
    decoder: Decoder,
    /// `None` if the traffic is not sealed.
    opener: Option<Box<Opener>>,
    read_size: SharedReadSize,
    eagerness: Eagerness,
}

/// Decodes the message at `start` into `into`, if it is a single frame, whole in the buffer and not large, and moves `start`
/// behind it; false otherwise.
///
/// The message is written at its final place (docs/DECISIONS.md, "Store-to-load forwarding").
#[inline]
pub(super) fn next_single(
    decoder: &Decoder,
    bytes: &[u8],
    start: &mut usize,
    into: &mut Message,
) -> bool {
    if next_short(decoder, bytes, start, into) {
        return true;
    }
    let Some((body, taken)) = decoder.peek_single(&bytes[*start..]) else {
        return false;
    };
    *start += taken;
    *into = Message::from(body);
    true
}

/// As [`next_single`], for a body of at most 64 bytes, if the buffer has 66 bytes from `start` on: it is copied in one piece of
/// constant size.
#[inline]
fn next_short(decoder: &Decoder, bytes: &[u8], start: &mut usize, into: &mut Message) -> bool {
    let input = bytes.get(*start..).and_then(<[u8]>::first_chunk);
    let Some((window, len)) = input.and_then(|input| decoder.peek_short(input)) else {
        return false;
    };
    *start += SHORT_HEADER + len;
    into.set_window(window, len);
    true
}

/// The outcome of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The read brought this many bytes.
    Bytes(usize),
    /// Nothing is there now.
    Nothing,
    /// The peer has closed its side.
    End,
}

impl Reader {
    /// A reader that takes the memory of large bodies from `buffers`, and gets its share of the processor's cache from
    /// `busy_readers`: the more readers are busy, the less it reads at a time.
    pub(crate) fn new(
        max_message_size: Option<usize>,
        buffers: Arc<BufferPool>,
        busy_readers: Arc<BusyReaders>,
    ) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            decoder: Decoder::new(max_message_size).with_buffers(buffers),
            opener: None,
            read_size: SharedReadSize::new(busy_readers),
            eagerness: Eagerness::default(),
        }
    }

    /// Appends `bytes` to the buffer: traffic that was read together with the end of the handshake.
    pub(crate) fn preload(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The traffic is sealed, from the bytes in the buffer on: `open` opens it.
    #[cold]
    pub(crate) fn opens(&mut self, open: Box<dyn Open>) {
        let sealed = self.buffer.split_off(self.start);
        self.buffer.clear();
        self.start = 0;
        let mut opener = Box::new(Opener::new(open, sealed));
        opener.open(&mut self.buffer);
        self.opener = Some(opener);
    }

    /// The error by which the connection ends once all earlier messages are decoded: a sealed piece did not open.
    pub(crate) fn breach(&self) -> Option<ProtocolError> {
        self.opener.as_ref()?.breach().cloned()
    }

    /// The next item that is whole in the buffer.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Item>, FrameError> {
        let (taken, item) = self.decoder.decode(&self.buffer[self.start..])?;
        self.start += taken;
        Ok(item)
    }

    /// The next message, if it is a single frame, not large, and whole in the buffer. The fast path of [`next`](Self::next).
    #[inline]
    pub(crate) fn next_single(&mut self, into: &mut Message) -> bool {
        next_single(&self.decoder, &self.buffer, &mut self.start, into)
    }

    /// As `next_single`, but only for a message that needs no function call: see the free function of the same name.
    #[inline]
    pub(super) fn next_short(&mut self, into: &mut Message) -> bool {
        next_short(&self.decoder, &self.buffer, &mut self.start, into)
    }

    /// The reader is lent to the socket, which decodes at once what it reads. So its reads may become larger.
    pub(super) fn lend(&mut self) {
        self.read_size.may_grow();
    }

    /// Whether the last reads were so large that the next is likely to bring more.
    pub(crate) fn is_eager(&self) -> bool {
        self.eagerness.is_due()
    }

    /// Reads once: into a large body that is not yet whole, or into the buffer.
    pub(crate) fn fill(&mut self, wire: &dyn Wire) -> io::Result<Fill> {
        if self.opener.is_some() {
            return self.fill_opened(wire);
        }
        let outcome = match self.decoder.large_body() {
            Some(BodyRoom::New(body, missing)) => {
                self.read_size.is_beside(missing);
                wire.read(body, missing)
            }
            Some(BodyRoom::Used(body)) => {
                let mut behind = [0; BEHIND_BODY_BYTES];
                let missing = body.len();
                self.read_size.is_beside(missing);
                wire.read_over(body, &mut behind).inspect(|read| {
                    let body = missing.min(*read);
                    self.decoder.large_body_received(body);
                    self.buffered(&behind[..read - body]);
                })
            }
            None => {
                self.make_room()?;
                let outcome = wire.read(&mut self.buffer, usize::MAX);
                let full = self.buffer.len() == self.buffer.capacity();
                outcome.inspect(|read| self.read_size.learn(*read, full))
            }
        };
        self.filled(outcome)
    }

    /// As [`fill`](Self::fill), where the traffic is sealed.
    #[inline(never)]
    fn fill_opened(&mut self, wire: &dyn Wire) -> io::Result<Fill> {
        self.make_room()?;
        let Some(opener) = &mut self.opener else {
            return Ok(Fill::Nothing);
        };
        let outcome = opener.read(wire, self.read_size.get());
        if let Ok((read, full)) = outcome {
            self.read_size.learn(read, full);
            opener.open(&mut self.buffer);
        }
        self.filled(outcome.map(|(read, _)| read))
    }

    fn filled(&mut self, outcome: io::Result<usize>) -> io::Result<Fill> {
        self.eagerness.learn(*outcome.as_ref().unwrap_or(&0));
        match outcome {
            Ok(0) => Ok(Fill::End),
            Ok(read) => Ok(Fill::Bytes(read)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Fill::Nothing),
            Err(error) => Err(error),
        }
    }

    fn buffered(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            // It is at most `BEHIND_BODY_BYTES`. If this fails, the append reserves memory by itself.
            let _ = self.make_room();
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Makes sure that the buffer has spare capacity for a read, and removes decoded bytes.
    fn make_room(&mut self) -> io::Result<()> {
        let wanted = self.read_size.get();
        let unread = &self.buffer[self.start..];
        let most = self.read_size.most_room().max(2 * unread.len());
        if !(wanted..=most).contains(&self.buffer.capacity()) {
            let mut other = Vec::new();
            other.try_reserve_exact(wanted.max(2 * unread.len()))?;
            other.extend_from_slice(unread);
            self.buffer = other;
            self.start = 0;
        } else if unread.is_empty() {
            self.buffer.clear();
            self.start = 0;
        } else if self.buffer.capacity() - self.buffer.len() < wanted / 2 {
            self.buffer.copy_within(self.start.., 0);
            self.buffer.truncate(self.buffer.len() - self.start);
            self.start = 0;
        }
        if self.buffer.capacity() - self.buffer.len() < READ_BYTES / 4 {
            self.buffer.try_reserve_exact(READ_BYTES)?;
        }
        Ok(())
    }

    /// Takes the buffer of its thread, `scratch`, for a read, if its own is smaller than one read.
    pub(crate) fn adopt(&mut self, scratch: &mut Vec<u8>) {
        if self.buffer.capacity() < READ_BYTES {
            scratch.clear();
            scratch.reserve_exact(READ_BYTES);
            scratch.extend_from_slice(&self.buffer[self.start..]);
            std::mem::swap(&mut self.buffer, scratch);
            self.start = 0;
        }
    }

    /// Gives the buffer back to the thread, and keeps only the bytes that are not decoded. So an idle connection needs no buffer.
    pub(crate) fn release(&mut self, scratch: &mut Vec<u8>) {
        let kept = self.buffer[self.start..].to_vec();
        if self.buffer.capacity() > scratch.capacity()
            && self.buffer.capacity() <= MOST_SLACK * READ_BYTES
        {
            std::mem::swap(&mut self.buffer, scratch);
        }
        self.buffer = kept;
        self.start = 0;
        self.read_size.begin_anew();
        scratch.clear();
        if let Some(opener) = &mut self.opener {
            opener.release();
        }
    }

    /// Cuts the whole messages and commands off the front of the buffer, undecoded, for the socket, and shows each command to
    /// `on_command`. Gives them with the reason for which the cut ends there. Commands without a message are given to the socket
    /// only if it `takes_subscriptions`. `spare` may give a buffer in place of the one that goes to the socket.
    pub(crate) fn cut(
        &mut self,
        takes_subscriptions: bool,
        spare: impl FnOnce() -> Option<Vec<u8>>,
        on_command: impl FnMut(Command<'_>),
    ) -> (Option<Delivery>, Stop) {
        let survey = self
            .decoder
            .survey(&self.buffer[self.start..], usize::MAX, on_command);
        let end = self.start + survey.octets;
        let nothing = survey.subscriptions == 0 || !takes_subscriptions;
        let cut = if survey.messages == 0 && nothing {
            self.start = end;
            None
        } else if self.start == 0 && survey.octets >= self.buffer.capacity() / MOST_SLACK {
            let mut rest = spare().unwrap_or_default();
            rest.clear();
            rest.reserve(READ_BYTES);
            rest.extend_from_slice(&self.buffer[end..]);
            self.buffer.truncate(end);
            Some(std::mem::replace(&mut self.buffer, rest))
        } else {
            let bytes = self.buffer[self.start..end].to_vec();
            self.start = end;
            Some(bytes)
        };
        let delivery = cut.map(|bytes| Delivery::Chunk {
            bytes,
            messages: survey.messages,
            commands: survey.commands,
        });
        (delivery, survey.stop)
    }

    /// The next message or subscription that is whole in the buffer. Heartbeats before it go to `on_heartbeat`.
    pub(crate) fn next_received(
        &mut self,
        mut on_heartbeat: impl FnMut(OwnedCommand),
    ) -> Result<Option<Received>, FrameError> {
        loop {
            return Ok(match self.next()? {
                Some(Item::Message(message)) => Some(Received::Message(message)),
                Some(Item::Command(OwnedCommand::Subscribe(topic))) => {
                    Some(Received::Subscribe(topic))
                }
                Some(Item::Command(OwnedCommand::Cancel(topic))) => Some(Received::Cancel(topic)),
                Some(Item::Command(heartbeat)) => {
                    on_heartbeat(heartbeat);
                    continue;
                }
                None => None,
            });
        }
    }

    /// Whether the reader has bytes that are not decoded, or are still sealed.
    pub(crate) fn has_bytes(&self) -> bool {
        self.len() > 0
            || self
                .opener
                .as_ref()
                .is_some_and(|opener| opener.has_bytes())
    }

    /// Whether all that was read is decoded, and no message is under way.
    pub(crate) fn is_between_messages(&self) -> bool {
        !self.has_bytes() && self.decoder.is_between_messages()
    }

    /// How many bytes wait to be decoded; sealed ones do not count.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.start
    }
}

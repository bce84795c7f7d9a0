//! The reader of a connection: a buffer and a decoder, as one value that can change owner.
//!
//! Owns: bytes read and not yet decoded, and the message under way.
//! Always true: `start <= buffer.len()`; it belongs to the I/O thread, or, while lent, to the socket.
//! Must not know: which of the two it belongs to.

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
    /// Where the traffic is sealed.
    opener: Option<Box<Opener>>,
    read_size: SharedReadSize,
    eagerness: Eagerness,
}

/// Puts the message at `start` in `into`, if it is one whole frame that is not large, and moves `start` behind it; false
/// if it is not.
///
/// Built where the caller wants it: a message that is passed on right after it was written in pieces is read back in
/// other pieces, which costs several times more than decoding it.
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

/// As [`next_single`], if it is short and has bytes to spare behind it.
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
    /// A reader of traffic; its large bodies go into `buffers` again and again, and it reads the less at a time, the more
    /// readers of its I/O thread are busy.
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

    /// Puts `bytes` behind what is buffered: traffic that came with the end of the handshake.
    pub(crate) fn preload(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The traffic, which begins with what is buffered, is sealed: `open` opens it.
    #[cold]
    pub(crate) fn opens(&mut self, open: Box<dyn Open>) {
        let sealed = self.buffer.split_off(self.start);
        self.buffer.clear();
        self.start = 0;
        let mut opener = Box::new(Opener::new(open, sealed));
        opener.open(&mut self.buffer);
        self.opener = Some(opener);
    }

    /// Why nothing can come any more, once all that came before is decoded: something sealed did not open.
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

    /// The next message, if it is one frame, not large, and whole in the buffer: [`next`](Self::next) on its fast path.
    #[inline]
    pub(crate) fn next_single(&mut self, into: &mut Message) -> bool {
        next_single(&self.decoder, &self.buffer, &mut self.start, into)
    }

    /// As `next_single`, for a short message with bytes to spare behind it: a path without function calls.
    #[inline]
    pub(super) fn next_short(&mut self, into: &mut Message) -> bool {
        next_short(&self.decoder, &self.buffer, &mut self.start, into)
    }

    /// It goes into the hands of a socket, which decodes at once what it reads.
    pub(super) fn lend(&mut self) {
        self.read_size.may_grow();
    }

    /// Whether the last read brought so much that more is likely there.
    pub(crate) fn is_eager(&self) -> bool {
        self.eagerness.is_due()
    }

    /// Reads once, into the body under way or behind what is buffered.
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

    /// As [`fill`](Self::fill), by way of what opens the traffic.
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
            // It is little, and finds its place as it may.
            let _ = self.make_room();
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Sees to spare capacity; what is decoded makes way.
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

    /// Lends the reader a thread's `scratch` buffer for a read, if it has none worth speaking of.
    pub(crate) fn adopt(&mut self, scratch: &mut Vec<u8>) {
        if self.buffer.capacity() < READ_BYTES {
            scratch.clear();
            scratch.reserve_exact(READ_BYTES);
            scratch.extend_from_slice(&self.buffer[self.start..]);
            std::mem::swap(&mut self.buffer, scratch);
            self.start = 0;
        }
    }

    /// Gives the buffer back to the thread, keeping only what is not decoded yet: an idle connection needs no buffer.
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

    /// Cuts off what can be handed to the socket undecoded, showing each command in it; the reason says why there is
    /// not more. Subscriptions by themselves are worth it only if the socket takes them. `spare` is a buffer to go on with.
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

    /// The next thing for the socket that is whole in the buffer; heartbeats before it go to `on_heartbeat`.
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

    /// Whether the reader holds bytes that are not decoded, or not even opened.
    pub(crate) fn has_bytes(&self) -> bool {
        self.len() > 0
            || self
                .opener
                .as_ref()
                .is_some_and(|opener| opener.has_bytes())
    }

    /// How many bytes the reader holds to be decoded.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.start
    }
}

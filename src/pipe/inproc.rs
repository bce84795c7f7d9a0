//! A socket's end of a pipe within the process: one lane out, one lane in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_patterns::{Message, PipeId, Received};

use super::Lane;

/// A socket's end of a pipe within the process.
#[derive(Debug)]
pub(crate) struct InprocEnd {
    pipe: PipeId,
    outgoing: Arc<Lane>,
    /// `None` until the other side is there.
    incoming: Option<Arc<Lane>>,
    received: u64,
    replaced: u64,
    /// Messages that were here when the writing ended and nobody will get.
    unsent: usize,
    /// When a message was first refused, while none was taken since.
    full_since: Option<Instant>,
    time_full: Duration,
}

impl InprocEnd {
    pub(crate) fn new(pipe: PipeId, outgoing: Arc<Lane>, incoming: Option<Arc<Lane>>) -> Self {
        Self {
            pipe,
            outgoing,
            incoming,
            received: 0,
            replaced: 0,
            unsent: 0,
            full_since: None,
            time_full: Duration::ZERO,
        }
    }

    pub(crate) fn id(&self) -> PipeId {
        self.pipe
    }

    /// The other side is there.
    pub(crate) fn joined(&mut self, incoming: Arc<Lane>) {
        self.incoming = Some(incoming);
    }

    /// Moves `message` to the other side, or leaves it where it is if there is no room; then room will be told of.
    #[inline]
    pub(crate) fn push(&mut self, message: &mut Message) -> bool {
        let room = self.has_room();
        if !room || self.full_since.is_some() {
            self.note_room(room);
        }
        if room {
            self.push_always(std::mem::take(message));
        }
        room
    }

    /// A message found no room, or the first one did after others had not; or so it was told.
    #[cold]
    pub(crate) fn note_room(&mut self, room: bool) {
        if !room {
            self.full_since.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.full_since.take() {
            self.time_full += since.elapsed();
        }
    }

    /// How long messages have found no room, up to now.
    pub(crate) fn time_full(&self) -> Duration {
        let now = self.full_since.map(|since| since.elapsed());
        self.time_full + now.unwrap_or_default()
    }

    /// Moves `message` to the other side whatever the mark says.
    pub(crate) fn push_always(&mut self, message: Message) {
        self.replaced += self.outgoing.push(Received::Message(message)) as u64;
    }

    /// This side's marks, from now on: for what it sends, and for what it receives.
    pub(crate) fn set_limits(&self, send: Option<usize>, receive: Option<usize>) {
        self.outgoing.set_writer_limit(send);
        if let Some(incoming) = &self.incoming {
            incoming.set_reader_limit(receive);
        }
    }

    pub(crate) fn push_control(&self, control: Received) {
        self.outgoing.push_control(control);
    }

    /// Whether a message would be taken; if not, room will be told of.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.outgoing.has_room() || self.outgoing.wait_for_room()
    }

    /// The next thing that the other side has sent.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Received> {
        let received = self.incoming.as_ref()?.pop()?;
        self.received += u64::from(matches!(received, Received::Message(_)));
        Some(received)
    }

    /// The lane to read.
    pub(crate) fn incoming(&self) -> Option<&Arc<Lane>> {
        self.incoming.as_ref()
    }

    /// The reader is about to wait: true if there is something after all, else it will be told.
    pub(crate) fn wait_for_news(&self) -> bool {
        self.incoming
            .as_ref()
            .is_some_and(|lane| lane.wait_for_news())
    }

    /// Whether everything that came has been read.
    pub(crate) fn is_drained(&self) -> bool {
        self.incoming.as_ref().is_none_or(|lane| !lane.is_ready())
    }

    /// Sends nothing more: the other side hears of it behind what it has not read yet.
    pub(crate) fn end_output(&mut self) {
        self.unsent += self.outgoing.end_by_writer();
    }

    /// Lets go: the other side may read what is left, this side no more. How many messages nobody will get: sent and
    /// without a reader, and received and not read.
    pub(crate) fn end(&mut self) -> (usize, usize) {
        self.end_output();
        let unsent = std::mem::take(&mut self.unsent);
        let unread = self
            .incoming
            .as_ref()
            .map_or(0, |lane| lane.end_by_reader());
        (unsent, unread)
    }

    /// Messages sent, received, replaced by newer ones; and those that wait, out and in.
    pub(crate) fn counts(&self) -> InprocCounts {
        InprocCounts {
            sent: self.outgoing.sent(),
            received: self.received,
            replaced: self.replaced,
            queued_out: self.outgoing.queued(),
            queued_in: self.incoming.as_ref().map_or(0, |lane| lane.queued()),
        }
    }
}

/// What has gone through a pipe within the process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InprocCounts {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) replaced: u64,
    pub(crate) queued_out: usize,
    pub(crate) queued_in: usize,
}

//! A socket's end of a pipe within the process: one lane out, one lane in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_patterns::{INLINE_CAPACITY, Message, Outbound, PipeId, Recall, Recalled, Received};

use super::lane::{Lane, Parcel};
use super::outgoing::Change;
use crate::policy::tuning::{MOST_COPIED_BYTES, SPARE_BUFFERS_TOGETHER};

/// A socket's end of a pipe within the process.
#[derive(Debug)]
pub(crate) struct InprocEnd {
    pipe: PipeId,
    outgoing: Arc<Lane>,
    /// `None` until the other side is there.
    incoming: Option<Arc<Lane>>,
    /// Messages sent on connections that are gone.
    past_sent: u64,
    received: u64,
    /// How many received items were not messages.
    controls: u64,
    /// How often something was looked for that was not received: what was there may be taken back by its writer, or make way.
    in_vain: u64,
    replaced: u64,
    /// Buffers for bodies that go out.
    spares: Vec<Vec<u8>>,
    /// Buffers of bodies that came in.
    spent: Vec<Vec<u8>>,
    /// An item that is not a message, found by a read for a message.
    ahead: Option<Received>,
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
            past_sent: 0,
            received: 0,
            controls: 0,
            in_vain: 0,
            replaced: 0,
            spares: Vec::new(),
            spent: Vec::new(),
            ahead: None,
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
    ///
    /// Not inlined, so that nothing of it is in the way of what goes over a wire.
    #[inline(never)]
    pub(crate) fn push(&mut self, message: &mut impl Outbound) -> bool {
        let room = self.looks_for_room();
        if room {
            self.push_always(message);
        }
        room
    }

    /// As [`push`](Self::push), of a message that stays where it is.
    #[inline(never)]
    pub(crate) fn push_copy(&mut self, message: &impl Outbound) -> bool {
        let room = self.looks_for_room();
        if room {
            let copied = self.copied(message);
            self.enqueue(copied.unwrap_or_else(|| whole(message.to_message())));
        }
        room
    }

    /// Whether a message will be taken, which is noted.
    #[inline]
    fn looks_for_room(&mut self) -> bool {
        let room = self.has_room();
        if !room || self.full_since.is_some() {
            self.note_room(room);
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

    /// A copy of `message` in a buffer that comes back, if it is one frame that has the length for that.
    #[inline]
    fn copied(&mut self, message: &impl Outbound) -> Option<Parcel> {
        let body = message.first();
        let suits = body.len() > INLINE_CAPACITY && body.len() <= MOST_COPIED_BYTES;
        (suits && message.frame_count() == 1).then(|| {
            let mut buffer = self.spare();
            buffer.extend_from_slice(body);
            Parcel::Copied(buffer)
        })
    }

    /// Moves `message` to the other side, also above the high-water mark; its content is then unspecified.
    #[inline]
    pub(crate) fn push_always(&mut self, message: &mut impl Outbound) {
        let copied = self.copied(message);
        self.enqueue(copied.unwrap_or_else(|| whole(message.take())));
    }

    #[inline]
    fn enqueue(&mut self, parcel: Parcel) {
        self.replaced += self.outgoing.push(parcel) as u64;
    }

    /// An empty buffer.
    #[inline]
    fn spare(&mut self) -> Vec<u8> {
        if self.spares.is_empty() {
            self.outgoing.take_spares(&mut self.spares);
        }
        self.spares.pop().unwrap_or_default()
    }

    /// This side's marks, from now on: for what it sends, and for what it receives.
    pub(crate) fn set_limits(&self, send: Option<usize>, receive: Option<usize>) {
        self.outgoing.set_writer_limit(send);
        if let Some(incoming) = &self.incoming {
            incoming.set_reader_limit(receive);
        }
    }

    pub(crate) fn push_control(&self, topic: &[u8], change: Change) {
        self.outgoing.push_control(topic, change);
    }

    /// Has what waits here go to the other side of `other`, unless this one has another side.
    pub(crate) fn move_unsent(&self, other: &Self) {
        if self.incoming.is_none() {
            while let Some(parcel) = self.outgoing.pop() {
                other.outgoing.push(parcel);
            }
        }
    }

    /// How many messages are sure to find room.
    pub(crate) fn room(&self) -> usize {
        self.outgoing.room()
    }

    /// Whether a message would be taken; if not, room will be told of.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.outgoing.has_room() || self.outgoing.wait_for_room()
    }

    /// The next thing that the other side has sent.
    pub(crate) fn pop(&mut self) -> Option<Received> {
        let mut message = Message::EMPTY;
        if self.pop_message(&mut message) {
            return Some(Received::Message(message));
        }
        self.ahead.take()
    }

    /// The next thing, put in `into` if it is a message; false if not, and then [`pop`](Self::pop) gives it.
    ///
    /// Not inlined, so that nothing of it is in the way of what comes over a wire.
    #[inline(never)]
    pub(crate) fn pop_message(&mut self, into: &mut Message) -> bool {
        if self.ahead.is_some() {
            return false;
        }
        let Some(parcel) = self.incoming.as_ref().and_then(|lane| lane.pop()) else {
            self.in_vain += 1;
            return false;
        };
        let parcel = self.latest_of(parcel);
        match parcel {
            Parcel::Whole(Received::Message(message)) => *into = message,
            Parcel::Copied(buffer) => {
                *into = Message::from(&buffer);
                self.spend(buffer);
            }
            Parcel::Whole(other) => {
                self.ahead = Some(other);
                self.controls += 1;
                return false;
            }
        }
        self.received += 1;
        true
    }

    /// The last of what waits behind `parcel`, if only that counts.
    #[inline]
    fn latest_of(&mut self, parcel: Parcel) -> Parcel {
        match &self.incoming {
            Some(lane) if lane.conflates_for_reader() => self.latest(parcel),
            _ => parcel,
        }
    }

    /// The writer may be at work: what it adds meanwhile is left for the next time.
    #[cold]
    fn latest(&mut self, mut latest: Parcel) -> Parcel {
        let Some(lane) = self.incoming.clone() else {
            return latest;
        };
        let mut replaced = 0;
        for _ in 0..lane.queued() {
            let Some(parcel) = lane.pop() else { break };
            if let Parcel::Copied(buffer) = std::mem::replace(&mut latest, parcel) {
                self.spend(buffer);
            }
            replaced += 1;
        }
        lane.replaced(replaced);
        latest
    }

    /// Gives the latest message instead of `message`, which was read before, if only that counts and there is one.
    pub(crate) fn replace(&mut self, message: &mut Message) {
        if let Some(lane) = self.incoming.clone()
            && lane.conflates_for_reader()
            && self.pop_message(message)
        {
            self.received -= 1;
            // It was looked for all the same.
            self.in_vain += 1;
            lane.replaced(1);
        }
    }

    /// Sees to it that `buffer` goes back.
    #[inline]
    fn spend(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.spent.push(buffer);
        if self.spent.len() >= SPARE_BUFFERS_TOGETHER
            && let Some(lane) = &self.incoming
        {
            lane.give_back(&mut self.spent);
        }
    }

    /// How often something was looked for here, found or not: it tells who does not look.
    pub(crate) fn looks(&self) -> u64 {
        self.received + self.controls + self.in_vain
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
        self.ahead.is_none() && self.incoming.as_ref().is_none_or(|lane| !lane.is_ready())
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

    /// The lane to write.
    pub(crate) fn outgoing(&self) -> &Arc<Lane> {
        &self.outgoing
    }

    /// Takes back the message sent last, if it was not read; gives how many messages are lost by that. If it was read,
    /// the pipe stays as it is, and the caller must cut it.
    pub(crate) fn recall(&mut self, recall: Recall) -> (Recalled, usize) {
        if self.outgoing.take_back_last() {
            let is_lost = recall != Recall::Move;
            return (Recalled::Here, usize::from(is_lost));
        }
        if self.outgoing.is_closed() {
            return (Recalled::Gone, 0);
        }
        match recall {
            Recall::Replace => (Recalled::Cut, 0),
            Recall::Move | Recall::GiveUp => (Recalled::Out, 0),
        }
    }

    /// Ends the connection: the other side, which has connected, is to do so again. How many messages from it were not read.
    pub(crate) fn cut(&mut self) -> usize {
        self.unsent += self.outgoing.cut_by_writer();
        let unread = self.incoming.take().map(|lane| lane.end_by_reader());
        self.ahead = None;
        unread.unwrap_or(0)
    }

    /// Ends the connection, and begins as if it had never been there: messages sent that nobody will get, and messages that
    /// came and were not read.
    pub(crate) fn renew(&mut self) -> (usize, usize) {
        let fresh = Arc::new(self.outgoing.another());
        if let Some(incoming) = &self.incoming {
            // The other side ends its half as soon as it hears of the end of this one.
            incoming.forget_reader();
        }
        self.end_output();
        let unsent = std::mem::take(&mut self.unsent);
        self.past_sent += self.outgoing.sent();
        let unread = self.incoming.take().map(|lane| lane.end_by_reader());
        self.outgoing = fresh;
        self.ahead = None;
        (unsent, unread.unwrap_or(0))
    }

    /// Messages sent, received, replaced by newer ones; and those that wait, out and in.
    pub(crate) fn counts(&self) -> InprocCounts {
        let replaced = self
            .incoming
            .as_ref()
            .map_or(0, |lane| lane.replaced_for_reader());
        InprocCounts {
            sent: self.past_sent + self.outgoing.sent(),
            received: self.received + replaced,
            replaced: self.replaced + replaced,
            queued_out: self.outgoing.queued(),
            queued_in: self.incoming.as_ref().map_or(0, |lane| lane.queued()),
        }
    }
}

/// The counts of a pipe within the process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InprocCounts {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) replaced: u64,
    pub(crate) queued_out: usize,
    pub(crate) queued_in: usize,
}

/// `message` as it is.
fn whole(message: Message) -> Parcel {
    Parcel::Whole(Received::Message(message))
}

#[cfg(test)]
mod tests;

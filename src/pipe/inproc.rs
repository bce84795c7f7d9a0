//! A socket's end of a pipe within the process: one lane out, one lane in.

mod counts;

use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater_patterns::{INLINE_CAPACITY, Message, Outbound, PipeId, Recall, Recalled, Received};

use super::lane::{Lane, Parcel};
use super::outgoing::Change;
use crate::policy::tuning::{MOST_COPIED_BYTES, SPARE_BUFFERS_TOGETHER};
use crate::sync::hold_drops;

/// A socket's end of a pipe within the process.
#[derive(Debug)]
pub(crate) struct InprocEnd {
    pipe: PipeId,
    outgoing: Arc<Lane>,
    /// `None` until the other side has come.
    incoming: Option<Arc<Lane>>,
    /// How many messages were sent on connections that are gone.
    past_sent: u64,
    received: u64,
    /// How many received items were not messages.
    controls: u64,
    /// How many looks have received nothing: the lane was empty, or its message was taken back or replaced.
    in_vain: u64,
    replaced: u64,
    /// Buffers for the bodies of sent messages.
    spares: Vec<Vec<u8>>,
    /// Buffers of received bodies, to be given back to the other side.
    spent: Vec<Vec<u8>>,
    /// An item that is not a message, found by a read for a message.
    ahead: Option<Received>,
    /// How many sent messages will not be received, since the output has ended.
    unsent: usize,
    /// When the pipe became full: the first refused message since one was taken.
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

    /// The other side has come.
    pub(crate) fn joined(&mut self, incoming: Arc<Lane>) {
        self.incoming = Some(incoming);
    }

    /// Moves `message` to the other side. If there is no room, leaves it where it is, and the socket will be told of
    /// room.
    ///
    /// Not inlined, to keep the path of a message over a wire short.
    #[inline(never)]
    pub(crate) fn push(&mut self, message: &mut impl Outbound) -> bool {
        let room = self.looks_for_room();
        if room {
            self.push_always(message);
        }
        room
    }

    /// Keeps a place for a message to come; if there is none, the socket will be told of room.
    #[cold]
    pub(crate) fn reserve(&mut self) -> bool {
        let room = self.looks_for_room();
        if room {
            self.outgoing.reserve();
        }
        room
    }

    /// As [`push`](Self::push), at a place that was kept; false only if the other side has gone.
    #[cold]
    pub(crate) fn push_at_place(&mut self, message: &mut impl Outbound) -> bool {
        let is_taken = !self.outgoing.is_closed();
        if is_taken {
            self.push_always(message);
        }
        // Behind the push, so that it does not look like room.
        self.outgoing.free_place();
        is_taken
    }

    /// As [`push`](Self::push), of a copy: `message` stays where it is.
    #[inline(never)]
    pub(crate) fn push_copy(&mut self, message: &impl Outbound) -> bool {
        let room = self.looks_for_room();
        if room {
            let copied = self.copied(message);
            self.enqueue(copied.unwrap_or_else(|| whole(message.to_message())));
        }
        room
    }

    /// Whether a message will be taken; notes since when the pipe is full.
    #[inline]
    fn looks_for_room(&mut self) -> bool {
        let room = self.has_room();
        if !room || self.full_since.is_some() {
            self.note_room(room);
        }
        room
    }

    /// A copy of `message` in a buffer that comes back, if it is one frame of suitable length.
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

    /// Sets this side's high-water marks, for sent and for received messages.
    pub(crate) fn set_limits(&self, send: Option<usize>, receive: Option<usize>) {
        self.outgoing.set_writer_limit(send);
        if let Some(incoming) = &self.incoming {
            incoming.set_reader_limit(receive);
        }
    }

    pub(crate) fn push_control(&self, topic: &[u8], change: Change) {
        self.outgoing.push_control(topic, change);
    }

    /// Moves the waiting messages to the other side of `other`, unless this pipe has another side itself.
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

    /// Whether a message would be taken; if not, the socket will be told of room.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.outgoing.has_room() || self.outgoing.wait_for_room()
    }

    /// Whether a message would never be taken: one of the two sides has let go.
    pub(crate) fn is_closed(&self) -> bool {
        self.outgoing.is_closed()
    }

    /// The next item that the other side has sent.
    pub(crate) fn pop(&mut self) -> Option<Received> {
        let mut message = Message::EMPTY;
        if self.pop_message(&mut message) {
            return Some(Received::Message(message));
        }
        self.ahead.take()
    }

    /// Puts the next item into `into` if it is a message; otherwise false, and [`pop`](Self::pop) gives the item.
    ///
    /// Not inlined, to keep the path of a message over a wire short.
    #[inline(never)]
    pub(crate) fn pop_message(&mut self, into: &mut Message) -> bool {
        if self.ahead.is_some() {
            return false;
        }
        let Some(mut parcel) = self.incoming.as_ref().and_then(|lane| lane.pop()) else {
            self.in_vain += 1;
            return false;
        };
        if self.receives_latest() {
            parcel = self.latest(parcel);
        }
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

    /// Whether only the latest of the messages that wait is received.
    #[inline]
    fn receives_latest(&self) -> bool {
        self.incoming
            .as_ref()
            .is_some_and(|lane| lane.conflates_for_reader())
    }

    /// The last message that waits, or `latest`. The writer may add more meanwhile; those are left for the next call.
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

    /// If only the latest message is received and there is a later one than `message`, puts that in its place.
    pub(crate) fn replace(&mut self, message: &mut Message) {
        if let Some(lane) = self.incoming.clone()
            && lane.conflates_for_reader()
        {
            hold_drops();
            if !self.pop_message(message) {
                return;
            }
            self.received -= 1;
            // This look received no additional message.
            self.in_vain += 1;
            lane.replaced(1);
        }
    }

    /// Keeps `buffer`, to be given back to the other side.
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

    /// How often the socket has looked for an item here, whether there was one or not.
    pub(crate) fn looks(&self) -> u64 {
        self.received + self.controls + self.in_vain
    }

    /// The incoming lane.
    pub(crate) fn incoming(&self) -> Option<&Arc<Lane>> {
        self.incoming.as_ref()
    }

    /// The reader is about to wait: true if an item has come meanwhile; otherwise it will be told of the next.
    pub(crate) fn wait_for_news(&self) -> bool {
        self.incoming
            .as_ref()
            .is_some_and(|lane| lane.wait_for_news())
    }

    /// Whether each item that has come was read.
    pub(crate) fn is_drained(&self) -> bool {
        self.ahead.is_none() && self.incoming.as_ref().is_none_or(|lane| !lane.is_ready())
    }

    /// Ends the output: the other side hears of it after it has read all that waits.
    pub(crate) fn end_output(&mut self) {
        self.unsent += self.outgoing.end_by_writer();
    }

    /// Lets go of the pipe: the other side may still read what waits for it. Gives how many sent messages have no
    /// reader any more, and how many received ones were not read.
    pub(crate) fn end(&mut self) -> (usize, usize) {
        self.end_output();
        let unsent = std::mem::take(&mut self.unsent);
        let unread = self
            .incoming
            .as_ref()
            .map_or(0, |lane| lane.end_by_reader());
        (unsent, unread)
    }

    /// The outgoing lane.
    pub(crate) fn outgoing(&self) -> &Arc<Lane> {
        &self.outgoing
    }

    /// Takes back the message sent last, if it was not read; beside the outcome the number of messages that are lost by
    /// it. If it was read, the pipe stays as it is, and the caller must cut it.
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

    /// Cuts the connection: the other side, which has connected, is to do so again. Gives the number of unread messages
    /// from it.
    pub(crate) fn cut(&mut self) -> usize {
        self.unsent += self.outgoing.cut_by_writer();
        let unread = self.incoming.take().map(|lane| lane.end_by_reader());
        self.ahead = None;
        unread.unwrap_or(0)
    }

    /// Ends the connection, and makes the pipe as new. Gives how many sent messages will not be received, and how many
    /// arrived ones were not read.
    pub(crate) fn renew(&mut self) -> (usize, usize) {
        let fresh = Arc::new(self.outgoing.another());
        if let Some(incoming) = &self.incoming {
            // The other side ends its lane when it hears of the end of this one.
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
}

/// A parcel that holds `message` itself.
fn whole(message: Message) -> Parcel {
    Parcel::Whole(Received::Message(message))
}

#[cfg(test)]
mod tests;

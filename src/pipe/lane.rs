//! One direction of a pipe within the process: messages move from socket to socket, without framing.
//!
//! Owns: the queue, its count against the high-water mark, and which side is to be told of a change.
//! Always true: one socket writes and one reads, each under its own lock; `taken <= sent`. A side that sets its flag
//! (`hungry`, `wanted`) checks the queue once more afterwards, and the other side checks the flag after each change,
//! each with a full fence between. So at least one of the two sees what the other did.
//! Must not know: how the sockets use it.

mod controls;
mod ends;
mod marks;

use std::sync::Weak;

use highwater_patterns::{PipeId, Received};

use super::{PipeEvent, SocketSide};
use crate::origin::{Here, Origin};
use crate::sync::late_calls::hold_calls;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, Queue, fence, hold_drops};
use controls::Controls;
use marks::Marks;

use crate::policy::tuning::{LOOK_FOR_WRITER_EVERY, MOST_SPARE_BUFFERS};

/// One direction of a pipe within the process.
#[derive(Debug)]
pub(crate) struct Lane {
    queue: Queue<Parcel>,
    /// Buffers of bodies that were received, for bodies to come.
    spares: Mutex<Vec<Vec<u8>>>,
    /// How many messages were ever written.
    sent: AtomicUsize,
    /// How many messages were ever read.
    taken: AtomicUsize,
    marks: Mutex<Marks>,
    /// The most messages that may wait, of both marks together; `usize::MAX` for no limit.
    limit: AtomicUsize,
    /// Only the latest message is kept, since the writer or the reader conflates.
    conflate: AtomicBool,
    /// The reader conflates, so replaced messages are counted for it.
    for_reader: AtomicBool,
    /// How many messages were replaced by later ones for the reader.
    replaced: AtomicUsize,
    /// The reader found nothing and waits to be told.
    hungry: AtomicBool,
    /// The writer found no room and waits to be told.
    wanted: AtomicBool,
    /// The writer or the reader is gone: nothing more will be written.
    closed: AtomicBool,
    reader: Mutex<LaneReader>,
    writer: Party,
    controls: Mutex<Controls>,
    origin: Origin,
}

/// An item of a lane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parcel {
    /// The item as it was sent.
    Whole(Received),
    /// The copied body of a message of one frame, in a buffer that is used again in both directions. Memory that one
    /// thread allocates and another frees costs both more than two copies of a short body.
    Copied(Vec<u8>),
}

impl Parcel {
    fn is_message(&self) -> bool {
        matches!(self, Self::Copied(_) | Self::Whole(Received::Message(_)))
    }
}

/// The side that empties a lane, and that counts the rest at the end.
#[derive(Debug, Clone)]
enum LaneReader {
    /// There is no reader yet. Left when a reader comes, or for good when the writer goes.
    Awaited,
    /// The reader; it may read on after the writer has gone, until it goes itself.
    Here(Party),
    /// There will be no reader.
    Gone,
}

/// A socket at one end, and what it calls the pipe.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) side: Weak<dyn SocketSide>,
    pub(crate) pipe: PipeId,
}

impl Party {
    /// Tells the socket, if it still exists.
    fn tell(&self, here: Here, event: impl FnOnce(PipeId) -> PipeEvent) {
        if let Some(side) = self.side.upgrade() {
            side.happened_here(event(self.pipe), here);
        }
    }
}

impl Lane {
    /// A lane on which `writer` may queue `limit` messages; its reader may come later.
    pub(crate) fn new(writer: Party, limit: Option<usize>, conflate: bool) -> Self {
        Self {
            queue: Queue::new(),
            spares: Mutex::new(Vec::new()),
            sent: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            marks: Mutex::new(Marks::of_writer(limit)),
            limit: AtomicUsize::new(limit.unwrap_or(usize::MAX)),
            conflate: AtomicBool::new(conflate),
            for_reader: AtomicBool::new(false),
            replaced: AtomicUsize::new(0),
            hungry: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            reader: Mutex::new(LaneReader::Awaited),
            writer,
            controls: Mutex::new(Controls::default()),
            origin: Origin::here(),
        }
    }

    /// A reader has come: from now on the limit is the sum of its mark and the writer's. False if it is too late: the
    /// writer has gone, and has counted the waiting messages as lost.
    pub(crate) fn join(&self, reader: Party, limit: Option<usize>) -> bool {
        let mut state = self.reader.lock();
        if matches!(*state, LaneReader::Gone) {
            return false;
        }
        *state = LaneReader::Here(reader);
        drop(state);
        self.set_reader_limit(limit);
        true
    }

    /// The reader conflates. If the writer conflates as well, replaced messages are counted for the writer.
    pub(crate) fn conflate_for_reader(&self) {
        if !self.conflate.swap(true, Ordering::Relaxed) {
            self.for_reader.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the reader conflates.
    #[inline]
    pub(crate) fn conflates_for_reader(&self) -> bool {
        self.for_reader.load(Ordering::Relaxed)
    }

    /// How many messages were replaced by later ones for the reader.
    pub(crate) fn replaced_for_reader(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed) as u64
    }

    /// `count` messages were replaced by later ones: gives how many of them are counted for the writer.
    #[cold]
    pub(crate) fn replaced(&self, count: usize) -> usize {
        if self.conflates_for_reader() {
            self.replaced.fetch_add(count, Ordering::Relaxed);
            return 0;
        }
        count
    }

    /// Whether a message would be taken.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
            && (self.conflate.load(Ordering::Relaxed)
                || self.queued() < self.limit.load(Ordering::Relaxed))
    }

    /// How many messages would be taken.
    pub(crate) fn room(&self) -> usize {
        if self.closed.load(Ordering::Relaxed) {
            return 0;
        }
        let limit = self.limit.load(Ordering::Relaxed);
        limit.saturating_sub(self.queued())
    }

    /// As [`has_room`](Self::has_room); if there is none, the writer will be told.
    pub(crate) fn wait_for_room(&self) -> bool {
        self.wanted.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let room = self.has_room();
        if room {
            self.wanted.store(false, Ordering::Relaxed);
        }
        room
    }

    /// How many messages wait to be read.
    #[inline]
    pub(crate) fn queued(&self) -> usize {
        // `taken` first: it never exceeds a `sent` read later.
        let taken = self.taken.load(Ordering::Acquire);
        self.sent.load(Ordering::Acquire) - taken
    }

    /// How many messages were ever written.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed) as u64
    }

    /// Queues a message, also above the high-water mark; gives how many older ones it replaced.
    #[inline(always)]
    pub(crate) fn push(&self, message: Parcel) -> usize {
        let mut replaced = 0;
        if self.conflate.load(Ordering::Relaxed) {
            hold_drops();
            while self.queue.pop().is_some() {
                self.taken.fetch_add(1, Ordering::AcqRel);
                replaced += 1;
            }
            replaced = self.replaced(replaced);
        }
        self.sent
            .store(self.sent.load(Ordering::Relaxed) + 1, Ordering::Release);
        self.queue.push(message);
        self.look_for_reader();
        replaced
    }

    #[inline]
    fn look_for_reader(&self) {
        fence(Ordering::SeqCst);
        if self.hungry.load(Ordering::Relaxed) && self.hungry.swap(false, Ordering::Relaxed) {
            self.tell_reader(PipeEvent::Readable);
        }
    }

    #[cold]
    fn tell_reader(&self, event: impl FnOnce(PipeId) -> PipeEvent) {
        let Some(here) = self.origin.ask() else {
            return;
        };
        let reader = self.reader.lock().clone();
        if let LaneReader::Here(reader) = reader {
            // The caller holds the lock of the writer.
            hold_calls();
            reader.tell(here, event);
        }
    }

    /// The next item, if there is one.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<Parcel> {
        let parcel = self.queue.pop()?;
        match &parcel {
            Parcel::Copied(_) => self.took_message(),
            Parcel::Whole(Received::Message(message)) => {
                // The socket that drops the body must have released its lock.
                if message.may_have_owner() {
                    hold_drops();
                }
                self.took_message();
            }
            Parcel::Whole(control) => self.took_control(control),
        }
        Some(parcel)
    }

    #[inline]
    fn took_message(&self) {
        let taken = self.taken.fetch_add(1, Ordering::AcqRel) + 1;
        if taken.is_multiple_of(LOOK_FOR_WRITER_EVERY) {
            self.look_for_writer();
        }
    }

    /// The reader gives buffers back, as many as the lane keeps.
    #[cold]
    pub(crate) fn give_back(&self, spent: &mut Vec<Vec<u8>>) {
        if let Some(mut spares) = self.spares.try_lock() {
            spent.truncate(MOST_SPARE_BUFFERS - spares.len());
            spares.append(spent);
        }
        spent.clear();
    }

    /// The writer has no buffer left, and takes those that have come back.
    #[cold]
    pub(crate) fn take_spares(&self, none: &mut Vec<Vec<u8>>) {
        if let Some(mut spares) = self.spares.try_lock() {
            std::mem::swap(&mut *spares, none);
        }
    }

    /// The reader is about to wait: true if an item has come meanwhile; otherwise it will be told of the next.
    pub(crate) fn wait_for_news(&self) -> bool {
        self.look_for_writer();
        self.hungry.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let news = !self.queue.is_empty();
        if news {
            self.hungry.store(false, Ordering::Relaxed);
        }
        news
    }

    /// Whether there is an item to read.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Tells a writer that waits for room, once less than half of the limit waits.
    fn look_for_writer(&self) {
        fence(Ordering::SeqCst);
        if self.queued() <= self.limit.load(Ordering::Relaxed) / 2 {
            self.tell_writer();
        }
    }

    /// Tells a writer that waits for room.
    #[inline]
    fn tell_writer(&self) {
        if self.wanted.load(Ordering::Relaxed)
            && self.wanted.swap(false, Ordering::Relaxed)
            && let Some(here) = self.origin.ask()
        {
            // The caller holds the lock of the reader.
            hold_calls();
            self.writer.tell(here, PipeEvent::Writable);
        }
    }

    /// The writer takes back the request that it has written last; false if that was read. Other waiting messages,
    /// probes of one frame, stay.
    pub(crate) fn take_back_last(&self) -> bool {
        hold_drops();
        let mut waiting: Vec<Parcel> = std::iter::from_fn(|| self.queue.pop()).collect();
        let is_request = |parcel: &mut Parcel| match parcel {
            Parcel::Whole(Received::Message(message)) => message.frame_count() > 1,
            _ => false,
        };
        let is_back = waiting.pop_if(is_request).is_some();
        if is_back {
            self.taken.fetch_add(1, Ordering::AcqRel);
        }
        if !waiting.is_empty() {
            waiting
                .into_iter()
                .for_each(|parcel| self.queue.push(parcel));
            self.look_for_reader();
        }
        is_back
    }

    /// Whether either side has let go.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

#[cfg(all(test, highwater_model))]
mod models;
#[cfg(test)]
mod tests;

//! The end of a lane, by its writer or its reader.
//!
//! Owns: nothing; it closes the lane and counts the messages that will not be received.
//! Always true: each message that is left is counted once, by the side that empties the lane.
//! Must not know: why a side goes.

use super::controls::Controls;
use super::{Lane, LaneReader};
use crate::pipe::PipeEvent;
use crate::sync::Ordering;

impl Lane {
    /// The writer is gone. A reader that has come may read what is left. Without one, gives the number of messages that
    /// will not be received: all of them if no reader ever came, or those that were written while it went.
    pub(crate) fn end_by_writer(&self) -> usize {
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.tell_reader(|pipe| PipeEvent::Disconnected { pipe, ends: true });
        }
        let mut reader = self.reader.lock();
        if matches!(*reader, LaneReader::Here(_)) {
            return 0;
        }
        *reader = LaneReader::Gone;
        drop(reader);
        self.clear()
    }

    /// As [`end_by_writer`](Self::end_by_writer), and the reader is to connect again: its unread messages are dropped,
    /// and counted here.
    pub(crate) fn cut_by_writer(&self) -> usize {
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.tell_reader(|pipe| PipeEvent::Disconnected { pipe, ends: false });
        }
        *self.reader.lock() = LaneReader::Gone;
        self.clear()
    }

    /// The reader is told of no further events, though it has not gone yet.
    pub(crate) fn forget_reader(&self) {
        *self.reader.lock() = LaneReader::Gone;
    }

    /// The reader is gone: gives the number of messages that are left unread.
    pub(crate) fn end_by_reader(&self) -> usize {
        self.closed.store(true, Ordering::SeqCst);
        *self.reader.lock() = LaneReader::Gone;
        self.clear()
    }

    /// Empties the lane, and gives the number of messages. Both sides may do so at the same time: each message counts
    /// once.
    fn clear(&self) -> usize {
        let mut cleared = 0;
        // Held meanwhile, so that no subscription is added afterwards.
        let mut controls = self.controls.lock();
        while let Some(parcel) = self.queue.pop() {
            cleared += usize::from(parcel.is_message());
        }
        *controls = Controls::default();
        drop(controls);
        self.taken.fetch_add(cleared, Ordering::AcqRel);
        cleared
    }
}

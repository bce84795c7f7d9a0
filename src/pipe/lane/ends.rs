//! The end of a lane, by its writer or its reader.
//!
//! Owns: nothing; it closes the lane and says what of it nobody will get.
//! Always true: each message that is left is counted by one of the two sides, whichever empties the lane.
//! Must not know: why a side goes.

use super::controls::Controls;
use super::{Lane, LaneReader};
use crate::pipe::PipeEvent;
use crate::sync::Ordering;

impl Lane {
    /// The writer is gone: a reader that is here may read what is left. If there is none, says how many messages
    /// nobody will get: all of them if none ever came, and those that were on their way here when it went.
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

    /// As [`end_by_writer`](Self::end_by_writer), and the reader is to connect again: what it has not read is forgotten, and
    /// counted here.
    pub(crate) fn cut_by_writer(&self) -> usize {
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.tell_reader(|pipe| PipeEvent::Disconnected { pipe, ends: false });
        }
        *self.reader.lock() = LaneReader::Gone;
        self.clear()
    }

    /// The reader is not to hear of anything any more, though it has not gone yet.
    pub(crate) fn forget_reader(&self) {
        *self.reader.lock() = LaneReader::Gone;
    }

    /// The reader is gone: says how many messages that leaves unread.
    pub(crate) fn end_by_reader(&self) -> usize {
        self.closed.store(true, Ordering::SeqCst);
        *self.reader.lock() = LaneReader::Gone;
        self.clear()
    }

    /// Forgets what is here; says how many messages that were. Both sides may do so at once: each message counts once.
    fn clear(&self) -> usize {
        let mut cleared = 0;
        // Held, so that no subscription comes afterwards.
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

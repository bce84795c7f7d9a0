//! How many messages a lane takes.
//!
//! Owns: the marks of both sides, and the places that are kept for messages to come.
//! Always true: `Lane::limit` is what they allow together. A writer that waits is told of room as soon as a change makes some.
//! Must not know: what waits in the lane.

use super::Lane;
use crate::sync::{Ordering, fence};

/// The high-water marks of both sides; `None` for no limit.
#[derive(Debug)]
pub(super) struct Marks {
    writer: Option<usize>,
    /// 0 until there is a reader.
    reader: Option<usize>,
    /// How many places are kept for messages to come.
    reserved: usize,
}

impl Marks {
    /// Of a lane that has no reader yet.
    pub(super) fn of_writer(limit: Option<usize>) -> Self {
        Self {
            writer: limit,
            reader: Some(0),
            reserved: 0,
        }
    }

    /// The room that both allow together, beside the places that are kept.
    fn together(&self) -> usize {
        match (self.writer, self.reader) {
            (Some(writer), Some(reader)) => {
                writer.saturating_add(reader).saturating_sub(self.reserved)
            }
            _ => usize::MAX,
        }
    }
}

impl Lane {
    /// Sets the writer's mark.
    pub(crate) fn set_writer_limit(&self, limit: Option<usize>) {
        self.change_marks(|marks| marks.writer = limit);
    }

    /// Sets the reader's mark.
    pub(crate) fn set_reader_limit(&self, limit: Option<usize>) {
        self.change_marks(|marks| marks.reader = limit);
    }

    /// Keeps a place for a message to come.
    pub(crate) fn reserve(&self) {
        self.change_marks(|marks| marks.reserved += 1);
    }

    /// A place that was kept is free again. If there is room by that, the writer is told, if it waits.
    pub(crate) fn free_place(&self) {
        self.change_marks(|marks| {
            debug_assert!(marks.reserved > 0, "nobody has a place here");
            marks.reserved = marks.reserved.saturating_sub(1);
        });
    }

    fn change_marks(&self, change: impl FnOnce(&mut Marks)) {
        let mut marks = self.marks.lock();
        change(&mut marks);
        self.limit.store(marks.together(), Ordering::Relaxed);
        drop(marks);
        // A waiting writer is told at once, if there is room now.
        fence(Ordering::SeqCst);
        if self.has_room() {
            self.tell_writer();
        }
    }

    /// A new lane of the same writer, with the writer's mark and the places that it keeps, and without a reader yet.
    pub(crate) fn another(&self) -> Self {
        let Marks {
            writer, reserved, ..
        } = *self.marks.lock();
        let conflate = self.conflate.load(Ordering::Relaxed) && !self.conflates_for_reader();
        let another = Self::new(self.writer.clone(), writer, conflate);
        another.change_marks(|marks| marks.reserved = reserved);
        another
    }
}

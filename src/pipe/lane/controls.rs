//! Subscriptions in a lane: they count against no mark. If the reader does not read, only the last change of each topic
//! is kept.
//!
//! Owns: the changes that are not in the lane yet, since more than 64 KiB of subscriptions wait in it.
//! Always true: while there are such changes, a subscription is in the lane; the reader that takes the last one out
//! puts the changes in.
//! Must not know: what the topics mean.

use bytes::Bytes;
use highwater_patterns::Received;

use super::super::outgoing::{Change, MOST_BYTES, UnsentChanges};
use super::{Lane, Parcel};

/// The memory of a subscription in a lane beside its topic, about.
const OVERHEAD: usize = 64;

/// The subscriptions of one lane.
#[derive(Debug, Default)]
pub(super) struct Controls {
    /// The memory of the subscriptions in the lane.
    bytes: usize,
    /// Subscriptions that are not in the lane yet, since the reader does not read.
    unsent_changes: UnsentChanges,
}

#[cfg(test)]
impl Controls {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.unsent_changes.is_empty()
    }
}

impl Lane {
    /// Queues a subscription, or the end of one, which no mark holds up and which does not count. Of what waits while the
    /// reader does not read, beyond 64 KiB, only the last word on each topic is kept.
    pub(crate) fn push_control(&self, topic: &[u8], change: Change) {
        let mut controls = self.controls.lock();
        if self.is_closed() {
            return;
        }
        if controls.unsent_changes.is_empty() && controls.bytes < MOST_BYTES {
            let topic = Bytes::copy_from_slice(topic);
            self.put(&mut controls, topic, change.is_wanted());
            drop(controls);
            self.look_for_reader();
        } else {
            // The reader knows, or will find, that there is something to read.
            controls.unsent_changes.note(topic, change);
        }
    }

    fn put(&self, controls: &mut Controls, topic: Bytes, wanted: bool) {
        controls.bytes += topic.len() + OVERHEAD;
        self.queue.push(Parcel::Whole(match wanted {
            true => Received::Subscribe(topic),
            false => Received::Cancel(topic),
        }));
    }

    /// The reader has taken `control` out of the lane.
    #[cold]
    pub(super) fn took_control(&self, control: &Received) {
        let (Received::Subscribe(topic) | Received::Cancel(topic)) = control else {
            return;
        };
        let mut controls = self.controls.lock();
        // The writer may have cut the lane, and forgotten what was in it, meanwhile.
        controls.bytes = controls.bytes.saturating_sub(topic.len() + OVERHEAD);
        if controls.bytes == 0 && !controls.unsent_changes.is_empty() {
            for (topic, wanted) in controls.unsent_changes.take() {
                self.put(&mut controls, topic.into_vec().into(), wanted);
            }
        }
    }
}

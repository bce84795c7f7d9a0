//! The changes of topics of which a publisher that does not read is not told yet: of each topic only the last.
//!
//! Owns: the last change of each topic, and their order.
//! Always true: there is at most one change for a topic, and none for a topic that the peer does not know and that is
//! no longer wanted. So the memory is bounded by the topics that are wanted and those that the peer knows, not by the
//! number of calls.
//! Must not know: how a subscription looks on the wire.

use std::collections::HashMap;

use crate::zmtp::Version;

/// When more bytes of commands than this wait to be written, of further subscriptions only the last change of each
/// topic is kept.
pub(in super::super) const MOST_BYTES: usize = 64 * 1024;

/// A change of a topic of which a peer must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The topic is wanted, and was not.
    Wanted,
    /// The topic is wanted once more.
    WantedAgain,
    /// The topic is not wanted any more.
    Unwanted,
    /// The topic is not wanted, and never was.
    NeverWanted,
}

impl Change {
    /// Whether the topic is wanted from now on.
    pub(in super::super) fn is_wanted(self) -> bool {
        matches!(self, Self::Wanted | Self::WantedAgain)
    }
}

/// The changes of which the peer is not told yet.
#[derive(Debug, Default)]
pub(in super::super) struct UnsentChanges {
    topics: HashMap<Box<[u8]>, LastChange>,
    /// How many changes there were.
    changes: u64,
    /// The form in which they are to be encoded.
    pub(super) version: Version,
}

/// The last change of a topic, in place of all that came before it.
#[derive(Debug)]
struct LastChange {
    wanted: bool,
    /// The peer was never told of the topic.
    is_new: bool,
    /// Its place in the order of all changes.
    number: u64,
}

impl UnsentChanges {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// How many changes fit into the memory that is held.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.topics.capacity()
    }

    pub(in super::super) fn clear(&mut self) {
        self.topics = HashMap::new();
    }

    pub(in super::super) fn note(&mut self, topic: &[u8], change: Change) {
        self.changes += 1;
        let number = self.changes;
        let wanted = change.is_wanted();
        match self.topics.get_mut(topic) {
            Some(last) if last.is_new && !wanted => {
                self.topics.remove(topic);
            }
            Some(last) => {
                last.wanted = wanted;
                last.number = number;
            }
            None if change == Change::NeverWanted => {}
            None => {
                let is_new = change == Change::Wanted;
                let last = LastChange {
                    wanted,
                    is_new,
                    number,
                };
                self.topics.insert(topic.into(), last);
            }
        }
    }

    /// Gives every topic, and whether it is wanted, in the order of the calls.
    pub(in super::super) fn take(&mut self) -> impl Iterator<Item = (Box<[u8]>, bool)> + use<> {
        let mut topics: Vec<_> = std::mem::take(&mut self.topics).into_iter().collect();
        topics.sort_unstable_by_key(|(_, last)| last.number);
        topics.into_iter().map(|(topic, last)| (topic, last.wanted))
    }
}

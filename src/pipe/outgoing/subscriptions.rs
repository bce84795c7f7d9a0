//! Subscriptions for a publisher that does not read: of each topic only the last change is kept.
//!
//! Owns: the changes that the peer was not told of, once more than 64 KiB of commands wait.
//! Always true: there is at most one change for a topic, and none for a topic that the peer does not know and that is
//! no longer wanted. So the memory is bounded by the topics that are wanted and those that the peer knows, not by the
//! number of calls.
//! Must not know: how a subscription looks on the wire.

use std::collections::HashMap;

use super::{Outgoing, State};
use crate::pipe::WriteEffects;
use crate::policy::WritePolicy;
use crate::zmtp::{self, Version};

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

/// The subscribes and cancels not sent to the peer yet.
#[derive(Debug, Default)]
pub(in super::super) struct Unsaid {
    topics: HashMap<Box<[u8]>, LastChange>,
    /// How many changes there were.
    changes: u64,
    version: Version,
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

impl Unsaid {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
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

impl Outgoing {
    /// Queues a subscription or its cancel. It goes out before the messages that wait. Without a connection it is
    /// dropped, since a new connection is told of all wanted topics. While the peer does not read, only the last change
    /// of each topic is kept.
    pub(crate) fn subscription(&self, topic: &[u8], change: Change, version: Version) {
        let mut state = self.lock();
        if state.line.wire().is_none() || state.is_closed() {
            return;
        }
        if state.unsaid.is_empty() && state.commands.len() < MOST_BYTES {
            encode(topic, change.is_wanted(), version, &mut state.commands);
        } else {
            state.unsaid.version = version;
            state.unsaid.note(topic, change);
        }
        state.after_push(&mut WritePolicy::urgent(), &mut WriteEffects::default());
    }
}

impl State {
    /// The peer reads again: the kept changes are encoded.
    pub(super) fn tell_unsaid(&mut self) {
        if !self.unsaid.is_empty() {
            for (topic, wanted) in self.unsaid.take() {
                encode(&topic, wanted, self.unsaid.version, &mut self.commands);
            }
        }
    }
}

fn encode(topic: &[u8], wanted: bool, version: Version, out: &mut Vec<u8>) {
    if wanted {
        zmtp::encode_subscribe(topic, version, out);
    } else {
        zmtp::encode_cancel(topic, version, out);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pipe::HighWater;
    use crate::pipe::testing::MemoryWire;

    fn stuck() -> (Outgoing, Arc<MemoryWire>) {
        let limit = HighWater {
            messages: None,
            bytes: None,
        };
        let pipe = Outgoing::new(limit, false);
        let wire = Arc::new(MemoryWire::taking(usize::MAX));
        wire.set_room(0);
        pipe.attach(Arc::clone(&wire) as _);
        (pipe, wire)
    }

    /// Until bytes are full, so that what follows is kept as a state; what is written for that.
    fn fill(pipe: &Outgoing) -> Vec<u8> {
        let mut bytes = Vec::new();
        for n in 0..3000_u32 {
            let topic = [&n.to_be_bytes()[..], &[7; 60]].concat();
            if pipe.lock().commands.len() < MOST_BYTES {
                zmtp::encode_subscribe(&topic, Version::V3_1, &mut bytes);
                pipe.subscription(&topic, Change::Wanted, Version::V3_1);
            }
        }
        bytes
    }

    fn read_on(pipe: &Outgoing, wire: &MemoryWire) -> Vec<u8> {
        wire.set_room(usize::MAX);
        pipe.writable();
        pipe.pump().expect("written");
        wire.written()
    }

    fn told(topics: &[(&str, bool)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (topic, wanted) in topics {
            encode(topic.as_bytes(), *wanted, Version::V3_1, &mut bytes);
        }
        bytes
    }

    #[test]
    fn a_peer_that_reads_again_is_told_the_last_word_on_each_topic_in_the_order_of_the_calls() {
        let (pipe, wire) = stuck();
        let mut expected = fill(&pipe);
        let say = |topic: &str, change| pipe.subscription(topic.as_bytes(), change, Version::V3_1);
        say("new", Change::Wanted);
        say("again", Change::WantedAgain);
        say("old", Change::Unwanted);
        say("old", Change::Wanted);
        say("gone", Change::Unwanted);
        say("short", Change::Wanted);
        say("short", Change::Unwanted);
        say("again", Change::Unwanted);
        say("never", Change::NeverWanted);
        say("new", Change::WantedAgain);
        say("back", Change::Unwanted);
        say("back", Change::Wanted);
        say("back", Change::Unwanted);
        expected.extend(told(&[
            ("old", true),
            ("gone", false),
            ("again", false),
            ("new", true),
            ("back", false),
        ]));
        assert_eq!(read_on(&pipe, &wire), expected);
        assert!(pipe.is_drained());
    }

    #[test]
    fn memory_does_not_grow_with_the_number_of_calls() {
        let (pipe, _wire) = stuck();
        fill(&pipe);
        for n in 0..100_000_u32 {
            let topic = n.to_be_bytes();
            pipe.subscription(b"one", Change::Wanted, Version::V3_1);
            pipe.subscription(&topic, Change::Wanted, Version::V3_1);
            pipe.subscription(&topic, Change::Unwanted, Version::V3_1);
            pipe.subscription(b"one", Change::Unwanted, Version::V3_1);
            pipe.subscription(&topic, Change::NeverWanted, Version::V3_1);
        }
        let state = pipe.lock();
        assert!(state.commands.len() + state.back.len() + state.in_flight.bytes < 3 * MOST_BYTES);
        assert!(state.unsaid.topics.capacity() < 1000);
    }

    #[test]
    fn the_next_connection_hears_nothing_of_what_the_last_was_not_told() {
        let (pipe, _wire) = stuck();
        fill(&pipe);
        pipe.subscription(b"topic", Change::Wanted, Version::V3_1);
        assert!(!pipe.is_drained());
        pipe.detach();
        let next = Arc::new(MemoryWire::taking(usize::MAX));
        pipe.attach(Arc::clone(&next) as _);
        pipe.subscription(b"topic", Change::Wanted, Version::V3_0);
        pipe.pump().expect("written");
        assert_eq!(next.written(), b"\x00\x06\x01topic");
    }
}

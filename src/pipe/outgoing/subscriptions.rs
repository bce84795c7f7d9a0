//! Subscriptions for a publisher. If it does not read, only the last change of each topic is kept.
//!
//! Owns: nothing; it encodes changes, or keeps them once more than 64 KiB of commands wait.
//! Always true: a change is encoded at once, or is among the unsent changes.
//! Must not know: when the peer reads again.

use super::unsent_changes::{Change, MOST_BYTES};
use super::{Outgoing, State};
use crate::pipe::WriteEffects;
use crate::policy::WritePolicy;
use crate::zmtp::{self, Version};

impl Outgoing {
    /// Queues a subscription or its cancel. It goes out before the messages that wait. Without a connection it is
    /// dropped, since a new connection is told of all wanted topics. While the peer does not read, only the last change
    /// of each topic is kept.
    pub(crate) fn subscription(&self, topic: &[u8], change: Change, version: Version) {
        let mut state = self.lock();
        if state.line.wire().is_none() || state.is_closed() {
            return;
        }
        if state.unsent_changes.is_empty() && state.commands.len() < MOST_BYTES {
            encode(topic, change.is_wanted(), version, &mut state.commands);
        } else {
            state.unsent_changes.version = version;
            state.unsent_changes.note(topic, change);
        }
        state.after_push(&mut WritePolicy::urgent(), &mut WriteEffects::default());
    }
}

impl State {
    /// The peer reads again: the kept changes are encoded.
    pub(super) fn encode_unsent_changes(&mut self) {
        if !self.unsent_changes.is_empty() {
            for (topic, wanted) in self.unsent_changes.take() {
                encode(
                    &topic,
                    wanted,
                    self.unsent_changes.version,
                    &mut self.commands,
                );
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

    /// Subscribes until the bytes of commands are full, so that later changes are kept as states. Gives the bytes that are
    /// written for it.
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
        assert!(state.unsent_changes.capacity() < 1000);
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

//! The subscriptions at a publisher: the topics, and for each topic the set of its subscribers.
//!
//! Owns: the trie of topics, and which topics each subscriber holds.
//! Always true: a subscriber is in the set of a topic exactly if the topic is among those it holds. A second subscribe of the
//! same topic changes nothing. No subscriber holds more than its share of memory. A subscriber that has departed counts
//! nowhere but in the number of topics.
//! Must not know: pipes, or what is published.
//! Source: RFC 29/PUBSUB, "The PUB Socket Type". As in libzmq, the sets hold no counts: one cancel undoes any number of
//! subscribes.

use std::collections::BTreeSet;

use crate::strategy::SubscriberIndex;
use crate::trie::{NodeId, Trie, Value};

/// The longest topic, in bytes; it fits in a command of 64 KiB.
pub const MAX_TOPIC: usize = 65_526;

/// The memory of a topic beyond its bytes, about: a node of the trie with its set, the node where it branches off, and
/// its entry in the list of its subscriber.
pub(crate) const TOPIC_OVERHEAD: usize = 256;

/// The subscriptions of all subscribers, each known by its index in the fan-out.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    topics: Trie<SubscriberSet>,
    /// The topics of each subscriber, by the index of the subscriber.
    held: Vec<Held>,
    /// The number of subscribers that hold a topic and have not departed.
    holders: usize,
    bytes_per_seat: usize,
}

#[derive(Debug, Default)]
struct Held {
    topics: BTreeSet<NodeId>,
    bytes: usize,
    has_departed: bool,
}

/// The subscribers that want one topic, sorted.
#[derive(Debug, Default)]
struct SubscriberSet(Vec<SubscriberIndex>);

impl Value for SubscriberSet {
    fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

/// The outcome of a subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// The topic's first subscriber.
    First,
    /// A further subscriber of the topic.
    Further,
    /// The subscriber had this topic already.
    Again,
    /// The topic is too long, or the subscriber would hold more memory than it may; nothing has changed.
    TooMany,
}

/// The outcome of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// The topic has no subscriber any more.
    Last,
    /// The topic has other subscribers.
    Remaining,
    /// The subscriber did not have the topic.
    NotFound,
}

impl Subscriptions {
    pub(crate) fn new(bytes_per_seat: usize) -> Self {
        Self {
            topics: Trie::default(),
            held: Vec::new(),
            holders: 0,
            bytes_per_seat,
        }
    }

    /// Sets how much memory the topics of one subscriber may take from now on; topics already held stay.
    pub(crate) fn limit(&mut self, bytes_per_seat: usize) {
        self.bytes_per_seat = bytes_per_seat;
    }

    pub(crate) fn add(&mut self, subscriber: SubscriberIndex, topic: &[u8]) -> Added {
        if topic.len() > MAX_TOPIC {
            return Added::TooMany;
        }
        let known = self.topics.find(topic);
        if known.is_some_and(|node| self.topics.value(node).0.binary_search(&subscriber).is_ok()) {
            return Added::Again;
        }
        if self.held.len() <= subscriber.index() {
            self.held.resize_with(subscriber.index() + 1, Held::default);
        }
        let held = &mut self.held[subscriber.index()];
        let cost = topic.len() + TOPIC_OVERHEAD;
        if self.bytes_per_seat.saturating_sub(held.bytes) < cost {
            return Added::TooMany;
        }
        let node = self.topics.update(topic, |node, subscribers| {
            let place = subscribers.0.binary_search(&subscriber);
            subscribers
                .0
                .insert(place.unwrap_or_else(|place| place), subscriber);
            node
        });
        if held.topics.is_empty() {
            self.holders += 1;
        }
        held.topics.insert(node);
        held.bytes += cost;
        match known {
            None => Added::First,
            Some(_) => Added::Further,
        }
    }

    pub(crate) fn remove(&mut self, subscriber: SubscriberIndex, topic: &[u8]) -> Removed {
        let node = self.topics.find(topic);
        let held = self.held.get_mut(subscriber.index());
        let (Some(node), Some(held)) = (node, held) else {
            return Removed::NotFound;
        };
        if !held.topics.remove(&node) {
            return Removed::NotFound;
        }
        held.bytes -= topic.len() + TOPIC_OVERHEAD;
        if held.topics.is_empty() {
            self.holders -= 1;
        }
        self.take_out(subscriber, node)
    }

    /// `subscriber` has gone: it adds nothing any more, and its topics are removed one by one. Gives whether it has any.
    pub(crate) fn depart(&mut self, subscriber: SubscriberIndex) -> bool {
        let held = self.held.get_mut(subscriber.index());
        let Some(held) = held.filter(|held| !held.topics.is_empty()) else {
            return false;
        };
        held.has_departed = true;
        self.holders -= 1;
        true
    }

    /// Ends one subscription of a `subscriber` that has departed; gives the topic. `None` if none is left: its index may
    /// be given to another.
    pub(crate) fn remove_next(
        &mut self,
        subscriber: SubscriberIndex,
    ) -> Option<(Vec<u8>, Removed)> {
        let held = self.held.get_mut(subscriber.index())?;
        let Some(node) = held.topics.pop_first() else {
            *held = Held::default();
            return None;
        };
        let topic = self.topics.topic(node);
        Some((topic, self.take_out(subscriber, node)))
    }

    /// Calls `each` for every subscriber that wants `text`, possibly more than once.
    #[inline]
    pub(crate) fn each_match(&self, text: &[u8], mut each: impl FnMut(SubscriberIndex)) {
        self.topics.prefixes(text, |subscribers| {
            subscribers
                .0
                .iter()
                .for_each(|&subscriber| each(subscriber));
            true
        });
    }

    /// How many subscribers subscribe to the empty topic, which is every message.
    #[inline]
    pub(crate) fn wanting_all(&self) -> usize {
        self.topics.root().0.len()
    }

    /// How many subscribers want `text`.
    pub(crate) fn wanting(&self, text: &[u8]) -> usize {
        let mut subscribers = BTreeSet::new();
        self.each_match(text, |subscriber| {
            if !self.held[subscriber.index()].has_departed {
                subscribers.insert(subscriber);
            }
        });
        subscribers.len()
    }

    /// How many subscribers hold a topic and have not departed.
    pub(crate) fn holders(&self) -> usize {
        self.holders
    }

    /// Whether a subscriber holds exactly this `topic`.
    pub(crate) fn has(&self, topic: &[u8]) -> bool {
        let node = self.topics.find(topic);
        node.is_some_and(|node| !self.topics.value(node).is_nothing())
    }

    /// How many different topics there are, with those that departed subscribers still hold.
    pub(crate) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    fn take_out(&mut self, subscriber: SubscriberIndex, node: NodeId) -> Removed {
        self.topics.update_at(node, |_, subscribers| {
            let place = subscribers.0.binary_search(&subscriber);
            subscribers
                .0
                .remove(place.expect("a subscriber is in the set of each topic it holds"));
            if subscribers.is_nothing() {
                Removed::Last
            } else {
                Removed::Remaining
            }
        })
    }
}

#[cfg(test)]
mod tests;

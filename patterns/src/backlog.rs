//! The messages and subscriptions from upstream that the application has not read: a queue for each pipe, read in turn.
//!
//! Owns: the queues, what they hold together, and which pipes are held back for want of room.
//! Always true: each pipe with a queue is either in rotation or known to have nothing waiting. A pipe may add to the backlog
//! while it holds less than is free: one alone fills half of the bound, and each of `n` its `n + 1`th part, so there is
//! room for one more. Items of one peer come in its order, and so do the notices of a topic, whichever peers caused them.
//! Must not know: who is subscribed to what.
//! Source: RFC 29/PUBSUB, "The XPUB Socket Type".

mod blocks;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::pipe_map::PipeMap;
use crate::strategy::Rotation;
use crate::{Frame, Message, PipeId, Received};
use blocks::Blocks;

/// The memory of an item beyond its bytes, about: its place in a queue, which grows by doubling.
const ITEM_OVERHEAD: usize = 128;

/// The memory of a notice beyond that, about: the order of the notices of its topic.
const NOTICE_OVERHEAD: usize = 128;

/// The items that wait for the application.
#[derive(Debug)]
pub(crate) struct Backlog {
    queues: PipeMap<Queue>,
    turns: Rotation,
    notices: BTreeMap<Bytes, Order>,
    /// Pipes that were not read to the end and have nothing waiting, in the order in which they get room.
    hungry: VecDeque<PipeId>,
    bytes: usize,
    bound: usize,
}

/// The items of one pipe.
#[derive(Debug, Default)]
struct Queue {
    items: Blocks<Item>,
    bytes: usize,
    /// The number of items, from the first on, that came by a connection that is lost.
    former: usize,
    /// The pipe was not read to the end.
    is_held: bool,
    /// The pipe is in `hungry`.
    is_hungry: bool,
    /// The pipe is gone: the queue ends with its last item.
    is_last: bool,
}

#[derive(Debug)]
enum Item {
    Message(Message),
    /// A subscribe or cancel on which the application decides.
    Asked(Received),
    /// The cancel, by the end of its connection, of a topic on which the application decides: nobody asks for it.
    Cancelled(Bytes),
    /// The turn of the next `times` notices in the order of `topic`.
    Notices {
        topic: Bytes,
        times: usize,
    },
}

/// The notices of a topic that wait, in the order in which the application sees them, with how often each comes.
///
/// A cancel may wait in the queue of one peer, and the subscribe that came before it in the longer queue of another.
#[derive(Debug)]
struct Order {
    /// Apart from the rest, so that a topic with one notice takes no allocation for it.
    first: (Notice, usize),
    rest: VecDeque<(Notice, usize)>,
}

/// What the application is told about a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    Subscribe,
    Cancel,
}

/// An item that the application gets.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) received: Received,
    pub(crate) pipe: PipeId,
    /// The pipe has asked for this, the application decides, and the connection is still the same.
    pub(crate) asks: bool,
}

impl Backlog {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            queues: PipeMap::default(),
            turns: Rotation::default(),
            notices: BTreeMap::new(),
            hungry: VecDeque::new(),
            bytes: 0,
            bound: bound.max(1),
        }
    }

    /// Changes how many bytes may wait. Items that wait already stay.
    pub(crate) fn limit(&mut self, bound: usize) {
        self.bound = bound.max(1);
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether `pipe` may add an item, of whatever size.
    #[inline]
    pub(crate) fn has_room(&self, pipe: PipeId) -> bool {
        let own = self.queues.get(pipe).map_or(0, |queue| queue.bytes);
        own < self.bound.saturating_sub(self.bytes)
    }

    /// `pipe` is not read to the end for want of room.
    pub(crate) fn hold(&mut self, pipe: PipeId) {
        let queue = self.queue(pipe);
        queue.is_held = !queue.is_last;
        if queue.is_held && queue.items.is_empty() && !queue.is_hungry {
            queue.is_hungry = true;
            self.hungry.push_back(pipe);
        }
    }

    /// A pipe that has nothing waiting, was not read to the end and may add an item now: to be asked first whenever an item
    /// was taken, so that those who have more do not take all of the room again.
    pub(crate) fn take_hungry(&mut self) -> Option<PipeId> {
        if self.bytes >= self.bound {
            return None;
        }
        let pipe = self.hungry.pop_front()?;
        if let Some(queue) = self.queues.get_mut(pipe) {
            queue.is_hungry = false;
            queue.is_held = false;
        }
        Some(pipe)
    }

    /// Whether `pipe`, of which an item was taken, was not read to the end and may add an item now.
    pub(crate) fn take_held(&mut self, pipe: PipeId) -> bool {
        let has_room = self.has_room(pipe);
        let queue = self.queues.get_mut(pipe);
        queue.is_some_and(|queue| {
            has_room && !queue.items.is_empty() && std::mem::take(&mut queue.is_held)
        })
    }

    pub(crate) fn add_message(&mut self, pipe: PipeId, message: Message) {
        self.add(pipe, Item::Message(message));
    }

    /// Adds a subscribe or cancel on which the application decides.
    pub(crate) fn add_asked(&mut self, pipe: PipeId, asked: Received) {
        self.add(pipe, Item::Asked(asked));
    }

    /// Adds the cancel of a topic that a connection of `pipe` had asked for and that ends since the connection is lost.
    pub(crate) fn add_cancelled(&mut self, pipe: PipeId, topic: Bytes) {
        self.add(pipe, Item::Cancelled(topic));
    }

    /// Adds `times` times the same notice.
    pub(crate) fn add_notices(&mut self, pipe: PipeId, notice: Notice, topic: Bytes, times: usize) {
        if times == 0 {
            return;
        }
        match self.notices.get_mut(&topic) {
            Some(order) => match order.rest.back_mut().unwrap_or(&mut order.first) {
                (last, count) if *last == notice => *count += times,
                _ => order.rest.push_back((notice, times)),
            },
            None => {
                let order = Order {
                    first: (notice, times),
                    rest: VecDeque::new(),
                };
                self.notices.insert(topic.clone(), order);
            }
        }
        self.add(pipe, Item::Notices { topic, times });
    }

    fn add(&mut self, pipe: PipeId, item: Item) {
        let cost = cost(&item);
        self.bytes += cost;
        let queue = self.queue(pipe);
        queue.bytes += cost;
        queue.items.push_back(item);
        if queue.items.len() == 1 {
            self.turns.activate(pipe);
        }
    }

    fn queue(&mut self, pipe: PipeId) -> &mut Queue {
        if self.queues.get(pipe).is_none() {
            self.queues.insert(pipe, Queue::default());
            self.turns.attach(pipe);
        }
        self.queues
            .get_mut(pipe)
            .expect("it has just been inserted")
    }

    /// The next item of the pipe whose turn it is.
    pub(crate) fn next(&mut self) -> Option<Next> {
        while let Some(pipe) = self.turns.current() {
            if let Some(queue) = self.queues.get_mut(pipe)
                && let Some(item) = queue.items.pop_front()
            {
                return Some(self.take(pipe, item));
            }
            self.turns.rest_current();
        }
        None
    }

    /// Gives `item`, which was the first of `pipe`, to the application, and ends the turn.
    fn take(&mut self, pipe: PipeId, item: Item) -> Next {
        let cost = cost(&item);
        let queue = self.queues.get_mut(pipe).expect("it had an item");
        let asks = matches!(item, Item::Asked(_)) && queue.former == 0;
        let (received, more) = match item {
            Item::Message(message) => (Received::Message(message), 0),
            Item::Asked(asked) => (asked, 0),
            Item::Cancelled(topic) => (Received::Cancel(topic), 0),
            Item::Notices { topic, times } => {
                let received = take_notice(&mut self.notices, &topic);
                if times > 1 {
                    let times = times - 1;
                    queue.items.push_front(Item::Notices { topic, times });
                }
                (received, times - 1)
            }
        };
        if more == 0 {
            queue.bytes -= cost;
            queue.former = queue.former.saturating_sub(1);
            self.bytes -= cost;
        }
        if !queue.items.is_empty() {
            self.turns.advance();
        } else if queue.is_last {
            self.queues.remove(pipe);
            self.turns.detach(pipe);
        } else {
            self.turns.rest_current();
            if queue.is_held {
                self.hold(pipe);
            }
        }
        Next {
            received,
            pipe,
            asks,
        }
    }

    /// The connection of `pipe` is lost: what came by it is still given, and the next connection has not asked for it.
    pub(crate) fn disconnected(&mut self, pipe: PipeId) {
        if let Some(queue) = self.queues.get_mut(pipe) {
            queue.former = queue.items.len();
            queue.is_held = false;
        }
    }

    /// `pipe` is gone; what came by it is still given.
    pub(crate) fn detach(&mut self, pipe: PipeId) {
        self.disconnected(pipe);
        let Some(queue) = self.queues.get_mut(pipe) else {
            return;
        };
        queue.is_last = true;
        let is_empty = queue.items.is_empty();
        if std::mem::take(&mut queue.is_hungry) {
            self.hungry.retain(|&hungry| hungry != pipe);
        }
        if is_empty {
            self.queues.remove(pipe);
            self.turns.detach(pipe);
        }
    }

    /// Checks the invariants of this module; panics if one is broken.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let all: Vec<_> = self.queues.pipes().collect();
        self.turns.check(&all);
        let costs = |queue: &Queue| queue.items.iter().map(cost).sum::<usize>();
        assert!(
            self.queues
                .values()
                .all(|queue| queue.bytes == costs(queue))
        );
        let bytes: usize = self.queues.values().map(|queue| queue.bytes).sum();
        assert_eq!(self.bytes, bytes);
        for (pipe, queue) in self.queues.pipes().zip(self.queues.values()) {
            let is_empty = queue.items.is_empty();
            assert!(is_empty || self.turns.usable().contains(&pipe));
            assert!(!(is_empty && (queue.is_held && !queue.is_hungry || queue.is_last)));
            let places = self.hungry.iter().filter(|&&hungry| hungry == pipe);
            assert_eq!(places.count(), usize::from(queue.is_hungry));
        }
        assert!(!self.is_empty() || self.notices.is_empty());
    }
}

/// The next notice in the order of `topic`.
fn take_notice(notices: &mut BTreeMap<Bytes, Order>, topic: &Bytes) -> Received {
    let order = notices.get_mut(topic);
    let order = order.expect("as many notices as turns");
    let (notice, times) = &mut order.first;
    let notice = *notice;
    *times -= 1;
    if *times == 0 {
        match order.rest.pop_front() {
            Some(next) => order.first = next,
            None => drop(notices.remove(topic)),
        }
    }
    match notice {
        Notice::Subscribe => Received::Subscribe(topic.clone()),
        Notice::Cancel => Received::Cancel(topic.clone()),
    }
}

/// The memory of `item`, as it counts against the bound.
fn cost(item: &Item) -> usize {
    ITEM_OVERHEAD
        + match item {
            Item::Message(message) => cost_of_message(message),
            Item::Asked(Received::Message(message)) => cost_of_message(message),
            Item::Asked(Received::Subscribe(topic) | Received::Cancel(topic)) => topic.len(),
            Item::Cancelled(topic) => topic.len(),
            Item::Notices { topic, .. } => topic.len() + NOTICE_OVERHEAD,
        }
}

fn cost_of_message(message: &Message) -> usize {
    message.size() + (message.frame_count() - 1) * size_of::<Frame>()
}

#[cfg(test)]
mod tests;

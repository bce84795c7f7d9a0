//! XPUB: a PUB whose application sees the subscriptions, and may decide on them.
//!
//! Owns: the items that wait for the application; in manual mode, the topics each subscriber has asked for.
//! Always true: the waiting items are bounded: above the bound, pipes are not read until the application has caught up.
//! When a topic has lost its last subscriber, the application has seen as many cancels of it as subscribes. So an
//! application that passes them on to an XSUB, which counts, ends with no subscription.
//! Must not know: what the topics mean.
//! Source: RFC 29/PUBSUB, "The XPUB Socket Type".

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::publisher::Publisher;
use crate::rules::Rules;
use crate::subscriptions::{Added, Removed, Subscriptions};
use crate::{
    Admission, Afterlife, DropCause, Frame, MAX_TOPIC, Message, Notices, Outbound, PatternOptions,
    Peer, PipeId, Pipes, Received, Refusal, Sent, upstream,
};

/// The memory of a waiting item beyond its bytes, about.
const WAITING_OVERHEAD: usize = 64;

/// Something for the application.
#[derive(Debug)]
struct Waiting {
    /// The pipe of the item, if it may still be granted a topic.
    from: Option<PipeId>,
    received: Received,
    /// How often the application sees the item.
    times: usize,
}

/// The rules of an XPUB socket.
#[derive(Debug)]
pub struct XPub {
    publisher: Publisher,
    /// Manual mode: the topics asked for, granted or not.
    asked: Subscriptions,
    /// Items for the application.
    waiting: VecDeque<Waiting>,
    /// For each topic, the subscribes that were shown beyond the first, if any.
    shown: BTreeMap<Vec<u8>, usize>,
    /// Those of `shown` by which one peer has repeated its own subscribe.
    repeats: BTreeMap<PipeId, BTreeMap<Vec<u8>, usize>>,
    /// The bytes in `waiting`.
    waiting_bytes: usize,
    /// Pipes that were not read to the end because `waiting` was full.
    unread: Vec<PipeId>,
    /// Manual mode: the sender of the subscription that the application read last.
    last: Option<PipeId>,
    manual: bool,
    notices: Notices,
    only_first: bool,
    welcome: Option<Message>,
    bound: usize,
}

impl XPub {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            publisher: Publisher::new(options),
            asked: Subscriptions::new(options.topic_bytes_per_peer),
            waiting: VecDeque::new(),
            shown: BTreeMap::new(),
            repeats: BTreeMap::new(),
            waiting_bytes: 0,
            unread: Vec::new(),
            last: None,
            manual: options.manual,
            notices: options.notices,
            only_first: options.only_first_subscribe,
            welcome: options.welcome.clone(),
            bound: options.upstream_backlog_bytes.max(1),
        }
    }

    /// How many peers have a subscription; in manual mode, a granted one.
    pub fn subscriber_count(&self) -> usize {
        self.publisher.subscriptions().holders()
    }

    /// How many peers would get a message whose first frame is `topic`.
    pub fn subscription_count(&self, topic: &[u8]) -> usize {
        self.publisher.subscriptions().wanting(topic)
    }

    /// How many different topics are subscribed to.
    pub fn topic_count(&self) -> usize {
        self.publisher.subscriptions().topic_count()
    }

    /// The next subscription, cancel or upstream message, in the order of arrival.
    pub fn next_event(&mut self, pipes: &mut impl Pipes) -> Option<Received> {
        let next = self.waiting.front_mut()?;
        if next.times > 1 {
            next.times -= 1;
            return Some(next.received.clone());
        }
        let Waiting {
            from: pipe,
            received,
            ..
        } = self.waiting.pop_front()?;
        self.waiting_bytes -= cost(&received);
        if !matches!(received, Received::Message(_)) {
            self.last = pipe;
        }
        if self.waiting_bytes <= self.bound / 2 {
            for pipe in std::mem::take(&mut self.unread) {
                self.readable(pipe, pipes);
            }
            // The first of those that are left has filled the queue; the others were not read at all, and come first next time.
            if !self.unread.is_empty() {
                self.unread.rotate_left(1);
            }
        }
        Some(received)
    }

    /// Manual mode: subscribes the sender of the subscription read last to `topic`, which may differ from the topic it
    /// asked for. False if that peer has gone or has too many topics.
    pub fn grant(&mut self, topic: &[u8], pipes: &mut impl Pipes) -> bool {
        let Some(pipe) = self.last else {
            return false;
        };
        let added = self.publisher.subscribe(pipe, topic, pipes);
        added.is_some_and(|added| added != Added::TooMany)
    }

    /// Manual mode: ends the subscription to `topic` of the sender of the subscription read last. False if it had none.
    pub fn revoke(&mut self, topic: &[u8]) -> bool {
        let removed = self
            .last
            .and_then(|pipe| self.publisher.cancel(pipe, topic));
        removed.is_some_and(|removed| removed != Removed::NotFound)
    }

    fn queue(&mut self, from: Option<PipeId>, received: Received, times: usize) {
        if times > 0 {
            self.waiting_bytes += cost(&received);
            self.waiting.push_back(Waiting {
                from,
                received,
                times,
            });
        }
    }

    fn take(&mut self, pipe: PipeId, received: Received, pipes: &mut impl Pipes) {
        match received {
            Received::Message(message) => {
                if upstream::has_commands(&message, self.only_first) {
                    let only_first = self.only_first;
                    upstream::split(message, only_first, |part| {
                        self.take_part(pipe, part, pipes)
                    });
                } else {
                    self.queue(Some(pipe), Received::Message(message), 1);
                }
            }
            command => self.take_part(pipe, command, pipes),
        }
    }

    fn take_part(&mut self, pipe: PipeId, received: Received, pipes: &mut impl Pipes) {
        let times = match &received {
            Received::Message(_) => 1,
            Received::Subscribe(topic) => usize::from(self.subscribe(pipe, topic, pipes)),
            Received::Cancel(topic) => self.cancel(pipe, topic),
        };
        self.queue(Some(pipe), received, times);
    }

    /// Whether the application is to see the subscribe.
    fn subscribe(&mut self, pipe: PipeId, topic: &[u8], pipes: &mut impl Pipes) -> bool {
        if self.manual {
            let Some(subscriber) = self.publisher.subscriber(pipe) else {
                return false;
            };
            if self.asked.add(subscriber, topic) == Added::TooMany {
                pipes.dropped(Some(pipe), DropCause::TooManyTopics);
                return false;
            }
            return true;
        }
        match self.publisher.subscribe(pipe, topic, pipes) {
            Some(Added::First) => true,
            Some(added @ (Added::Further | Added::Again)) => {
                let shown = self.notices != Notices::FirstAndLast;
                if shown {
                    *self.shown.entry(topic.to_vec()).or_default() += 1;
                }
                if shown && added == Added::Again {
                    let repeats = self.repeats.entry(pipe).or_default();
                    *repeats.entry(topic.to_vec()).or_default() += 1;
                }
                shown
            }
            Some(Added::TooMany) | None => false,
        }
    }

    /// How often the application is to see the cancel.
    fn cancel(&mut self, pipe: PipeId, topic: &[u8]) -> usize {
        if self.manual {
            let subscriber = self.publisher.subscriber(pipe);
            if let Some(subscriber) = subscriber {
                self.asked.remove(subscriber, topic);
            }
            return usize::from(subscriber.is_some() && topic.len() <= MAX_TOPIC);
        }
        match self.publisher.cancel(pipe, topic) {
            Some(Removed::Last) => self.cancels(pipe, topic, true),
            Some(Removed::Remaining) => self.cancels(pipe, topic, false),
            // Other peers may have the topic; a cancel shown here would end it for them at the XSUB to which the
            // application passes it on.
            Some(Removed::NotFound) => {
                let concerns_nobody = !self.publisher.subscriptions().has(topic);
                usize::from(concerns_nobody && topic.len() <= MAX_TOPIC)
            }
            None => 0,
        }
    }

    /// `pipe` cancels `topic`; `last` says whether it was the last subscriber. Gives how many cancels the application
    /// sees.
    fn cancels(&mut self, pipe: PipeId, topic: &[u8], last: bool) -> usize {
        let repeats = self.repeats.get_mut(&pipe);
        let repeats = repeats.and_then(|repeats| repeats.remove(topic));
        if last {
            return 1 + self.shown.remove(topic).unwrap_or_default();
        }
        if self.notices != Notices::Every {
            return 0;
        }
        let Some(shown) = self.shown.get_mut(topic) else {
            return 0;
        };
        let cancels = (1 + repeats.unwrap_or_default()).min(*shown);
        *shown -= cancels;
        if *shown == 0 {
            self.shown.remove(topic);
        }
        cancels
    }

    /// Ends the subscriptions of `pipe` and shows the cancels to the application.
    fn end_subscriptions(&mut self, pipe: PipeId) {
        let mut ended = Vec::new();
        let manual = self.manual;
        self.publisher
            .disconnected(pipe, |topic, last| ended.push((topic, last)));
        if manual {
            ended.clear();
        }
        if let Some(subscriber) = self.publisher.subscriber(pipe) {
            self.asked.remove_all(subscriber, |topic, last| {
                if manual {
                    ended.push((topic, last));
                }
            });
        }
        // A topic that this connection asked for must not be granted to the next one.
        self.last.take_if(|last| *last == pipe);
        for waiting in &mut self.waiting {
            waiting.from.take_if(|from| *from == pipe);
        }
        for (topic, last) in ended {
            let times = match manual {
                true => 1,
                false => self.cancels(pipe, &topic, last),
            };
            self.queue(None, Received::Cancel(Bytes::from(topic)), times);
        }
        self.repeats.remove(&pipe);
    }

    /// Whether nothing is remembered; true without subscribers.
    #[cfg(test)]
    pub(crate) fn is_clean(&self) {
        assert!(self.shown.is_empty() && self.repeats.values().all(BTreeMap::is_empty));
    }

    fn forget(&mut self, pipe: PipeId) {
        self.end_subscriptions(pipe);
        self.publisher.ended(pipe);
        self.unread.retain(|&unread| unread != pipe);
    }
}

impl Rules for XPub {
    fn reconfigure(&mut self, options: &PatternOptions) {
        self.publisher.reconfigure(options);
        self.asked.limit(options.topic_bytes_per_peer);
        self.manual = options.manual;
        self.notices = options.notices;
        self.only_first = options.only_first_subscribe;
        self.welcome.clone_from(&options.welcome);
        self.bound = options.upstream_backlog_bytes.max(1);
    }

    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.publisher.attached(pipe);
        Admission::Accepted
    }

    fn connected(&mut self, pipe: PipeId, _: &Peer<'_>, pipes: &mut impl Pipes) -> Admission {
        if let Some(welcome) = &self.welcome {
            pipes.write_always(pipe, welcome.clone());
        }
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        // Items of the lost connection must not act on the next one. Those without room are thrown away: the
        // subscriptions among them would end now anyway.
        while let Some(received) = pipes.try_read(pipe) {
            if self.waiting_bytes < self.bound {
                self.take(pipe, received, pipes);
            } else if matches!(received, Received::Message(_)) {
                pipes.dropped(Some(pipe), DropCause::NoRoom);
            }
        }
        for _ in 0..pipes.discard(pipe) {
            pipes.dropped(Some(pipe), DropCause::NoRoom);
        }
        match afterwards {
            Afterlife::Reconnects => self.end_subscriptions(pipe),
            Afterlife::Ends => self.forget(pipe),
        }
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.forget(pipe);
    }

    fn readable(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        while self.waiting_bytes < self.bound {
            let Some(received) = pipes.try_read(pipe) else {
                return;
            };
            self.take(pipe, received, pipes);
        }
        if !self.unread.contains(&pipe) {
            self.unread.push(pipe);
        }
    }

    fn writable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.publisher.writable(pipe);
    }

    #[inline]
    fn offer(
        &mut self,
        message: &mut impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        self.publisher.publish(message, pipes)
    }

    /// In the form of libzmq: 1 and the topic, 0 and the topic, or an upstream message unchanged.
    fn recv(&mut self, pipes: &mut impl Pipes) -> Option<Message> {
        self.next_event(pipes).map(upstream::join)
    }

    fn can_send(&mut self, _: &mut impl Pipes) -> bool {
        true
    }

    fn can_recv(&mut self, _: &mut impl Pipes) -> bool {
        !self.waiting.is_empty()
    }

    fn may_recv(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

fn cost(received: &Received) -> usize {
    let bytes = match received {
        Received::Message(message) => {
            message.size() + (message.frame_count() - 1) * size_of::<Frame>()
        }
        Received::Subscribe(topic) | Received::Cancel(topic) => topic.len(),
    };
    bytes + WAITING_OVERHEAD
}

#[cfg(test)]
mod tests;

//! XPUB: a PUB whose application sees the subscriptions, and may decide on them.
//!
//! Owns: which subscribes and cancels the application sees; in manual mode, the topics each subscriber has asked for; which
//! lost connections still have topics.
//! Always true: a subscription acts as soon as it is read, whenever the application hears of it. A lost connection gets
//! nothing; its cancels come one by one, as if it had sent them, between those of the others. When a topic has lost its last
//! subscriber, the application has seen as many cancels of it as subscribes. So an application that passes them on to an
//! XSUB, which counts, ends with no subscription.
//! Must not know: what the topics mean.
//! Source: RFC 29/PUBSUB, "The XPUB Socket Type".

mod departed;

use std::collections::{BTreeMap, VecDeque};

use crate::backlog::{Backlog, Next, Notice};
use crate::publisher::Publisher;
use crate::remains::{go_on, make_way};
use crate::rules::Rules;
use crate::strategy::SubscriberIndex;
use crate::subscriptions::{Added, Removed, Subscriptions};
use crate::{
    Admission, Afterlife, DropCause, MAX_TOPIC, Message, Notices, Outbound, PatternOptions, Peer,
    PipeId, Pipes, Received, Refusal, Sent, upstream,
};
use departed::Departed;

/// The rules of an XPUB socket.
#[derive(Debug)]
pub struct XPub {
    publisher: Publisher,
    /// Manual mode: the topics asked for, granted or not.
    asked: Subscriptions,
    /// Items for the application.
    waiting: Backlog,
    /// For each topic, the subscribes that were shown beyond the first, if any.
    shown: BTreeMap<Vec<u8>, usize>,
    /// Those of `shown` by which one connection has repeated its own subscribe.
    repeats: BTreeMap<SubscriberIndex, BTreeMap<Vec<u8>, usize>>,
    /// The lost connections whose topics are not all removed.
    departed: VecDeque<Departed>,
    is_asked: bool,
    /// Manual mode: the sender of the subscription that the application read last.
    last: Option<PipeId>,
    manual: bool,
    notices: Notices,
    only_first: bool,
    welcome: Option<Message>,
}

impl XPub {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            publisher: Publisher::new(options),
            asked: Subscriptions::new(options.topic_bytes_per_peer),
            waiting: Backlog::new(options.upstream_backlog_bytes),
            shown: BTreeMap::new(),
            repeats: BTreeMap::new(),
            departed: VecDeque::new(),
            is_asked: false,
            last: None,
            manual: options.manual,
            notices: options.notices,
            only_first: options.only_first_subscribe,
            welcome: options.welcome.clone(),
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

    /// How many different topics are subscribed to. Those of a connection that is lost count until they are removed.
    pub fn topic_count(&self) -> usize {
        self.publisher.subscriptions().topic_count()
    }

    /// The next subscription, cancel or upstream message, of the peers in turn.
    pub fn next_event(&mut self, pipes: &mut impl Pipes) -> Option<Received> {
        let Next {
            received,
            pipe,
            asks,
        } = self.waiting.next()?;
        if !matches!(received, Received::Message(_)) {
            self.last = asks.then_some(pipe);
        }
        while let Some(hungry) = self.waiting.take_hungry() {
            self.readable(hungry, pipes);
            // One for each item that is taken, unless it has brought nothing and there is nothing else to take.
            if !self.waiting.is_empty() {
                break;
            }
        }
        if self.waiting.take_held(pipe) {
            self.readable(pipe, pipes);
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

    fn take(&mut self, pipe: PipeId, received: Received, pipes: &mut impl Pipes) {
        match received {
            Received::Message(message) => {
                if upstream::has_commands(&message, self.only_first) {
                    let only_first = self.only_first;
                    upstream::split(message, only_first, |part| {
                        self.take_part(pipe, part, pipes)
                    });
                } else {
                    self.waiting.add_message(pipe, message);
                }
            }
            command => self.take_part(pipe, command, pipes),
        }
    }

    fn take_part(&mut self, pipe: PipeId, part: Received, pipes: &mut impl Pipes) {
        let (notice, topic, times) = match part {
            Received::Message(message) => return self.waiting.add_message(pipe, message),
            Received::Subscribe(topic) => {
                make_way(self, topic.len(), pipes);
                let times = usize::from(self.subscribe(pipe, &topic, pipes));
                (Notice::Subscribe, topic, times)
            }
            Received::Cancel(topic) => {
                let times = self.cancel(pipe, &topic);
                (Notice::Cancel, topic, times)
            }
        };
        if self.manual && times > 0 {
            let asked = match notice {
                Notice::Subscribe => Received::Subscribe(topic),
                Notice::Cancel => Received::Cancel(topic),
            };
            self.waiting.add_asked(pipe, asked);
        } else {
            self.waiting.add_notices(pipe, notice, topic, times);
        }
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
        let Some(subscriber) = self.publisher.subscriber(pipe) else {
            return false;
        };
        match self.publisher.subscribe(pipe, topic, pipes) {
            Some(Added::First) => true,
            Some(added @ (Added::Further | Added::Again)) => {
                let shown = self.notices != Notices::FirstAndLast;
                if shown {
                    *self.shown.entry(topic.to_vec()).or_default() += 1;
                }
                if shown && added == Added::Again {
                    let repeats = self.repeats.entry(subscriber).or_default();
                    *repeats.entry(topic.to_vec()).or_default() += 1;
                }
                shown
            }
            Some(Added::TooMany) | None => false,
        }
    }

    /// How often the application is to see the cancel.
    fn cancel(&mut self, pipe: PipeId, topic: &[u8]) -> usize {
        let Some(subscriber) = self.publisher.subscriber(pipe) else {
            return 0;
        };
        if self.manual {
            self.asked.remove(subscriber, topic);
            return usize::from(topic.len() <= MAX_TOPIC);
        }
        match self.publisher.cancel(pipe, topic) {
            Some(Removed::Last) => self.cancels(subscriber, topic, true),
            Some(Removed::Remaining) => self.cancels(subscriber, topic, false),
            // Other peers may have the topic; a cancel shown here would end it for them at the XSUB to which the
            // application passes it on.
            Some(Removed::NotFound) => {
                let concerns_nobody = !self.publisher.subscriptions().has(topic);
                usize::from(concerns_nobody && topic.len() <= MAX_TOPIC)
            }
            None => 0,
        }
    }

    /// `subscriber` cancels `topic`; `last` says whether it was the last subscriber. Gives how many cancels the application
    /// sees.
    fn cancels(&mut self, subscriber: SubscriberIndex, topic: &[u8], last: bool) -> usize {
        let repeats = self.repeats.get_mut(&subscriber);
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

    #[cfg(test)]
    pub(crate) fn backlog(&self) -> &Backlog {
        &self.waiting
    }

    /// Whether nothing is remembered; true without subscribers.
    #[cfg(test)]
    pub(crate) fn is_clean(&self) {
        assert!(self.shown.is_empty() && self.repeats.values().all(BTreeMap::is_empty));
        self.waiting.check();
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
        self.waiting.limit(options.upstream_backlog_bytes);
    }

    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.publisher.attached(pipe);
        Admission::Accepted
    }

    fn connected(&mut self, pipe: PipeId, _: &Peer<'_>, pipes: &mut impl Pipes) -> Admission {
        // A connection that is lost may leave its welcome in the pipe, where that of the next one comes behind it. A peer that
        // never reads has as many of them as the mark allows.
        match &self.welcome {
            Some(welcome) if pipes.has_room(pipe) => pipes.write_always(pipe, welcome.clone()),
            Some(_) => pipes.dropped(Some(pipe), DropCause::SlowSubscriber),
            None => {}
        }
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        // Items of the lost connection must not act on the next one. Those without room are thrown away: the
        // subscriptions among them would end now anyway.
        while let Some(received) = pipes.try_read(pipe) {
            if self.waiting.has_room(pipe) {
                self.take(pipe, received, pipes);
            } else if matches!(received, Received::Message(_)) {
                pipes.dropped(Some(pipe), DropCause::NoRoom);
            }
        }
        for _ in 0..pipes.discard(pipe) {
            pipes.dropped(Some(pipe), DropCause::NoRoom);
        }
        self.depart(pipe, afterwards, pipes);
    }

    fn detached(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        self.depart(pipe, Afterlife::Ends, pipes);
    }

    fn go_on(&mut self, pipes: &mut impl Pipes) {
        go_on(self, pipes);
    }

    fn readable(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        while self.waiting.has_room(pipe) {
            let Some(received) = pipes.try_read(pipe) else {
                return;
            };
            self.take(pipe, received, pipes);
        }
        self.waiting.hold(pipe);
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

#[cfg(test)]
mod tests;

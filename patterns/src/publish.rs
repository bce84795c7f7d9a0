//! PUB: sends each message to all peers that subscribed to its topic, and to no other; it never receives.
//!
//! Owns: the publisher, and which lost connections still have topics.
//! Always true: a send never waits, unless [`SlowSubscriber::Refuse`](crate::SlowSubscriber::Refuse) is set;
//! subscriptions act as they arrive.
//! Must not know: what the topics mean.
//! Source: RFC 29/PUBSUB, "The PUB Socket Type".

use std::collections::VecDeque;

use crate::publisher::Publisher;
use crate::remains::{Remains, go_on, make_way, remove_some};
use crate::rules::Rules;
use crate::strategy::SubscriberIndex;
use crate::{
    Admission, Afterlife, DropCause, Outbound, PatternOptions, PipeId, Pipes, Received, Refusal,
    Sent, upstream,
};

/// The rules of a PUB socket.
#[derive(Debug)]
pub struct Pub {
    publisher: Publisher,
    /// The lost connections whose topics are not all removed.
    departed: VecDeque<SubscriberIndex>,
    is_asked: bool,
}

impl Pub {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            publisher: Publisher::new(options),
            departed: VecDeque::new(),
            is_asked: false,
        }
    }

    /// How many peers have subscribed to anything.
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

    fn take(&mut self, pipe: PipeId, received: Received, pipes: &mut impl Pipes) {
        match received {
            Received::Subscribe(topic) => {
                make_way(self, topic.len(), pipes);
                self.publisher.subscribe(pipe, &topic, pipes);
            }
            Received::Cancel(topic) => {
                self.publisher.cancel(pipe, &topic);
            }
            Received::Message(message) if upstream::has_commands(&message, false) => {
                upstream::split(message, false, |part| self.take(pipe, part, pipes));
            }
            Received::Message(_) => pipes.dropped(Some(pipe), DropCause::Unexpected),
        }
    }
}

impl Pub {
    fn depart(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        match self.publisher.depart(pipe, afterwards) {
            Some(left) if left.has_topics => self.departed.push_back(left.subscriber),
            Some(left) => self.publisher.release(left.subscriber),
            None => {}
        }
        remove_some(self, pipes);
    }
}

impl Remains for Pub {
    fn is_empty(&self) -> bool {
        self.departed.is_empty()
    }

    fn remove_one(&mut self) -> Option<usize> {
        while let Some(&subscriber) = self.departed.front() {
            if let Some((topic, _)) = self.publisher.remove_next(subscriber) {
                return Some(topic.len());
            }
            self.publisher.release(subscriber);
            self.departed.pop_front();
        }
        None
    }

    fn is_asked(&mut self) -> &mut bool {
        &mut self.is_asked
    }
}

impl Rules for Pub {
    fn reconfigure(&mut self, options: &PatternOptions) {
        self.publisher.reconfigure(options);
    }

    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.publisher.attached(pipe);
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        // Items of the lost connection must not act on the next one; its subscriptions end now anyway.
        for _ in 0..pipes.discard(pipe) {
            pipes.dropped(Some(pipe), DropCause::Unexpected);
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
        while let Some(received) = pipes.try_read(pipe) {
            self.take(pipe, received, pipes);
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

    fn can_send(&mut self, _: &mut impl Pipes) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;

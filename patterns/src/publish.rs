//! PUB: sends each message to all peers that subscribed to its topic, and to no other; it never receives.
//!
//! Owns: the publisher.
//! Always true: a send never waits, unless [`SlowSubscriber::Refuse`](crate::SlowSubscriber::Refuse) is set;
//! subscriptions act as they arrive.
//! Must not know: what the topics mean.
//! Source: RFC 29/PUBSUB, "The PUB Socket Type".

use crate::publisher::Publisher;
use crate::rules::Rules;
use crate::{
    Admission, Afterlife, DropCause, Outbound, PatternOptions, PipeId, Pipes, Received, Refusal,
    Sent, upstream,
};

/// The rules of a PUB socket.
#[derive(Debug)]
pub struct Pub {
    publisher: Publisher,
}

impl Pub {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            publisher: Publisher::new(options),
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

    /// How many different topics are subscribed to.
    pub fn topic_count(&self) -> usize {
        self.publisher.subscriptions().topic_count()
    }

    fn take(&mut self, pipe: PipeId, received: Received, pipes: &mut impl Pipes) {
        match received {
            Received::Subscribe(topic) => {
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
        self.publisher.disconnected(pipe, |_, _| {});
        if afterwards == Afterlife::Ends {
            self.publisher.ended(pipe);
        }
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.publisher.disconnected(pipe, |_, _| {});
        self.publisher.ended(pipe);
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

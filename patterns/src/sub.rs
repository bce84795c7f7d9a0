//! SUB: receives what it subscribed to, fairly from all publishers; it never sends.
//!
//! Owns: a fair queue and the topics.
//! Always true: a message of an unwanted topic is dropped and counted, also if a publisher sends it.
//! Must not know: whether a publisher filters.
//! Source: RFC 29/PUBSUB, "The SUB Socket Type".

use crate::rules::Rules;
use crate::strategy::FairQueue;
use crate::subscriptions::Removed;
use crate::wanted_topics::WantedTopics;
use crate::{
    Admission, Afterlife, DropCause, Message, PatternOptions, Peer, PipeId, Pipes, Refusal,
};

/// The rules of a SUB socket.
#[derive(Debug)]
pub struct Sub {
    incoming: FairQueue,
    wanted: WantedTopics,
    invert_matching: bool,
}

impl Sub {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            incoming: FairQueue::default(),
            wanted: WantedTopics::default(),
            invert_matching: options.invert_matching,
        }
    }

    /// Subscribes to all messages whose first frame begins with `topic`; an empty topic subscribes to all messages.
    ///
    /// Subscriptions are counted: two subscribes need two unsubscribes.
    ///
    /// # Errors
    ///
    /// [`Refusal::TopicTooLong`]: the topic has more than [`MAX_TOPIC`](crate::MAX_TOPIC) bytes.
    pub fn subscribe(&mut self, topic: &[u8], pipes: &mut impl Pipes) -> Result<(), Refusal> {
        self.wanted.subscribe(topic, pipes).map(drop)
    }

    /// Undoes one subscription to exactly `topic`, and tells whether there was one.
    pub fn unsubscribe(&mut self, topic: &[u8], pipes: &mut impl Pipes) -> bool {
        let (removed, _) = self.wanted.unsubscribe(topic, false, pipes);
        removed != Removed::NotFound
    }

    /// How many different topics it is subscribed to.
    pub fn topic_count(&self) -> usize {
        self.wanted.topic_count()
    }
}

impl Rules for Sub {
    fn reconfigure(&mut self, options: &PatternOptions) {
        self.invert_matching = options.invert_matching;
    }

    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.incoming.attach(pipe);
        Admission::Accepted
    }

    fn connected(&mut self, pipe: PipeId, _: &Peer<'_>, pipes: &mut impl Pipes) -> Admission {
        self.wanted.connected(pipe, pipes);
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, _: Afterlife, _: &mut impl Pipes) {
        self.wanted.disconnected(pipe);
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.wanted.disconnected(pipe);
        self.incoming.detach(pipe);
    }

    fn readable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.incoming.readable(pipe);
    }

    #[inline]
    fn recv_into(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        while self.incoming.recv_into(pipes, into) {
            if self.wanted.wants(into.first()) != self.invert_matching {
                return true;
            }
            pipes.dropped(Some(self.incoming.source()), DropCause::Unwanted);
            if pipes.has_spent_budget() {
                break;
            }
        }
        false
    }

    fn recv_with_source(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> Option<PipeId> {
        self.recv_into(pipes, into).then(|| self.incoming.source())
    }

    fn can_recv(&mut self, pipes: &mut impl Pipes) -> bool {
        let mut message = Message::EMPTY;
        let there = self.recv_into(pipes, &mut message);
        if there {
            self.incoming.unread(message);
        }
        there
    }

    fn looked_at(&self) -> Option<PipeId> {
        self.incoming.looked_at()
    }

    fn may_recv(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

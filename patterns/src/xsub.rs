//! XSUB: a SUB that subscribes by sending, receives all that arrives, and may send upstream.
//!
//! Owns: a fair queue, a fan-out and the topics.
//! Always true: every connected publisher knows every topic; an upstream message goes to all that have room.
//! Must not know: how publishers treat upstream messages.
//! Source: RFC 29/PUBSUB, "The XSUB Socket Type".

use crate::rules::Rules;
use crate::strategy::{FairQueue, FanOut};
use crate::subscriptions::Removed;
use crate::wanted_topics::WantedTopics;
use crate::{
    Admission, Afterlife, DropCause, Message, PatternOptions, Peer, PipeId, Pipes, Received,
    Refusal, Refused, Sent, SlowSubscriber, upstream,
};

/// The rules of an XSUB socket.
#[derive(Debug)]
pub struct XSub {
    incoming: FairQueue,
    outgoing: FanOut,
    wanted: WantedTopics,
    only_first: bool,
    verbose_unsubscribe: bool,
}

impl XSub {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            incoming: FairQueue::default(),
            outgoing: FanOut::new(DropCause::NoRoom),
            wanted: WantedTopics::default(),
            only_first: options.only_first_subscribe,
            verbose_unsubscribe: options.verbose_unsubscribe,
        }
    }

    /// Asks all publishers for messages whose first frame begins with `topic`; gives the number of publishers told.
    ///
    /// # Errors
    ///
    /// [`Refusal::TopicTooLong`]: the topic has more than [`MAX_TOPIC`](crate::MAX_TOPIC) bytes.
    pub fn subscribe(&mut self, topic: &[u8], pipes: &mut impl Pipes) -> Result<usize, Refusal> {
        self.wanted.subscribe(topic, pipes)
    }

    /// Undoes one subscription to exactly `topic`, and tells whether there was one.
    pub fn unsubscribe(&mut self, topic: &[u8], pipes: &mut impl Pipes) -> bool {
        let always = self.verbose_unsubscribe;
        self.wanted.unsubscribe(topic, always, pipes).0 != Removed::NotFound
    }

    /// How many different topics it is subscribed to.
    pub fn topic_count(&self) -> usize {
        self.wanted.topic_count()
    }

    /// Sends `message` to all publishers with room, whatever its first byte is.
    pub fn send_upstream(&mut self, message: Message, pipes: &mut impl Pipes) -> Sent {
        self.outgoing
            .send_to_all(&message, SlowSubscriber::DropNewest, pipes)
            .expect("only the rule to refuse ends in an error")
    }
}

impl Rules for XSub {
    fn reconfigure(&mut self, options: &PatternOptions) {
        self.only_first = options.only_first_subscribe;
        self.verbose_unsubscribe = options.verbose_unsubscribe;
    }

    fn attached(&mut self, pipe: PipeId, _: &mut impl Pipes) -> Admission {
        self.incoming.attach(pipe);
        self.outgoing.attach(pipe);
        Admission::Accepted
    }

    fn connected(&mut self, pipe: PipeId, _: &Peer<'_>, pipes: &mut impl Pipes) -> Admission {
        self.wanted.connected(pipe, pipes);
        Admission::Accepted
    }

    fn disconnected(&mut self, pipe: PipeId, afterwards: Afterlife, _: &mut impl Pipes) {
        self.wanted.disconnected(pipe);
        if afterwards == Afterlife::Ends {
            self.outgoing.detach(pipe);
        }
    }

    fn detached(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.wanted.disconnected(pipe);
        self.outgoing.detach(pipe);
        self.incoming.detach(pipe);
    }

    fn readable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.incoming.readable(pipe);
    }

    fn writable(&mut self, pipe: PipeId, _: &mut impl Pipes) {
        self.outgoing.writable(pipe);
    }

    /// A frame that begins with 1 subscribes to the rest of it, one that begins with 0 unsubscribes. The other frames
    /// go upstream together. `sent` is the number of publishers that got the last part. If one topic is too long,
    /// nothing of the message is sent.
    fn send(&mut self, message: Message, pipes: &mut impl Pipes) -> Result<Sent, Refused> {
        if upstream::has_long_topic(&message, self.only_first) {
            return Err(Refusal::TopicTooLong.give_back(message));
        }
        let mut result = Sent::default();
        upstream::split(message, self.only_first, |part| {
            result = match part {
                Received::Message(message) => self.send_upstream(message, pipes),
                Received::Subscribe(topic) => Sent {
                    sent: self.wanted.subscribe(&topic, pipes).unwrap_or_default(),
                    dropped: 0,
                },
                Received::Cancel(topic) => {
                    let always = self.verbose_unsubscribe;
                    let (_, sent) = self.wanted.unsubscribe(&topic, always, pipes);
                    Sent { sent, dropped: 0 }
                }
            };
        });
        Ok(result)
    }

    #[inline]
    fn recv_into(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> bool {
        self.incoming.recv_into(pipes, into)
    }

    fn recv_with_source(&mut self, pipes: &mut impl Pipes, into: &mut Message) -> Option<PipeId> {
        self.recv_into(pipes, into).then(|| self.incoming.source())
    }

    fn can_send(&mut self, _: &mut impl Pipes) -> bool {
        true
    }

    fn can_recv(&mut self, pipes: &mut impl Pipes) -> bool {
        self.incoming.has_message(pipes)
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

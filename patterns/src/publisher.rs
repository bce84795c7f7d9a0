//! The part that PUB and XPUB share: which peer subscribed to which topics, and publishing to those peers.
//!
//! Owns: the fan-out and the subscriptions, under the same indices.
//! Always true: a connection has an index of its own. Once the connection is lost nothing is sent to this index, and no
//! other connection gets it before its last topic is removed.
//! Must not know: whether the application sees subscriptions.
//! Source: RFC 29/PUBSUB, "The PUB Socket Type" and "The XPUB Socket Type".

use crate::strategy::{FanOut, SubscriberIndex};
use crate::subscriptions::{Added, Removed, Subscriptions};
use crate::{
    Afterlife, DropCause, Outbound, PatternOptions, PipeId, Pipes, Refusal, Sent, SlowSubscriber,
};

/// The sending half of PUB and XPUB.
#[derive(Debug)]
pub(crate) struct Publisher {
    fan_out: FanOut,
    subscriptions: Subscriptions,
    slow_subscriber: SlowSubscriber,
    invert_matching: bool,
}

/// The remains of a lost connection.
#[derive(Debug)]
pub(crate) struct Left {
    /// Its index, to be [released](Publisher::release).
    pub(crate) subscriber: SubscriberIndex,
    /// The end of its subscription to every message, if it had one.
    pub(crate) every_message: Removed,
    /// Whether it has further subscriptions.
    pub(crate) has_topics: bool,
}

impl Publisher {
    pub(crate) fn new(options: &PatternOptions) -> Self {
        Self {
            fan_out: FanOut::new(DropCause::SlowSubscriber),
            subscriptions: Subscriptions::new(options.topic_bytes_per_peer),
            slow_subscriber: options.slow_subscriber,
            invert_matching: options.invert_matching,
        }
    }

    pub(crate) fn reconfigure(&mut self, options: &PatternOptions) {
        self.subscriptions.limit(options.topic_bytes_per_peer);
        self.slow_subscriber = options.slow_subscriber;
        self.invert_matching = options.invert_matching;
    }

    pub(crate) fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    pub(crate) fn subscriber(&self, pipe: PipeId) -> Option<SubscriberIndex> {
        self.fan_out.subscriber(pipe)
    }

    pub(crate) fn attached(&mut self, pipe: PipeId) {
        self.fan_out.attach(pipe);
    }

    pub(crate) fn writable(&mut self, pipe: PipeId) {
        self.fan_out.writable(pipe);
    }

    /// The connection behind `pipe` is lost; `None` if the pipe is not attached any more. From now on the connection gets
    /// no message. Its subscriptions are still to be removed, with [`remove_next`](Self::remove_next), except the one to
    /// every message: that one has ended, since each send counts them.
    pub(crate) fn depart(&mut self, pipe: PipeId, afterwards: Afterlife) -> Option<Left> {
        let every_message = self.cancel(pipe, b"")?;
        let subscriber = match afterwards {
            Afterlife::Reconnects => self.fan_out.change_index(pipe),
            Afterlife::Ends => self.fan_out.leave(pipe),
        }?;
        Some(Left {
            subscriber,
            every_message,
            has_topics: self.subscriptions.depart(subscriber),
        })
    }

    /// Ends one subscription of a connection that is lost; `None` if none is left.
    pub(crate) fn remove_next(
        &mut self,
        subscriber: SubscriberIndex,
    ) -> Option<(Vec<u8>, Removed)> {
        self.subscriptions.remove_next(subscriber)
    }

    /// The last subscription of a connection that is lost has ended.
    pub(crate) fn release(&mut self, subscriber: SubscriberIndex) {
        self.fan_out.release(subscriber);
    }

    /// `pipe` subscribes to `topic`; `None` if it is not attached any more.
    pub(crate) fn subscribe(
        &mut self,
        pipe: PipeId,
        topic: &[u8],
        pipes: &mut impl Pipes,
    ) -> Option<Added> {
        let added = self
            .subscriptions
            .add(self.fan_out.subscriber(pipe)?, topic);
        if added == Added::TooMany {
            pipes.dropped(Some(pipe), DropCause::TooManyTopics);
        }
        Some(added)
    }

    /// `pipe` cancels `topic`; `None` if it is not attached any more.
    pub(crate) fn cancel(&mut self, pipe: PipeId, topic: &[u8]) -> Option<Removed> {
        Some(
            self.subscriptions
                .remove(self.fan_out.subscriber(pipe)?, topic),
        )
    }

    /// Sends `message` to every subscriber of its topic.
    #[inline]
    pub(crate) fn publish(
        &mut self,
        message: &impl Outbound,
        pipes: &mut impl Pipes,
    ) -> Result<Sent, Refusal> {
        let slow = self.slow_subscriber;
        if self.subscriptions.wanting_all() == self.fan_out.len() && !self.invert_matching {
            self.fan_out.send_to_all(message, slow, pipes)
        } else {
            self.fan_out.begin();
            let fan_out = &mut self.fan_out;
            self.subscriptions
                .each_match(message.first(), |subscriber| fan_out.choose(subscriber));
            if self.invert_matching {
                fan_out.choose_others();
            }
            fan_out.send_to_chosen(message, slow, pipes)
        }
    }
}

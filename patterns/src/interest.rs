//! What a subscriber wants: its topics with their counts, and the connected publishers, which have all been told.
//!
//! Owns: the trie of topics; which pipes have a connection.
//! Always true: a connected publisher has been told of every topic that is wanted, once or more, and of no other.
//! Must not know: what is received.
//! Source: RFC 29/PUBSUB, "The SUB Socket Type"; as libzmq, every subscribe is sent, of the cancels a topic's last.

use crate::pipe_map::PipeMap;
use crate::subscriptions::{MAX_TOPIC, Removed};
use crate::trie::{Trie, Value};
use crate::{PipeId, Pipes, Refusal};

/// The subscriptions of a SUB or XSUB.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    topics: Trie<Count>,
    connected: PipeMap<()>,
}

/// How often a topic was subscribed and not unsubscribed.
#[derive(Debug, Default)]
struct Count(usize);

impl Value for Count {
    fn is_nothing(&self) -> bool {
        self.0 == 0
    }
}

impl Interest {
    /// How many different topics there are.
    pub(crate) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Whether a topic is wanted that `text` begins with.
    #[inline]
    pub(crate) fn wants(&self, text: &[u8]) -> bool {
        let mut wanted = false;
        self.topics.prefixes(text, |_| {
            wanted = true;
            false
        });
        wanted
    }

    /// Wants `topic` once more, unless it is too long; gives the number of publishers that were told.
    pub(crate) fn subscribe(
        &mut self,
        topic: &[u8],
        pipes: &mut impl Pipes,
    ) -> Result<usize, Refusal> {
        if topic.len() > MAX_TOPIC {
            return Err(Refusal::TopicTooLong);
        }
        let times = self.topics.update(topic, |_, count| {
            count.0 += 1;
            count.0
        });
        Ok(if times == 1 {
            self.tell(|pipe| pipes.subscribe(pipe, topic))
        } else {
            self.tell(|pipe| pipes.subscribe_again(pipe, topic))
        })
    }

    /// Wants `topic` once less; gives what came of it, and the number of publishers that were told: none, unless it
    /// was the last time or `always` says so.
    pub(crate) fn unsubscribe(
        &mut self,
        topic: &[u8],
        always: bool,
        pipes: &mut impl Pipes,
    ) -> (Removed, usize) {
        let removed = match self.topics.find(topic) {
            None => Removed::NotFound,
            Some(node) => self.topics.update_at(node, |_, count| {
                count.0 -= 1;
                if count.0 == 0 {
                    Removed::Last
                } else {
                    Removed::Remaining
                }
            }),
        };
        let told = if removed == Removed::NotFound && always && topic.len() <= MAX_TOPIC {
            self.tell(|pipe| pipes.cancel_unknown(pipe, topic))
        } else if removed == Removed::Last || removed == Removed::Remaining && always {
            self.tell(|pipe| pipes.cancel(pipe, topic))
        } else {
            0
        };
        (removed, told)
    }

    /// The publisher behind `pipe` is there, and knows nothing yet.
    pub(crate) fn connected(&mut self, pipe: PipeId, pipes: &mut impl Pipes) {
        self.connected.insert(pipe, ());
        self.topics.each_topic(|topic| pipes.subscribe(pipe, topic));
    }

    pub(crate) fn disconnected(&mut self, pipe: PipeId) {
        self.connected.remove(pipe);
    }

    fn tell(&self, each: impl FnMut(PipeId)) -> usize {
        self.connected.pipes().map(each).count()
    }
}

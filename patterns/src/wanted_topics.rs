//! The topics that a subscriber wants, with their counts, and the connected publishers, all of which know the topics.
//!
//! Owns: the trie of topics; the list of pipes with a connection.
//! Always true: a connected publisher has been told of every wanted topic, at least once, and of no other.
//! Must not know: what is received.
//! Source: RFC 29/PUBSUB, "The SUB Socket Type". As in libzmq, every subscribe is sent, and of a topic's cancels only
//! the last.

use crate::pipe_map::PipeMap;
use crate::subscriptions::{MAX_TOPIC, Removed};
use crate::trie::{Trie, Value};
use crate::{PipeId, Pipes, Refusal};

/// The subscriptions of a SUB or XSUB.
#[derive(Debug, Default)]
pub(crate) struct WantedTopics {
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

impl WantedTopics {
    /// How many different topics there are.
    pub(crate) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Whether `text` begins with a wanted topic.
    #[inline]
    pub(crate) fn wants(&self, text: &[u8]) -> bool {
        let mut wanted = false;
        self.topics.prefixes(text, |_| {
            wanted = true;
            false
        });
        wanted
    }

    /// Adds one subscription to `topic`, unless the topic is too long; gives the number of publishers that were told.
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

    /// Takes back one subscription to `topic`. Gives the outcome and the number of publishers that were told: they are
    /// told of the topic's last cancel, and with `always` of each.
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

    /// The publisher behind `pipe` has connected: tells it all topics.
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

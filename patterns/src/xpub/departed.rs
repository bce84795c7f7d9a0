//! The end of a connection: its subscriptions end one by one, and the application sees the cancels.
//!
//! Owns: what is known of a lost connection until its last topic is removed.
//! Always true: a lost connection is granted nothing, and nothing is shown of it after the cancel of its last topic.
//! Must not know: when a topic is removed.

use bytes::Bytes;

use super::XPub;
use crate::backlog::Notice;
use crate::publisher::Left;
use crate::remains::{Remains, remove_some};
use crate::strategy::SubscriberIndex;
use crate::subscriptions::Removed;
use crate::{Afterlife, PipeId, Pipes};

/// A lost connection whose topics are not all removed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departed {
    subscriber: SubscriberIndex,
    pipe: PipeId,
    /// Its pipe has ended with it.
    ends: bool,
    /// The socket was in manual mode when it was lost.
    manual: bool,
}

impl XPub {
    /// The connection behind `pipe` is lost: its subscriptions end, and the application sees the cancels.
    pub(super) fn depart(&mut self, pipe: PipeId, afterwards: Afterlife, pipes: &mut impl Pipes) {
        // A topic that this connection asked for must not be granted to the next one.
        self.last.take_if(|last| *last == pipe);
        self.waiting.disconnected(pipe);
        let left = self.publisher.depart(pipe, afterwards);
        if let Some(Left {
            subscriber,
            every_message,
            has_topics,
        }) = left
        {
            let departed = Departed {
                subscriber,
                pipe,
                ends: afterwards == Afterlife::Ends,
                manual: self.manual,
            };
            if every_message != Removed::NotFound {
                self.cancelled(departed, Vec::new(), every_message);
            }
            let has_asked = self.asked.depart(subscriber);
            if has_topics || has_asked {
                self.departed.push_back(departed);
            } else {
                self.release(subscriber);
            }
        }
        if afterwards == Afterlife::Ends {
            self.waiting.detach(pipe);
        }
        remove_some(self, pipes);
    }

    /// A subscription of a lost connection has ended, which the application sees unless it has granted it.
    fn cancelled(&mut self, departed: Departed, topic: Vec<u8>, removed: Removed) {
        if !departed.manual {
            let times = self.cancels(departed.subscriber, &topic, removed == Removed::Last);
            let (pipe, topic) = (departed.pipe, Bytes::from(topic));
            self.waiting.add_notices(pipe, Notice::Cancel, topic, times);
        }
    }

    /// No topic of the lost connection is left.
    fn release(&mut self, subscriber: SubscriberIndex) {
        self.repeats.remove(&subscriber);
        self.publisher.release(subscriber);
    }

    /// Removes a topic of a lost connection; gives its length, or `None` if there is none.
    fn remove_one_of(&mut self, departed: Departed) -> Option<usize> {
        if let Some((topic, removed)) = self.publisher.remove_next(departed.subscriber) {
            let bytes = topic.len();
            self.cancelled(departed, topic, removed);
            return Some(bytes);
        }
        let (topic, _) = self.asked.remove_next(departed.subscriber)?;
        let bytes = topic.len();
        if departed.manual {
            self.waiting.add_cancelled(departed.pipe, topic.into());
        }
        Some(bytes)
    }
}

impl Remains for XPub {
    fn is_empty(&self) -> bool {
        self.departed.is_empty()
    }

    fn remove_one(&mut self) -> Option<usize> {
        while let Some(&departed) = self.departed.front() {
            let removed = self.remove_one_of(departed);
            if departed.ends {
                // The cancel may be the only item of a pipe that is gone.
                self.waiting.detach(departed.pipe);
            }
            if removed.is_some() {
                return removed;
            }
            self.release(departed.subscriber);
            self.departed.pop_front();
        }
        None
    }

    fn is_asked(&mut self) -> &mut bool {
        &mut self.is_asked
    }
}

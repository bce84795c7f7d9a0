//! The calls of the socket types that publish or subscribe, written once.
//!
//! Owns: one macro for each group of these calls.
//! Always true: this documentation appears on every such type; the code here decides nothing.

/// The calls of a socket type that fans messages out. `$whom` is the documentation of where a message goes.
macro_rules! publishes {
    ($name:ident) => {
        crate::facade::publishes!(
            $name,
            "Sends `message` to every peer that subscribes to its topic; gives how many got it and how many missed it.

Does not wait: a peer at its high-water mark misses the message, which is counted. Only if the
[`slow_subscriber`](crate::Builder::slow_subscriber) option says to refuse, it waits until all these peers have room, at
most `send_timeout`; by default for ever."
        );
    };
    ($name:ident, $whom:literal) => {
        impl $name {
            #[doc = $whom]
            ///
            /// A message has at most [`Message::MAX_FRAMES`](crate::Message::MAX_FRAMES) frames, over every transport; one
            /// with more is refused at once.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message; no peer has got it.
            #[inline]
            pub fn send(
                &self,
                message: impl crate::IntoMessage,
            ) -> Result<crate::Report, crate::SendError> {
                self.core.publish(crate::socket::Wait::Configured, message)
            }

            /// As [`send`](Self::send), but never waits.
            ///
            /// # Errors
            ///
            /// [`TrySendError`](crate::TrySendError), with the message; no peer has got it.
            #[inline]
            pub fn try_send(
                &self,
                message: impl crate::IntoMessage,
            ) -> Result<crate::Report, crate::TrySendError> {
                self.core.publish(crate::socket::Wait::No, message)
            }

            /// As [`send`](Self::send), but waits at most `timeout`.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message; no peer has got it.
            pub fn send_timeout(
                &self,
                message: impl crate::IntoMessage,
                timeout: std::time::Duration,
            ) -> Result<crate::Report, crate::SendError> {
                self.core
                    .publish(crate::socket::Wait::AtMost(timeout), message)
            }
        }

        crate::facade::futures::publishes_async!($name);
    };
}
pub(in crate::facade) use publishes;

/// The calls of a socket type that knows the subscriptions of its peers.
macro_rules! knows_subscribers {
    ($name:ident) => {
        impl $name {
            /// Waits until at least `count` peers have subscribed to anything: the cure for the slow joiner.
            ///
            /// A subscription takes effect when it has arrived here; messages published before are not sent to that
            /// peer.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): there were fewer in time, or the socket has ended.
            pub fn wait_for_subscribers(
                &self,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<(), crate::WaitError> {
                self.core.wait_until(timeout, |state| {
                    let rules = state.pattern.rules::<highwater_patterns::$name>();
                    rules.subscriber_count() >= count
                })
            }

            /// Waits until at least `count` peers would get a message whose first frame is `topic`.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): there were fewer in time, or the socket has ended.
            pub fn wait_for_subscription(
                &self,
                topic: impl AsRef<[u8]>,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<(), crate::WaitError> {
                let topic = topic.as_ref();
                self.core.wait_until(timeout, |state| {
                    let rules = state.pattern.rules::<highwater_patterns::$name>();
                    rules.subscription_count(topic) >= count
                })
            }

            /// How many peers have subscribed to anything.
            pub fn subscriber_count(&self) -> usize {
                self.core.enter().map_or(0, |state| {
                    let rules = state.pattern.rules::<highwater_patterns::$name>();
                    rules.subscriber_count()
                })
            }

            /// How many peers would get a message whose first frame is `topic`.
            pub fn subscription_count(&self, topic: impl AsRef<[u8]>) -> usize {
                // The caller's code runs without the socket's lock: it may use the socket.
                let topic = topic.as_ref();
                self.core.enter().map_or(0, |state| {
                    let rules = state.pattern.rules::<highwater_patterns::$name>();
                    rules.subscription_count(topic)
                })
            }

            /// How many different topics are subscribed to. The topics of a peer that has gone are removed some thousand at a
            /// time, and count until then.
            #[doc(alias = "ZMQ_TOPICS_COUNT")]
            pub fn topic_count(&self) -> usize {
                self.core.enter().map_or(0, |state| {
                    let rules = state.pattern.rules::<highwater_patterns::$name>();
                    rules.topic_count()
                })
            }
        }

        crate::facade::futures::knows_subscribers_async!($name);
    };
}
pub(in crate::facade) use knows_subscribers;

/// The calls of a socket type that subscribes.
macro_rules! subscribes {
    ($name:ident) => {
        impl $name {
            /// Subscribes to all messages whose first frame begins with `topic`; an empty topic subscribes to all messages.
            ///
            /// Every publisher, connected now or later, is told, also after each reconnect. Does not wait: messages
            /// that a publisher sends before the subscription reaches it are not received. Subscriptions are counted:
            /// one made twice has to be undone twice. A topic has at most [`MAX_TOPIC`](crate::MAX_TOPIC) bytes.
            ///
            /// # Errors
            ///
            /// [`SubscribeError`](crate::SubscribeError): the topic is too long, or the socket has ended.
            #[doc(alias("ZMQ_SUBSCRIBE", "subscribe_all"))]
            pub fn subscribe(&self, topic: impl AsRef<[u8]>) -> Result<(), crate::SubscribeError> {
                // The caller's code runs without the socket's lock: it may use the socket.
                let topic = topic.as_ref();
                let outcome = self.core.change_subscriptions(|pattern, table| {
                    let rules = pattern.rules_mut::<highwater_patterns::$name>();
                    rules.subscribe(topic, table).map(|_| ())
                })?;
                outcome.map_err(|_| crate::SubscribeError::TopicTooLong)
            }

            /// Undoes one subscription to exactly `topic`, and tells whether there was one.
            ///
            /// A SUB drops messages of this topic that have arrived already, and counts them as
            /// [`Dropped::unwanted`](crate::Dropped::unwanted).
            ///
            /// # Errors
            ///
            /// [`SubscribeError`](crate::SubscribeError): the socket has ended.
            #[doc(alias = "ZMQ_UNSUBSCRIBE")]
            pub fn unsubscribe(
                &self,
                topic: impl AsRef<[u8]>,
            ) -> Result<bool, crate::SubscribeError> {
                let topic = topic.as_ref();
                self.core.change_subscriptions(|pattern, table| {
                    let rules = pattern.rules_mut::<highwater_patterns::$name>();
                    rules.unsubscribe(topic, table)
                })
            }

            /// How many different topics this socket has subscribed to.
            #[doc(alias = "ZMQ_TOPICS_COUNT")]
            pub fn topic_count(&self) -> usize {
                self.core.enter().map_or(0, |state| {
                    let rules = state.pattern.rules::<highwater_patterns::$name>();
                    rules.topic_count()
                })
            }
        }
    };
}
pub(in crate::facade) use subscribes;

//! The calls of the socket types that send or receive whole messages, written once.
//!
//! Owns: one macro for each group of these calls.
//! Always true: this documentation appears on every such type; the code here decides nothing.

/// The calls of a socket type that sends whole messages to any peer with room.
macro_rules! sends {
    ($name:ident) => {
        impl $name {
            /// Sends `message` to the next peer with room. While the socket is mute (no peer, or every peer at its
            /// high-water mark), it waits for one.
            ///
            /// The message is queued, not delivered, when this returns. Waits at most `send_timeout`; by default for
            /// ever, but not if no peer can come. A message has at most
            /// [`Message::MAX_FRAMES`](crate::Message::MAX_FRAMES) frames, over every transport; one with more is
            /// refused at once.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message.
            #[inline]
            pub fn send(&self, message: impl crate::IntoMessage) -> Result<(), crate::SendError> {
                self.core.send(crate::socket::Wait::Configured, message)
            }

            /// Sends `message` if a peer has room now.
            ///
            /// # Errors
            ///
            /// [`TrySendError`](crate::TrySendError), with the message.
            #[inline]
            #[doc(alias = "ZMQ_DONTWAIT")]
            pub fn try_send(
                &self,
                message: impl crate::IntoMessage,
            ) -> Result<(), crate::TrySendError> {
                self.core.send(crate::socket::Wait::No, message)
            }

            /// Sends `message`, waiting at most `timeout` for a peer with room.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message.
            pub fn send_timeout(
                &self,
                message: impl crate::IntoMessage,
                timeout: std::time::Duration,
            ) -> Result<(), crate::SendError> {
                self.core
                    .send(crate::socket::Wait::AtMost(timeout), message)
            }

            /// Sends every message of `messages` as [`send`](Self::send) does, taking the socket's lock once for many
            /// of them; gives their number.
            ///
            /// The iterator runs without the lock: it may wait, as that of a channel does, or use the socket. If its
            /// `size_hint` promises more messages, up to 256 messages or 128 KiB are taken from it before they are
            /// sent, as far as there is room for them. Otherwise, and while the iterator is slow, each message is sent
            /// before the next is taken.
            ///
            /// # Errors
            ///
            /// [`SendManyError`](crate::SendManyError), with the number of messages sent, and the first that was not.
            /// Later ones are still in the iterator; pass it as `by_ref` to keep them. If the socket ends, or other
            /// threads take the room meanwhile, a few messages may already have been taken from it: these count as
            /// [`unsent`](crate::Dropped::unsent).
            pub fn send_many<I>(&self, messages: I) -> Result<usize, crate::SendManyError>
            where
                I: IntoIterator,
                I::Item: crate::IntoMessage,
            {
                let sent = self.core.send_many(messages.into_iter());
                sent.map_err(|(sent, failure)| crate::SendManyError {
                    sent,
                    error: failure.into(),
                })
            }
        }

        crate::facade::futures::sends_async!($name);
        crate::facade::reserves!($name);
    };
}
pub(in crate::facade) use sends;

/// The calls of a socket type that receives whole messages from any peer.
macro_rules! receives {
    ($name:ident) => {
        impl $name {
            /// The next message, from each peer in turn.
            ///
            /// Waits until there is one, at most `receive_timeout`; by default for ever.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError).
            #[inline]
            pub fn recv(&self) -> Result<crate::Message, crate::RecvError> {
                self.core.recv(crate::socket::Wait::Configured)
            }

            /// The next message, if one is there now.
            ///
            /// # Errors
            ///
            /// [`TryRecvError`](crate::TryRecvError).
            #[inline]
            #[doc(alias = "ZMQ_DONTWAIT")]
            pub fn try_recv(&self) -> Result<crate::Message, crate::TryRecvError> {
                self.core.recv(crate::socket::Wait::No)
            }

            /// The next message; waits at most `timeout` for one.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError).
            pub fn recv_timeout(
                &self,
                timeout: std::time::Duration,
            ) -> Result<crate::Message, crate::RecvError> {
                self.core.recv(crate::socket::Wait::AtMost(timeout))
            }

            /// The next message, and the peer on whose connection it came, which may have disconnected since. The
            /// [`PeerInfo`](crate::PeerInfo) is shared between all messages of a connection, not copied.
            ///
            /// Waits as [`recv`](Self::recv) does.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError).
            pub fn recv_from(
                &self,
            ) -> Result<(std::sync::Arc<crate::PeerInfo>, crate::Message), crate::RecvError> {
                self.core.recv_from(crate::socket::Wait::Configured)
            }

            /// As [`recv_from`](Self::recv_from), if a message is there now.
            ///
            /// # Errors
            ///
            /// [`TryRecvError`](crate::TryRecvError).
            pub fn try_recv_from(
                &self,
            ) -> Result<(std::sync::Arc<crate::PeerInfo>, crate::Message), crate::TryRecvError>
            {
                self.core.recv_from(crate::socket::Wait::No)
            }

            /// As [`recv_from`](Self::recv_from), but waits at most `timeout` for a message.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError).
            pub fn recv_from_timeout(
                &self,
                timeout: std::time::Duration,
            ) -> Result<(std::sync::Arc<crate::PeerInfo>, crate::Message), crate::RecvError> {
                self.core.recv_from(crate::socket::Wait::AtMost(timeout))
            }

            /// Waits for a message, then takes it and others that have arrived, at most `most`, taking the socket's
            /// lock once. Appends them to `into` and gives their number.
            ///
            /// Stops once the bodies come to 128 KiB: taking many large messages at once is not faster.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError), if there was none.
            pub fn recv_many(
                &self,
                into: &mut Vec<crate::Message>,
                most: usize,
            ) -> Result<usize, crate::RecvError> {
                Ok(self
                    .core
                    .recv_many(crate::socket::Wait::Configured, into, most)?)
            }

            /// As [`recv_many`](Self::recv_many), but takes only what is there now.
            ///
            /// # Errors
            ///
            /// [`TryRecvError`](crate::TryRecvError), if there was none.
            pub fn try_recv_many(
                &self,
                into: &mut Vec<crate::Message>,
                most: usize,
            ) -> Result<usize, crate::TryRecvError> {
                Ok(self.core.recv_many(crate::socket::Wait::No, into, most)?)
            }

            /// As [`recv_many`](Self::recv_many), but waits at most `timeout` for the first.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError), if there was none.
            pub fn recv_many_timeout(
                &self,
                into: &mut Vec<crate::Message>,
                most: usize,
                timeout: std::time::Duration,
            ) -> Result<usize, crate::RecvError> {
                let wait = crate::socket::Wait::AtMost(timeout);
                Ok(self.core.recv_many(wait, into, most)?)
            }

            /// The messages from now on, each of which is waited for as [`recv`](Self::recv) does, until the socket ends or
            /// `receive_timeout` is over. `for message in &socket` is the same.
            pub fn iter(&self) -> crate::Messages<'_> {
                self.into_iter()
            }
        }

        impl<'a> IntoIterator for &'a $name {
            type Item = crate::Message;
            type IntoIter = crate::Messages<'a>;

            fn into_iter(self) -> crate::Messages<'a> {
                crate::Messages::new(&self.core)
            }
        }

        crate::facade::futures::receives_async!($name);
    };
}
pub(in crate::facade) use receives;

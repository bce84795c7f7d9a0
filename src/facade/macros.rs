//! The calls that several socket types share, written once.
//!
//! Owns: the macro that makes a handle, and one macro for each group of calls.
//! Always true: this documentation appears on every type; the code here decides nothing.

mod publishing;

pub(super) use publishing::{knows_subscribers, publishes, subscribes};

/// Defines a handle and the calls that every type of socket has.
macro_rules! socket {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        pub struct $name {
            core: std::sync::Arc<crate::socket::Core>,
            /// Dropped after the socket is closed: the last owner waits for lingering messages.
            _context: crate::Context,
        }

        impl $name {
            /// A socket with the default options.
            pub fn new(context: &crate::Context) -> Self {
                Self::builder(context).build()
            }

            /// A socket with options of its own.
            pub fn builder(context: &crate::Context) -> crate::facade::Builder<Self> {
                crate::facade::Builder::new(context, $kind, |core, context| Self {
                    core,
                    _context: context,
                })
            }

            /// Listens on `endpoint` and returns it with its real port, and its absolute path.
            ///
            /// Does not wait for peers. A socket may bind and connect any number of times, in any mixture.
            ///
            /// # Errors
            ///
            /// [`BindError`](crate::BindError): the endpoint does not parse, or the system refused.
            pub fn bind<E>(&self, endpoint: E) -> Result<crate::Endpoint, crate::BindError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.bind(&endpoint)
            }

            /// Keeps a connection to `endpoint`; its peer may start to listen later.
            ///
            /// Does not wait. A connection that fails or is lost is made again, with growing pauses.
            ///
            /// # Errors
            ///
            /// [`ConnectError`](crate::ConnectError): the endpoint does not parse, or cannot be connected to. A peer
            /// that does not listen is no error; [`monitor`](Self::monitor) reports it.
            pub fn connect<E>(&self, endpoint: E) -> Result<(), crate::ConnectError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.connect(&endpoint, None)
            }

            /// Stops listening on `endpoint`, which `bind` returned or was given, and ends the connections that came
            /// through it. If several endpoints were bound by the same text, such as `tcp://127.0.0.1:*`, the first
            /// ends.
            ///
            /// On return the address can be bound again, and no peer of this endpoint is left or can come. Unsent
            /// messages of these connections linger; received messages that were not read are lost, and counted.
            ///
            /// # Errors
            ///
            /// [`EndpointError`](crate::EndpointError): the socket is not bound there.
            pub fn unbind<E>(&self, endpoint: E) -> Result<(), crate::EndpointError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.unbind(&endpoint)
            }

            /// Gives up the connection to `endpoint`.
            ///
            /// Unsent messages linger, even if there never was a connection; received messages that were not read are
            /// lost, and counted.
            ///
            /// # Errors
            ///
            /// [`EndpointError`](crate::EndpointError): the socket is not connected there.
            pub fn disconnect<E>(&self, endpoint: E) -> Result<(), crate::EndpointError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.disconnect(&endpoint)
            }

            /// The endpoints this socket is bound to, with their real ports and paths.
            #[doc(alias = "ZMQ_LAST_ENDPOINT")]
            pub fn local_endpoints(&self) -> Vec<crate::Endpoint> {
                self.core.local_endpoints()
            }

            /// The peers connected now.
            pub fn peers(&self) -> Vec<crate::PeerInfo> {
                self.core.peers()
            }

            /// Ends the connections of those peers of whom `is_meant` is true, and gives their number.
            ///
            /// They connect again, if they are to; see to it first that they are not let in once more. A peer whose
            /// handshake is under way is asked again whether it may come in. What a peer had sent before can still be
            /// received. The lists of [`security`](crate::security) do this by themselves when a key or a user is
            /// taken out of them.
            ///
            /// `is_meant` is called with the socket's lock held: it must not use this socket. Zero in a forked child.
            pub fn revoke_peers(&self, is_meant: impl Fn(&crate::PeerInfo) -> bool) -> usize {
                self.core.revoke(is_meant).unwrap_or_default()
            }

            /// Waits until at least `count` peers are connected.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): there were fewer in time, or the socket has ended.
            pub fn wait_for_peers(
                &self,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<(), crate::WaitError> {
                self.core.wait_for_peers(count, timeout)
            }

            /// The counts of the socket so far.
            pub fn stats(&self) -> crate::Stats {
                self.core.stats()
            }

            /// A channel with every event from now on; each of several monitors gets all events.
            ///
            /// An event is dropped if 4096 others are unread, and counted in
            /// [`Stats::events_missed`](crate::Stats::events_missed).
            #[doc(alias = "zmq_socket_monitor")]
            pub fn monitor(&self) -> crossbeam_channel::Receiver<crate::Event> {
                self.core.telemetry().monitor.subscribe()
            }

            /// Sets an option by name; `value` has the form in which the option is printed.
            ///
            /// # Errors
            ///
            /// [`OptionError`](crate::OptionError): the option does not exist, does not allow the value, or cannot
            /// change any more.
            #[doc(alias = "zmq_setsockopt")]
            pub fn set_option(&self, name: &str, value: &str) -> Result<(), crate::OptionError> {
                self.core.set_option(name, value)
            }

            /// The value of the option `name`, as text.
            ///
            /// # Errors
            ///
            /// [`OptionError`](crate::OptionError): the option does not exist.
            #[doc(alias = "zmq_getsockopt")]
            pub fn option(&self, name: &str) -> Result<String, crate::OptionError> {
                self.core.option(name)
            }

            /// Closes the socket and waits, at most `drain`, until queued messages are sent and each peer to which
            /// something was sent has read to the end and closed its side.
            ///
            /// This includes peers that read slowly. After `drain` the kernel keeps sending, but any byte from the
            /// peer, such as a heartbeat, triggers a TCP reset. Data that the peer has not read is then lost, even if
            /// it counts as sent.
            ///
            /// Every other call, waiting or to come, returns `Closed`. On return the addresses of the socket are free. Merely dropping the socket leaves unsent messages to the
            /// `linger` option, and does not wait, unless the socket is the last owner of its
            /// [`Context`](crate::Context).
            #[doc(alias = "zmq_close")]
            pub fn close(&self, drain: std::time::Duration) -> crate::DrainReport {
                self.core.close_and_drain(crate::Linger::AtMost(drain))
            }
        }

        crate::facade::endpoints::manages_endpoints!($name);
        crate::facade::futures::waits_async!($name);
        crate::facade::live_options::sets_live_options!($name);

        /// One line: the endpoints and the number of peers, if they can be read without waiting.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.core.debug_line(stringify!($name), f)
            }
        }

        impl crate::facade::AsSocket for $name {
            fn as_socket(&self) -> crate::SocketRef {
                crate::SocketRef::new(&self.core)
            }
        }

        impl Drop for $name {
            /// Closes the socket; unsent messages linger in the background.
            ///
            /// Does not wait, with one exception: if every handle of the context and every other socket of it has been
            /// dropped before, this drop waits until the unsent messages of all of them are sent or their `linger` time
            /// is over. See [`Context`](crate::Context).
            fn drop(&mut self) {
                self.core.close(None);
            }
        }
    };
}
pub(super) use socket;

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
    };
}
pub(super) use sends;

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
pub(super) use receives;

//! The calls that several socket types share, written once.
//!
//! Owns: the macro that makes a handle, and one macro for each group of calls.
//! Always true: this documentation appears on every type; the code here decides nothing.

mod exchanging;
mod publishing;

pub(super) use exchanging::{receives, sends};
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
            /// Does not wait for the I/O threads, which end the connections: what such a peer sends until then can be
            /// received as well, and answered. Its connection has ended once [`peers`](Self::peers) no longer has it; of
            /// what it sends after that, nothing arrives.
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
            /// Every other call, waiting or to come, returns [`Ended::Closed`](crate::Ended::Closed). On return the
            /// addresses of the socket are free. Merely dropping the socket leaves unsent messages to the `linger` option,
            /// and does not wait, unless the socket is the last owner of its [`Context`](crate::Context).
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

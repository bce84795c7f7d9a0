//! The calls that every type of socket has.
//!
//! Owns: the macro that gives them to every handle and to the trait `Socket`.
//! Always true: this documentation appears on every type; the code here decides nothing.

/// The calls that every type of socket has, as methods of a handle or of a trait: `$core` is the core of `$this`, and
/// `$sized` the bound that a generic method needs in a trait.
macro_rules! common_calls {
    ($vis:vis $this:ident => $core:expr, [$($sized:tt)*]) => {
        /// Listens on `endpoint` and returns it with its real port, and its absolute path.
        ///
        /// Does not wait for peers. A socket may bind and connect any number of times, in any mixture.
        ///
        /// # Errors
        ///
        /// [`BindError`](crate::BindError): the endpoint does not parse, or the system refused.
        $vis fn bind<E>(&$this, endpoint: E) -> Result<crate::Endpoint, crate::BindError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.bind(&endpoint)
        }

        /// Keeps a connection to `endpoint`; its peer may start to listen later.
        ///
        /// Does not wait. A connection that fails or is lost is made again, with growing pauses.
        ///
        /// # Errors
        ///
        /// [`ConnectError`](crate::ConnectError): the endpoint does not parse, or cannot be connected to. A peer
        /// that does not listen is no error; [`monitor`](Self::monitor) reports it.
        $vis fn connect<E>(&$this, endpoint: E) -> Result<(), crate::ConnectError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.connect(&endpoint, None)
        }

        /// Stops listening on `endpoint`, which `bind` returned or was given, and ends the connections that came
        /// through it. A relative `ipc://` path also means what was bound by the absolute one. If several endpoints were bound by the same text, such as `tcp://127.0.0.1:*`, the first
        /// ends.
        ///
        /// On return the address can be bound again, and no peer of this endpoint is left or can come. Unsent
        /// messages of these connections linger; received messages that were not read are lost, and counted.
        ///
        /// # Errors
        ///
        /// [`EndpointError`](crate::EndpointError): the socket is not bound there.
        $vis fn unbind<E>(&$this, endpoint: E) -> Result<(), crate::EndpointError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.unbind(&endpoint)
        }

        /// Gives up the connection to `endpoint`.
        ///
        /// Unsent messages linger, even if there never was a connection; received messages that were not read are
        /// lost, and counted.
        ///
        /// # Errors
        ///
        /// [`EndpointError`](crate::EndpointError): the socket is not connected there.
        $vis fn disconnect<E>(&$this, endpoint: E) -> Result<(), crate::EndpointError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.disconnect(&endpoint)
        }

        /// The endpoints this socket is bound to, with their real ports and paths.
        #[doc(alias = "ZMQ_LAST_ENDPOINT")]
        $vis fn local_endpoints(&$this) -> Vec<crate::Endpoint> {
            $core.local_endpoints()
        }

        /// The peers connected now.
        $vis fn peers(&$this) -> Vec<crate::PeerInfo> {
            $core.peers()
        }

        /// Ends the connections of those peers of whom `is_meant` is true, and gives their number.
        ///
        /// Such a peer connects again by itself: before this call, change the decision by which it was let in. About a peer
        /// whose handshake is under way it is decided again. The lists of [`security`](crate::security) end the
        /// connections by themselves when a key or a user is taken out of them.
        ///
        /// Once this returns, no call receives a message of such a peer, whenever that was sent, and none sends to it.
        /// Messages that had come and were not received are dropped, and counted as far as their number is known
        /// (`stats().dropped.unread`). Messages sent to the peer before may still arrive there: the I/O threads end the
        /// connections, and the call does not wait for them. A peer to which this socket has connected is received from
        /// and sent to until they have, which is when [`peers`](Self::peers) no longer has it.
        ///
        /// `is_meant` is called with the socket's lock held: it must not use this socket. Zero in a forked child.
        $vis fn revoke_peers(&$this, is_meant: impl Fn(&crate::PeerInfo) -> bool) -> usize
        where
            $($sized)*
        {
            $core.revoke(is_meant).unwrap_or_default()
        }

        /// Waits until at least `count` peers are connected.
        ///
        /// # Errors
        ///
        /// [`WaitError`](crate::WaitError): there were fewer in time, or the socket has ended.
        $vis fn wait_for_peers(
            &$this,
            count: usize,
            timeout: std::time::Duration,
        ) -> Result<(), crate::WaitError> {
            $core.wait_for_peers(count, timeout)
        }

        /// The counts of the socket so far.
        $vis fn stats(&$this) -> crate::Stats {
            $core.stats()
        }

        /// A channel with every event from now on; each of several monitors gets all events.
        ///
        /// An event is dropped if 4096 others are unread, and counted in
        /// [`Stats::events_missed`](crate::Stats::events_missed).
        #[doc(alias = "zmq_socket_monitor")]
        $vis fn monitor(&$this) -> crossbeam_channel::Receiver<crate::Event> {
            $core.telemetry().monitor.subscribe()
        }

        /// Sets an option by name; `value` has the form in which the option is printed.
        ///
        /// # Errors
        ///
        /// [`OptionError`](crate::OptionError): the option does not exist, does not allow the value, or cannot
        /// change any more.
        #[doc(alias = "zmq_setsockopt")]
        $vis fn set_option(&$this, name: &str, value: &str) -> Result<(), crate::OptionError> {
            $core.set_option(name, value)
        }

        /// The value of the option `name`, as text.
        ///
        /// # Errors
        ///
        /// [`OptionError`](crate::OptionError): the option does not exist.
        #[doc(alias = "zmq_getsockopt")]
        $vis fn option(&$this, name: &str) -> Result<String, crate::OptionError> {
            $core.option(name)
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
        $vis fn close(&$this, drain: std::time::Duration) -> crate::DrainReport {
            $core.close_and_drain(crate::Linger::AtMost(drain))
        }
    };
}
pub(super) use common_calls;

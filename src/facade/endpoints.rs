//! The calls that manage existing endpoints, and those that take over descriptors.
//!
//! Owns: the macro that gives these calls to every handle and to the trait `Socket`.
//! Always true: this documentation appears on every type; the code here decides nothing.

/// The calls about endpoints that every type of socket has, beside binding and connecting.
macro_rules! manages_endpoints {
    ($vis:vis $this:ident => $core:expr, [$($sized:tt)*]) => {
        /// Listens on a socket that already listens, of TCP or Unix: from a parent process, or from
        /// [`listen_fds`](crate::listen_fds). Returns its address.
        ///
        /// The socket owns the descriptor from now on, and closes it with the endpoint. The file of an `ipc://`
        /// path is not removed.
        ///
        /// # Errors
        ///
        /// [`BindError::Descriptor`](crate::BindError::Descriptor): the descriptor does not listen; it has been
        /// closed.
        #[doc(alias = "ZMQ_USE_FD")]
        $vis fn bind_fd(
            &$this,
            listener: std::os::fd::OwnedFd,
        ) -> Result<crate::Endpoint, crate::BindError> {
            $core.bind_fd(listener)
        }

        /// Uses an existing connection, of TCP or Unix, on which no byte has been sent yet. Returns the endpoint
        /// that names it in [`disconnect`](Self::disconnect) and in events.
        ///
        /// Either end may have connected. The peer must speak ZMTP, such as another socket with the other end. A
        /// lost connection cannot be made again: its endpoint is given up.
        ///
        /// # Errors
        ///
        /// [`ConnectError::Descriptor`](crate::ConnectError::Descriptor): the descriptor is not connected; it has
        /// been closed.
        #[doc(alias = "ZMQ_USE_FD")]
        $vis fn connect_fd(
            &$this,
            stream: std::os::fd::OwnedFd,
        ) -> Result<crate::Endpoint, crate::ConnectError> {
            $core.connect_fd(stream)
        }

        /// Accepts no further connections on `endpoint`, which `bind` returned or was given; in force on return.
        ///
        /// Existing connections go on. A peer that connects meanwhile waits in the system's queue, up to the
        /// `backlog` option, until [`resume_accepting`](Self::resume_accepting) or until its own timeout. If others listen
        /// on the same port, the system still gives this listener its share of the connections: use
        /// [`stop_accepting`](Self::stop_accepting) there.
        ///
        /// # Errors
        ///
        /// [`EndpointError`](crate::EndpointError): the socket is not bound there.
        $vis fn pause_accepting<E>(&$this, endpoint: E) -> Result<(), crate::EndpointError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.set_accepting(&endpoint, false)
        }

        /// Accepts connections on `endpoint` again, waiting ones first.
        ///
        /// # Errors
        ///
        /// [`EndpointError`](crate::EndpointError): the socket is not bound there.
        $vis fn resume_accepting<E>(&$this, endpoint: E) -> Result<(), crate::EndpointError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.set_accepting(&endpoint, true)
        }

        /// Stops listening on `endpoint`, which `bind` returned or was given, and keeps the connections that came
        /// through it. On return the address is free, so that a successor can bind it.
        ///
        /// Connections that wait to be accepted at that moment are still accepted. Connections last until their
        /// peers disconnect, or until [`unbind`](Self::unbind), [`retire`](Self::retire) or the end of the socket.
        ///
        /// # Errors
        ///
        /// [`EndpointError`](crate::EndpointError): the socket is not bound to `endpoint`, or has stopped listening
        /// on it.
        $vis fn stop_accepting<E>(&$this, endpoint: E) -> Result<(), crate::EndpointError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.stop_accepting(&endpoint)
        }

        /// Stops listening and connecting, and ends every connection in good order, so that no message in flight is
        /// lost.
        ///
        /// Does not wait. The socket takes no further messages to send. Queued messages are sent; then this end
        /// closes its side of each connection. The peer closes in turn and connects anew: to the successor, if that
        /// listens at the address by then. Messages that the peer had sent before are received here as usual. Once
        /// the last connection has ended and its last message has been received, `recv` and every other waiting
        /// call return [`Ended::Closed`](crate::Ended::Closed).
        ///
        /// Connections that have not ended `within` this time are cut; the report of the
        /// [`Retirement`](crate::Retirement) counts the outcomes. While this socket is at its receive high-water
        /// mark, peers cannot be read to the end: go on receiving.
        ///
        /// A REP still answers. On each connection it takes the requests that have arrived by now, and ends the
        /// connection once they are answered. Later requests are not taken, but counted in
        /// [`Dropped::unread`](crate::Dropped::unread). Their requesters see the end of the connection
        /// (`RequestError::PeerGone` at a REQ) and may ask elsewhere: no such request was carried out here. Other
        /// sockets that send and receive, such as ROUTER, close their sending side at once, while messages of peers
        /// are still received: send all replies before you call this. A request received afterwards cannot be
        /// answered, and its peer has to ask again.
        ///
        /// With libzmq as the sender, messages can be lost: those that it has taken from its queue and its kernel
        /// has no room for, at most 8 KiB for each connection, are dropped when the connection ends. This happens
        /// only while this end does not keep up.
        ///
        /// A successor, in another process or another socket, listens beforehand with the `reuse_port` option, or
        /// listens on the same descriptor ([`bind_fd`](Self::bind_fd)), or binds after
        /// [`stop_accepting`](Self::stop_accepting):
        ///
        /// ```
        /// use std::time::Duration;
        /// use highwater::{Context, Pull, Push};
        ///
        /// let context = Context::new();
        /// let old = Pull::builder(&context).reuse_port(true).build();
        /// let at = old.bind("tcp://127.0.0.1:0")?;
        /// let push = Push::new(&context);
        /// push.connect(&at)?;
        /// push.send("for the old")?;
        /// assert_eq!(old.recv()?, "for the old");
        ///
        /// let new = Pull::builder(&context).reuse_port(true).build();
        /// new.bind(&at)?; // from here on somebody always listens
        /// let retirement = old.retire(Duration::from_secs(5));
        /// while let Ok(_message) = old.recv() {} // whatever else is on its way
        /// assert_eq!(retirement.report().cut, 0);
        ///
        /// push.send("for the new")?;
        /// assert_eq!(new.recv()?, "for the new");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        $vis fn retire(&$this, within: std::time::Duration) -> crate::Retirement {
            $core.retire(within)
        }

        /// The state of `endpoint`, which was given to `connect`; of the first, if it was given several times.
        ///
        /// An `inproc://` endpoint makes no attempts: it waits for its name to be bound, and is given up when the
        /// peer disconnects.
        ///
        /// # Errors
        ///
        /// [`EndpointError`](crate::EndpointError): the socket is not connected there.
        $vis fn endpoint_state<E>(
            &$this,
            endpoint: E,
        ) -> Result<crate::EndpointState, crate::EndpointError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.endpoint_state(&endpoint)
        }

        /// Waits until `endpoint`, which was given to `connect`, is connected and messages can flow.
        ///
        /// # Errors
        ///
        /// [`ReadyError`](crate::ReadyError): there was no connection in time, or there will be none; with the
        /// cause if it is known.
        $vis fn wait_until_ready<E>(
            &$this,
            endpoint: E,
            timeout: std::time::Duration,
        ) -> Result<(), crate::ReadyError>
        where
            $($sized)*
            E: TryInto<crate::Endpoint>,
            crate::InvalidEndpoint: From<E::Error>,
        {
            let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
            $core.wait_until_ready(&endpoint, timeout)
        }
    };
}
pub(super) use manages_endpoints;

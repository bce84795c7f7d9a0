//! The calls that look after endpoints once they exist, and take over descriptors that others have opened.
//!
//! Owns: the macro that gives them to every handle.
//! Always true: the documentation here is what users read on every type; nothing is decided here.

/// The calls about endpoints that every type of socket has, beside binding and connecting.
macro_rules! manages_endpoints {
    ($name:ident) => {
        impl $name {
            /// Listens on a socket that listens already, of TCP or Unix: from a parent process, or from
            /// [`listen_fds`](crate::listen_fds). Returns its address.
            ///
            /// The descriptor belongs to the socket from now on, and is closed with the endpoint. The file of an `ipc://`
            /// path is left alone.
            ///
            /// # Errors
            ///
            /// [`BindError::Descriptor`](crate::BindError::Descriptor): it does not listen; it is closed then.
            pub fn bind_fd(
                &self,
                listener: std::os::fd::OwnedFd,
            ) -> Result<crate::Endpoint, crate::BindError> {
                self.core.bind_fd(listener)
            }

            /// Uses a connection that is there already, of TCP or Unix, over which nothing has been said yet. Returns
            /// the endpoint by which [`disconnect`](Self::disconnect) and events know it.
            ///
            /// Either end may have connected; the peer is a ZMTP peer, such as another socket with the other end. A
            /// connection that is lost cannot be made again: the endpoint is given up then.
            ///
            /// # Errors
            ///
            /// [`ConnectError::Descriptor`](crate::ConnectError::Descriptor): it is not connected; it is closed then.
            pub fn connect_fd(
                &self,
                stream: std::os::fd::OwnedFd,
            ) -> Result<crate::Endpoint, crate::ConnectError> {
                self.core.connect_fd(stream)
            }

            /// Takes no further connections on `endpoint`, as `bind` returned it or was given it. On return it is so.
            ///
            /// Those that exist go on. Who connects meanwhile waits in the system's queue, up to the `backlog` option,
            /// until [`resume_accepting`](Self::resume_accepting) or until its own time is over; so use
            /// [`stop_accepting`](Self::stop_accepting) where others listen on the same port.
            ///
            /// # Errors
            ///
            /// [`EndpointError`](crate::EndpointError): the socket is not bound there.
            pub fn pause_accepting<E>(&self, endpoint: E) -> Result<(), crate::EndpointError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.set_accepting(&endpoint, false)
            }

            /// Takes connections on `endpoint` again, those first that have waited.
            ///
            /// # Errors
            ///
            /// [`EndpointError`](crate::EndpointError): the socket is not bound there.
            pub fn resume_accepting<E>(&self, endpoint: E) -> Result<(), crate::EndpointError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.set_accepting(&endpoint, true)
            }

            /// Listens no more on `endpoint`, as `bind` returned it or was given it, and goes on serving the connections that
            /// came through it. On return the address is free, so that a successor can bind it.
            ///
            /// Who waits to be accepted at that moment still is. Connections last until their peers go, or until
            /// [`unbind`](Self::unbind), [`retire`](Self::retire) or the end of the socket.
            ///
            /// # Errors
            ///
            /// [`EndpointError`](crate::EndpointError): the socket is not bound there, or listens no more.
            pub fn stop_accepting<E>(&self, endpoint: E) -> Result<(), crate::EndpointError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.stop_accepting(&endpoint)
            }

            /// Hands over: listens no more, connects no more, and lets every connection go in good order, so that nothing
            /// is lost that is under way.
            ///
            /// Does not wait. The socket takes nothing more to send. What was sent goes out; then this end closes its
            /// side of the connection, upon which the peer closes in its turn and connects anew: to the successor, if
            /// that listens at the address by then. What the peer had sent before is received here as ever. Once the last
            /// connection has ended and its last message has been received, `recv` returns `Closed`; so does every other
            /// call that waits.
            ///
            /// Connections that have not ended `within` this time are cut; what became of them all is in the report of
            /// the [`Retirement`](crate::Retirement). A peer at whose messages nobody looks, since this socket is at its
            /// receive high-water mark, cannot be read to the end: go on receiving.
            ///
            /// A REP answers what it takes. Of each connection it takes the requests that have come by now, and ends it once
            /// they are answered; later ones are not taken, but counted in [`Dropped::unread`](crate::Dropped::unread).
            /// Whoever has asked learns of the end of the connection (`RequestError::PeerGone` at a REQ), may ask elsewhere,
            /// and nobody has carried out the request here. For other sockets that talk both ways, such as ROUTER, this is
            /// not so: their way back closes at once, while what peers had sent is still received. Answer before you retire;
            /// what is received afterwards cannot be answered, and its peer has to ask again.
            ///
            /// With libzmq as the sender, one thing can be lost: what it has taken from its queue and its kernel has no room
            /// for, 8 KiB at the most for each connection, it drops when a connection ends. It is so only while this end does
            /// not keep up.
            ///
            /// A successor in another process, or another socket, listens beforehand with the `reuse_port` option, or on
            /// the same descriptor ([`bind_fd`](Self::bind_fd)), or binds after
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
            pub fn retire(&self, within: std::time::Duration) -> crate::Retirement {
                self.core.retire(within)
            }

            /// How `endpoint` is doing, which was given to `connect`; the first, if it was given several times.
            ///
            /// Within the process there are no attempts: an `inproc://` endpoint waits for its name to be bound, and is
            /// given up when the peer goes.
            ///
            /// # Errors
            ///
            /// [`EndpointError`](crate::EndpointError): the socket is not connected there.
            pub fn endpoint_state<E>(
                &self,
                endpoint: E,
            ) -> Result<crate::EndpointState, crate::EndpointError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.endpoint_state(&endpoint)
            }

            /// Waits until `endpoint`, which was given to `connect`, is connected and messages flow.
            ///
            /// # Errors
            ///
            /// [`ReadyError`](crate::ReadyError): the time was over first, or there will be no connection; with the
            /// cause, as far as it is known.
            pub fn wait_until_ready<E>(
                &self,
                endpoint: E,
                timeout: std::time::Duration,
            ) -> Result<(), crate::ReadyError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.wait_until_ready(&endpoint, timeout)
            }
        }
    };
}
pub(super) use manages_endpoints;

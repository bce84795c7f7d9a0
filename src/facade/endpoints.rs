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

            /// Takes no further connections on `endpoint`, as `bind` returned it. On return it is so.
            ///
            /// Those that exist go on. Who connects meanwhile waits in the system's queue, up to the `backlog` option,
            /// until [`resume_accepting`](Self::resume_accepting) or until its own time is over.
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

//! Typed handles: what a role cannot do, its type does not have.
//!
//! Owns: one short file per socket type, the builder, and the calls that all types share.
//! Always true: no decision is taken here; every call goes to the untyped core.

mod builder;
mod pull;
mod push;

pub use builder::Builder;
pub use pull::Pull;
pub use push::Push;

use highwater_patterns::{Message, Refused};

use crate::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::socket::{Ended, RecvFailure, SendFailure};

impl From<SendFailure> for SendError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(Refused { message, .. }) => Self::Timeout(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
        }
    }
}

impl From<SendFailure> for TrySendError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(Refused { message, .. }) => Self::Full(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
        }
    }
}

impl From<RecvFailure> for RecvError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Timeout,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
        }
    }
}

impl From<RecvFailure> for TryRecvError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Empty,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
        }
    }
}

/// Defines a handle and the calls that every type of socket has.
macro_rules! socket {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            core: std::sync::Arc<crate::socket::Core>,
        }

        impl $name {
            /// A socket with the default options.
            pub fn new(context: &crate::Context) -> Self {
                Self::builder(context).build()
            }

            /// A socket with options of its own.
            pub fn builder(context: &crate::Context) -> crate::facade::Builder<Self> {
                crate::facade::Builder::new(context, $kind, |core| Self { core })
            }

            /// Listens on `endpoint` and returns it with its real port or path.
            ///
            /// Does not wait for peers. A socket may bind and connect as often as it likes, in any mixture.
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

            /// Keeps a connection to `endpoint`, whether somebody listens there already or not.
            ///
            /// Does not wait. A connection that fails or is lost is made again, with growing pauses.
            ///
            /// # Errors
            ///
            /// [`ConnectError`](crate::ConnectError): the endpoint does not parse, or cannot be connected to. A peer
            /// that is not there is no error; [`monitor`](Self::monitor) tells of it.
            pub fn connect<E>(&self, endpoint: E) -> Result<(), crate::ConnectError>
            where
                E: TryInto<crate::Endpoint>,
                crate::InvalidEndpoint: From<E::Error>,
            {
                let endpoint = endpoint.try_into().map_err(crate::InvalidEndpoint::from)?;
                self.core.connect(&endpoint, None)
            }

            /// Stops listening on `endpoint`, as `bind` returned it, and ends the connections that came through it.
            ///
            /// On return the address can be bound again. Unsent messages of these connections linger; received ones
            /// that were not read are lost, and counted.
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
            /// Unsent messages linger, even if there never was a connection; received ones that were not read are
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
            pub fn local_endpoints(&self) -> Vec<crate::Endpoint> {
                self.core.local_endpoints()
            }

            /// The peers that are connected at this moment.
            pub fn peers(&self) -> Vec<crate::PeerInfo> {
                self.core.peers()
            }

            /// Waits until at least `count` peers are connected.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): the time was over first, or the socket is of no more use.
            pub fn wait_for_peers(
                &self,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<(), crate::WaitError> {
                self.core.wait_for_peers(count, timeout)
            }

            /// What the socket has counted so far.
            pub fn stats(&self) -> crate::Stats {
                self.core.stats()
            }

            /// A channel on which every event from now on arrives; several monitors hear the same.
            ///
            /// An event that finds 4096 others unread is dropped and counted in
            /// [`Stats::events_missed`](crate::Stats::events_missed).
            pub fn monitor(&self) -> crossbeam_channel::Receiver<crate::Event> {
                self.core.telemetry().monitor.subscribe()
            }

            /// Sets an option by name; the value reads as the option prints it.
            ///
            /// # Errors
            ///
            /// [`OptionError`](crate::OptionError): no such option, no such value, or too late for this one.
            pub fn set_option(&self, name: &str, value: &str) -> Result<(), crate::OptionError> {
                self.core.set_option(name, value)
            }

            /// The value of the option `name`, as text.
            ///
            /// # Errors
            ///
            /// [`OptionError`](crate::OptionError): no such option.
            pub fn option(&self, name: &str) -> Result<String, crate::OptionError> {
                self.core.option(name)
            }

            /// Closes the socket and waits, at most `drain`, until what was sent has gone out.
            ///
            /// Its addresses are free on return. Merely dropping the socket waits for nothing and leaves the rest to
            /// the `linger` option.
            pub fn close(self, drain: std::time::Duration) -> crate::DrainReport {
                self.core.close_and_drain(crate::Linger::AtMost(drain))
            }
        }

        impl Drop for $name {
            /// Closes the socket. Does not wait: unsent messages linger in the background.
            fn drop(&mut self) {
                self.core.close(None);
            }
        }
    };
}
use socket;

/// The calls of a socket type that sends whole messages to whichever peer has room.
macro_rules! sends {
    ($name:ident) => {
        impl $name {
            /// Sends `message` to the next peer with room, waiting for one while the socket is mute.
            ///
            /// The message is queued, not delivered, when this returns. Waits as long as the `send_timeout` option
            /// says; by default for ever.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message.
            #[inline]
            pub fn send(&self, message: impl Into<crate::Message>) -> Result<(), crate::SendError> {
                Ok(self
                    .core
                    .send(crate::socket::Wait::Configured, message.into())?)
            }

            /// Sends `message` if a peer has room at this moment.
            ///
            /// # Errors
            ///
            /// [`TrySendError`](crate::TrySendError), with the message.
            #[inline]
            pub fn try_send(
                &self,
                message: impl Into<crate::Message>,
            ) -> Result<(), crate::TrySendError> {
                Ok(self.core.send(crate::socket::Wait::No, message.into())?)
            }

            /// Sends `message`, waiting at most `timeout` for a peer with room.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message.
            pub fn send_timeout(
                &self,
                message: impl Into<crate::Message>,
                timeout: std::time::Duration,
            ) -> Result<(), crate::SendError> {
                Ok(self
                    .core
                    .send(crate::socket::Wait::AtMost(timeout), message.into())?)
            }

            /// Sends every message of `messages`, each as [`send`](Self::send) does, taking the socket's lock once
            /// while there is room; says how many that were.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the first message that was not sent; the ones before it were.
            pub fn send_many<I>(&self, messages: I) -> Result<usize, crate::SendError>
            where
                I: IntoIterator,
                I::Item: Into<crate::Message>,
            {
                Ok(self.core.send_many(messages.into_iter().map(Into::into))?)
            }
        }
    };
}
use sends;

/// The calls of a socket type that receives whole messages from any peer.
macro_rules! receives {
    ($name:ident) => {
        impl $name {
            /// The next message, from each peer in turn; waits until there is one.
            ///
            /// Waits as long as the `receive_timeout` option says; by default for ever.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError).
            #[inline]
            pub fn recv(&self) -> Result<crate::Message, crate::RecvError> {
                Ok(self.core.recv(crate::socket::Wait::Configured)?)
            }

            /// The next message, if one is there at this moment.
            ///
            /// # Errors
            ///
            /// [`TryRecvError`](crate::TryRecvError).
            #[inline]
            pub fn try_recv(&self) -> Result<crate::Message, crate::TryRecvError> {
                Ok(self.core.recv(crate::socket::Wait::No)?)
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
                Ok(self.core.recv(crate::socket::Wait::AtMost(timeout))?)
            }

            /// Waits for a message, then takes it and those that are there with it, `most` at the most, taking the
            /// socket's lock once; puts them behind what `into` holds and says how many they were.
            ///
            /// # Errors
            ///
            /// [`RecvError`](crate::RecvError), if there was none.
            pub fn recv_many(
                &self,
                into: &mut Vec<crate::Message>,
                most: usize,
            ) -> Result<usize, crate::RecvError> {
                Ok(self.core.recv_many(into, most)?)
            }
        }
    };
}
use receives;

impl crate::socket::Core {
    #[inline]
    fn send(&self, wait: crate::socket::Wait, message: Message) -> Result<(), SendFailure> {
        self.send_with(wait, message, |pattern, table, message| {
            pattern.send(message, table)
        })
        .map(|_| ())
    }

    fn send_many(&self, messages: impl Iterator<Item = Message>) -> Result<usize, SendFailure> {
        let mut sent = 0;
        let mut state = self.lock();
        for message in messages {
            let outcome;
            (outcome, state) = self.send_locked(
                state,
                crate::socket::Wait::Configured,
                message,
                |pattern, table, message| pattern.send(message, table),
            );
            outcome?;
            sent += 1;
        }
        Ok(sent)
    }

    #[inline]
    fn recv(&self, wait: crate::socket::Wait) -> Result<Message, RecvFailure> {
        self.recv_with(wait, |pattern, table| pattern.recv(table))
    }

    fn recv_many(&self, into: &mut Vec<Message>, most: usize) -> Result<usize, RecvFailure> {
        if most == 0 {
            return Ok(0);
        }
        self.recv_with(crate::socket::Wait::Configured, |pattern, table| {
            let before = into.len();
            while into.len() - before < most {
                let Some(message) = pattern.recv(table) else {
                    break;
                };
                into.push(message);
            }
            (into.len() > before).then_some(into.len() - before)
        })
    }
}

//! Typed handles: what a role cannot do, its type does not have.
//!
//! Owns: one short file per socket type, the builder, and the calls that all types share.
//! Always true: no decision is taken here; every call goes to the untyped core.

mod as_socket;
mod builder;
mod dealer;
mod pair;
mod publish;
mod pull;
mod push;
mod rep;
mod req;
mod router;
mod sub;
mod xpub;
mod xsub;

pub use as_socket::{AsSocket, SocketRef};
pub use builder::Builder;
pub use dealer::Dealer;
pub use pair::Pair;
pub use publish::{Pub, Report};
pub use pull::Pull;
pub use push::Push;
pub use rep::{Rep, Request};
pub use req::{Pending, Req};
pub use router::Router;
pub use sub::Sub;
pub use xpub::{Upstream, XPub};
pub use xsub::XSub;

use highwater_patterns::{Message, Pattern, Refusal, Refused};

use crate::error::{
    RecvError, ReplyError, RequestError, RouteError, SendError, SubscribeError, TryRecvError,
    TrySendError,
};
use crate::socket::{Ended, RecvFailure, SendFailure, State, Table, Wait};

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

impl From<SendFailure> for RouteError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(Refused {
                message,
                reason: Refusal::NoRoute,
            }) => Self::NoRoute(message),
            SendFailure::Refused(Refused { message, .. }) => Self::Full(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
        }
    }
}

impl From<SendFailure> for ReplyError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(Refused {
                message,
                reason: Refusal::PeerGone,
            }) => Self::PeerGone(message),
            SendFailure::Refused(Refused { message, .. }) => Self::Full(message),
            SendFailure::Ended(message, Ended::Closed) => Self::Closed(message),
            SendFailure::Ended(message, Ended::Terminated) => Self::Terminated(message),
        }
    }
}

/// Of the sending half of a request.
impl From<SendFailure> for RequestError {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Refused(Refused { message, .. }) => Self::NotSent(message),
            SendFailure::Ended(_, Ended::Closed) => Self::Closed,
            SendFailure::Ended(_, Ended::Terminated) => Self::Terminated,
        }
    }
}

/// Of the receiving half of a request.
impl From<RecvFailure> for RequestError {
    fn from(failure: RecvFailure) -> Self {
        match failure {
            RecvFailure::Timeout => Self::Timeout,
            RecvFailure::Ended(Ended::Closed) => Self::Closed,
            RecvFailure::Ended(Ended::Terminated) => Self::Terminated,
        }
    }
}

impl From<Ended> for SubscribeError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed => Self::Closed,
            Ended::Terminated => Self::Terminated,
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

        impl crate::facade::AsSocket for $name {
            fn as_socket(&self) -> crate::SocketRef {
                crate::SocketRef::new(&self.core)
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

/// The calls of a socket type that fans messages out.
macro_rules! publishes {
    ($name:ident) => {
        impl $name {
            /// Sends `message` to everybody who wants it; says how many got it and how many missed it.
            ///
            /// Does not wait: who is at their high-water mark misses the message, and that is counted. Only where the
            /// `slow_subscriber` option refuses instead, it waits until all have room, as long as the `send_timeout`
            /// option says; by default for ever.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message; nobody got it then.
            #[inline]
            pub fn send(
                &self,
                message: impl Into<crate::Message>,
            ) -> Result<crate::Report, crate::SendError> {
                Ok(self
                    .core
                    .publish(crate::socket::Wait::Configured, message.into())?)
            }

            /// As [`send`](Self::send), but never waits.
            ///
            /// # Errors
            ///
            /// [`TrySendError`](crate::TrySendError), with the message; nobody got it then.
            #[inline]
            pub fn try_send(
                &self,
                message: impl Into<crate::Message>,
            ) -> Result<crate::Report, crate::TrySendError> {
                Ok(self.core.publish(crate::socket::Wait::No, message.into())?)
            }

            /// As [`send`](Self::send), but waits at most `timeout`.
            ///
            /// # Errors
            ///
            /// [`SendError`](crate::SendError), with the message; nobody got it then.
            pub fn send_timeout(
                &self,
                message: impl Into<crate::Message>,
                timeout: std::time::Duration,
            ) -> Result<crate::Report, crate::SendError> {
                Ok(self
                    .core
                    .publish(crate::socket::Wait::AtMost(timeout), message.into())?)
            }
        }
    };
}
use publishes;

/// The calls of a socket type that knows who has subscribed to what.
macro_rules! knows_subscribers {
    ($name:ident) => {
        impl $name {
            /// Waits until at least `count` peers have subscribed to anything: the cure for the slow joiner.
            ///
            /// A subscription takes effect when it has arrived here; what is published before is not sent to that
            /// peer.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): the time was over first, or the socket is of no more use.
            pub fn wait_for_subscribers(
                &self,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<(), crate::WaitError> {
                self.core.wait_until(timeout, |state| {
                    matches!(&state.pattern, Pattern::$name(rules) if rules.subscriber_count() >= count)
                })
            }

            /// Waits until at least `count` peers would get a message whose first frame is `topic`.
            ///
            /// # Errors
            ///
            /// [`WaitError`](crate::WaitError): the time was over first, or the socket is of no more use.
            pub fn wait_for_subscription(
                &self,
                topic: impl AsRef<[u8]>,
                count: usize,
                timeout: std::time::Duration,
            ) -> Result<(), crate::WaitError> {
                let topic = topic.as_ref();
                self.core.wait_until(timeout, |state| {
                    matches!(
                        &state.pattern,
                        Pattern::$name(rules) if rules.subscription_count(topic) >= count
                    )
                })
            }

            /// How many peers have subscribed to anything.
            pub fn subscriber_count(&self) -> usize {
                match &self.core.lock().pattern {
                    Pattern::$name(rules) => rules.subscriber_count(),
                    other => unreachable!("the socket is a {:?}", other.kind()),
                }
            }

            /// How many peers would get a message whose first frame is `topic`.
            pub fn subscription_count(&self, topic: impl AsRef<[u8]>) -> usize {
                match &self.core.lock().pattern {
                    Pattern::$name(rules) => rules.subscription_count(topic.as_ref()),
                    other => unreachable!("the socket is a {:?}", other.kind()),
                }
            }

            /// How many different topics are subscribed to.
            pub fn topic_count(&self) -> usize {
                match &self.core.lock().pattern {
                    Pattern::$name(rules) => rules.topic_count(),
                    other => unreachable!("the socket is a {:?}", other.kind()),
                }
            }
        }
    };
}
use knows_subscribers;

/// The calls of a socket type that subscribes.
macro_rules! subscribes {
    ($name:ident) => {
        impl $name {
            /// Subscribes to all messages whose first frame begins with `topic`; the empty topic to all there are.
            ///
            /// Every publisher, connected now or later, is told, also after each reconnect. Does not wait: what was
            /// published before the publisher has heard of it is not received. Subscriptions are counted: one made
            /// twice has to be undone twice.
            ///
            /// # Errors
            ///
            /// [`SubscribeError`](crate::SubscribeError): the socket is of no more use.
            pub fn subscribe(&self, topic: impl AsRef<[u8]>) -> Result<(), crate::SubscribeError> {
                self.core.change_subscriptions(|pattern, table| {
                    if let Pattern::$name(rules) = pattern {
                        rules.subscribe(topic.as_ref(), table);
                    }
                })
            }

            /// Undoes one subscription to exactly `topic`, and tells whether there was one.
            ///
            /// What has arrived already and is not wanted any more is not delivered by a SUB.
            ///
            /// # Errors
            ///
            /// [`SubscribeError`](crate::SubscribeError): the socket is of no more use.
            pub fn unsubscribe(
                &self,
                topic: impl AsRef<[u8]>,
            ) -> Result<bool, crate::SubscribeError> {
                self.core.change_subscriptions(|pattern, table| {
                    let Pattern::$name(rules) = pattern else {
                        return false;
                    };
                    rules.unsubscribe(topic.as_ref(), table)
                })
            }

            /// How many different topics it is subscribed to.
            pub fn topic_count(&self) -> usize {
                match &self.core.lock().pattern {
                    Pattern::$name(rules) => rules.topic_count(),
                    other => unreachable!("the socket is a {:?}", other.kind()),
                }
            }
        }
    };
}
use subscribes;

impl crate::socket::Core {
    #[inline]
    fn publish(&self, wait: Wait, message: Message) -> Result<Report, SendFailure> {
        self.send_with(wait, message, |pattern, table, message| {
            pattern.send(message, table)
        })
        .map(Report::from)
    }

    fn change_subscriptions<T>(
        &self,
        change: impl FnOnce(&mut Pattern, &mut Table) -> T,
    ) -> Result<T, SubscribeError> {
        let mut state = self.lock();
        if let Some(ended) = state.ended() {
            return Err(ended.into());
        }
        let State { pattern, table, .. } = &mut *state;
        Ok(change(pattern, table))
    }

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

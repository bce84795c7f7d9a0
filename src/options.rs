//! What can be set on a socket, each with its unit, default and moment of effect.
//!
//! Owns: the one definition of every option, from which the typed setters and the table by name are made.
//! Always true: a default is stated once, here; meaning is in the type and not in -1 or 0.
//! Must not know: who obeys.

mod accept;
pub(crate) mod bounds;
mod choice;
mod metadata;
pub(crate) mod pattern;
mod proxy;
#[cfg(test)]
mod tests;
mod value;

use std::time::Duration;

use bytes::Bytes;
use highwater_patterns::{RoutingId, SocketType};

pub use accept::AcceptFilter;
use bounds::Bounds;
pub use choice::{IpcPermissions, Keepalive, Linger, ReconnectStop};
pub(crate) use metadata::Metadata;
pub use proxy::SocksProxy;
use value::OptionValue;

use crate::error::OptionError;
use crate::pipe::HighWater;
use crate::transport::{Ipv6Mode, KeepAlive, ListenOptions, StreamOptions};

macro_rules! options {
    ($(
        $(#[$doc:meta])*
        $name:ident: $type:ty = $default:expr $(, $flag:ident)* $(=> $bounds:path)?;
    )+) => {
        /// The options of one socket.
        #[derive(Debug, Clone)]
        pub(crate) struct Options {
            $(pub(crate) $name: $type,)+
            /// The first value that a builder was given and that its option does not take; the option has another.
            refused: Option<OptionError>,
        }

        impl Default for Options {
            fn default() -> Self {
                Self { $($name: $default,)+ refused: None }
            }
        }

        impl Options {
            /// The names of all options, in order of definition.
            #[cfg(test)]
            pub(crate) const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Sets the option `name` from text. `built` says that the socket exists, so that only what takes
            /// effect later than that may change.
            pub(crate) fn set(&mut self, name: &str, value: &str, built: bool) -> Result<(), OptionError> {
                match name {
                    $(stringify!($name) => {
                        if built && !options!(@live $($flag)*) {
                            return Err(OptionError::Fixed { name: stringify!($name) });
                        }
                        self.$name = options!(@bounds $type $(, $bounds)?).parse(stringify!($name), value)?;
                        self.is_settled(name);
                        Ok(())
                    })+
                    _ => Err(OptionError::Unknown { name: name.to_owned() }),
                }
            }

            /// The names of those that have another value than they begin with.
            pub(crate) fn changed(&self) -> Vec<&'static str> {
                let initially = Self::default();
                let changed = [$((stringify!($name), self.$name != initially.$name)),+];
                let changed = changed.into_iter().filter(|(_, is_so)| *is_so);
                changed.map(|(name, _)| name).collect()
            }

            /// The value of the option `name` as text, such as `set` takes it.
            pub(crate) fn get(&self, name: &str) -> Result<String, OptionError> {
                match name {
                    $(stringify!($name) => Ok(OptionValue::print(&self.$name)),)+
                    _ => Err(OptionError::Unknown { name: name.to_owned() }),
                }
            }
        }

        $(options!(@setter { $(#[$doc])* } $name $type { $($bounds)? } $(, $flag)*);)+
    };
    (@setter { $(#[$doc:meta])* } $name:ident $type:ty { $($bounds:path)? } $(, live)?) => {
        impl<S> crate::facade::Builder<S> {
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, value: impl Into<$type>) -> Self {
                let checked = options!(@bounds $type $(, $bounds)?).check(stringify!($name), value.into());
                if let Some(value) = self.options.taken(stringify!($name), checked) {
                    self.options.$name = value;
                }
                self
            }
        }
    };
    // A plain number: any conversion would leave the type of a literal open.
    (@setter { $(#[$doc:meta])* } $name:ident $type:ty { $($bounds:path)? }, live, number) => {
        impl<S> crate::facade::Builder<S> {
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, value: $type) -> Self {
                let checked = options!(@bounds $type $(, $bounds)?).check(stringify!($name), value);
                if let Some(value) = self.options.taken(stringify!($name), checked) {
                    self.options.$name = value;
                }
                self
            }
        }
    };
    // Its setter is written by hand.
    (@setter $docs:tt $name:ident $type:ty {}, live, by_hand) => {};
    (@setter $docs:tt $name:ident $type:ty {}, by_hand) => {};
    (@bounds $type:ty) => { Bounds::<$type>::NONE };
    (@bounds $type:ty, $bounds:path) => { $bounds };
    (@live) => { false };
    (@live live $($setter:ident)?) => { true };
    (@live by_hand) => { false };
}

options! {
    /// Messages that may wait to be sent, for each peer, at least 1; `None` for no limit. Default: 1000.
    ///
    /// Zero is refused: see [`try_build`](Self::try_build). In libzmq it means no limit.
    ///
    /// Counts whole messages that the kernel has not taken. Exact: with no reader and no connection, just so many
    /// sends succeed. A change acts at once on all peers, as libzmq's `ZMQ_SNDHWM`; what waits beyond a lower mark stays.
    send_high_water_mark: Option<usize> = Some(1000), live => bounds::MESSAGES;

    /// Messages that may wait to be received, for each peer, at least 1; `None` for no limit. Default: 1000.
    ///
    /// Zero is refused: see [`try_build`](Self::try_build). In libzmq it means no limit.
    ///
    /// At the mark the connection is not read any more, so that the peer's queue fills in turn. A read that is
    /// under way is taken whole, which can be up to 64 KiB more; up to 512 KiB if the socket was receiving as fast as the
    /// peer sent, and then stopped. A change acts at once on all peers, as libzmq's `ZMQ_RCVHWM`.
    receive_high_water_mark: Option<usize> = Some(1000), live => bounds::MESSAGES;

    /// Bytes that may wait to be sent, for each peer, beside the mark in messages, at least 1; `None` for no limit
    /// (default).
    ///
    /// One message always fits, whatever its size. A change acts at once on all peers. Without effect within the process:
    /// no bytes are made of a message there, its body is handed over as it is, and only messages are counted. For the same
    /// reason a blocking `send` there does not wait for a peer that is a mebibyte behind, as it does over a wire. libzmq has
    /// no such option.
    send_high_water_bytes: Option<usize> = None, live => bounds::BYTES;

    /// Bytes that may wait to be received, for each peer, beside the mark in messages, at least 1; `None` for no limit
    /// (default).
    ///
    /// One message always fits, whatever its size. Of a message of more than 16 frames, each further frame counts 72 bytes
    /// beside its body, which is what it takes. Commands (SUBSCRIBE, CANCEL) count, too, and whatever this option says no
    /// more than 1 MiB of them waits for each peer. A change acts at once on all peers. Without effect within the process,
    /// as [`send_high_water_bytes`](Self::send_high_water_bytes). libzmq has no such option.
    receive_high_water_bytes: Option<usize> = None, live => bounds::BYTES;

    /// What becomes of unsent messages on close. Default: [`Linger::AtMost`] 30 s.
    ///
    /// Read when the socket closes, or lets go of an endpoint. A connection over which something was sent stays until its
    /// peer has read to the end and closed, or this time is over: closing it earlier could destroy what the peer had no
    /// room for yet. libzmq does not wait for this. Dropping a socket waits for none of it, unless it is the last owner of
    /// its [`Context`](crate::Context), which waits for all, also for a peer that does not read. Within the process a
    /// message is with its peer as soon as it is sent, and stays there to be received; what waits for a name that nobody
    /// has bound is lost at once, and counted. libzmq's default is for ever.
    linger: Linger = Linger::AtMost(Duration::from_secs(30)), live;

    /// How long `send` waits for a peer with room; zero not to wait, `None` to wait for ever (default). Read at each call.
    send_timeout: Option<Duration> = None, live;

    /// How long `recv` waits for a message; zero not to wait, `None` to wait for ever (default). Read at each call.
    receive_timeout: Option<Duration> = None, live;

    /// The pause before the first attempt to connect again, at least 1 ms. Default: 100 ms. Takes effect on later connects.
    ///
    /// It doubles with each failure up to [`reconnect_interval_max`](Self::reconnect_interval_max), and each pause
    /// is shortened by up to a quarter at random, so that many peers do not return at once. It starts over after a
    /// connection that has lived for as long as the pause before it, at least 1 s, and 5 s where the pause was longer: what
    /// is cut right after its handshake comes back ever more slowly. This and the other `reconnect_` options have no effect within the process, where there is no
    /// connection to lose: a name that is not bound is waited for, and a peer that has gone is gone.
    reconnect_interval: Duration = Duration::from_millis(100), live => bounds::PAUSE;

    /// The longest pause between attempts to connect, at least 1 ms. Default: 10 s. Takes effect on later connects.
    ///
    /// No pause is longer, also if [`reconnect_interval`](Self::reconnect_interval) says more.
    reconnect_interval_max: Duration = Duration::from_secs(10), live => bounds::PAUSE;

    /// Attempts in a row that may fail before the endpoint is given up; zero for a single attempt, `None` to try for ever
    /// (default).
    ///
    /// Takes effect on later connects. A peer that answers with an ERROR or another security mechanism ends the
    /// attempts at once in any case, as it does in libzmq.
    reconnect_attempts: Option<usize> = None, live;

    /// How often a peer may cut one message off before that is given up, at least 1; `None` for no limit. Default: 3.
    ///
    /// A peer that does not take a message, since it is too large for it or has too many frames, ends the connection in its
    /// midst; sent again on the next one, as what was cut off is, it would end that as well, and nothing behind it would ever
    /// arrive. It counts when the peer closes or resets the connection, or says why it ends it, while a part of the message
    /// was sent, and no other message went out whole on it; an end by silence or by the network does not. What is given up is
    /// counted in [`Dropped::unsent`](crate::Dropped::unsent) and told with the cause by
    /// [`MessageGivenUp`](crate::EventKind::MessageGivenUp).
    ///
    /// Takes effect on later connects: what waits for a peer that connected goes with its connection in any case. Without
    /// effect within the process. libzmq never sends such a message again, nor those behind it that were on their way.
    send_attempts: Option<usize> = Some(3), live => bounds::ATTEMPTS;

    /// How long one attempt to connect may take, at least 1 ms; `None` for as long as the system lets it. Default: 30 s.
    ///
    /// Takes effect on later connects. Without effect within the process, where nothing is attempted. libzmq leaves it to
    /// the system.
    connect_timeout: Option<Duration> = Some(Duration::from_secs(30)), live => bounds::TIME_LIMIT;

    /// How long a handshake may take, at least 1 ms; `None` for no limit. Default: 30 s, as libzmq's
    /// `ZMQ_HANDSHAKE_IVL`, where zero means no limit.
    ///
    /// Takes effect on later binds and connects. Without effect within the process, where two sockets agree at once.
    handshake_timeout: Option<Duration> = Some(Duration::from_secs(30)), live => bounds::TIME_LIMIT;

    /// The time between heartbeats (PING), at least 1 ms; `None` for none. Default: 10 s. libzmq's default is none, and it
    /// writes 0 for that.
    ///
    /// While a peer is not read, since this socket is at its receive high-water mark, PINGs go out for those of the peer that
    /// lie unread, whatever this option says: they cannot be answered, and it would give us up. Takes effect on later
    /// binds and connects. This and the other `heartbeat_` options have no effect within the process, where no peer can go
    /// without being heard of.
    heartbeat_interval: Option<Duration> = Some(Duration::from_secs(10)), live => bounds::HEARTBEAT;

    /// How long a peer may stay silent after a heartbeat, at least 1 ms. Default: 30 s. Takes effect on later binds and
    /// connects.
    ///
    /// Counts from when the PING has left this process, until anything comes. Only peers that have answered one are given
    /// up; others are pinged and otherwise left alone. A peer that may be unable to answer, since it has messages of ours
    /// before it that it does not read (a libzmq peer at its receive high-water mark), or since the kernel takes no more, has
    /// ten times as long, 15 s at least, from when the kernel last took something; but over tcp, on Linux, no longer than the
    /// timeout if its system leaves unanswered what is sent to it, which a system at whose other end a process only rests
    /// does not. libzmq counts from when the PING was queued, and gives up live peers that way.
    heartbeat_timeout: Duration = Duration::from_secs(30), live => bounds::PAUSE;

    /// How long the peer is asked to wait for our next sign of life before it gives us up, 1 ms to 6553.5 s; `None`
    /// not to ask (default). Takes effect on later binds and connects. As libzmq's `ZMQ_HEARTBEAT_TTL`. A peer that asks
    /// so is given up when nothing has come from it for so long after its PING.
    heartbeat_ttl: Option<Duration> = None, live => bounds::TTL;

    /// The largest message that a peer may send, in bytes, all frames together, at least 1; `None` for no limit. Default:
    /// 1 GiB.
    ///
    /// Each frame beyond the sixteenth counts 72 bytes beside its body: a frame takes memory, be it empty.
    /// A larger one ends the connection before its body is read. Takes effect on later binds and connects. Without effect
    /// within the process, where a message takes no more memory by being received. libzmq counts each frame alone and has
    /// no limit by default.
    max_message_size: Option<usize> = Some(1 << 30), live => bounds::BYTES;

    /// Queue messages only for peers that are connected. Default: `false`. Takes effect on later connects.
    ///
    /// Otherwise a connecting socket takes messages before its peer exists. With `true`, what waits for a peer is
    /// dropped with its connection, and counted. Within the process: takes none before the name is bound. As libzmq's
    /// `ZMQ_IMMEDIATE`.
    immediate: bool = false, live;

    /// Keep only the latest message, for each peer.
    conflate: bool = false, by_hand;

    /// The name by which a ROUTER peer knows this socket; `None` to be given one (default). REQ, DEALER, ROUTER.
    ///
    /// Takes effect on later binds and connects.
    routing_id: Option<RoutingId> = None, live;

    /// The kernel's send buffer, in bytes, at least 1; `None` to leave it to the system (default), which is usually best.
    /// Only over ipc half a MiB is asked for then: the system gives less than a batch, and never adapts it.
    ///
    /// Takes effect on later binds and connects.
    send_buffer: Option<usize> = None, live => bounds::BUFFER;

    /// The kernel's receive buffer, in bytes, at least 1; `None` to leave it to the system (default), which is usually best.
    /// Only over tcp from or to a loopback address, on Linux, 2 MiB are asked for then, if the system allows as much
    /// (`net.core.rmem_max`): its way of adapting the buffer suits networks, and closes the window to local senders.
    ///
    /// Takes effect on later binds and connects.
    receive_buffer: Option<usize> = None, live => bounds::BUFFER;

    /// TCP keepalive. Default: [`Keepalive::On`]. Takes effect on later binds and connects.
    ///
    /// Of [`Keepalive::Every`], both times are 1 to 32767 s, in whole seconds, and the count 1 to 127.
    keepalive: Keepalive = Keepalive::On, live => bounds::PROBES;

    /// How many connections may wait to be accepted, at least 1. Default: 1024; the kernel may allow fewer.
    ///
    /// Takes effect on later binds.
    backlog: u32 = 1024, live, number => bounds::BACKLOG;

    /// How long sent bytes may stay unacknowledged before the connection is given up, at least 1 ms; `None` to leave it to
    /// the system (default). In whole milliseconds.
    ///
    /// A peer that takes nothing for so long, its buffers being full, counts as gone, too. Takes effect on later binds
    /// and connects; tcp on Linux only. As libzmq's `ZMQ_TCP_MAXRT`.
    tcp_user_timeout: Option<Duration> = None, live => bounds::USER_TIMEOUT;

    /// The type-of-service byte of IPv4 packets, the traffic class of IPv6 ones; `None` to leave it to the system
    /// (default).
    ///
    /// Takes effect on later binds and connects; tcp only. As libzmq's `ZMQ_TOS`.
    type_of_service: Option<u8> = None, live;

    /// The network interface to use, by its name, and no other; `None` for any (default).
    ///
    /// Takes effect on later binds and connects; tcp on Linux only, an error elsewhere. May need privileges. As libzmq's
    /// `ZMQ_BINDTODEVICE`.
    bind_to_device: Option<String> = None, live => bounds::DEVICE;

    /// Let several sockets, also of several processes, listen on one port. Default: `false`.
    ///
    /// All of them have to set it. The system spreads new connections over them. Takes effect on later binds; tcp only.
    /// libzmq has no such option.
    reuse_port: bool = false, live;

    /// What a listener on `*`, on a name, or on `[::]` does about IPv6. Default: [`Ipv6Mode::Off`].
    ///
    /// Takes effect on later binds. An address in figures is what it is. As libzmq's `ZMQ_IPV6`, which knows the first
    /// two modes.
    ipv6: Ipv6Mode = Ipv6Mode::Off, live;

    /// Who may connect to the `ipc://` paths of this socket. Default: [`IpcPermissions::Umask`].
    ///
    /// Set before anybody can connect. Takes effect on later binds. libzmq has no such option.
    ipc_permissions: IpcPermissions = IpcPermissions::Umask, live => bounds::MODE;

    /// Properties that the socket tells its peers in the handshake.
    metadata: Metadata = Metadata::default(), live, by_hand;

    /// The most connections that peers may have to the endpoints this socket has bound, all together; `None` for no
    /// limit (default), zero to take none.
    ///
    /// A further one is closed as soon as it is accepted, which a monitor hears as
    /// [`AcceptFailed`](crate::EventKind::AcceptFailed) with
    /// [`TooManyConnections`](crate::LinkError::TooManyConnections), and which
    /// [`Stats::accepts_failed`](crate::Stats::accepts_failed) counts. Takes effect on later binds; tcp and ipc. libzmq
    /// has no such option.
    connection_limit: Option<usize> = None, live;

    /// How many bytes of messages of peers that have gone may wait to be received, over all of them, before connections
    /// that are accepted are left unread; `None` for no limit. Default: 64 MiB. At least 1.
    ///
    /// A peer may send up to the mark and go, and the next may do the same, so that marks alone bound nothing. Beyond this,
    /// who connects is connected, but read only once half of it has been received; until then TCP holds the peer back, and
    /// nothing is lost. Each such peer counts 1 KiB beside its messages. Takes effect at once; tcp and ipc. libzmq has no
    /// such bound.
    departed_bytes: Option<usize> = Some(64 << 20), live => bounds::BYTES;

    /// Who may connect to the endpoints that this socket has bound. Default: everybody.
    ///
    /// Anybody else is turned away as soon as it is accepted, which a monitor hears as
    /// [`AcceptFailed`](crate::EventKind::AcceptFailed) with [`NotAccepted`](crate::LinkError::NotAccepted), and which
    /// [`Stats::accepts_failed`](crate::Stats::accepts_failed) counts. Takes effect on later binds; tcp and ipc, since
    /// within the process everybody is the same user.
    accept_filter: AcceptFilter = AcceptFilter::everybody(), live;

    /// What ends the attempts to connect again. Default: [`ReconnectStop::NEVER`].
    ///
    /// The endpoint is given up then, as after too many [`reconnect_attempts`](Self::reconnect_attempts). Takes effect
    /// on later connects. As libzmq's `ZMQ_RECONNECT_STOP`.
    reconnect_stop: ReconnectStop = ReconnectStop::NEVER, live;

    /// The SOCKS 5 proxy through which tcp connections are made; `None` for none (default).
    ///
    /// Host names are resolved by the proxy. The source of an endpoint `tcp://source;target` is where the connection to
    /// the proxy comes from. The [`connect_timeout`](Self::connect_timeout) begins anew once the proxy is reached. Takes
    /// effect on later connects. As libzmq's `ZMQ_SOCKS_PROXY`. By name the value holds the password in the clear.
    socks_proxy: Option<SocksProxy> = None, live;
}

impl<S> crate::facade::Builder<S> {
    /// Keep only the latest message, for each peer. Default: `false`. Takes effect on later binds and connects, and cannot
    /// be changed once the socket is built.
    ///
    /// A socket that sends keeps the latest for each peer that cannot keep up, one that receives the latest from each peer,
    /// over each transport; what makes way is counted in [`Dropped::conflated`](crate::Dropped::conflated).
    /// High-water marks do not apply then. PUSH and PULL, PUB and SUB, XPUB and XSUB obey in the direction in which their
    /// messages go, never subscriptions; DEALER, ROUTER and PAIR in both. REQ and REP, of which each message is answered,
    /// refuse it: see [`try_build`](Self::try_build). A SUB keeps what arrives last, whether or not it is still subscribed to
    /// that. Unlike libzmq's `ZMQ_CONFLATE`, messages of several frames stay whole.
    #[must_use]
    pub fn conflate(mut self, value: impl Into<bool>) -> Self {
        self.options.conflate = value.into();
        if let Err(refused) = self.options.check_conflate(self.kind) {
            self.options.refuse(refused);
        }
        self
    }

    /// Tells peers the property `name` in the handshake; they find it in
    /// [`PeerInfo::metadata`](crate::PeerInfo::metadata). Default: none.
    ///
    /// A name is `X-` and at least one more letter, digit, `-`, `_`, `.` or `+`, compared without case; a name that is
    /// set again has the last value. `X-Highwater` is this library's own. Takes effect on later binds and connects. As libzmq's `ZMQ_METADATA`. By name, the
    /// option `metadata` is all properties at once, such as `X-Role=feed;X-Zone=7`.
    ///
    /// # Errors
    ///
    /// [`OptionError::Invalid`]: this is no such name, or there would be more than 64 properties or 16 KiB of them.
    pub fn metadata(mut self, name: &str, value: impl Into<Bytes>) -> Result<Self, OptionError> {
        if self.options.metadata.set(name, value.into()) {
            Ok(self)
        } else {
            Err(OptionError::Invalid {
                name: "metadata",
                expected: Metadata::EXPECTED,
            })
        }
    }
}

/// In which directions a socket keeps only the latest message of each peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Conflation {
    pub(crate) sent: bool,
    pub(crate) received: bool,
}

/// How connections are set up.
impl From<&Options> for StreamOptions {
    fn from(options: &Options) -> Self {
        Self {
            keep_alive: match options.keepalive {
                Keepalive::Off => KeepAlive::Off,
                Keepalive::System => KeepAlive::System,
                Keepalive::On => KeepAlive::default(),
                Keepalive::Every {
                    idle,
                    interval,
                    count,
                } => KeepAlive::On {
                    idle: Some(idle),
                    interval: Some(interval),
                    count: Some(count),
                },
            },
            send_buffer: options.send_buffer,
            receive_buffer: options.receive_buffer,
            user_timeout: options.tcp_user_timeout,
            type_of_service: options.type_of_service,
            bind_to_device: options.bind_to_device.clone(),
        }
    }
}

/// How listeners are set up.
impl From<&Options> for ListenOptions {
    fn from(options: &Options) -> Self {
        Self {
            backlog: options.backlog,
            reuse_port: options.reuse_port,
            ipv6: options.ipv6,
            permissions: match options.ipc_permissions {
                IpcPermissions::Umask => None,
                IpcPermissions::Mode(mode) => Some(mode),
            },
            stream: StreamOptions::from(options),
        }
    }
}

impl Options {
    /// What a setter of a builder was given for the option `name`, if the option takes it. Otherwise that is remembered,
    /// to be told by whoever can: setters are chained, and give back no error.
    pub(crate) fn taken<T>(
        &mut self,
        name: &'static str,
        checked: Result<T, OptionError>,
    ) -> Option<T> {
        match checked {
            Ok(value) => {
                self.is_settled(name);
                Some(value)
            }
            Err(refused) => {
                self.refused.get_or_insert(refused);
                None
            }
        }
    }

    /// The option `name` has a value that it takes, whatever it was given before.
    pub(crate) fn is_settled(&mut self, name: &str) {
        self.refused.take_if(
            |refused| matches!(refused, OptionError::Invalid { name: known, .. } if *known == name),
        );
    }

    /// The first value that a builder was given in vain, as long as its option has not got another.
    pub(crate) fn refused(&self) -> Option<&OptionError> {
        self.refused.as_ref()
    }

    /// Whether a socket of this type can keep only the latest message, if it is to; it is not, if it cannot.
    pub(crate) fn check_conflate(&mut self, kind: SocketType) -> Result<(), OptionError> {
        let answers = matches!(kind, SocketType::Req | SocketType::Rep);
        if answers && std::mem::take(&mut self.conflate) {
            return Err(OptionError::Invalid {
                name: "conflate",
                expected: "false for REQ and REP, of which each message is answered",
            });
        }
        self.is_settled("conflate");
        Ok(())
    }

    /// A builder was given a value that its option does not take.
    fn refuse(&mut self, refused: OptionError) {
        self.refused.get_or_insert(refused);
    }

    /// Of which messages a socket of this type keeps only the latest.
    pub(crate) fn conflation(&self, kind: SocketType) -> Conflation {
        let (sent, received) = match kind {
            SocketType::Push | SocketType::Pub | SocketType::XPub => (true, false),
            SocketType::Pull | SocketType::Sub | SocketType::XSub => (false, true),
            SocketType::Dealer | SocketType::Router | SocketType::Pair => (true, true),
            _ => (false, false),
        };
        Conflation {
            sent: sent && self.conflate,
            received: received && self.conflate,
        }
    }

    pub(crate) fn send_limit(&self) -> HighWater {
        HighWater {
            messages: self.send_high_water_mark,
            bytes: self.send_high_water_bytes,
        }
    }

    pub(crate) fn receive_limit(&self) -> HighWater {
        HighWater {
            messages: self.receive_high_water_mark,
            bytes: self.receive_high_water_bytes,
        }
    }
}

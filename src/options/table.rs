//! Every option that all socket types have, once: its text, name, type, default, when it may be set, and its bounds.
//!
//! Owns: the table. [`Options`](super::Options) makes the fields and the names of it, the builder of sockets its setters.
//! Always true: a default is stated once, here.
//! Must not know: who reads the table.

/// Hands the table to the macro `$reader`, a row as `name: type = default, flags => bounds;` behind its documentation.
///
/// Flags: `live`, it may be set while the socket is at work; `number`, its setter takes the type as it is, since any
/// conversion would leave the type of a literal open; `by_hand`, its setter is written by hand.
#[rustfmt::skip]
macro_rules! with_options {
    ($reader:ident) => { $reader! {
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
    /// [`Stats::refused_by_limit`](crate::Stats::refused_by_limit) counts; a log tells of it once a second, at WARN, with the
    /// number. Takes effect on later binds; tcp and ipc. libzmq has no such option.
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
    /// [`Stats::refused_by_filter`](crate::Stats::refused_by_filter) counts; a log tells of it once a second, at WARN, with
    /// the number. Takes effect on later binds; tcp and ipc, since within the process everybody is the same user.
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
    } };
}

pub(crate) use with_options;

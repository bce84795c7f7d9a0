//! The options that all socket types have, each once: documentation, name, type, default, when it may be set, and
//! bounds.
//!
//! Owns: the table. [`Options`](super::Options) makes the fields and the names of it, the builder of sockets its setters.
//! Always true: a default is stated once, here.
//! Must not know: which code reads the table.

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
    /// Counts whole messages that the kernel has not taken; a message counts until its whole batch has been written.
    /// Exact: with no reader and no connection, this many sends succeed. A change acts at once on all peers, as with
    /// libzmq's `ZMQ_SNDHWM`; messages above a lower mark stay.
    #[doc(alias("ZMQ_SNDHWM", "SNDHWM", "HWM"))]
    send_high_water_mark: Option<usize> = Some(1000), live => bounds::MESSAGES;

    /// Messages that may wait to be received, for each peer, at least 1; `None` for no limit. Default: 1000.
    ///
    /// Zero is refused: see [`try_build`](Self::try_build). In libzmq it means no limit.
    ///
    /// At the mark the connection is not read any more, so that the peer's queue fills in turn. A read is never split,
    /// so it can exceed the mark by one read: up to 64 KiB, or up to 512 KiB if the socket was receiving as fast as the
    /// peer sent, and then stopped. A change acts at once on all peers, as with libzmq's `ZMQ_RCVHWM`.
    #[doc(alias("ZMQ_RCVHWM", "RCVHWM", "HWM"))]
    receive_high_water_mark: Option<usize> = Some(1000), live => bounds::MESSAGES;

    /// Bytes that may wait to be sent, for each peer, beside the mark in messages, at least 1; `None` for no limit
    /// (default).
    ///
    /// One message always fits, whatever its size. A change acts at once on all peers. Without effect within the
    /// process: bodies are passed on there without encoding, and only messages are counted. Over a wire, a blocking
    /// `send` also waits for a peer that is a mebibyte behind; within the process it does not. libzmq has no such
    /// option.
    send_high_water_bytes: Option<usize> = None, live => bounds::BYTES;

    /// Bytes that may wait to be received, for each peer, beside the mark in messages, at least 1; `None` for no limit
    /// (default).
    ///
    /// One message always fits, whatever its size. In a message of more than 16 frames, each further frame counts 72
    /// bytes, its memory, beside its body. Commands (SUBSCRIBE, CANCEL) count, too; at most 1 MiB of them waits for
    /// each peer, whatever this option says. A change acts at once on all peers. Without effect within the process, as
    /// [`send_high_water_bytes`](Self::send_high_water_bytes). libzmq has no such option.
    receive_high_water_bytes: Option<usize> = None, live => bounds::BYTES;

    /// How unsent messages are treated on close. Default: [`Linger::AtMost`] 30 s.
    ///
    /// Read when the socket closes, or ends an endpoint. A connection on which something was sent stays until its peer
    /// has read to the end and closed, or until this time is over: closing it earlier could destroy data for which the
    /// peer had no room yet. So a peer that neither reads nor closes takes the whole time. libzmq waits no longer than
    /// until the kernel has taken everything. Dropping a socket does not wait, unless it is the last
    /// owner of its [`Context`](crate::Context), which waits for all sockets, also for a peer that does not read.
    /// Within the process a message reaches its peer when it is sent, and stays there to be received; messages for a
    /// name that is not bound are lost at once, and counted. libzmq's default is for ever.
    #[doc(alias = "ZMQ_LINGER")]
    linger: Linger = Linger::AtMost(Duration::from_secs(30)), live;

    /// How long `send` waits for a peer with room; zero not to wait, `None` to wait for ever (default). Read at each call.
    #[doc(alias = "ZMQ_SNDTIMEO")]
    send_timeout: Option<Duration> = None, live;

    /// How long `recv` waits for a message; zero not to wait, `None` to wait for ever (default). Read at each call.
    #[doc(alias = "ZMQ_RCVTIMEO")]
    receive_timeout: Option<Duration> = None, live;

    /// The pause before the first attempt to connect again, at least 1 ms. Default: 100 ms. Takes effect on later connects.
    ///
    /// The pause doubles with each failure up to [`reconnect_interval_max`](Self::reconnect_interval_max), and is
    /// shortened by a random 0 to 25 %, so that many peers do not return at once. It starts over after a connection
    /// that has lived for as long as the pause before it, but at least 1 s and at most 5 s: a connection that is cut
    /// right after each handshake comes back ever more slowly. This and the other `reconnect_` options have no effect
    /// within the process, which has no connections to lose: a name that is not bound is waited for, and a peer that
    /// has disconnected does not return.
    #[doc(alias = "ZMQ_RECONNECT_IVL")]
    reconnect_interval: Duration = Duration::from_millis(100), live => bounds::PAUSE;

    /// The longest pause between attempts to connect, at least 1 ms. Default: 10 s. Takes effect on later connects.
    ///
    /// No pause is longer, also if [`reconnect_interval`](Self::reconnect_interval) says more.
    #[doc(alias = "ZMQ_RECONNECT_IVL_MAX")]
    reconnect_interval_max: Duration = Duration::from_secs(10), live => bounds::PAUSE;

    /// Attempts in a row that may fail before the endpoint is given up; zero for a single attempt, `None` to try for ever
    /// (default).
    ///
    /// Takes effect on later connects. A peer that answers with an ERROR or another security mechanism ends the
    /// attempts at once in any case, as it does in libzmq. With CURVE they go on unless the server has sealed the ERROR, since
    /// anybody on the path could have written it; see [`retry_refused`](Self::retry_refused).
    reconnect_attempts: Option<usize> = None, live;

    /// Whether a peer that has refused this socket by an ERROR command in the handshake is tried again, after growing pauses.
    /// Default: no.
    ///
    /// By default the endpoint is given up, as RFC 37 asks for ("SHALL treat this as a fatal error") and libzmq does: with
    /// PLAIN and CURVE the ERROR says that the server does not let this client in. With this option a client whose key is
    /// added to the server's list later comes in by itself. Takes effect on later connects. Without effect within the
    /// process.
    ///
    /// With CURVE a client gives up only if the ERROR has the server's seal, which a server of this library adds. An ERROR
    /// without it, such as that of a libzmq server, may have been written by anybody on the path: the client tries again after
    /// growing pauses, and the cause is [`LinkError::Refused`](crate::LinkError::Refused). To stop after it as well, set
    /// [`reconnect_stop`](Self::reconnect_stop) or [`reconnect_attempts`](Self::reconnect_attempts).
    retry_refused: bool = false, live;

    /// How often a peer may cut off the same message before the message is given up, at least 1; `None` for no limit.
    /// Default: 3.
    ///
    /// A peer that does not take a message, because it is too large or has too many frames, ends the connection in the
    /// middle of it. Sent again, the message would end the next connection as well, and no later message would arrive.
    /// A cut counts if the peer closes or resets the connection, or gives a reason for its end, while a part of the
    /// message was sent and no other message was sent whole on that connection. An end by silence or by the network
    /// does not count. Messages given up are counted in [`Dropped::unsent`](crate::Dropped::unsent) and reported with
    /// the cause by [`MessageGivenUp`](crate::EventKind::MessageGivenUp).
    ///
    /// Takes effect on later connects: the messages for a peer that connected are lost with its connection in any case.
    /// With [`LostPeer::SendAgain`](crate::LostPeer::SendAgain) a REQ asks as many peers in all, also those that connected and those
    /// to which the whole request was sent, before it gives the request up
    /// ([`CutOff`](crate::RequestError::CutOff)); it takes effect on later binds as well then.
    /// Without effect within the process. libzmq never sends such a message again, nor those behind it that were in
    /// flight.
    send_attempts: Option<usize> = Some(3), live => bounds::ATTEMPTS;

    /// How long one attempt to connect may take, at least 1 ms; `None` for as long as the system lets it. Default: 30 s.
    ///
    /// Takes effect on later connects. Without effect within the process, where nothing is attempted. libzmq leaves it to
    /// the system.
    #[doc(alias = "ZMQ_CONNECT_TIMEOUT")]
    connect_timeout: Option<Duration> = Some(Duration::from_secs(30)), live => bounds::TIME_LIMIT;

    /// How long a handshake may take, at least 1 ms; `None` for no limit. Default: 30 s, as libzmq's
    /// `ZMQ_HANDSHAKE_IVL`, where zero means no limit.
    ///
    /// Takes effect on later binds and connects. Without effect within the process, where two sockets agree at once.
    #[doc(alias = "ZMQ_HANDSHAKE_IVL")]
    handshake_timeout: Option<Duration> = Some(Duration::from_secs(30)), live => bounds::TIME_LIMIT;

    /// How many handshakes of accepted connections may be under way at the same time, at least 1; `None` for no limit.
    /// Default: 4096.
    ///
    /// While there are so many, further connections wait in the system's queue (see [`backlog`](Self::backlog)). While there
    /// are more than half as many, a handshake may take 3 s at most, whatever
    /// [`handshake_timeout`](Self::handshake_timeout) says: a peer that connects and stays silent does not keep others out for long.
    /// A handshake takes at most some 70 KiB of memory. Takes effect on later binds. Without effect within the process.
    /// libzmq has no such option.
    handshake_limit: Option<usize> = Some(4096), live => bounds::HANDSHAKES;

    /// How many handshakes of accepted connections from one address may be under way at the same time, at least 1; `None` for
    /// no limit. Default: 1024.
    ///
    /// A further connection is closed as soon as it is accepted: [`AcceptFailed`](crate::EventKind::AcceptFailed) tells
    /// [`TooManyHandshakes`](crate::LinkError::TooManyHandshakes),
    /// [`Stats::refused_handshakes`](crate::Stats::refused_handshakes) counts it, and its peer tries again. While there are more
    /// than half as many, a further handshake from this address may take 3 s at most: who connects through the same proxy as a
    /// peer that stays silent is not kept out for long. Clients behind one address that all connect at once need a higher
    /// limit, or some more attempts. Takes effect on later binds. Without
    /// effect over ipc, where peers have no address, and within the process. libzmq has no such option.
    handshake_limit_per_address: Option<usize> = Some(1024), live => bounds::HANDSHAKES;

    /// The time between heartbeats (PING), at least 1 ms; `None` for none. Default: 10 s. libzmq's default is none, and it
    /// writes 0 for that.
    ///
    /// While this socket is at its receive high-water mark and does not read a peer, it answers the peer's unread PINGs
    /// with PINGs of its own, whatever this option says; otherwise the peer would take it for silent and disconnect.
    /// Takes effect on later binds and connects. This and the other `heartbeat_` options have no effect within the
    /// process, where every disconnect is seen at once.
    #[doc(alias = "ZMQ_HEARTBEAT_IVL")]
    heartbeat_interval: Option<Duration> = Some(Duration::from_secs(10)), live => bounds::HEARTBEAT;

    /// How long a peer may stay silent after a heartbeat, at least 1 ms. Default: 30 s. Takes effect on later binds and
    /// connects.
    ///
    /// Counts from when the PING has left this process, until any input comes. Only a peer that has answered a PING
    /// before is given up; others get PINGs and are never given up. A peer may be unable to answer because it has not
    /// read the messages before the PING (a libzmq peer at its receive high-water mark), or because the kernel's buffer
    /// is full. Such a peer has ten times as long, at least 15 s, from when the kernel last took bytes. Over tcp, on
    /// Linux, it is given up after the timeout itself if the peer's kernel does not acknowledge what is sent to it;
    /// that of a live machine does, even if the process there reads nothing. libzmq counts from when the PING was
    /// queued, and gives up live peers that way.
    #[doc(alias = "ZMQ_HEARTBEAT_TIMEOUT")]
    heartbeat_timeout: Duration = Duration::from_secs(30), live => bounds::PAUSE;

    /// How long the peer is asked to wait for our next bytes before it disconnects, 1 ms to 65.5 s; `None` not to ask
    /// (default). Takes effect on later binds and connects.
    ///
    /// PINGs carry it, in tenths of a second, rounded up: it has to be longer than
    /// [`heartbeat_interval`](Self::heartbeat_interval), or the peer disconnects between two of them. A peer that sends
    /// such a request is itself disconnected when nothing has arrived for that time after its PING. As libzmq's
    /// `ZMQ_HEARTBEAT_TTL`, which takes up to 6553.5 s, and as a receiver wraps a time of 65.6 s or more.
    #[doc(alias = "ZMQ_HEARTBEAT_TTL")]
    heartbeat_ttl: Option<Duration> = None, live => bounds::TTL;

    /// The largest message that a peer may send, in bytes, all frames together, at least 1; `None` for no limit. Default:
    /// 1 GiB.
    ///
    /// Each frame beyond the sixteenth counts 72 bytes, its memory, beside its body, even if empty. A larger message
    /// ends the connection before its body is read. Takes effect on later binds and connects. Without effect within the
    /// process, where receiving a message takes no further memory. libzmq counts each frame alone and has no limit by
    /// default.
    #[doc(alias = "ZMQ_MAXMSGSIZE")]
    max_message_size: Option<usize> = Some(1 << 30), live => bounds::BYTES;

    /// Queue messages only for peers that are connected. Default: `false`. Takes effect on later connects.
    ///
    /// Without it, a connecting socket takes messages before its peer exists. With it, messages that wait for a peer
    /// are dropped with its connection, and counted. Within the process, a socket takes none before the name is bound.
    /// As libzmq's `ZMQ_IMMEDIATE`.
    #[doc(alias = "ZMQ_IMMEDIATE")]
    immediate: bool = false, live;

    /// Keep only the latest message, for each peer.
    conflate: bool = false, by_hand;

    /// The name by which a ROUTER peer knows this socket; `None` for a generated one (default). REQ, DEALER, ROUTER.
    ///
    /// Takes effect on later binds and connects. By name, bytes that are no visible ASCII are written as `0x` and
    /// hexadecimal digits, and so is an id that begins with `0x`.
    #[doc(alias("ZMQ_ROUTING_ID", "ZMQ_IDENTITY", "identity"))]
    routing_id: Option<RoutingId> = None, live;

    /// The kernel's send buffer, in bytes, at least 1; `None` to leave it to the system (default), which is usually
    /// best. With `None`, half a MiB is still asked for over ipc: the system gives less than a batch, and never adapts
    /// it.
    ///
    /// Takes effect on later binds and connects.
    #[doc(alias = "ZMQ_SNDBUF")]
    send_buffer: Option<usize> = None, live => bounds::BUFFER;

    /// The kernel's receive buffer, in bytes, at least 1; `None` to leave it to the system (default), which is usually
    /// best. With `None`, 2 MiB are still asked for over tcp from or to a loopback address, on Linux, if the system
    /// allows that much (`net.core.rmem_max`): its adaptive size suits networks, and closes the window to local
    /// senders.
    ///
    /// Takes effect on later binds and connects.
    #[doc(alias = "ZMQ_RCVBUF")]
    receive_buffer: Option<usize> = None, live => bounds::BUFFER;

    /// TCP keepalive. Default: [`Keepalive::On`]. Takes effect on later binds and connects.
    ///
    /// Of [`Keepalive::Every`], both times are 1 to 32767 s, in whole seconds, and the count 1 to 127.
    #[doc(alias("ZMQ_TCP_KEEPALIVE", "ZMQ_TCP_KEEPALIVE_CNT", "ZMQ_TCP_KEEPALIVE_IDLE", "ZMQ_TCP_KEEPALIVE_INTVL"))]
    keepalive: Keepalive = Keepalive::On, live => bounds::PROBES;

    /// How many connections may wait to be accepted, at least 1. Default: 1024; the kernel may allow fewer.
    ///
    /// Takes effect on later binds.
    #[doc(alias = "ZMQ_BACKLOG")]
    backlog: u32 = 1024, live, number => bounds::BACKLOG;

    /// How long sent bytes may stay unacknowledged before the connection is given up, at least 1 ms; `None` to leave it to
    /// the system (default). In whole milliseconds.
    ///
    /// A peer with full buffers that takes nothing for this long also counts as gone. Takes effect on later binds and
    /// connects; tcp on Linux only. As libzmq's `ZMQ_TCP_MAXRT`.
    #[doc(alias = "ZMQ_TCP_MAXRT")]
    tcp_user_timeout: Option<Duration> = None, live => bounds::USER_TIMEOUT;

    /// The type-of-service byte of IPv4 packets, the traffic class of IPv6 ones; `None` to leave it to the system
    /// (default).
    ///
    /// Takes effect on later binds and connects; tcp only. As libzmq's `ZMQ_TOS`.
    #[doc(alias = "ZMQ_TOS")]
    type_of_service: Option<u8> = None, live;

    /// The network interface to use, by its name, and no other; `None` for any (default).
    ///
    /// Takes effect on later binds and connects; tcp on Linux only, an error elsewhere. May need privileges. As libzmq's
    /// `ZMQ_BINDTODEVICE`.
    #[doc(alias = "ZMQ_BINDTODEVICE")]
    bind_to_device: Option<String> = None, live => bounds::DEVICE;

    /// Let several sockets, also of several processes, listen on one port. Default: `false`.
    ///
    /// All of them have to set it. The system spreads new connections over them. Takes effect on later binds; tcp only.
    /// libzmq has no such option.
    reuse_port: bool = false, live;

    /// How a listener on `*`, on a name, or on `[::]` uses IPv6. Default: [`Ipv6Mode::Off`].
    ///
    /// Takes effect on later binds. A numeric address is used as it is. As libzmq's `ZMQ_IPV6`, which has the first two
    /// modes.
    #[doc(alias = "ZMQ_IPV6")]
    ipv6: Ipv6Mode = Ipv6Mode::Off, live;

    /// The permissions of the `ipc://` paths of this socket. Default: [`IpcPermissions::Umask`].
    ///
    /// Set before a peer can connect. Takes effect on later binds. libzmq has no such option.
    ipc_permissions: IpcPermissions = IpcPermissions::Umask, live => bounds::MODE;

    /// Properties that the socket tells its peers in the handshake.
    metadata: Metadata = Metadata::default(), live, by_hand;

    /// The most connections that peers may have to the endpoints this socket has bound, all together; `None` for no
    /// limit (default), zero to take none.
    ///
    /// A further connection is closed as soon as it is accepted. A monitor gets
    /// [`AcceptFailed`](crate::EventKind::AcceptFailed) with
    /// [`TooManyConnections`](crate::LinkError::TooManyConnections),
    /// [`Stats::refused_by_limit`](crate::Stats::refused_by_limit) counts it, and the log has a line a second, at WARN,
    /// with the number. Takes effect on later binds; tcp and ipc. libzmq has no such option.
    connection_limit: Option<usize> = None, live;

    /// How many bytes of unread messages may be left by disconnected peers, in all, before newly accepted connections
    /// are left unread; `None` for no limit. Default: 64 MiB. At least 1.
    ///
    /// A peer may send up to the mark and disconnect, and the next may do the same, so marks alone bound nothing. Above
    /// this bound, a peer can still connect, but is read only once half of the bytes have been received; until then TCP
    /// holds the peer back, and nothing is lost. Each disconnected peer counts 1 KiB beside its messages. Takes effect
    /// at once; tcp and ipc. libzmq has no such bound.
    departed_bytes: Option<usize> = Some(64 << 20), live => bounds::BYTES;

    /// Which peers may connect to the endpoints that this socket has bound. Default: all.
    ///
    /// Any other peer is disconnected as soon as it is accepted. A monitor gets
    /// [`AcceptFailed`](crate::EventKind::AcceptFailed) with [`NotAccepted`](crate::LinkError::NotAccepted),
    /// [`Stats::refused_by_filter`](crate::Stats::refused_by_filter) counts it, and the log has a line a second, at
    /// WARN, with the number. Takes effect on later binds; tcp and ipc, since within the process all peers are the same
    /// user.
    #[doc(alias("ZMQ_TCP_ACCEPT_FILTER", "ZMQ_IPC_FILTER_GID", "ZMQ_IPC_FILTER_PID", "ZMQ_IPC_FILTER_UID"))]
    accept_filter: AcceptFilter = AcceptFilter::everybody(), live;

    /// The events that end the attempts to connect again. Default: [`ReconnectStop::NEVER`].
    ///
    /// The endpoint is given up then, as after too many [`reconnect_attempts`](Self::reconnect_attempts). Takes effect
    /// on later connects. As libzmq's `ZMQ_RECONNECT_STOP`.
    #[doc(alias = "ZMQ_RECONNECT_STOP")]
    reconnect_stop: ReconnectStop = ReconnectStop::NEVER, live;

    /// The SOCKS 5 proxy through which tcp connections are made; `None` for none (default).
    ///
    /// Host names are resolved by the proxy. In an endpoint `tcp://source;target`, the source is that of the connection
    /// to the proxy. The [`connect_timeout`](Self::connect_timeout) begins anew once the proxy is reached. Takes effect
    /// on later connects. As libzmq's `ZMQ_SOCKS_PROXY`. By name, the value contains the password unencrypted.
    #[doc(alias("ZMQ_SOCKS_PROXY", "ZMQ_SOCKS_USERNAME", "ZMQ_SOCKS_PASSWORD"))]
    socks_proxy: Option<SocksProxy> = None, live;
    } };
}

pub(crate) use with_options;

//! What options of tcp and ipc do, and that high-water marks can be changed while messages wait.

mod support;

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater::{
    BindError, Context, EventKind, IpcPermissions, Ipv6Mode, Linger, LinkError, Pull, Push,
    RecvError, Transport, TrySendError,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, joined_soon, must_end, over_each_transport, wait_for_event,
    wait_until,
};

over_each_transport!(
    a_higher_send_mark_gives_room_at_once,
    a_higher_send_mark_wakes_who_waits_for_room,
    a_lower_send_mark_holds_at_once,
    a_higher_receive_mark_takes_more_at_once,
    a_mark_in_bytes_acts_at_once,
    a_receive_mark_in_bytes_is_kept_and_acts_at_once,
    a_changed_mark_holds_for_peers_that_come_later,
);

/// The sockets of this process whose own address is `local`, as the kernel has them.
#[cfg(target_os = "linux")]
fn own_socket(local: std::net::SocketAddr) -> socket2::Socket {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let this = pidfd_open(getpid(), PidfdFlags::empty()).expect("this process");
    let entries = std::fs::read_dir("/proc/self/fd").expect("the open files");
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter_map(|number| pidfd_getfd(&this, number, PidfdGetfdFlags::empty()).ok())
        .map(socket2::Socket::from)
        .find(|socket| {
            let found = socket.local_addr().ok().and_then(|at| at.as_socket());
            found == Some(local) && socket.peer_addr().is_ok()
        })
        .expect("this process has such a socket")
}

/// Connects `push` to a listener of the standard library, and gives the listener's end of it.
#[cfg(target_os = "linux")]
fn connected_to_a_stranger(push: &Push) -> TcpStream {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    push.connect(format!("tcp://{at}")).expect("connecting");
    listener.accept().expect("it connects").0
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_carries_the_type_of_service() {
    must_end("a connection carries the type of service", || {
        let push = Push::builder(&Context::new()).type_of_service(0x10).build();
        let stream = connected_to_a_stranger(&push);
        let socket = own_socket(stream.peer_addr().expect("connected"));
        assert_eq!(socket.tos_v4().expect("an option"), 0x10);

        let pull = Pull::builder(&Context::new()).type_of_service(0x08).build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let stream =
            TcpStream::connect(("127.0.0.1", at.port().expect("a port"))).expect("connected");
        let events = pull.monitor();
        RawPeer::from(stream.try_clone().expect("a descriptor")).shake_hands("PUSH");
        wait_for_event(&events, "of a handshake", |kind| {
            *kind == EventKind::HandshakeSucceeded
        });
        let accepted = own_socket(stream.peer_addr().expect("connected"));
        assert_eq!(accepted.tos_v4().expect("an option"), 0x08);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn keepalive_is_set_as_asked_for() {
    let keepalive_of = |value: &str| {
        let push = Push::builder(&Context::new())
            .option("keepalive", value)
            .expect("a good value")
            .build();
        let stream = connected_to_a_stranger(&push);
        let socket = own_socket(stream.peer_addr().expect("connected"));
        socket.keepalive().expect("an option").then(|| {
            let idle = socket.tcp_keepalive_time().expect("an option");
            let interval = socket.tcp_keepalive_interval().expect("an option");
            (
                idle.as_secs(),
                interval.as_secs(),
                socket.tcp_keepalive_retries().ok(),
            )
        })
    };
    assert_eq!(keepalive_of("off"), None);
    assert!(keepalive_of("on").is_some());
    assert_eq!(keepalive_of("7000,3000,5"), Some((7, 3, Some(5))));
}

/// Where nobody accepts, the system takes as many connections as the backlog allows, and lets the others wait.
#[cfg(target_os = "linux")]
#[test]
fn as_many_connections_as_the_backlog_wait_to_be_accepted() {
    let taken = |backlog: u32| {
        let pull = Pull::builder(&Context::new()).backlog(backlog).build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        pull.pause_accepting(&at).expect("it is bound there");
        let address = (Ipv4Addr::LOCALHOST, at.port().expect("a port")).into();
        let connections: Vec<_> = (0..20)
            .map_while(|_| TcpStream::connect_timeout(&address, MOMENT).ok())
            .collect();
        connections.len()
    };
    let (few, many) = (taken(2), taken(100));
    assert!((2..=4).contains(&few), "{few}");
    assert_eq!(many, 20);
}

#[cfg(target_os = "linux")]
#[test]
fn an_attempt_to_connect_ends_in_time() {
    let context = Context::new();
    let pull = Pull::builder(&context).backlog(1).build();
    let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
    pull.pause_accepting(&at).expect("it is bound there");
    let address = (Ipv4Addr::LOCALHOST, at.port().expect("a port")).into();
    let _waiting: Vec<_> = (0..20)
        .map_while(|_| TcpStream::connect_timeout(&address, MOMENT).ok())
        .collect();
    let push = Push::builder(&context)
        .connect_timeout(Duration::from_millis(100))
        .build();
    let events = push.monitor();
    push.connect(&at).expect("connecting");
    wait_for_event(&events, "that it took too long", |kind| {
        matches!(
            kind,
            EventKind::Retrying {
                cause: LinkError::ConnectTimeout,
                ..
            }
        )
    });
}

#[test]
fn a_receive_waits_as_long_as_it_is_told() {
    let pull = Pull::builder(&Context::new())
        .receive_timeout(MOMENT)
        .build();
    let begun = Instant::now();
    assert_eq!(pull.recv(), Err(RecvError::Timeout));
    assert!(begun.elapsed() >= MOMENT);
    pull.set_option("receive_timeout", "1")
        .expect("a live option");
    assert_eq!(pull.recv(), Err(RecvError::Timeout));
}

#[cfg(target_os = "linux")]
#[test]
fn a_peer_that_takes_nothing_is_given_up_after_the_user_timeout() {
    must_end("user timeout", || {
        let push = Push::builder(&Context::new())
            .tcp_user_timeout(Duration::from_millis(300))
            .heartbeat_interval(None)
            .linger(Linger::Discard)
            .build();
        let events = push.monitor();
        let at = push.bind("tcp://127.0.0.1:0").expect("bound");
        let _silent = RawPeer::connect_as("PULL", &at);
        push.wait_for_peers(1, PATIENCE).expect("connected");
        while push.send_timeout(vec![0; 100_000], MOMENT).is_ok() {}
        let event = wait_for_event(&events, "of giving up", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
        let EventKind::Disconnected { cause, .. } = event.kind else {
            unreachable!("it was asked for");
        };
        assert!(
            matches!(
                cause,
                LinkError::Io {
                    kind: std::io::ErrorKind::TimedOut,
                    ..
                }
            ),
            "{cause:?}"
        );
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_keeps_to_its_network_interface() {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .bind_to_device("lo".to_owned())
        .build();
    let at = pull
        .bind("tcp://0.0.0.0:0")
        .expect("the loopback interface");
    let push = Push::builder(&context)
        .bind_to_device("lo".to_owned())
        .build();
    push.connect(format!("tcp://127.0.0.1:{}", at.port().expect("a port")))
        .expect("connecting");
    push.send("over lo").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "over lo");
    let stream = connected_to_a_stranger(&push);
    let socket = own_socket(stream.peer_addr().expect("connected"));
    assert_eq!(
        socket.device().expect("an option").as_deref(),
        Some(b"lo".as_slice())
    );

    let nowhere = Pull::builder(&context)
        .option("bind_to_device", "no-such-device")
        .expect("a name")
        .build();
    assert!(matches!(
        nowhere.bind("tcp://127.0.0.1:0"),
        Err(BindError::Io { .. })
    ));
    let events = nowhere.monitor();
    nowhere.connect("tcp://127.0.0.1:9").expect("connecting");
    wait_for_event(&events, "of an unknown interface", |kind| {
        let EventKind::Retrying { cause, .. } = kind else {
            return false;
        };
        matches!(cause, LinkError::Resolve { reason } if reason.contains("no-such-device"))
    });
}

#[test]
fn sockets_that_agree_share_a_port() {
    let context = Context::new();
    let sharing = || Pull::builder(&context).reuse_port(true).build();
    let (first, second) = (sharing(), sharing());
    let at = first.bind("tcp://127.0.0.1:0").expect("bound");
    assert!(
        Pull::new(&context).bind(&at).is_err(),
        "who does not share cannot have it"
    );
    second.bind(&at).expect("both agree");
    if cfg!(target_os = "linux") {
        let mut pushes = Vec::new();
        wait_until("both get connections", || {
            let push = Push::new(&context);
            push.connect(&at).expect("connecting");
            push.wait_for_peers(1, PATIENCE).expect("connected");
            pushes.push(push);
            !first.peers().is_empty() && !second.peers().is_empty()
        });
    }
}

#[test]
fn the_ipv6_mode_says_whom_a_wildcard_serves() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("this machine has no IPv6");
        return;
    }
    let reached = |mode: Ipv6Mode| {
        let pull = Pull::builder(&Context::new()).ipv6(mode).build();
        let at = pull.bind("tcp://*:0").expect("bound");
        let port = at.port().expect("a port");
        let four = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        let six = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok();
        (four, six)
    };
    assert_eq!(reached(Ipv6Mode::Off), (true, false));
    assert_eq!(reached(Ipv6Mode::Dual), (true, true));
    assert_eq!(reached(Ipv6Mode::Only), (false, true));
}

#[test]
fn the_file_of_an_ipc_endpoint_has_the_permissions_asked_for() {
    must_end(
        "the file of an ipc endpoint has the permissions asked for",
        || {
            let place = Place::new(Transport::Ipc);
            let mode_of = |permissions: IpcPermissions| {
                let pull = Pull::builder(&Context::new())
                    .ipc_permissions(permissions)
                    .build();
                let at = pull.bind(place.any()).expect("bound");
                let file = std::fs::metadata(at.path().expect("a path")).expect("there is a file");
                RawPeer::connect_as("PUSH", &at);
                file.permissions().mode() & 0o777
            };
            assert_eq!(mode_of(IpcPermissions::Mode(0o600)), 0o600);
            assert_eq!(mode_of(IpcPermissions::Mode(0o666)), 0o666);

            let pull = Pull::builder(&Context::new())
                .option("ipc_permissions", "640")
                .expect("octal")
                .build();
            let at = pull.bind(place.any()).expect("bound");
            let file = std::fs::metadata(at.path().expect("a path")).expect("there is a file");
            assert_eq!(file.permissions().mode() & 0o777, 0o640);
        },
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_comes_from_the_source_of_its_endpoint() {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
    let push = Push::new(&context);
    push.connect(format!(
        "tcp://127.0.0.9:*;127.0.0.1:{}",
        at.port().expect("a port")
    ))
    .expect("connecting");
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    let peers = pull.peers();
    assert!(peers[0].address.contains("127.0.0.9:"), "{peers:?}");
}

fn with_mark(context: &Context, mark: usize) -> Push {
    Push::builder(context)
        .send_high_water_mark(mark)
        .linger(Linger::Discard)
        .build()
}

/// Sends until there is no room; how many were taken.
fn fill(push: &Push) -> usize {
    let mut taken = 0;
    loop {
        match push.try_send("x") {
            Ok(()) => taken += 1,
            Err(TrySendError::Full(_)) => return taken,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn marks_act_at_once_within_the_process() {
    let place = Place::new(Transport::Inproc);
    a_higher_send_mark_gives_room_at_once(&place);
    a_higher_send_mark_wakes_who_waits_for_room(&place);
    a_lower_send_mark_holds_at_once(&place);

    let context = Context::new();
    let pull = Pull::builder(&context).receive_high_water_mark(2).build();
    let at = pull.bind(place.any()).expect("bound");
    let push = with_mark(&context, 3);
    push.connect(&at).expect("connecting");
    assert_eq!(fill(&push), 5, "both marks together");
    pull.set_option("receive_high_water_mark", "4")
        .expect("a live option");
    assert_eq!(fill(&push), 2);
    push.set_option("send_high_water_mark", "10")
        .expect("a live option");
    assert_eq!(fill(&push), 7);
    push.set_option("send_high_water_mark", "1")
        .expect("a live option");
    for _ in 0..14 {
        pull.recv_timeout(PATIENCE).expect("received");
    }
    assert!(pull.recv_timeout(MOMENT).is_err(), "all have come");
    assert_eq!(fill(&push), 5);
}

fn a_higher_send_mark_gives_room_at_once(place: &Place) {
    let push = with_mark(&Context::new(), 10);
    push.connect(place.vacant()).expect("connecting");
    assert_eq!(fill(&push), 10);
    for (mark, more) in [("11", 1), ("30", 19), ("30", 0)] {
        push.set_option("send_high_water_mark", mark)
            .expect("a live option");
        assert_eq!(fill(&push), more, "{mark}");
    }
}

fn a_higher_send_mark_wakes_who_waits_for_room(place: &Place) {
    let push = Arc::new(with_mark(&Context::new(), 10));
    let events = push.monitor();
    push.connect(place.vacant()).expect("connecting");
    let sender = {
        let push = Arc::clone(&push);
        std::thread::spawn(move || push.send_many((0..12).map(|n| n.to_string())))
    };
    for mark in ["11", "12"] {
        wait_for_event(&events, "of muting", |kind| *kind == EventKind::Muted);
        push.set_option("send_high_water_mark", mark)
            .expect("a live option");
        if mark == "11" {
            wait_for_event(&events, "of room", |kind| *kind == EventKind::Unmuted);
        }
    }
    assert_eq!(joined_soon("the sender ends", sender), Ok(12));
}

fn a_lower_send_mark_holds_at_once(place: &Place) {
    let push = with_mark(&Context::new(), 10);
    push.connect(place.vacant()).expect("connecting");
    for _ in 0..5 {
        push.try_send("x").expect("there is room");
    }
    push.set_option("send_high_water_mark", "5")
        .expect("a live option");
    assert_eq!(fill(&push), 0);
    assert_eq!(push.stats().queued_to_send, 5, "what waits stays");
}

fn a_higher_receive_mark_takes_more_at_once(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .receive_high_water_mark(10)
        .receive_buffer(64 * 1024)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let push = with_mark(&context, 10);
    push.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    while push.send_timeout(vec![0; 10_000], MOMENT).is_ok() {}
    let before = pull.stats().queued_to_receive;
    pull.set_option("receive_high_water_mark", "none")
        .expect("a live option");
    for _ in 0..100 {
        push.send_timeout(vec![0; 10_000], PATIENCE)
            .expect("the reader takes everything now");
    }
    wait_until("all of it is taken", || push.stats().queued_to_send == 0);
    wait_until("all of it has arrived", || {
        pull.stats().queued_to_receive >= before + 100
    });
}

fn a_mark_in_bytes_acts_at_once(place: &Place) {
    let push = Push::builder(&Context::new())
        .send_high_water_bytes(100)
        .linger(Linger::Discard)
        .build();
    push.connect(place.vacant()).expect("connecting");
    let mut taken = 0;
    while push.try_send(&[0; 18]).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 5, "of 20 bytes on the wire each");
    push.set_option("send_high_water_bytes", "200")
        .expect("a live option");
    while push.try_send(&[0; 18]).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 10);
}

/// Beyond the mark, one read of 64 KiB is taken whole.
fn a_receive_mark_in_bytes_is_kept_and_acts_at_once(place: &Place) {
    const BODY: usize = 1000;
    let context = Context::new();
    let pull = Pull::builder(&context)
        .receive_high_water_mark(None)
        .receive_high_water_bytes(10 * BODY)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let push = with_mark(&context, 10);
    push.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    while push.send_timeout(vec![0; BODY], MOMENT).is_ok() {}
    let kept = pull.stats().queued_to_receive;
    assert!((10..=10 + 64 * 1024 / BODY + 1).contains(&kept), "{kept}");
    pull.set_option("receive_high_water_bytes", "none")
        .expect("a live option");
    wait_until("all of it has arrived", || {
        pull.stats().queued_to_receive as u64 == push.stats().messages_sent
    });
}

fn a_changed_mark_holds_for_peers_that_come_later(place: &Place) {
    let push = with_mark(&Context::new(), 1000);
    let at = push.bind(place.any()).expect("bound");
    push.set_option("send_high_water_mark", "3")
        .expect("a live option");
    let _silent = RawPeer::connect_as("PULL", &at);
    push.wait_for_peers(1, PATIENCE).expect("connected");
    while push.send_timeout(vec![0; 100_000], MOMENT).is_ok() {}
    assert_eq!(push.stats().queued_to_send, 3);
}

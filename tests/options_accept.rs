//! Who is let in, what is told in the handshake, and listeners that pause or come from elsewhere.

mod support;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use bytes::Bytes;
use highwater::{
    AcceptFilter, BindError, ConnectError, Context, Endpoint, EndpointError, EventKind, LinkError,
    OptionError, Pull, Push, Transport, listen_fds,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, must_end, number, over_each_transport, play_child,
    wait_for_event, wait_until,
};

over_each_transport!(
    properties_are_read_at_the_other_end,
    properties_can_be_changed_for_later_connections,
    more_connections_than_the_limit_are_refused,
    a_paused_listener_takes_nobody_until_it_is_resumed,
);

#[test]
fn properties_travel_within_the_process() {
    properties_are_read_at_the_other_end(&Place::new(Transport::Inproc));
}

fn properties_are_read_at_the_other_end(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .option("metadata", "X-Zone=7;X-Odd=a%3Bb%00")
        .expect("two properties")
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::builder(&context)
        .metadata("X-Role", "feed")
        .and_then(|builder| builder.metadata("X-Bytes", Bytes::from_static(b"\0\xff")))
        .and_then(|builder| builder.metadata("x-role", "leader"))
        .expect("good names")
        .build();
    push.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    pull.wait_for_peers(1, PATIENCE).expect("connected");

    let (pusher, puller) = (&pull.peers()[0], &push.peers()[0]);
    let read = |peer: &highwater::PeerInfo, name| peer.property(name).cloned();
    assert_eq!(read(pusher, "X-Role"), Some("leader".into()));
    assert_eq!(read(pusher, "x-bytes"), Some(Bytes::from_static(b"\0\xff")));
    assert_eq!(read(pusher, "X-Zone"), None);
    assert_eq!(read(puller, "X-Zone"), Some("7".into()));
    assert_eq!(read(puller, "X-Odd"), Some("a;b\0".into()));
}

fn properties_can_be_changed_for_later_connections(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let push = Push::new(&context);
    for zone in ["1", "2"] {
        push.set_option("metadata", &format!("X-Zone={zone}"))
            .expect("a live option");
        push.connect(pull.bind(place.any()).expect("bound"))
            .expect("connecting");
    }
    pull.wait_for_peers(2, PATIENCE).expect("connected");
    let mut zones: Vec<_> = pull
        .peers()
        .iter()
        .map(|peer| peer.property("X-Zone").cloned())
        .collect();
    zones.sort();
    assert_eq!(zones, [Some("1".into()), Some("2".into())]);
}

#[test]
fn a_property_that_no_handshake_could_carry_is_refused() {
    let refused = |name: &str, size: usize| {
        let built = Push::builder(&Context::new()).metadata(name, vec![0; size]);
        matches!(
            built,
            Err(OptionError::Invalid {
                name: "metadata",
                ..
            })
        )
    };
    assert!(refused("Role", 1) && refused("X-", 1) && refused("X-a b", 1));
    assert!(refused("X-Role", 1 << 20) && refused("Identity", 1));
    assert!(!refused("X-Role", 10_000));
}

fn more_connections_than_the_limit_are_refused(place: &Place) {
    let pull = Pull::builder(&Context::new()).connection_limit(2).build();
    let events = pull.monitor();
    let [at, other] = [0, 1].map(|_| pull.bind(place.any()).expect("bound"));
    let mut first = RawPeer::connect_as("PUSH", &at);
    let second = RawPeer::connect_as("PUSH", &other);
    pull.wait_for_peers(2, PATIENCE).expect("connected");

    for turned_away in 1..=3 {
        RawPeer::connect(&at).wait_for_end();
        let event = wait_for_event(&events, "of a refusal", |kind| {
            *kind == EventKind::AcceptFailed(LinkError::TooManyConnections)
        });
        assert_eq!(event.endpoint, Some(at.clone()));
        assert_eq!(pull.stats().accepts_failed, turned_away);
    }
    first.send(&support::frame(b"still here", false));
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "still here");
    assert_eq!(pull.stats().disconnects, 0);

    drop(second);
    wait_until("one is gone", || pull.peers().len() == 1);
    let _third = RawPeer::connect_as("PUSH", &at);
    pull.wait_for_peers(2, PATIENCE)
        .expect("there is a seat again");
    assert_eq!(pull.stats().accepts_failed, 3);
}

#[cfg(target_os = "linux")]
#[test]
fn a_filter_lets_in_the_networks_it_names() {
    must_end("a filter lets in the networks it names", || {
        let filter = AcceptFilter::everybody()
            .network([127, 0, 0, 2], 32)
            .network([127, 0, 3, 0], 24);
        let context = Context::new();
        let pull = Pull::builder(&context).accept_filter(filter).build();
        let events = pull.monitor();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let port = at.port().expect("a port");
        RawPeer::connect(&at).wait_for_end();
        let event = wait_for_event(&events, "of a refusal", |kind| {
            *kind == EventKind::AcceptFailed(LinkError::NotAccepted)
        });
        assert!(event.peer.is_some_and(|peer| peer.contains("127.0.0.1:")));
        assert_eq!(pull.stats().accepts_failed, 1);
        for source in ["127.0.0.2", "127.0.3.77"] {
            let push = Push::new(&context);
            push.connect(format!("tcp://{source}:*;127.0.0.1:{port}"))
                .expect("connecting");
            push.send(source).expect("queued");
            assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), source);
        }
    });
}

#[test]
fn a_filter_lets_in_the_users_it_names() {
    must_end("a filter lets in the users it names", || {
        let place = Place::new(Transport::Ipc);
        let us = rustix::process::getuid().as_raw();
        let context = Context::new();
        let strict = Pull::builder(&context)
            .option("accept_filter", &format!("uid:{}", us + 1))
            .expect("a user")
            .build();
        let events = strict.monitor();
        RawPeer::connect(&strict.bind(place.any()).expect("bound")).wait_for_end();
        wait_for_event(&events, "of a refusal", |kind| {
            *kind == EventKind::AcceptFailed(LinkError::NotAccepted)
        });

        let filter = AcceptFilter::everybody().user(us + 1).user(us);
        let pull = Pull::builder(&context).accept_filter(filter).build();
        let push = Push::new(&context);
        push.connect(pull.bind(place.any()).expect("bound"))
            .expect("connecting");
        push.send("one of us").expect("queued");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "one of us");
    });
}

#[test]
fn a_name_within_the_process_can_pause() {
    a_paused_listener_takes_nobody_until_it_is_resumed(&Place::new(Transport::Inproc));
}

fn a_paused_listener_takes_nobody_until_it_is_resumed(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    let before = Push::new(&context);
    before.connect(&at).expect("connecting");
    before.wait_for_peers(1, PATIENCE).expect("connected");

    pull.pause_accepting(&at).expect("it is bound there");
    pull.pause_accepting(&at).expect("twice is as good");
    let later = Push::new(&context);
    later.connect(&at).expect("connecting");
    later.send("waits").expect("queued");
    assert!(pull.recv_timeout(MOMENT).is_err(), "nobody was let in");
    before.send("goes on").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "goes on");
    assert_eq!(pull.peers().len(), 1);

    pull.resume_accepting(&at).expect("it is bound there");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "waits");

    pull.pause_accepting(&at).expect("it is bound there");
    pull.unbind(&at).expect("a paused one, too");
    assert!(matches!(
        pull.resume_accepting(&at),
        Err(EndpointError::NotFound(_))
    ));
}

#[test]
fn a_listener_can_be_handed_in() {
    let place = Place::new(Transport::Ipc);
    let endpoint: Endpoint = place.any().parse().expect("a path");
    let path = endpoint.path().expect("a path");
    let tcp = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let unix = UnixListener::bind(path).expect("a free path");
    let port = tcp.local_addr().expect("it is bound").port();

    let context = Context::new();
    let pull = Pull::new(&context);
    let ends: [OwnedFd; 2] = [tcp.into(), unix.into()];
    for listener in ends {
        let at = pull.bind_fd(listener).expect("it listens");
        let push = Push::new(&context);
        push.connect(&at).expect("connecting");
        push.send(at.to_string()).expect("queued");
        assert_eq!(
            pull.recv_timeout(PATIENCE).expect("received"),
            at.to_string()
        );
        pull.unbind(&at).expect("it is bound there");
    }
    TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    assert!(path.exists(), "the file is not ours");

    let (stream, _other) = UnixStream::pair().expect("a pair");
    assert!(matches!(
        pull.bind_fd(stream.into()),
        Err(BindError::Descriptor(_))
    ));
}

/// Two sockets share one queue of connections: one stops to take them, the other begins, and no peer sees a gap.
#[test]
fn a_socket_hands_its_listener_over_to_its_successor() {
    const EACH: usize = 500;
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let shared = listener.try_clone().expect("a descriptor");
    let context = Context::new();
    let first = Push::new(&context);
    let at = first.bind_fd(listener.into()).expect("it listens");
    let pulls = [(); 3].map(|()| {
        let pull = Pull::builder(&context)
            .reconnect_interval(Duration::from_millis(10))
            .build();
        pull.connect(&at).expect("connecting");
        pull
    });
    first.wait_for_peers(3, PATIENCE).expect("connected");
    first
        .send_many((0..EACH).map(|n| n.to_string()))
        .expect("sent");

    first.pause_accepting(&at).expect("it is bound there");
    let second = Push::new(&context);
    assert_eq!(second.bind_fd(shared.into()).expect("it listens"), at);
    let report = first.close(PATIENCE);
    assert_eq!(report.lost, 0);
    second.wait_for_peers(3, PATIENCE).expect("they are back");
    second
        .send_many((EACH..2 * EACH).map(|n| n.to_string()))
        .expect("sent");

    let mut numbers = Vec::new();
    wait_until("every message has come", || {
        for pull in &pulls {
            numbers.extend(std::iter::from_fn(|| pull.try_recv().ok()).map(|m| number(&m)));
        }
        numbers.len() >= 2 * EACH
    });
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..2 * EACH), "each of them once");
}

#[test]
#[cfg_attr(
    highwater_curve_everywhere,
    ignore = "both ends connect, and so both are clients"
)]
fn a_connection_can_be_handed_in() {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    let events = push.monitor();
    let (here, there) = UnixStream::pair().expect("a pair");
    let at = push.connect_fd(here.into()).expect("it is connected");
    assert_eq!(at.transport(), Transport::Fd);
    push.send("through a pair").expect("queued");
    let other = pull.connect_fd(there.into()).expect("it is connected");
    assert_eq!(
        pull.recv_timeout(PATIENCE).expect("received"),
        "through a pair"
    );
    assert_eq!(push.peers()[0].endpoint, at);
    push.wait_until_ready(&at, PATIENCE).expect("it is");

    pull.disconnect(&other).expect("it is connected there");
    wait_for_event(&events, "that there is no way back", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    push.disconnect(&at).expect("it is still in the list");
    assert!(matches!(push.connect(&at), Err(ConnectError::Invalid(_))));

    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    assert!(matches!(
        push.connect_fd(listener.into()),
        Err(ConnectError::Descriptor(_))
    ));
}

/// A supervisor: the shell gives the program that replaces it a listener as descriptor 3.
#[cfg(target_os = "linux")]
#[test]
fn a_supervisor_hands_over_its_listeners() {
    use std::process::{Command, Stdio};

    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    let start = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=work exec \"$@\"";
    let child = Command::new("sh")
        .args(["-c", start, "sh"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["child_process", "--exact", "--ignored", "--nocapture"])
        .env("HIGHWATER_TEST_CHILD", "activated")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process can be started");
    let push = Push::new(&Context::new());
    push.connect(format!("tcp://{at}")).expect("connecting");
    push.send("to whom it may concern").expect("queued");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("work: to whom it may concern"), "{said}");
}

#[test]
fn without_a_supervisor_there_is_nothing_to_hand_over() {
    if std::env::var_os("LISTEN_FDS").is_none() {
        assert!(listen_fds().expect("nothing is announced").is_empty());
    }
}

#[test]
#[ignore = "plays the activated process of another test"]
fn child_process() {
    play_child(|_, say, _| {
        let pull = Pull::new(&Context::new());
        let mut names = Vec::new();
        for listener in listen_fds().expect("announced") {
            names.push(listener.name);
            pull.bind_fd(listener.fd).expect("it listens");
        }
        let message = pull.recv_timeout(PATIENCE).expect("received");
        say(&format!(
            "{}: {}",
            names.join(","),
            message.to_str().expect("text")
        ));
    });
}

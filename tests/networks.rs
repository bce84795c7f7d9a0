//! Networks that fail, and come back: a cable is pulled, there is no route, names come to resolve and move.
//!
//! Each test is a process with a network of its own.
#![cfg(target_os = "linux")]

mod support;

use std::io::ErrorKind;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::{
    BindError, Builder, Context, EndpointState, Event, EventKind, Linger, LinkError, Message, Pub,
    Pull, Push, RecvError,
};
use support::{
    Child, PATIENCE, as_nobody, in_a_network_of_its_own, ip, joined, knows_round_trips, must_end,
    number, play_child, put_in_place, wait_for_event, wait_until,
};

/// What a message is long, so that bytes tell how many there were.
const BODY: usize = 1000;
const FRAMED: u64 = BODY as u64 + 9;

#[test]
fn a_cable_that_is_pulled_is_told_and_counted_and_once_it_is_back_the_stream_goes_on() {
    must_end("the cable", || in_a_network_of_its_own("cable"));
}

#[test]
fn where_there_is_no_route_it_is_tried_again_until_there_is_one() {
    must_end("no route", || in_a_network_of_its_own("no-route"));
}

#[test]
fn a_name_may_come_to_resolve_and_move_and_have_several_addresses() {
    must_end("names", || in_a_network_of_its_own("names"));
}

#[test]
fn what_is_not_permitted_is_told_and_tried_again() {
    must_end("permissions", || as_nobody("no-permission"));
}

/// Not a test: the processes in which the tests take place.
#[test]
#[ignore = "the other tests run it"]
fn child_process() {
    play_child(|role, say, listen| {
        let play: fn() = match *role {
            ["cable"] => pull_the_cable,
            ["no-route"] => miss_a_route,
            ["names"] => move_names,
            ["no-permission"] => lack_permission,
            ["far-end"] => return receive_at_the_far_end(say, listen),
            _ => panic!("an unknown role: {role:?}"),
        };
        must_end("the test in its own network", play);
    });
}

/// Notices a dead link soon, and tries again often.
fn impatient<S>(builder: Builder<S>) -> Builder<S> {
    builder
        .heartbeat_interval(Duration::from_millis(100))
        .heartbeat_timeout(Duration::from_secs(2))
        .connect_timeout(Duration::from_secs(1))
        .reconnect_interval(Duration::from_millis(20))
        .reconnect_interval_max(Duration::from_millis(200))
        .linger(Linger::Discard)
}

/// The cause of the next retry that is `wanted`, and the pause before it.
fn wait_for_retry(
    events: &Receiver<Event>,
    what: &str,
    wanted: impl Fn(&LinkError) -> bool,
) -> Duration {
    let event = wait_for_event(
        events,
        what,
        |kind| matches!(kind, EventKind::Retrying { cause, .. } if wanted(cause)),
    );
    match event.kind {
        EventKind::Retrying { delay, .. } => delay,
        _ => unreachable!("it was asked for"),
    }
}

fn is_io(cause: &LinkError, wanted: ErrorKind) -> bool {
    matches!(cause, LinkError::Io { kind, .. } if *kind == wanted)
}

fn numbered(n: usize) -> Message {
    format!("{n:<BODY$}").into()
}

fn read(message: &Message) -> usize {
    let text = message.to_str().expect("text was sent");
    text.trim_end().parse().expect("a number was sent")
}

fn pull_the_cable() {
    let mut far = Child::start_by(&["unshare", "--net"], "far-end");
    assert_eq!(far.hear(), "here");
    ip(&format!(
        "link add name near type veth peer name far netns {}",
        far.id()
    ));
    ip("addr add 10.1.2.1/24 dev near");
    ip("link set near up");
    far.tell("cabled");
    let push = Arc::new(impatient(Push::builder(&Context::new())).build());
    let events = push.monitor();
    push.connect(far.hear()).expect("connecting");
    wait_until("a heartbeat is answered", || {
        knows_round_trips(&push.stats())
    });
    assert_eq!(far.hear(), "so is mine");
    let done = Arc::new(AtomicBool::new(false));
    let sender = std::thread::spawn({
        let (push, done) = (Arc::clone(&push), Arc::clone(&done));
        move || {
            let mut sent = 0;
            while !done.load(Ordering::SeqCst) {
                push.send(numbered(sent))
                    .expect("sent, if it takes a while");
                sent += 1;
                std::thread::sleep(Duration::from_micros(200)); // a stream, and not a flood
            }
            sent
        }
    });
    let mut received: Vec<usize> = Vec::new();
    let hear = |far: &Child| far.hear().parse().expect("a number");
    while received.len() < 500 {
        received.push(hear(&far));
    }
    ip("link set near down");

    let event = wait_for_event(&events, "of the loss", |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    assert_eq!(
        event.kind,
        EventKind::Disconnected {
            cause: LinkError::HeartbeatTimeout,
            lost: 0,
        }
    );
    wait_for_retry(&events, "of an attempt without a cable", |cause| {
        is_io(cause, ErrorKind::NetworkUnreachable)
    });
    let stats = push.stats();
    assert_eq!(stats.disconnects, 1);
    assert!(stats.retries > 0 && stats.peers.is_empty());
    wait_until("the stream waits at the mark", || {
        push.stats().queued_to_send == 1000
    });

    let cause = loop {
        let line = far.hear();
        match line.strip_prefix("lost: ") {
            Some(cause) => break cause.to_owned(),
            None => received.push(line.parse().expect("a number")),
        }
    };
    assert_eq!(cause, LinkError::HeartbeatTimeout.to_string());
    ip("link set near up");
    wait_for_event(&events, "of the return", |kind| {
        *kind == EventKind::HandshakeSucceeded
    });
    let before = received.len();
    while received.len() < before + 3000 {
        received.push(hear(&far));
    }
    done.store(true, Ordering::SeqCst);
    let sent: usize = joined(sender);
    push.send("end").expect("sent");
    let bytes_received: u64 = loop {
        let line = far.hear();
        match line.strip_prefix("end ") {
            Some(rest) => break rest.parse().expect("a number"),
            None => received.push(line.parse().expect("a number")),
        }
    };
    assert!(
        received.is_sorted_by(|a, b| a < b),
        "each once, in the order sent"
    );
    // What is missing is what had left this process when the cable was pulled; the front of one message may have come.
    let missing = sent - received.len();
    let stats = push.stats();
    assert!(missing as u64 * FRAMED <= stats.bytes_sent - bytes_received + FRAMED);
    assert_eq!((stats.disconnects, stats.dropped.unsent), (1, 0));
    assert_eq!(stats.handshakes, 2);
}

/// The other end of the cable.
fn receive_at_the_far_end(say: &dyn Fn(&str), listen: &dyn Fn() -> String) {
    say("here");
    assert_eq!(listen(), "cabled");
    ip("addr add 10.1.2.2/24 dev far");
    ip("link set far up");
    let pull = impatient(Pull::builder(&Context::new())).build();
    let events = pull.monitor();
    let at = pull.bind("tcp://10.1.2.2:0").expect("bound");
    say(&at.to_string());
    wait_until("a heartbeat is answered", || {
        knows_round_trips(&pull.stats())
    });
    say("so is mine");
    loop {
        match pull.recv_timeout(Duration::from_millis(50)) {
            Ok(message) if message == "end" => break,
            Ok(message) => say(&read(&message).to_string()),
            Err(error) => assert_eq!(error, RecvError::Timeout),
        }
        for event in events.try_iter() {
            if let EventKind::Disconnected { cause, .. } = event.kind {
                say(&format!("lost: {cause}"));
            }
        }
    }
    say(&format!("end {}", pull.stats().bytes_received));
    listen();
}

fn miss_a_route() {
    ip("link set lo up");
    let context = Context::new();
    let push = impatient(Push::builder(&context)).build();
    let events = push.monitor();
    let at = "tcp://192.0.2.1:5555";
    push.connect(at).expect("connecting");
    push.send("patient").expect("queued");
    let nominal = [20, 40, 80, 160, 200, 200].map(Duration::from_millis);
    for longest in nominal {
        let delay = wait_for_retry(&events, "of an attempt without a route", |cause| {
            is_io(cause, ErrorKind::NetworkUnreachable)
        });
        assert!((longest * 3 / 4..=longest).contains(&delay), "{delay:?}");
    }
    for (route, kind) in [
        ("unreachable", ErrorKind::HostUnreachable),
        ("prohibit", ErrorKind::PermissionDenied),
        ("blackhole", ErrorKind::InvalidInput),
    ] {
        ip(&format!("route add {route} 192.0.2.1"));
        wait_for_retry(&events, route, |cause| is_io(cause, kind));
        let state = push.endpoint_state(at).expect("it is connected");
        assert!(
            matches!(
                state,
                EndpointState::Retrying { .. } | EndpointState::Connecting { .. }
            ),
            "{state:?}"
        );
        ip(&format!("route del {route} 192.0.2.1"));
    }
    assert!(push.stats().retries >= 9);
    ip("addr add 192.0.2.1/32 dev lo");
    let pull = Pull::new(&context);
    pull.bind(at).expect("it is ours now");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "patient");
    assert_eq!(push.stats().dropped.unsent, 0);
}

/// The hosts that this process knows by name, from a file that is its own.
#[derive(Debug)]
struct Hosts(tempfile::NamedTempFile);

impl Hosts {
    fn new() -> Self {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        put_in_place(file.path(), "/etc/hosts");
        Self(file)
    }

    /// The same file with another content: a new file would not be in place.
    fn write(&self, lines: &str) {
        std::fs::write(self.0.path(), lines).expect("it is ours");
        let seen = std::fs::read_to_string("/etc/hosts").expect("it is in place");
        assert_eq!(seen, lines);
    }
}

fn move_names() {
    ip("link set lo up");
    let hosts = Hosts::new();
    let context = Context::new();
    a_name_comes_to_resolve_and_moves(&hosts, &context);
    a_name_has_several_addresses(&hosts, &context);
    who_says_no_at_one_address_does_not_keep_from_the_others(&hosts, &context);
}

fn a_name_comes_to_resolve_and_moves(hosts: &Hosts, context: &Context) {
    let push = impatient(Push::builder(context)).build();
    let events = push.monitor();
    push.connect("tcp://later.test:5555")
        .expect("a name may come to resolve");
    let is_unresolved = |cause: &LinkError| matches!(cause, LinkError::Resolve { .. });
    for (n, ip) in ["127.0.0.7", "127.0.0.8"].iter().enumerate() {
        hosts.write("");
        wait_for_retry(&events, "of an unknown name", is_unresolved);
        push.send(n.to_string()).expect("queued");
        hosts.write(&format!("{ip} later.test\n"));
        wait_for_retry(&events, "of nobody there", |cause| {
            is_io(cause, ErrorKind::ConnectionRefused)
        });
        let pull = Pull::new(context);
        pull.bind(format!("tcp://{ip}:5555")).expect("bound");
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number(&message), n);
    }
}

fn a_name_has_several_addresses(hosts: &Hosts, context: &Context) {
    hosts.write("127.0.0.2 many.test\n127.0.0.3 many.test\n::1 many.test\n");
    let addresses: Vec<_> = ("many.test", 5556)
        .to_socket_addrs()
        .expect("the file has it")
        .collect();
    assert!(addresses.len() > 1, "{addresses:?}");
    for listening in addresses {
        let pull = Pull::new(context);
        pull.bind(format!("tcp://{listening}")).expect("bound");
        let push = impatient(Push::builder(context)).build();
        let events = push.monitor();
        push.connect("tcp://many.test:5556").expect("connecting");
        let mut seen = Vec::new();
        wait_for_event(&events, "of the end of an attempt", |kind| {
            seen.push(kind.clone());
            *kind == EventKind::HandshakeSucceeded
        });
        assert!(
            !seen
                .iter()
                .any(|kind| matches!(kind, EventKind::Retrying { .. })),
            "all addresses are tried in one attempt: {seen:?}"
        );
        // The monitor may hear of the handshake before the socket does.
        push.wait_for_peers(1, PATIENCE).expect("it is connected");
        let peer = push.peers().pop().expect("it is connected");
        assert_eq!(peer.address, format!("tcp://{listening}"));
    }
    let push = impatient(Push::builder(context)).build();
    let events = push.monitor();
    push.connect("tcp://many.test:5556").expect("connecting");
    wait_for_retry(&events, "of nobody anywhere", |cause| {
        is_io(cause, ErrorKind::ConnectionRefused)
    });
}

/// Whoever holds the port there, and answers with an ERROR or is of a type that does not fit.
fn who_says_no_at_one_address_does_not_keep_from_the_others(hosts: &Hosts, context: &Context) {
    let addresses = ["127.0.0.2", "127.0.0.3"];
    hosts.write("127.0.0.2 both.test\n127.0.0.3 both.test\n");
    let says_no = |kind: &EventKind| matches!(kind, EventKind::GaveUp(cause) if cause.is_final());
    for ip in addresses {
        let other = Pub::new(context);
        other.bind(format!("tcp://{ip}:5557")).expect("bound");
        let push = impatient(Push::builder(context)).build();
        let events = push.monitor();
        push.connect("tcp://both.test:5557").expect("connecting");
        wait_for_event(&events, "of the end, since nobody else is there", says_no);
        for takes in addresses.iter().filter(|takes| **takes != ip) {
            let pull = Pull::new(context);
            pull.bind(format!("tcp://{takes}:5557")).expect("bound");
            let push = impatient(Push::builder(context)).build();
            push.connect("tcp://both.test:5557").expect("connecting");
            push.send("hello").expect("queued");
            assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
        }
    }
}

fn lack_permission() {
    let context = Context::new();
    let directory = tempfile::tempdir().expect("a directory");
    let set_mode = |path: &Path, mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("it is ours");
    };
    let locked = directory.path().join("locked");
    std::fs::create_dir(&locked).expect("a directory of ours");
    set_mode(&locked, 0o500);
    let pull = Pull::new(&context);
    for refused in [
        "tcp://*:80".to_owned(),
        format!("ipc://{}/new", locked.display()),
    ] {
        let error = pull.bind(&*refused).expect_err("it is not permitted");
        assert!(
            matches!(&error, BindError::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied),
            "{error:?}"
        );
    }
    assert!(pull.local_endpoints().is_empty());

    let path = directory.path().join("peer");
    let at = pull
        .bind(format!("ipc://{}", path.display()))
        .expect("a directory of ours");
    set_mode(&path, 0o000);
    let push = impatient(Push::builder(&context)).build();
    let events = push.monitor();
    push.connect(&at).expect("connecting");
    push.send("permitted").expect("queued");
    for _ in 0..3 {
        wait_for_retry(&events, "of what is not permitted", |cause| {
            is_io(cause, ErrorKind::PermissionDenied)
        });
    }
    set_mode(&path, 0o600);
    let message = pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "permitted");
    wait_until("one peer is there", || push.peers().len() == 1);
}

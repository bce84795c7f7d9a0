//! A value that an option does not take is refused by whoever can say so first, and never rounded to one that works.

mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use highwater::{
    BindError, Builder, ConnectError, Context, Dealer, EventKind, Frame, IpcPermissions, Keepalive,
    Message, OptionError, Pair, Pub, Pull, Push, Rep, Req, Router, RoutingId, Sub, Transport, XPub,
    XSub,
};
use support::{Place, over_every_transport, wait_for_event};

over_every_transport!(
    a_refused_value_is_told_by_bind_and_connect_and_can_be_mended,
    the_longest_times_there_are_are_no_end_of_an_io_thread,
);

fn is_refusal_of(name: &str, error: &OptionError) -> bool {
    matches!(error, OptionError::Invalid { name: refused, .. } if *refused == name)
}

fn a_refused_value_is_told_by_bind_and_connect_and_can_be_mended(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(0).build();
    let error = push.bind(place.any()).expect_err("a mark of zero");
    assert!(error.to_string().contains("None"), "{error}");
    assert!(
        matches!(&error, BindError::Option(refused) if is_refusal_of("send_high_water_mark", refused))
    );
    let error = push.connect(place.vacant()).expect_err("a mark of zero");
    assert!(error.to_string().contains("None"), "{error}");
    assert!(
        matches!(&error, ConnectError::Option(refused) if is_refusal_of("send_high_water_mark", refused))
    );

    let error = push.set_option("send_high_water_mark", "0");
    assert!(is_refusal_of(
        "send_high_water_mark",
        &error.expect_err("a mark of zero")
    ));
    assert!(push.bind(place.any()).is_err(), "that mended nothing");
    push.set_option("send_high_water_mark", "7")
        .expect("a mark");
    let at = push.bind(place.any()).expect("mended");
    let pull = Pull::new(&context);
    pull.connect(&at).expect("connecting");
    push.send("through").expect("a peer with room");
    assert_eq!(pull.recv().expect("a message"), "through");
}

#[test]
fn descriptors_are_refused_as_well() {
    let context = Context::new();
    let directory = tempfile::tempdir().expect("a directory");
    let listener = UnixListener::bind(directory.path().join("a")).expect("bound");
    let pull = Pull::builder(&context).receive_high_water_mark(0).build();
    let refused = pull.bind_fd(OwnedFd::from(listener.try_clone().expect("a descriptor")));
    assert!(matches!(refused, Err(BindError::Option(_))));
    let refused = pull.connect_fd(OwnedFd::from(listener));
    assert!(matches!(refused, Err(ConnectError::Option(_))));
}

#[test]
fn each_type_of_socket_refuses_a_mark_of_zero() {
    macro_rules! each {
        ($($socket:ident)+) => {$(
            for mark in ["send_high_water_mark", "receive_high_water_mark"] {
                let refused = $socket::builder(&Context::new()).option(mark, "0");
                assert!(is_refusal_of(mark, &refused.expect_err(mark)));
            }
            let refused = $socket::builder(&Context::new()).receive_high_water_mark(0).try_build();
            assert!(is_refusal_of("receive_high_water_mark", &refused.expect_err("a mark of zero")));
            let socket = $socket::builder(&Context::new()).send_high_water_mark(0).build();
            assert!(matches!(socket.bind("inproc://a"), Err(BindError::Option(_))));
        )+};
    }
    each!(Push Pull Pair Req Rep Dealer Router Pub Sub XPub XSub);
}

#[test]
fn each_setter_refuses_what_means_never_or_a_busy_processor() {
    type Setter = fn(Builder<Push>) -> Builder<Push>;
    let zero = Duration::ZERO;
    let setters: [(&str, Setter); 18] = [
        ("send_high_water_mark", |b| b.send_high_water_mark(0)),
        ("receive_high_water_mark", |b| b.receive_high_water_mark(0)),
        ("send_high_water_bytes", |b| b.send_high_water_bytes(0)),
        ("receive_high_water_bytes", |b| {
            b.receive_high_water_bytes(0)
        }),
        ("max_message_size", |b| b.max_message_size(0)),
        ("reconnect_interval", |b| {
            b.reconnect_interval(Duration::ZERO)
        }),
        ("reconnect_interval_max", |b| {
            b.reconnect_interval_max(Duration::ZERO)
        }),
        ("connect_timeout", |b| b.connect_timeout(Duration::ZERO)),
        ("handshake_timeout", |b| b.handshake_timeout(Duration::ZERO)),
        ("heartbeat_interval", |b| {
            b.heartbeat_interval(Duration::ZERO)
        }),
        ("heartbeat_timeout", |b| b.heartbeat_timeout(Duration::ZERO)),
        ("heartbeat_ttl", |b| {
            b.heartbeat_ttl(Duration::from_secs(66))
        }),
        ("send_buffer", |b| b.send_buffer(0)),
        ("receive_buffer", |b| b.receive_buffer(0)),
        ("backlog", |b| b.backlog(0)),
        ("tcp_user_timeout", |b| b.tcp_user_timeout(Duration::ZERO)),
        ("bind_to_device", |b| b.bind_to_device(String::new())),
        ("ipc_permissions", |b| {
            b.ipc_permissions(IpcPermissions::Mode(0o1777))
        }),
    ];
    for (name, set) in setters {
        let refused = set(Push::builder(&Context::new())).try_build();
        assert!(is_refusal_of(name, &refused.expect_err(name)), "{name}");
    }
    let probes = |idle, interval, count| Keepalive::Every {
        idle,
        interval,
        count,
    };
    let second = Duration::from_secs(1);
    for bad in [
        probes(zero, second, 1),
        probes(second, zero, 1),
        probes(second, second, 0),
    ] {
        let refused = Push::builder(&Context::new()).keepalive(bad).try_build();
        assert!(is_refusal_of(
            "keepalive",
            &refused.expect_err("no time at all")
        ));
    }
    let refused = Pub::builder(&Context::new())
        .topic_bytes_per_peer(0usize)
        .try_build();
    assert!(is_refusal_of(
        "topic_bytes_per_peer",
        &refused.expect_err("no topic")
    ));
}

/// A welcome that no peer could receive would end each connection, for ever.
#[test]
fn a_welcome_has_as_many_frames_as_a_message_may_have() {
    let context = Context::new();
    let frames = |count| std::iter::repeat_n(Frame::from(""), count).collect::<Vec<_>>();
    for (count, is_taken) in [
        (Message::MAX_FRAMES, true),
        (Message::MAX_FRAMES + 1, false),
    ] {
        let welcome = Message::from_frames(frames(count)).expect("some frames");
        let built = XPub::builder(&context).welcome(welcome).try_build();
        assert_eq!(built.is_ok(), is_taken, "{count}");
        if let Err(error) = built {
            assert!(is_refusal_of("welcome", &error), "{error}");
        }
    }
}

#[test]
fn what_an_option_prints_can_be_set_again_and_is_the_same() {
    let context = Context::new();
    let push = Push::new(&context);
    for time in [
        Duration::MAX,
        Duration::from_nanos(1),
        Duration::new(1 << 53, 7),
    ] {
        push.set_send_timeout(time).expect("any time");
        push.set_linger(time).expect("any time");
        let built = Push::builder(&context)
            .send_timeout(time)
            .linger(time)
            .build();
        for name in ["send_timeout", "linger"] {
            let text = built.option(name).expect("it has it");
            assert_eq!(push.option(name).as_ref(), Ok(&text), "{time:?}");
            push.set_option(name, &text).expect("its own text");
            assert_eq!(push.option(name), Ok(text), "{time:?}");
        }
    }
    push.set_linger(Duration::ZERO).expect("any time");

    let id = RoutingId::new(vec![0xff, 0, 7]).expect("a good id");
    let dealer = Dealer::builder(&context).routing_id(id).build();
    let text = dealer.option("routing_id").expect("it has it");
    dealer
        .set_option("routing_id", &text)
        .expect("its own text");
    let router = Router::new(&context);
    dealer
        .connect(router.bind("inproc://ids").expect("bound"))
        .expect("connecting");
    dealer.send("who am I?").expect("a peer");
    let (from, _) = router.recv().expect("a message");
    assert_eq!(from.as_bytes(), [0xff, 0, 7]);

    let welcome = Message::from(["0x", "", "none"]);
    let xpub = XPub::builder(&context).welcome(welcome.clone()).build();
    let text = xpub.option("welcome").expect("it has it");
    let other = XPub::new(&context);
    other.set_option("welcome", &text).expect("its own text");
    let xsub = XSub::new(&context);
    xsub.subscribe("").expect("a short topic");
    xsub.connect(other.bind("inproc://welcome").expect("bound"))
        .expect("connecting");
    assert_eq!(xsub.recv().expect("it is welcome"), welcome);
}

fn the_longest_times_there_are_are_no_end_of_an_io_thread(place: &Place) {
    let context = Context::new();
    let long = Duration::MAX;
    let push = Push::builder(&context)
        .reconnect_interval(long)
        .reconnect_interval_max(long)
        .connect_timeout(long)
        .handshake_timeout(long)
        .heartbeat_interval(long)
        .heartbeat_timeout(long)
        .send_timeout(long)
        .linger(long)
        .build();
    let events = push.monitor();
    let nowhere = place.vacant();
    push.connect(&*nowhere).expect("connecting");
    if place.transport() != Transport::Inproc {
        let event = wait_for_event(&events, "of the pause", |kind| {
            matches!(kind, EventKind::Retrying { .. })
        });
        assert!(matches!(event.kind, EventKind::Retrying { delay, .. } if delay >= long / 2));
    }
    push.disconnect(&*nowhere).expect("it is connected there");
    // The same I/O thread goes on.
    let pull = Pull::builder(&context).receive_timeout(long).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, long).expect("it comes");
    push.send("through").expect("a peer");
    assert_eq!(pull.recv().expect("a message"), "through");
    let retirement = pull.retire(long);
    assert_eq!(push.close(long).lost, 0);
    assert!(retirement.wait(long));
    assert!(context.wait_for_lingering(long));
}

#[test]
fn the_last_value_counts() {
    let context = Context::new();
    let builder = Push::builder(&context).send_high_water_mark(0);
    let push = builder.send_high_water_mark(3).try_build().expect("a mark");
    assert_eq!(push.option("send_high_water_mark").as_deref(), Ok("3"));
    let builder = Push::builder(&context).reconnect_interval(Duration::ZERO);
    let builder = builder.option("reconnect_interval", "5").expect("a pause");
    builder.try_build().expect("mended by name");
    let builder = Push::builder(&context).send_high_water_mark(None);
    builder.try_build().expect("no limit");
}

#[test]
fn zero_means_not_to_wait_and_to_try_once_where_it_can() {
    let builder = Push::builder(&Context::new()).send_timeout(Duration::ZERO);
    let builder = builder
        .receive_timeout(Duration::ZERO)
        .reconnect_attempts(0);
    let push = builder
        .connection_limit(0)
        .try_build()
        .expect("they mean something");
    assert!(push.send("to nobody").is_err());
}

#[test]
fn a_context_refuses_what_it_would_have_to_round() {
    let builders = [
        ("io_threads", Context::builder().io_threads(0)),
        (
            "busy_poll",
            Context::builder().busy_poll(Duration::from_secs(1)),
        ),
    ];
    for (name, builder) in builders {
        let error = builder.clone().try_build().expect_err(name);
        assert!(is_refusal_of(name, &error));
        let context = builder.build();
        let refused = Push::builder(&context).try_build();
        assert!(is_refusal_of(name, &refused.expect_err(name)));
        let push = Push::new(&context);
        for at in ["inproc://a", "tcp://127.0.0.1:0", "ipc://*"] {
            let refused = push.bind(at).expect_err(name);
            assert!(matches!(&refused, BindError::Option(why) if is_refusal_of(name, why)));
        }
        let refused = push.connect("tcp://127.0.0.1:9").expect_err(name);
        assert!(matches!(&refused, ConnectError::Option(why) if is_refusal_of(name, why)));
    }
    let mended = Context::builder().io_threads(0).io_threads(2).try_build();
    mended.expect("the last value counts");
}

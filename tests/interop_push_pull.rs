//! PUSH and PULL against libzmq, in both directions, each end binding and connecting.

mod support;

use std::time::Duration;

use highwater::{Context, EventKind, Linger, Message, Pull, Push};
use support::{
    PATIENCE, Place, Python, number, over_each_transport, pattern, wait_for_event, wait_until,
};

over_each_transport!(
    messages_of_every_shape_pass_to_libzmq,
    messages_of_every_shape_pass_from_libzmq,
    thousands_pass_to_libzmq,
    thousands_pass_from_libzmq,
    three_libzmq_pulls_get_their_turn,
    three_libzmq_pushes_are_all_heard,
    a_libzmq_pull_restarted_in_mid_stream_goes_on,
    a_libzmq_push_restarted_in_mid_stream_is_heard_again,
    a_libzmq_push_goes_on_at_the_successor,
    connecting_before_libzmq_listens_is_no_error,
    a_slow_libzmq_pull_makes_us_wait_and_loses_nothing,
    we_make_a_fast_libzmq_push_wait_and_lose_nothing,
    heartbeats_are_understood_both_ways,
    the_wrong_kind_of_libzmq_socket_is_refused,
);

/// Each kind of frame header and of storage at either end, and their borders.
fn shapes() -> Vec<Message> {
    let sizes = [
        0,
        1,
        64,
        65,
        254,
        255,
        256,
        257,
        8192,
        8193,
        65_535,
        65_536,
        1 << 20,
        16 << 20,
    ];
    let mut shapes: Vec<Message> = sizes.iter().map(|size| pattern(*size, 7).into()).collect();
    shapes.push(["two", "frames"].into());
    shapes.push(["", "", ""].into());
    shapes.push(["empty last", ""].into());
    shapes.push(
        [
            pattern(300, 1),
            Vec::new(),
            pattern(70_000, 2),
            pattern(1, 3),
        ]
        .into(),
    );
    shapes.push((0..100).map(|n: usize| n.to_string()).collect());
    shapes.push(b"\0\xff\0".into());
    shapes
}

/// A libzmq socket of type `kind`, called `z`, connected to `ours` by either end; ours is called with its endpoint.
fn meet(
    python: &mut Python,
    place: &Place,
    kind: &str,
    we_bind: bool,
    bind: impl FnOnce(String) -> String,
    connect: impl FnOnce(String),
) {
    python.ask(&format!("new z {kind}"));
    if we_bind {
        let at = bind(place.any());
        python.ask(&format!("connect z {at}"));
    } else {
        let at = match place.transport() {
            highwater::Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
            _ => place.vacant(),
        };
        connect(python.ask(&format!("bind z {at}")));
    }
}

fn meet_push(python: &mut Python, place: &Place, push: &Push, we_bind: bool) {
    let bind = |at: String| push.bind(at).expect("bound").to_string();
    meet(python, place, "PULL", we_bind, bind, |at| {
        push.connect(at).expect("connecting")
    });
    push.wait_for_peers(1, PATIENCE).expect("connected");
}

fn meet_pull(python: &mut Python, place: &Place, pull: &Pull, we_bind: bool) {
    let bind = |at: String| pull.bind(at).expect("bound").to_string();
    meet(python, place, "PUSH", we_bind, bind, |at| {
        pull.connect(at).expect("connecting")
    });
    pull.wait_for_peers(1, PATIENCE).expect("connected");
}

fn messages_of_every_shape_pass_to_libzmq(place: &Place) {
    for we_bind in [true, false] {
        let Some(mut python) = Python::start() else {
            return;
        };
        let push = Push::new(&Context::new());
        meet_push(&mut python, place, &push, we_bind);
        let shapes = shapes();
        push.send_many(shapes.clone()).expect("sent");
        for (index, expected) in shapes.iter().enumerate() {
            assert!(
                python.recv("z") == *expected,
                "message {index} came out otherwise"
            );
        }
    }
}

fn messages_of_every_shape_pass_from_libzmq(place: &Place) {
    for we_bind in [true, false] {
        let Some(mut python) = Python::start() else {
            return;
        };
        let pull = Pull::new(&Context::new());
        meet_pull(&mut python, place, &pull, we_bind);
        for (index, message) in shapes().iter().enumerate() {
            python.send("z", message);
            let received = pull.recv_timeout(PATIENCE).expect("received");
            assert!(received == *message, "message {index} came out otherwise");
        }
        // And all of them at once, so that they share reads.
        for message in shapes() {
            python.send("z", &message);
        }
        for (index, message) in shapes().iter().enumerate() {
            let received = pull.recv_timeout(PATIENCE).expect("received");
            assert!(received == *message, "message {index} came out otherwise");
        }
    }
}

fn thousands_pass_to_libzmq(place: &Place) {
    const COUNT: usize = 50_000;
    for we_bind in [true, false] {
        let Some(mut python) = Python::start() else {
            return;
        };
        let push = Push::new(&Context::new());
        meet_push(&mut python, place, &push, we_bind);
        python.begin(&format!("recv_numbers z {COUNT}"));
        push.send_many((0..COUNT).map(|n| n.to_string()))
            .expect("sent");
        let numbers = python.answer("recv_numbers");
        assert!(
            numbers
                .split(' ')
                .map(|n| n.parse::<usize>().expect("a number"))
                .eq(0..COUNT)
        );
    }
}

fn thousands_pass_from_libzmq(place: &Place) {
    const COUNT: usize = 50_000;
    for we_bind in [true, false] {
        let Some(mut python) = Python::start() else {
            return;
        };
        let pull = Pull::new(&Context::new());
        meet_pull(&mut python, place, &pull, we_bind);
        python.begin(&format!("send_numbers z 0 {COUNT}"));
        for expected in 0..COUNT {
            assert_eq!(
                number(&pull.recv_timeout(PATIENCE).expect("received")),
                expected
            );
        }
        python.answer("send_numbers");
    }
}

fn three_libzmq_pulls_get_their_turn(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let push = Push::new(&Context::new());
    let at = push.bind(place.any()).expect("bound");
    for name in ["a", "b", "c"] {
        python.ask(&format!("new {name} PULL"));
        python.ask(&format!("connect {name} {at}"));
    }
    push.wait_for_peers(3, PATIENCE).expect("connected");
    push.send_many((0..900).map(|n: usize| n.to_string()))
        .expect("sent");
    for name in ["a", "b", "c"] {
        let numbers = python.recv_numbers(name, 300);
        assert!(
            numbers.windows(2).all(|pair| pair[1] == pair[0] + 3),
            "every third: {numbers:?}"
        );
    }
}

fn three_libzmq_pushes_are_all_heard(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let pull = Pull::new(&Context::new());
    let at = pull.bind(place.any()).expect("bound");
    for (index, name) in ["a", "b", "c"].into_iter().enumerate() {
        python.ask(&format!("new {name} PUSH"));
        python.ask(&format!("connect {name} {at}"));
        python.ask(&format!(
            "send_numbers {name} {} {}",
            index * 500,
            (index + 1) * 500
        ));
    }
    let mut next = [0; 3];
    for _ in 0..1500 {
        let n = number(&pull.recv_timeout(PATIENCE).expect("received"));
        assert_eq!(n % 500, next[n / 500], "in the order of its sender");
        next[n / 500] += 1;
    }
    assert_eq!(pull.peers().len(), 3);
}

fn a_libzmq_pull_restarted_in_mid_stream_goes_on(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let at = place.vacant();
    let push = Push::builder(&Context::new())
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50))
        .linger(Linger::Discard)
        .build();
    let events = push.monitor();
    push.connect(&*at).expect("connecting");
    python.ask("new z PULL");
    python.ask(&format!("bind z {at}"));
    let sender = std::thread::spawn(move || {
        let mut sent = 0usize;
        while sent < 2_000_000 && push.send(sent.to_string()).is_ok() && push.stats().handshakes < 2
        {
            sent += 1;
        }
        for n in sent + 1..sent + 1001 {
            push.send(n.to_string()).expect("sent");
        }
        (push, sent + 1001)
    });
    assert!(python.recv_numbers("z", 2000).into_iter().eq(0..2000));
    drop(python);
    let event = wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    assert!(
        matches!(event.kind, EventKind::Disconnected { lost: 0, .. }),
        "{event:?}"
    );

    let mut python = Python::start().expect("it started before");
    python.ask("new z PULL");
    python.ask(&format!("bind z {at}"));
    let first = python.recv_numbers("z", 1)[0];
    assert!(first >= 2000, "what was received is not sent again");
    // Everything from there on arrives, up to the last: what was lost is only what the kernel had taken.
    let mut next = first + 1;
    while !sender.is_finished() {
        assert_eq!(python.recv_numbers("z", 1), [next]);
        next += 1;
    }
    let (push, total) = support::joined(sender);
    assert!(
        python
            .recv_numbers("z", total - next)
            .into_iter()
            .eq(next..total)
    );
    assert_eq!(push.stats().dropped.unsent, 0);
}

fn a_libzmq_push_restarted_in_mid_stream_is_heard_again(place: &Place) {
    let pull = Pull::new(&Context::new());
    let at = pull.bind(place.any()).expect("bound");
    for round in 1..=3 {
        let Some(mut python) = Python::start() else {
            return;
        };
        python.ask("new z PUSH");
        python.ask(&format!("connect z {at}"));
        python.begin("send_numbers z 0 100000000");
        for expected in 0..2000 {
            assert_eq!(
                number(&pull.recv_timeout(PATIENCE).expect("received")),
                expected
            );
        }
        drop(python);
        let mut next = 2000;
        wait_until("the stream has ended", || {
            while let Ok(message) = pull.try_recv() {
                assert_eq!(number(&message), next);
                next += 1;
            }
            pull.stats().disconnects == round && pull.peers().is_empty()
        });
        while let Ok(message) = pull.try_recv() {
            assert_eq!(number(&message), next);
            next += 1;
        }
    }
}

/// libzmq, too, closes upon the end of the stream and connects again; what it had given to the kernel is read to the end.
/// What it has taken from its queue and the kernel has not it drops: 8 KiB at the most for each connection.
fn a_libzmq_push_goes_on_at_the_successor(place: &Place) {
    /// Header and digits of a number from 2000 on.
    const SHORTEST: usize = 6;
    let context = Context::new();
    let old = Pull::new(&context);
    let at = old.bind(place.any()).expect("bound");
    let Some(mut python) = Python::start() else {
        return;
    };
    python.ask("new z PUSH");
    python.ask("set z RECONNECT_IVL 5");
    python.ask(&format!("connect z {at}"));
    python.begin("send_numbers z 0 50000");
    let mut next = 0;
    let take = |message: highwater::Message, next: &mut usize| {
        assert_eq!(number(&message), *next);
        *next += 1;
    };
    while next < 2000 {
        take(old.recv_timeout(PATIENCE).expect("received"), &mut next);
    }
    old.stop_accepting(&at).expect("it listens");
    let new = Pull::new(&context);
    new.bind(&at).expect("the address is free");
    let retirement = old.retire(PATIENCE);
    while let Ok(message) = old.recv_timeout(PATIENCE) {
        take(message, &mut next);
    }
    let report = retirement.report();
    assert_eq!((report.parted, report.cut), (1, 0));
    let first = new.recv_timeout(PATIENCE).expect("received");
    let dropped = number(&first) - next;
    assert!(dropped * SHORTEST <= 8192, "{dropped} messages are missing");
    next += dropped + 1;
    while next < 50_000 {
        take(new.recv_timeout(PATIENCE).expect("received"), &mut next);
    }
    python.answer("send_numbers");
}

fn connecting_before_libzmq_listens_is_no_error(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let at = place.vacant();
    let push = Push::builder(&Context::new())
        .reconnect_interval(Duration::from_millis(10))
        .build();
    let events = push.monitor();
    push.connect(&*at).expect("connecting");
    push.send("early").expect("queued");
    wait_for_event(&events, "of a retry", |kind| {
        matches!(kind, EventKind::Retrying { .. })
    });
    python.ask("new z PULL");
    python.ask(&format!("bind z {at}"));
    assert_eq!(python.recv("z"), "early");
}

fn a_slow_libzmq_pull_makes_us_wait_and_loses_nothing(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    python.ask("new z PULL");
    python.ask("set z RCVHWM 10");
    let push = Push::builder(&Context::new())
        .send_high_water_mark(10)
        .build();
    let at = push.bind(place.any()).expect("bound");
    python.ask(&format!("connect z {at}"));
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let mut sent = 0;
    while push
        .send_timeout(pattern(20_000, sent % 251), support::MOMENT)
        .is_ok()
    {
        sent += 1;
    }
    for n in 0..sent {
        assert!(python.recv("z") == pattern(20_000, n % 251), "message {n}");
    }
    push.send_timeout("again", PATIENCE).expect("there is room");
    assert_eq!(python.recv("z"), "again");
}

fn we_make_a_fast_libzmq_push_wait_and_lose_nothing(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let pull = Pull::builder(&Context::new())
        .receive_high_water_mark(10)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    python.ask("new z PUSH");
    python.ask("set z SNDHWM 10");
    python.ask(&format!("connect z {at}"));
    python.begin("send_numbers z 0 200000");
    for expected in 0..200_000 {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
        if expected % 50_000 == 0 {
            std::thread::sleep(support::MOMENT);
        }
    }
    python.answer("send_numbers");
}

fn heartbeats_are_understood_both_ways(place: &Place) {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let Some(mut python) = Python::start() else {
        return;
    };
    python.ask("new z PUSH");
    for (option, milliseconds) in [
        ("HEARTBEAT_IVL", 100),
        ("HEARTBEAT_TIMEOUT", 1000),
        ("HEARTBEAT_TTL", 1000),
    ] {
        python.ask(&format!("set z {option} {milliseconds}"));
    }
    let pull = Pull::builder(&Context::new())
        .heartbeat_interval(TIMEOUT / 10)
        .heartbeat_timeout(TIMEOUT)
        .heartbeat_ttl(TIMEOUT)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    python.ask(&format!("connect z {at}"));
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    assert!(pull.recv_timeout(TIMEOUT * 2).is_err());
    std::thread::sleep(TIMEOUT * 2);
    python.send("z", &"still there".into());
    assert_eq!(
        pull.recv_timeout(PATIENCE).expect("received"),
        "still there"
    );
    let stats = pull.stats();
    assert_eq!((stats.handshakes, stats.disconnects), (1, 0));
}

fn the_wrong_kind_of_libzmq_socket_is_refused(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let pull = Pull::new(&Context::new());
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    python.ask("new z PUB");
    python.ask(&format!("connect z {at}"));
    wait_for_event(&events, "of a refusal", |kind| {
        matches!(kind, EventKind::HandshakeFailed(_))
    });
    assert!(pull.peers().is_empty());
}

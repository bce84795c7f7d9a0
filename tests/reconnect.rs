//! Endpoints that come and go: connecting before anybody listens, restarts, binding again, giving up.

mod support;

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use highwater::{
    BindError, Builder, ConnectError, Context, EndpointError, EventKind, Linger, LinkError, Pull,
    Push, TrySendError,
};
use support::{
    PATIENCE, Place, RawPeer, frame, joined, must_end, number, over_each_transport, wait_for_event,
    wait_until,
};

over_each_transport!(
    connecting_before_anybody_listens_is_no_error,
    a_restarted_peer_gets_what_was_queued_meanwhile,
    a_peer_that_restarts_often_gets_every_message_once,
    an_accepted_peer_that_goes_takes_its_queue_along_and_that_is_counted,
    an_address_can_be_bound_again_at_once,
    an_address_in_use_is_an_error,
    unbinding_ends_the_connections_that_came_through_it,
    disconnecting_ends_the_connection,
    an_unknown_endpoint_is_told,
    attempts_can_be_limited,
    a_socket_that_gave_up_on_a_peer_can_connect_again,
    a_listener_that_is_no_peer_is_tried_again,
);

#[test]
fn names_are_looked_up() {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull
        .bind("tcp://localhost:0")
        .expect("every machine has this name");
    let push = Push::new(&context);
    push.connect(format!("tcp://localhost:{}", at.port().expect("a port")))
        .expect("a good name");
    push.send("by name").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "by name");
}

#[test]
fn a_name_that_does_not_resolve_is_tried_again() {
    let push = quick(Push::builder(&Context::new())).build();
    let events = push.monitor();
    push.connect("tcp://no-such-host.invalid:5555")
        .expect("a name may come to resolve");
    for _ in 0..2 {
        wait_for_event(&events, "of a name that does not resolve", |kind| {
            matches!(
                kind,
                EventKind::Retrying {
                    cause: LinkError::Resolve { .. },
                    ..
                }
            )
        });
    }
}

/// Most connections end in the middle of a message: no part of that is ever given, not even within another.
#[test]
fn what_comes_over_one_connection_after_another_is_received_in_order() {
    must_end("what comes over one connection after another", || {
        for mark in [2, 1000] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let port = listener.local_addr().expect("it is bound").port();
            let pull = quick(Pull::builder(&Context::new()))
                .reconnect_interval(Duration::from_millis(1))
                .receive_high_water_mark(mark)
                .build();
            pull.connect(format!("tcp://127.0.0.1:{port}"))
                .expect("connecting");
            let sender = std::thread::spawn(move || send_over_many_connections(&listener));
            let mut received = Vec::new();
            for turn in 0.. {
                if sender.is_finished() {
                    break;
                }
                // Now and then the reader is lent, or comes back.
                let within = Duration::from_millis([0, 1, 30][turn % 3]);
                received.extend(pull.recv_timeout(within));
            }
            let sent = joined(sender);
            while received.len() < sent {
                received.push(pull.recv_timeout(PATIENCE).expect("received"));
            }
            for (number, message) in received.iter().enumerate() {
                assert_eq!(message[0], *number.to_string().as_bytes());
                assert_eq!(message.frame_count(), 1 + number % 3);
            }
            assert!(pull.try_recv().is_err(), "nothing was cut and given");
        }
    });
}

/// Sends numbers, some over each connection; how many.
fn send_over_many_connections(listener: &TcpListener) -> usize {
    let mut next = 0;
    for turn in 0..60 {
        let (stream, _) = listener.accept().expect("the socket connects again");
        let mut peer = RawPeer::from(stream);
        peer.shake_hands("PUSH");
        let mut bytes = Vec::new();
        for _ in 0..turn % 7 {
            bytes.extend(frame(next.to_string().as_bytes(), next % 3 > 0));
            if next % 3 == 2 {
                bytes.extend(frame(&[b'x'; 10_000], true));
            }
            if next % 3 > 0 {
                bytes.extend(frame(b"the rest", false));
            }
            next += 1;
        }
        match turn % 3 {
            0 => {}
            1 => bytes.extend(frame(b"more was to come", true)),
            _ => bytes.extend(&frame(&[b'y'; 10_000], false)[..9000]),
        }
        assert!(peer.send(&bytes), "the socket reads");
    }
    next
}

#[test]
fn every_address_of_the_machine_can_be_bound() {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind("tcp://*:*").expect("bound");
    let port = at.port().expect("a real port");
    assert_ne!(port, 0);
    let push = Push::new(&context);
    push.connect(format!("tcp://127.0.0.1:{port}"))
        .expect("connecting");
    push.send("x").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
    assert!(matches!(
        push.connect("tcp://*:5555"),
        Err(ConnectError::Invalid(_))
    ));
}

#[test]
fn the_newer_protocol_of_the_internet_works_where_it_exists() {
    let context = Context::new();
    let pull = Pull::new(&context);
    match pull.bind("tcp://[::1]:0") {
        Ok(at) => {
            let push = Push::new(&context);
            push.connect(&at).expect("connecting");
            push.send("six").expect("sent");
            assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "six");
        }
        Err(error) => assert!(matches!(error, BindError::Io { .. }), "{error}"),
    }
}

/// Short pauses between attempts, so that a test is over soon.
fn quick<S>(builder: Builder<S>) -> Builder<S> {
    builder
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(40))
        .linger(Linger::Discard)
}

fn is_disconnected(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Disconnected { .. })
}

fn connecting_before_anybody_listens_is_no_error(place: &Place) {
    let context = Context::new();
    let push = quick(Push::builder(&context)).build();
    let events = push.monitor();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    push.send("first").expect("queued");
    wait_for_event(&events, "of an attempt", |kind| {
        *kind == EventKind::Connecting
    });
    for _ in 0..3 {
        let event = wait_for_event(&events, "of a retry", |kind| {
            matches!(kind, EventKind::Retrying { .. })
        });
        let EventKind::Retrying { delay, cause } = event.kind else {
            unreachable!("it was asked for");
        };
        assert!(delay <= Duration::from_millis(40), "{delay:?}");
        assert!(matches!(cause, LinkError::Io { .. }), "{cause:?}");
        assert_eq!(event.endpoint.expect("of an endpoint").to_string(), at);
    }
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    wait_for_event(&events, "of a connection", |kind| {
        *kind == EventKind::Connected
    });
    wait_for_event(&events, "of a handshake", |kind| {
        *kind == EventKind::HandshakeSucceeded
    });
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "first");
    let stats = push.stats();
    assert!(
        stats.retries >= 3 && stats.handshakes == 1 && stats.disconnects == 0,
        "{stats:?}"
    );
}

fn a_restarted_peer_gets_what_was_queued_meanwhile(place: &Place) {
    let context = Context::new();
    let push = quick(Push::builder(&context).send_high_water_mark(50)).build();
    let events = push.monitor();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    push.send("0").expect("sent");
    assert_eq!(number(&pull.recv_timeout(PATIENCE).expect("received")), 0);
    drop(pull);
    let event = wait_for_event(&events, "of the end", is_disconnected);
    assert!(
        matches!(event.kind, EventKind::Disconnected { lost: 0, .. }),
        "{event:?}"
    );
    wait_until("nobody is there", || push.peers().is_empty());

    let mut queued = 0;
    while push.try_send((queued + 1).to_string()).is_ok() {
        queued += 1;
    }
    assert_eq!(queued, 50, "exactly the mark");
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("the address is free again");
    for expected in 1..=50 {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
    }
    wait_for_event(&events, "of the next handshake", |kind| {
        *kind == EventKind::HandshakeSucceeded
    });
    let stats = push.stats();
    assert_eq!(
        (stats.handshakes, stats.disconnects, stats.dropped.unsent),
        (2, 1, 0)
    );
}

fn a_peer_that_restarts_often_gets_every_message_once(place: &Place) {
    let context = Context::new();
    let push = quick(Push::builder(&context)).build();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    for round in 0..15usize {
        let pull = Pull::new(&context);
        pull.bind(&*at).expect("the address is free again");
        for part in 0..10 {
            let n = round * 10 + part;
            push.send(n.to_string()).expect("sent");
            assert_eq!(number(&pull.recv_timeout(PATIENCE).expect("received")), n);
        }
        drop(pull);
        wait_until("nobody is there", || push.peers().is_empty());
    }
    assert_eq!(push.stats().dropped.unsent, 0);
}

fn an_accepted_peer_that_goes_takes_its_queue_along_and_that_is_counted(place: &Place) {
    const COUNT: usize = 30;
    let push = Push::new(&Context::new());
    let events = push.monitor();
    let at = push.bind(place.any()).expect("bound");
    let peer = RawPeer::connect_as("PULL", &at);
    push.wait_for_peers(1, PATIENCE).expect("connected");
    // More in all than any kernel takes.
    let body = Bytes::from(vec![0; 2 << 20]);
    for _ in 0..COUNT {
        push.try_send(body.clone()).expect("the mark is far");
    }
    drop(peer);
    let event = wait_for_event(&events, "of the end", is_disconnected);
    let EventKind::Disconnected { lost, .. } = event.kind else {
        unreachable!("it was asked for");
    };
    assert!((1..=COUNT).contains(&lost), "{lost} were queued");
    assert_eq!(push.stats().dropped.unsent, lost as u64);
    assert!(matches!(push.try_send("x"), Err(TrySendError::Full(_))));
}

fn an_address_can_be_bound_again_at_once(place: &Place) {
    let context = Context::new();
    let mut at = place.any();
    let pull = Pull::new(&context);
    for round in 0..20 {
        let bound = pull.bind(&*at).expect("it is free");
        at = bound.to_string();
        let push = Push::new(&context);
        push.connect(&bound).expect("connecting");
        push.send(round.to_string()).expect("sent");
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            round
        );
        pull.unbind(&bound).expect("it is bound there");
        assert!(pull.local_endpoints().is_empty());
    }
    drop(pull);
    for _ in 0..20 {
        Pull::new(&context).bind(&*at).expect("it is free");
    }
}

fn an_address_in_use_is_an_error(place: &Place) {
    let context = Context::new();
    let (first, second) = (Pull::new(&context), Pull::new(&context));
    let at = first.bind(place.any()).expect("bound");
    match second.bind(&at) {
        Err(BindError::Io { endpoint, source }) => {
            assert_eq!(
                (endpoint, source.kind()),
                (at, std::io::ErrorKind::AddrInUse)
            );
        }
        other => panic!("{other:?}"),
    }
}

fn unbinding_ends_the_connections_that_came_through_it(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let (left, kept) = (
        pull.bind(place.any()).expect("bound"),
        pull.bind(place.any()).expect("bound"),
    );
    let [leaving, staying] = [&left, &kept].map(|at| {
        let push = quick(Push::builder(&context)).build();
        push.connect(at).expect("connecting");
        push.wait_for_peers(1, PATIENCE).expect("connected");
        push
    });
    pull.wait_for_peers(2, PATIENCE).expect("connected");
    let events = leaving.monitor();
    pull.unbind(&left).expect("it is bound there");
    wait_for_event(&events, "of the end", is_disconnected);
    wait_for_event(&events, "of trying again", |kind| {
        matches!(kind, EventKind::Retrying { .. })
    });
    assert_eq!(pull.peers().len(), 1);
    staying.send("still here").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "still here");
    assert_eq!(staying.stats().disconnects, 0);
}

fn disconnecting_ends_the_connection(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    push.disconnect(&at).expect("it is connected there");
    wait_until("the other end sees it", || pull.peers().is_empty());
    assert!(push.peers().is_empty());
    assert!(push.try_send("x").is_err());

    push.connect(&at).expect("connecting anew");
    push.send("back").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "back");
}

fn an_unknown_endpoint_is_told(place: &Place) {
    let push = Push::new(&Context::new());
    let at = push.bind(place.any()).expect("bound");
    assert!(matches!(push.disconnect(&at), Err(EndpointError::NotFound(unknown)) if unknown == at));
    push.unbind(&at).expect("it is bound there");
    assert!(matches!(push.unbind(&at), Err(EndpointError::NotFound(unknown)) if unknown == at));
    assert!(matches!(
        push.unbind("nowhere"),
        Err(EndpointError::Invalid(_))
    ));
    assert!(matches!(
        push.connect("nowhere"),
        Err(ConnectError::Invalid(_))
    ));
    assert!(matches!(
        push.bind("tcp://nowhere"),
        Err(BindError::Invalid(_))
    ));
}

fn attempts_can_be_limited(place: &Place) {
    let push = quick(Push::builder(&Context::new()))
        .reconnect_attempts(3)
        .build();
    let events = push.monitor();
    push.connect(place.vacant()).expect("connecting");
    push.send_many(["a", "b"]).expect("queued");
    let mut retries = 0;
    wait_for_event(&events, "of giving up", |kind| {
        retries += usize::from(matches!(kind, EventKind::Retrying { .. }));
        matches!(kind, EventKind::GaveUp(LinkError::Io { .. }))
    });
    assert_eq!(retries, 3);
    wait_until("the queue is counted as lost", || {
        push.stats().dropped.unsent == 2
    });
    wait_until("a send says so", || {
        matches!(push.try_send("c"), Err(TrySendError::GivenUp(_)))
    });
}

fn a_socket_that_gave_up_on_a_peer_can_connect_again(place: &Place) {
    let context = Context::new();
    let push = quick(Push::builder(&context)).reconnect_attempts(0).build();
    let events = push.monitor();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    wait_for_event(&events, "of giving up", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    push.disconnect(&*at).expect("it is still in the list");
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    push.connect(&*at).expect("connecting");
    push.send("here").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "here");
}

/// A PULL that answers like a PUSH refuses for good; a stranger may be replaced by a peer one day.
fn a_listener_that_is_no_peer_is_tried_again(place: &Place) {
    let context = Context::new();
    let other = Push::new(&context);
    let at = other.bind(place.any()).expect("bound");
    let push = quick(Push::builder(&context)).build();
    let events = push.monitor();
    push.connect(&at).expect("connecting");
    let event = wait_for_event(&events, "of giving up", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    let EventKind::GaveUp(cause) = event.kind else {
        unreachable!("it was asked for");
    };
    assert!(cause.is_final(), "{cause}");
    assert_eq!(push.stats().handshakes, 0);
}

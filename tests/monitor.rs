//! Events and counters: what a socket tells about itself, in which order, and that the numbers are exact.

mod support;

use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::{Context, Event, EventKind, Linger, LinkError, Pull, Push};
use support::{PATIENCE, Place, over_each_transport, wait_for_event, wait_until};

over_each_transport!(
    the_life_of_a_connection_is_told_in_order_on_both_sides,
    a_monitor_hears_nothing_from_before_it_was_made,
    every_monitor_hears_the_same,
    events_name_the_endpoint_and_the_peer,
    counters_of_both_ends_agree,
    bytes_are_counted_alike_on_both_ends,
    counters_survive_the_peer,
    a_monitor_outlives_its_socket,
);

/// The events until one is `last`.
fn until(events: &Receiver<Event>, last: impl Fn(&EventKind) -> bool) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    loop {
        kinds.push(events.recv_timeout(PATIENCE).expect("an event").kind);
        if kinds.last().is_some_and(&last) {
            return kinds;
        }
    }
}

fn the_life_of_a_connection_is_told_in_order_on_both_sides(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let bound_events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::builder(&context)
        .reconnect_interval(Duration::from_secs(600))
        .reconnect_interval_max(Duration::from_secs(600))
        .build();
    let connected_events = push.monitor();
    push.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    pull.unbind(&at).expect("it is bound there");
    let connecting = until(&connected_events, |kind| {
        matches!(kind, EventKind::Retrying { .. })
    });
    assert!(
        matches!(
            &connecting[..],
            [
                EventKind::Connecting,
                EventKind::Connected,
                EventKind::HandshakeSucceeded,
                EventKind::Disconnected { cause, lost: 0 },
                EventKind::Retrying { cause: again, .. },
            ] if cause == again
        ),
        "{connecting:#?}"
    );
    let listening = until(&bound_events, |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    assert!(
        matches!(
            &listening[..],
            [
                EventKind::Listening,
                EventKind::Accepted,
                EventKind::HandshakeSucceeded,
                EventKind::Closed,
                EventKind::Disconnected {
                    cause: LinkError::ClosedHere,
                    lost: 0
                },
            ]
        ),
        "{listening:#?}"
    );
}

fn a_monitor_hears_nothing_from_before_it_was_made(place: &Place) {
    let context = Context::new();
    for _ in 0..50 {
        let pull = Pull::new(&context);
        let at = pull.bind(place.any()).expect("bound");
        let events = pull.monitor();
        pull.unbind(&at).expect("it is bound there");
        let first = events.recv_timeout(PATIENCE).expect("an event");
        assert_eq!(first.kind, EventKind::Closed);
    }
}

fn every_monitor_hears_the_same(place: &Place) {
    let pull = Pull::new(&Context::new());
    let (first, second) = (pull.monitor(), pull.monitor());
    let at = pull.bind(place.any()).expect("bound");
    pull.unbind(&at).expect("it is bound there");
    let is_closed = |kind: &EventKind| *kind == EventKind::Closed;
    assert_eq!(
        until(&first, is_closed),
        [EventKind::Listening, EventKind::Closed]
    );
    assert_eq!(
        until(&second, is_closed),
        [EventKind::Listening, EventKind::Closed]
    );
}

fn events_name_the_endpoint_and_the_peer(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    let event = wait_for_event(&events, "of a handshake", |kind| {
        *kind == EventKind::HandshakeSucceeded
    });
    assert_eq!(event.endpoint.as_ref(), Some(&at));
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    assert_eq!(event.peer, Some(pull.peers().remove(0).address));
    assert!(event.to_string().contains(&at.to_string()), "{event}");
    drop(push);
    let event = wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    assert!(
        event.to_string().contains("the peer closed the connection"),
        "{event}"
    );
}

fn counters_of_both_ends_agree(place: &Place) {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.send_many((0..500).map(|n: usize| n.to_string()))
        .expect("sent");
    wait_until("everything has arrived", || {
        pull.stats().queued_to_receive == 500
    });
    assert_eq!(pull.stats().messages_received, 0);
    for _ in 0..200 {
        pull.recv().expect("it is there");
    }
    let (sent, received) = (push.stats(), pull.stats());
    assert_eq!((sent.messages_sent, sent.queued_to_send), (500, 0));
    assert_eq!(received.messages_received, 200);
    assert_eq!((sent.handshakes, received.handshakes), (1, 1));
    assert_eq!(
        (sent.disconnects, sent.handshakes_failed, sent.events_missed),
        (0, 0, 0)
    );
    assert_eq!(sent.dropped, Default::default());
    let [peer] = &sent.peers[..] else {
        panic!("one peer: {sent:?}");
    };
    assert_eq!(
        (peer.messages_sent, peer.bytes_sent),
        (500, sent.bytes_sent)
    );
    let [peer] = &received.peers[..] else {
        panic!("one peer: {received:?}");
    };
    assert_eq!(peer.messages_received, 200);
}

/// Whichever thread reads: the first half of the messages finds no receiver, the second finds one that waits.
fn bytes_are_counted_alike_on_both_ends(place: &Place) {
    const WIRE: u64 = 2 + 10;
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    for _ in 0..100 {
        push.send(&[b'x'; 10]).expect("sent");
    }
    wait_until("they have arrived", || {
        pull.stats().queued_to_receive == 100
    });
    let receiver = std::thread::spawn(move || {
        for _ in 0..200 {
            pull.recv_timeout(PATIENCE).expect("received");
        }
        pull
    });
    for _ in 0..100 {
        push.send(&[b'x'; 10]).expect("sent");
    }
    let pull = support::joined(receiver);
    wait_until("the last write is booked", || {
        push.stats().bytes_sent == 200 * WIRE
    });
    assert_eq!(pull.stats().bytes_received, 200 * WIRE);
}

fn counters_survive_the_peer(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    for round in 1..=3 {
        let push = Push::new(&context);
        push.connect(&at).expect("connecting");
        push.send_many(["a", "b", "c"]).expect("sent");
        assert_eq!(push.close(PATIENCE).lost, 0);
        for _ in 0..3 {
            pull.recv_timeout(PATIENCE).expect("received");
        }
        wait_until("it is gone", || {
            pull.peers().is_empty() && pull.stats().disconnects == round
        });
        assert_eq!(pull.stats().messages_received, 3 * round);
        assert_eq!(pull.stats().handshakes, round);
    }
    assert_eq!(pull.stats().dropped, Default::default());
}

fn a_monitor_outlives_its_socket(place: &Place) {
    let push = Push::builder(&Context::new())
        .linger(Linger::Discard)
        .build();
    let events = push.monitor();
    push.bind(place.any()).expect("bound");
    drop(push);
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [EventKind::Listening, EventKind::Closed],
        "then the channel closes"
    );
}

#[test]
fn what_is_received_and_never_read_is_counted() {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
    push.connect(&at).expect("connecting");
    push.send_many((0..50).map(|n: usize| n.to_string()))
        .expect("sent");
    wait_until("everything has arrived", || {
        pull.stats().queued_to_receive == 50
    });
    pull.unbind(&at).expect("it is bound there");
    assert_eq!(pull.stats().dropped.unread, 50);
    assert!(pull.try_recv().is_err());
}

//! Within the process: what is the same as over a wire, and what has no meaning there, as the options say.

mod support;

use std::time::Duration;

use highwater::{
    AcceptFilter, Context, Dealer, EndpointState, EventKind, LinkError, Pull, Push, Router,
    RoutingId, TrySendError,
};
use support::{MOMENT, PATIENCE, wait_until};

const NAME: &str = "inproc://name";

#[test]
fn an_immediate_push_takes_nothing_before_the_name_is_bound() {
    let context = Context::new();
    let push = Push::builder(&context).immediate(true).build();
    push.connect(NAME).expect("connecting");
    assert_eq!(push.try_send("x"), Err(TrySendError::Full("x".into())));
    assert_eq!(
        push.endpoint_state(NAME).expect("connected"),
        EndpointState::Connecting { last_error: None }
    );
    let sender = std::thread::spawn(move || push.send("waits for a peer").map(|()| push));
    let pull = Pull::new(&context);
    pull.bind(NAME).expect("bound");
    let push = support::joined(sender).expect("there is a peer");
    assert_eq!(
        pull.recv_timeout(PATIENCE).expect("received"),
        "waits for a peer"
    );
    drop(pull);
    wait_until("it has gone", || push.peers().is_empty());
    // There is no reconnecting within the process.
    assert_eq!(push.try_send("x"), Err(TrySendError::GivenUp("x".into())));
}

#[test]
fn an_immediate_push_passes_over_who_is_not_there() {
    let context = Context::new();
    let pull = Pull::new(&context);
    pull.bind(NAME).expect("bound");
    let push = Push::builder(&context).immediate(true).build();
    push.connect("inproc://nobody").expect("connecting");
    push.connect(NAME).expect("connecting");
    for _ in 0..10 {
        push.send("x").expect("there is one");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
    }
    assert_eq!(push.stats().queued_to_send, 0);
}

#[test]
fn an_immediate_peer_can_be_given_a_routing_id() {
    let context = Context::new();
    let router = Router::builder(&context).immediate(true).build();
    let id = RoutingId::new("d").expect("a good id");
    router.connect_as(NAME, id.clone()).expect("connecting");
    assert!(router.send_to(&id, "too early").is_err());
    let dealer = Dealer::new(&context);
    dealer.bind(NAME).expect("bound");
    router.wait_for_peers(1, PATIENCE).expect("joined");
    router.send_to(&id, "hello").expect("it is there");
    assert_eq!(dealer.recv_timeout(PATIENCE).expect("received"), "hello");
}

#[test]
fn the_same_events_are_told_in_the_same_order() {
    let context = Context::new();
    let (pull, push) = (Pull::new(&context), Push::new(&context));
    let (bound, connected) = (pull.monitor(), push.monitor());
    pull.bind(NAME).expect("bound");
    push.connect(NAME).expect("connecting");
    pull.wait_for_peers(1, PATIENCE).expect("joined");
    drop(push);
    let gone = |kind: &EventKind| matches!(kind, EventKind::Disconnected { lost: 0, .. });
    let kinds = |events: crossbeam_channel::Receiver<highwater::Event>, count: usize| {
        let event = |_| events.recv_timeout(PATIENCE).expect("an event").kind;
        (0..count).map(event).collect::<Vec<_>>()
    };
    let kinds_bound = kinds(bound, 4);
    assert_eq!(
        kinds_bound[..3],
        [
            EventKind::Listening,
            EventKind::Accepted,
            EventKind::HandshakeSucceeded
        ]
    );
    assert!(gone(&kinds_bound[3]), "{kinds_bound:?}");
    let kinds_connected = kinds(connected, 4);
    assert_eq!(
        kinds_connected[..3],
        [
            EventKind::Connecting,
            EventKind::Connected,
            EventKind::HandshakeSucceeded
        ]
    );
    assert!(gone(&kinds_connected[3]), "{kinds_connected:?}");
}

#[test]
fn what_was_sent_to_a_name_that_nobody_binds_is_reported_as_lost() {
    let push = Push::new(&Context::new());
    push.connect(NAME).expect("connecting");
    push.send_many(["a", "b", "c"]).expect("queued");
    let report = push.close(PATIENCE);
    assert_eq!((report.sent, report.lost), (0, 3));
}

#[test]
fn what_was_sent_is_with_the_peer_whatever_the_linger() {
    let context = Context::new();
    let (pull, push) = (Pull::new(&context), Push::new(&context));
    pull.bind(NAME).expect("bound");
    push.connect(NAME).expect("connecting");
    push.send_many(["a", "b"]).expect("sent");
    let report = push.close(Duration::ZERO);
    assert_eq!((report.sent, report.lost), (0, 0));
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "a");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "b");
}

#[test]
fn marks_in_bytes_and_the_largest_message_have_no_effect() {
    let context = Context::new();
    let push = Push::builder(&context)
        .send_high_water_mark(2)
        .send_high_water_bytes(1)
        .build();
    let pull = Pull::builder(&context)
        .receive_high_water_mark(2)
        .receive_high_water_bytes(1)
        .max_message_size(10)
        .build();
    pull.bind(NAME).expect("bound");
    push.connect(NAME).expect("connecting");
    let body = vec![b'x'; 4 << 20];
    for _ in 0..4 {
        push.send_timeout(body.clone(), PATIENCE).expect("room");
    }
    assert!(push.try_send(body.clone()).is_err(), "2 and 2 are there");
    for _ in 0..4 {
        assert_eq!(
            pull.recv_timeout(PATIENCE).expect("received").size(),
            body.len()
        );
    }
}

#[test]
fn a_peer_that_has_gone_is_not_looked_for() {
    let context = Context::new();
    let pull = Pull::new(&context);
    pull.bind(NAME).expect("bound");
    let push = Push::builder(&context)
        .reconnect_interval(Duration::from_millis(1))
        .heartbeat_interval(Duration::from_millis(1))
        .heartbeat_timeout(Duration::from_millis(1))
        .build();
    push.connect(NAME).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("joined");
    drop(pull);
    let again = Pull::new(&context);
    again.bind(NAME).expect("the name is free");
    assert!(again.wait_for_peers(1, MOMENT).is_err());
    assert_eq!(
        push.endpoint_state(NAME).expect("connected"),
        EndpointState::GivenUp(LinkError::PeerClosed)
    );
    let stats = push.stats();
    assert_eq!(
        (stats.retries, stats.reconnects, stats.disconnects),
        (0, 0, 1)
    );
}

#[test]
fn everybody_in_the_process_is_let_in() {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .connection_limit(0)
        .accept_filter(AcceptFilter::everybody().user(u32::MAX))
        .build();
    pull.bind(NAME).expect("bound");
    let push = Push::new(&context);
    push.connect(NAME).expect("connecting");
    push.send("x").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
}

//! What is given up is told: by an event that outlives its socket, by a counter, and in the report of whoever asks for one.

mod support;

use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::{
    Context, Dealer, Event, EventKind, Linger, LostPeer, Pair, Pull, Push, Req, Router, RoutingId,
    Transport,
};
use support::{
    MOMENT, PATIENCE, Place, over_each_transport, over_every_transport, wait_for_event, wait_until,
};

over_every_transport!(
    a_dropped_socket_tells_what_linger_gives_up,
    a_closed_socket_tells_what_it_reports,
    an_endpoint_that_is_let_go_tells_what_was_for_it,
    a_socket_of_a_context_that_was_shut_down_tells,
    the_last_owner_has_told_when_it_returns,
    each_type_with_something_to_send_tells,
    what_nobody_has_read_is_told,
);

over_each_transport!(a_router_tells_what_was_for_a_peer_that_does_not_come_back);

fn lost(events: &Receiver<Event>) -> Event {
    wait_for_event(events, "of a loss", |kind| {
        matches!(kind, EventKind::Unsent { .. })
    })
}

fn push_to_nobody(context: &Context, place: &Place, linger: Linger, count: usize) -> Push {
    let push = Push::builder(context).linger(linger).build();
    push.connect(place.vacant()).expect("connecting");
    push.send_many((0..count).map(|n| n.to_string()))
        .expect("there is room");
    push
}

fn a_dropped_socket_tells_what_linger_gives_up(place: &Place) {
    for linger in [Linger::Discard, Linger::AtMost(MOMENT)] {
        let context = Context::new();
        let push = push_to_nobody(&context, place, linger, 5);
        let events = push.monitor();
        drop(push);
        let event = lost(&events);
        assert_eq!(event.kind, EventKind::Unsent { lost: 5 });
        assert!(
            event.to_string().starts_with("5 unsent messages lost"),
            "{event}"
        );
        let expected = place.transport() != Transport::Inproc;
        assert_eq!(event.endpoint.is_some(), expected, "{event}");
        assert!(context.wait_for_lingering(PATIENCE));
        let report = context.lingered();
        assert_eq!((report.sent, report.lost), (0, 5));
        assert!(
            events.iter().all(|event| !is_loss(&event.kind)),
            "told once"
        );
    }
}

fn is_loss(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Unsent { .. }
            | EventKind::Unread { .. }
            | EventKind::Disconnected { lost: 1.., .. }
    )
}

fn a_closed_socket_tells_what_it_reports(place: &Place) {
    let context = Context::new();
    let push = push_to_nobody(&context, place, Linger::Forever, 7);
    let events = push.monitor();
    let report = push.close(MOMENT);
    assert_eq!((report.sent, report.lost), (0, 7));
    assert_eq!(
        events
            .try_iter()
            .map(|event| event.kind)
            .filter(is_loss)
            .collect::<Vec<_>>(),
        [EventKind::Unsent { lost: 7 }],
        "told before it returns"
    );
    assert_eq!(context.lingered(), report);
}

fn an_endpoint_that_is_let_go_tells_what_was_for_it(place: &Place) {
    let push = Push::builder(&Context::new())
        .linger(Linger::Discard)
        .build();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    push.send_many(["a", "b", "c"]).expect("there is room");
    let events = push.monitor();
    push.disconnect(&*at).expect("it is connected there");
    let event = lost(&events);
    assert_eq!(event.kind, EventKind::Unsent { lost: 3 });
    assert_eq!(event.endpoint.expect("its endpoint").to_string(), at);
    wait_until("it is counted", || push.stats().dropped.unsent == 3);
}

fn a_socket_of_a_context_that_was_shut_down_tells(place: &Place) {
    let context = Context::new();
    let push = push_to_nobody(&context, place, Linger::AtMost(MOMENT), 4);
    let events = push.monitor();
    context.shutdown();
    drop(push);
    assert_eq!(lost(&events).kind, EventKind::Unsent { lost: 4 });
}

fn the_last_owner_has_told_when_it_returns(place: &Place) {
    let push = push_to_nobody(&Context::new(), place, Linger::AtMost(MOMENT), 6);
    let events = push.monitor();
    drop(push);
    let told: Vec<_> = events.try_iter().map(|event| event.kind).collect();
    assert!(told.contains(&EventKind::Unsent { lost: 6 }), "{told:?}");
}

fn each_type_with_something_to_send_tells(place: &Place) {
    let context = Context::new();
    let told = |what: &str, events: Receiver<Event>, drop_it: &mut dyn FnMut()| {
        drop_it();
        let event = wait_for_event(&events, what, is_loss);
        assert_eq!(event.kind, EventKind::Unsent { lost: 1 }, "{what}");
    };
    let mut pair = Some(
        Pair::builder(&context)
            .linger(Linger::AtMost(MOMENT))
            .build(),
    );
    let mut dealer = Some(Dealer::builder(&context).linger(Linger::Discard).build());
    let (p, d) = (pair.as_ref().expect("new"), dealer.as_ref().expect("new"));
    p.connect(place.vacant()).expect("connecting");
    d.connect(place.vacant()).expect("connecting");
    p.send("x").expect("there is room");
    d.send("x").expect("there is room");
    let (pair_events, dealer_events) = (p.monitor(), d.monitor());
    told("PAIR", pair_events, &mut || drop(pair.take()));
    told("DEALER", dealer_events, &mut || drop(dealer.take()));

    let mut req = Req::builder(&context)
        .linger(Linger::Discard)
        .lost_peer(LostPeer::Fail)
        .build();
    req.connect(place.vacant()).expect("connecting");
    let events = req.monitor();
    let pending = req.send("x").expect("there is room");
    drop(pending);
    drop(req);
    // Whoever has given it up knows: it was withdrawn, and is not lost.
    assert!(context.wait_for_lingering(PATIENCE));
    assert!(events.iter().all(|event| !is_loss(&event.kind)));

    let router = Router::builder(&context).linger(Linger::Discard).build();
    let id = highwater::RoutingId::new("somebody").expect("a good id");
    router
        .connect_as(place.vacant(), id.clone())
        .expect("connecting");
    router.send_to(&id, "x").expect("there is room");
    let mut router = Some(router);
    let events = router.as_ref().expect("new").monitor();
    told("ROUTER", events, &mut || drop(router.take()));
}

fn what_nobody_has_read_is_told(place: &Place) {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    let at = pull.bind(place.any()).expect("bound");
    push.connect(&at).expect("connecting");
    push.send_many((0..9).map(|n: usize| n.to_string()))
        .expect("sent");
    wait_until("everything has arrived", || {
        pull.stats().queued_to_receive == 9
    });
    let events = pull.monitor();
    drop(pull);
    let event = wait_for_event(&events, "of a loss", is_loss);
    assert_eq!(event.kind, EventKind::Unread { lost: 9 });
    assert_eq!(event.to_string(), "9 received messages lost unread");
}

/// An endpoint that is given up for good takes along what was queued for it.
#[test]
fn an_endpoint_that_is_given_up_tells_what_was_queued() {
    let push = Push::builder(&Context::new())
        .reconnect_attempts(1)
        .reconnect_interval(Duration::from_secs(2))
        .build();
    let events = push.monitor();
    let at = Place::new(Transport::Tcp).vacant();
    push.connect(&*at).expect("connecting");
    push.send_many(["a", "b"]).expect("there is room");
    let given_up = wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    assert!(given_up.to_string().starts_with("gave up: "), "{given_up}");
    let event = lost(&events);
    assert_eq!(event.kind, EventKind::Unsent { lost: 2 });
    assert_eq!(event.endpoint.expect("its endpoint").to_string(), at);
    assert_eq!(push.stats().dropped.unsent, 2);
}

/// What waits for one routing id is for nobody else: neither for another peer at the same endpoint, nor for a connection that has
/// the id later.
fn a_router_tells_what_was_for_a_peer_that_does_not_come_back(place: &Place) {
    let context = Context::new();
    let named = |name: &str| {
        let id = RoutingId::new(name).expect("a good id");
        (Dealer::builder(&context).routing_id(id.clone()).build(), id)
    };
    for comes_to_us in [false, true] {
        let at = place.vacant();
        let router = Router::builder(&context)
            .reconnect_interval(MOMENT)
            .reconnect_interval_max(MOMENT)
            .build();
        let events = router.monitor();
        router.connect(&*at).expect("connecting");
        let (first, id) = named("first");
        first.bind(&*at).expect("bound");
        first.send("hello").expect("it comes");
        router.recv_timeout(PATIENCE).expect("a message");
        drop(first);
        wait_until("it has gone", || router.peers().is_empty());
        for _ in 0..3 {
            router.send_to(&id, "a secret").expect("it may come back");
        }
        let (next, next_id) = named(if comes_to_us { "first" } else { "second" });
        if comes_to_us {
            next.connect(router.bind(place.any()).expect("bound"))
                .expect("connecting");
        } else {
            wait_until("the address is free", || next.bind(&*at).is_ok());
        }
        next.send("hello").expect("a peer");
        router.recv_timeout(PATIENCE).expect("a message");
        assert_eq!(lost(&events).kind, EventKind::Unsent { lost: 3 });
        assert_eq!(router.stats().dropped.unsent, 3);
        router.send_to(&next_id, "welcome").expect("it is there");
        assert_eq!(next.recv_timeout(PATIENCE).expect("a message"), "welcome");
    }
}

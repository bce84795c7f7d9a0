//! A peer that leaves while it is being sent to: it is told as gone, and never as slow or full.

mod support;

use highwater::{
    Context, Dealer, EventKind, Linger, Pub, Rep, ReplyError, Req, RouteError, Router, RoutingId,
    SlowSubscriber, Sub,
};
use support::{PATIENCE, Place, over_every_transport};

over_every_transport!(
    a_subscriber_that_leaves_is_not_called_slow,
    a_peer_of_a_router_that_leaves_is_not_called_full,
    a_requester_that_leaves_is_not_called_full,
);

/// Each time, the end of a peer may or may not fall between two sends.
const PEERS: usize = 100;

fn a_subscriber_that_leaves_is_not_called_slow(place: &Place) {
    for how in [
        SlowSubscriber::DropNewest,
        SlowSubscriber::Refuse,
        SlowSubscriber::Evict,
    ] {
        let context = Context::new();
        let publisher = Pub::builder(&context)
            .slow_subscriber(how)
            .send_high_water_mark(None)
            .send_timeout(PATIENCE)
            .build();
        let at = publisher.bind(place.any()).expect("bound");
        let events = publisher.monitor();
        for _ in 0..PEERS {
            let subscriber = Sub::builder(&context)
                .receive_high_water_mark(None)
                .linger(Linger::Discard)
                .build();
            subscriber.subscribe("").expect("subscribed");
            subscriber.connect(&at).expect("connecting");
            publisher
                .wait_for_subscribers(1, PATIENCE)
                .expect("subscribed");
            publisher.send("first").expect("sent");
            subscriber.recv_timeout(PATIENCE).expect("it comes");
            drop(subscriber);
            while publisher.subscriber_count() > 0 {
                let report = publisher.send("later").expect("nobody is slow");
                assert_eq!(report.dropped, 0, "{how:?}");
            }
        }
        let dropped = publisher.stats().dropped;
        assert_eq!(dropped.slow_subscriber, 0, "{how:?}: {dropped:?}");
        for event in events.try_iter() {
            assert_ne!(event.kind, EventKind::DroppingStarted, "{how:?}: {event}");
        }
    }
}

fn a_peer_of_a_router_that_leaves_is_not_called_full(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context).send_high_water_mark(None).build();
    let at = router.bind(place.any()).expect("bound");
    for number in 0..PEERS {
        let id = RoutingId::new(format!("worker {number}")).expect("an id");
        let dealer = Dealer::builder(&context)
            .routing_id(id.clone())
            .receive_high_water_mark(None)
            .linger(Linger::Discard)
            .build();
        dealer.connect(&at).expect("connecting");
        dealer.send("ready").expect("sent");
        assert_eq!(router.recv_timeout(PATIENCE).expect("it comes").0, id);
        drop(dealer);
        let refused = loop {
            if let Err(refused) = router.send_to(&id, "job") {
                break refused;
            }
        };
        assert_eq!(refused, RouteError::NoRoute("job".into()));
    }
}

fn a_requester_that_leaves_is_not_called_full(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any()).expect("bound");
    for _ in 0..PEERS {
        let mut req = Req::builder(&context).linger(Linger::Discard).build();
        req.connect(&at).expect("connecting");
        let pending = req.send("question").expect("sent");
        let request = rep.recv_timeout(PATIENCE).expect("it comes");
        drop(pending);
        drop(req);
        if let Err(refused) = request.reply("answer") {
            assert_eq!(refused, ReplyError::PeerGone("answer".into()));
        }
    }
}

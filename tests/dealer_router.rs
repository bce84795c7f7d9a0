//! DEALER and ROUTER: spread over the peers, or meant for one of them.

mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use highwater::{
    ConnectError, Context, Dealer, DuplicateId, Ended, EventKind, Linger, LinkError, RouteError,
    Router, RoutingId, TryRecvError, Undeliverable,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, command, greeting, joined, over_each_transport,
    over_every_transport, wait_for_event, wait_until,
};

over_every_transport!(
    a_dealer_deals_in_turn_and_hears_everybody,
    a_router_answers_each_peer_by_its_id,
    a_message_for_nobody_comes_back,
    a_peer_may_be_named_by_the_end_that_connects,
    a_probe_tells_the_router_who_is_there,
    a_name_that_is_free_again_can_be_taken,
    the_last_of_many_bursts_arrives_though_its_sender_waits_for_nothing,
);

// With a raw peer, or with a connection that is lost and comes back.
over_each_transport!(
    a_message_for_a_peer_without_room_comes_back_and_may_wait,
    waiting_for_room_ends_when_the_peer_goes,
    undeliverable_messages_may_be_dropped_and_are_counted,
    a_second_peer_of_the_same_id_is_refused_and_that_is_told,
    an_id_may_be_handed_over,
    a_peer_keeps_its_name_while_the_router_reconnects,
);

fn id(name: &str) -> RoutingId {
    RoutingId::new(name).expect("a valid id")
}

fn dealer(context: &Context, at: &highwater::Endpoint, name: &str) -> Dealer {
    let dealer = Dealer::builder(context).routing_id(id(name)).build();
    dealer.connect(at).expect("connects");
    dealer
}

/// Sends large messages to `id` until one is refused; how many were taken.
fn fill(router: &Router, id: &RoutingId) -> (usize, RouteError) {
    let mut taken = 0;
    loop {
        match router.send_to(id, vec![7; 1 << 20]) {
            Ok(()) => taken += 1,
            Err(refused) => return (taken, refused),
        }
    }
}

fn the_last_of_many_bursts_arrives_though_its_sender_waits_for_nothing(place: &Place) {
    const BURST: usize = 20;
    let context = Context::new();
    let dealer = Dealer::new(&context);
    let at = dealer.bind(place.any().as_str()).expect("bound");
    let other = Dealer::new(&context);
    other.connect(&at).expect("connects");
    for round in 0..50 {
        for _ in 0..BURST {
            dealer.send("to one that answers").expect("sent");
        }
        for _ in 0..BURST {
            other.recv_timeout(PATIENCE).expect("arrives");
            other.send("answer").expect("sent");
        }
        for _ in 0..BURST {
            // Looks in vain at times, as one that has something else to do.
            if round % 2 == 0 || dealer.try_recv().is_err() {
                dealer.recv_timeout(PATIENCE).expect("an answer");
            }
        }
        for _ in 0..BURST {
            dealer.send("to one that does not").expect("sent");
        }
        // The dealer does not wait now.
        for _ in 0..BURST {
            other.recv_timeout(PATIENCE).expect("arrives");
        }
    }
}

fn a_dealer_deals_in_turn_and_hears_everybody(place: &Place) {
    let context = Context::new();
    let dealer = Dealer::new(&context);
    let at = dealer.bind(place.any().as_str()).expect("bound");
    let workers: Vec<Dealer> = (0..3)
        .map(|_| {
            let worker = Dealer::new(&context);
            worker.connect(&at).expect("connects");
            worker
        })
        .collect();
    dealer.wait_for_peers(3, PATIENCE).expect("all are there");
    for number in 0..30 {
        dealer.send(["job", &number.to_string()]).expect("sent");
    }
    for worker in &workers {
        for _ in 0..10 {
            let job = worker.recv_timeout(PATIENCE).expect("a tenth each");
            worker.send(job).expect("sent");
        }
        assert_eq!(worker.try_recv(), Err(TryRecvError::Empty));
    }
    let mut done: Vec<usize> = (0..30)
        .map(|_| {
            let (_, rest) = dealer
                .recv_timeout(PATIENCE)
                .expect("received")
                .split_first();
            support::number(&rest.expect("a number"))
        })
        .collect();
    done.sort_unstable();
    assert!(done.into_iter().eq(0..30));
}

fn a_router_answers_each_peer_by_its_id(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let at = router.bind(place.any().as_str()).expect("bound");
    let named = dealer(&context, &at, "named");
    let nameless = [(); 2].map(|()| {
        let dealer = Dealer::new(&context);
        dealer.connect(&at).expect("connects");
        dealer
    });
    named.send("named").expect("sent");
    for (number, dealer) in nameless.iter().enumerate() {
        dealer.send(["number", &number.to_string()]).expect("sent");
    }
    let mut seen = BTreeMap::new();
    for _ in 0..3 {
        let (from, message) = router.recv_timeout(PATIENCE).expect("received");
        seen.insert(from.as_bytes().to_vec(), message.clone());
        router
            .send_to(&from, message.with_first("re"))
            .expect("sent");
    }
    assert_eq!(seen.remove(&b"named"[..]).expect("by its name"), "named");
    assert!(
        seen.keys().all(|id| id.len() == 5 && id[0] == 0),
        "the others have generated names"
    );
    let answer = named.recv_timeout(PATIENCE).expect("received");
    assert_eq!(answer, ["re", "named"]);
    for (number, dealer) in nameless.iter().enumerate() {
        let answer = dealer.recv_timeout(PATIENCE).expect("received");
        assert_eq!(answer, ["re", "number", &number.to_string()]);
    }
}

fn a_message_for_nobody_comes_back(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let at = router.bind(place.any().as_str()).expect("bound");
    let message = ["two", "frames"];
    let no_route = Err(RouteError::NoRoute(message.into()));
    assert_eq!(router.send_to(&id("ghost"), message), no_route);
    assert_eq!(
        router.send_to_timeout(&id("ghost"), message, PATIENCE),
        no_route,
        "there is nothing to wait for"
    );
    let peer = dealer(&context, &at, "mortal");
    router.wait_for_peers(1, PATIENCE).expect("it is there");
    router.send_to(&id("mortal"), "hello").expect("sent");
    drop(peer);
    wait_until("it is gone", || router.peers().is_empty());
    assert_eq!(router.send_to(&id("mortal"), message), no_route);
    context.shutdown();
    let refused = router.send_to(&id("mortal"), message);
    assert_eq!(
        refused,
        Err(RouteError::Ended(message.into(), Ended::Terminated))
    );
}

/// A raw DEALER called `name`; the router knows it when this returns.
fn raw_dealer(router: &Router, place: &Place, name: &str) -> RawPeer {
    let at = router.bind(place.any().as_str()).expect("bound");
    let mut peer = RawPeer::connect(&at);
    let mut properties = Vec::new();
    for (key, value) in [("Socket-Type", "DEALER"), ("Identity", name)] {
        properties.push(key.len() as u8);
        properties.extend(key.as_bytes());
        properties.extend((value.len() as u32).to_be_bytes());
        properties.extend(value.as_bytes());
    }
    peer.send(&greeting());
    peer.send(&command("READY", &properties));
    peer.read_exact(&mut [0; 64]).expect("a greeting");
    peer.read_frame();
    router.wait_for_peers(1, PATIENCE).expect("it is there");
    peer
}

fn a_message_for_a_peer_without_room_comes_back_and_may_wait(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context).send_high_water_mark(2).build();
    let mut slow = raw_dealer(&router, place, "slow");
    let slow_id = id("slow");
    let (taken, refused) = fill(&router, &slow_id);
    assert!(taken >= 2, "two wait, whatever the kernel takes");
    assert!(refused.is_full());
    assert_eq!(refused.into_message(), vec![7; 1 << 20]);
    let refused = router.send_to_timeout(&slow_id, "late", MOMENT);
    assert_eq!(refused, Err(RouteError::Full("late".into())));

    let waiting = std::thread::spawn(move || {
        let outcome = router.send_to_timeout(&slow_id, "at last", PATIENCE);
        (outcome, router)
    });
    for _ in 0..taken {
        assert_eq!(slow.read_frame().1.len(), 1 << 20);
    }
    let (outcome, _router) = joined(waiting);
    assert_eq!(outcome, Ok(()));
    assert_eq!(slow.read_frame(), (0, b"at last".to_vec()));
}

fn waiting_for_room_ends_when_the_peer_goes(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context).send_high_water_mark(2).build();
    let slow = raw_dealer(&router, place, "slow");
    fill(&router, &id("slow"));
    let waiting =
        std::thread::spawn(move || router.send_to_timeout(&id("slow"), "never", PATIENCE));
    std::thread::sleep(MOMENT);
    drop(slow);
    assert_eq!(joined(waiting), Err(RouteError::NoRoute("never".into())));
}

fn undeliverable_messages_may_be_dropped_and_are_counted(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context)
        .undeliverable(Undeliverable::Drop)
        .send_high_water_mark(2)
        .build();
    router.send_to(&id("ghost"), "boo").expect("dropped");
    assert_eq!(router.stats().dropped.unroutable, 1);
    let _slow = raw_dealer(&router, place, "slow");
    while router.stats().dropped.no_room == 0 {
        router
            .send_to(&id("slow"), vec![7; 1 << 20])
            .expect("taken or dropped");
    }
    router
        .set_option("undeliverable", "give_back")
        .expect("at any time");
    let refused = router.send_to(&id("ghost"), "boo");
    assert_eq!(refused, Err(RouteError::NoRoute("boo".into())));
}

fn a_second_peer_of_the_same_id_is_refused_and_that_is_told(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let events = router.monitor();
    let at = router.bind(place.any().as_str()).expect("bound");
    let first = dealer(&context, &at, "twin");
    router.wait_for_peers(1, PATIENCE).expect("it is there");
    let second = Dealer::builder(&context)
        .routing_id(id("twin"))
        .linger(Linger::Discard)
        .build();
    second.connect(&at).expect("connects");
    second.send("I am the twin").expect("queued");
    let refused = LinkError::DuplicateRoutingId;
    wait_for_event(
        &events,
        "of the refusal",
        |kind| matches!(kind, EventKind::HandshakeFailed(cause) if *cause == refused),
    );
    first.send("no, I am").expect("sent");
    let (from, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!((from, message.to_str()), (id("twin"), Ok("no, I am")));
    router.send_to(&id("twin"), "yes").expect("sent");
    assert_eq!(first.recv_timeout(PATIENCE).expect("received"), "yes");
    assert!(router.recv_timeout(MOMENT).is_err(), "nor is it heard");
}

fn an_id_may_be_handed_over(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context)
        .duplicate_id(DuplicateId::HandOver)
        .build();
    let events = router.monitor();
    let at = router.bind(place.any().as_str()).expect("bound");
    let mut old = raw_dealer(&router, place, "heir");
    old.send(&support::frame(b"testament", false));
    wait_until("it has arrived", || router.stats().queued_to_receive == 1);

    let new = dealer(&context, &at, "heir");
    let cause = LinkError::DuplicateRoutingId;
    wait_for_event(
        &events,
        "of the old one's end",
        |kind| matches!(kind, EventKind::Disconnected { cause: end, .. } if *end == cause),
    );
    old.wait_for_end();
    router.send_to(&id("heir"), "yours now").expect("sent");
    assert_eq!(new.recv_timeout(PATIENCE).expect("received"), "yours now");
    let (from, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "testament");
    assert_eq!(
        from.as_bytes()[0],
        0,
        "what the old one said is not the heir's"
    );
}

fn a_peer_may_be_named_by_the_end_that_connects(place: &Place) {
    let context = Context::new();
    let endpoint = place.vacant();
    let router = Router::new(&context);
    router
        .connect_as(endpoint.as_str(), id("service"))
        .expect("connects");
    router.send_to(&id("service"), "early").expect("queued");
    let duplicate = router.connect_as(place.vacant().as_str(), id("service"));
    assert!(
        matches!(&duplicate, Err(ConnectError::DuplicateRoutingId(taken)) if *taken == id("service")),
        "{duplicate:?}"
    );
    let service = Dealer::builder(&context)
        .routing_id(id("calls itself so"))
        .build();
    service.bind(endpoint.as_str()).expect("bound");
    assert_eq!(service.recv_timeout(PATIENCE).expect("received"), "early");
    service.send("answer").expect("sent");
    let (from, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!((from, message.to_str()), (id("service"), Ok("answer")));

    // With `immediate` the name is there with the connection.
    let router = Router::builder(&context).immediate(true).build();
    router
        .connect_as(endpoint.as_str(), id("service"))
        .expect("connects");
    router.wait_for_peers(1, PATIENCE).expect("it is there");
    router.send_to(&id("service"), "again").expect("sent");
    assert_eq!(service.recv_timeout(PATIENCE).expect("received"), "again");
}

fn a_probe_tells_the_router_who_is_there(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let at = router.bind(place.any().as_str()).expect("bound");
    let shy = Dealer::builder(&context)
        .routing_id(id("shy"))
        .probe(true)
        .build();
    shy.connect(&at).expect("connects");
    let (from, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!((from.clone(), message.size()), (id("shy"), 0));
    router.send_to(&from, "welcome").expect("sent");
    assert_eq!(shy.recv_timeout(PATIENCE).expect("received"), "welcome");
}

fn a_peer_keeps_its_name_while_the_router_reconnects(place: &Place) {
    let context = Context::new();
    let endpoint = place.vacant();
    let router = Router::builder(&context)
        .reconnect_interval(Duration::from_millis(5))
        .build();
    router.connect(endpoint.as_str()).expect("connects");
    let bind = || {
        let service = Dealer::builder(&context).routing_id(id("service")).build();
        service.bind(endpoint.as_str()).expect("bound");
        service
    };
    let service = bind();
    router.wait_for_peers(1, PATIENCE).expect("it is there");
    drop(service);
    wait_until("it is gone", || router.peers().is_empty());
    router.send_to(&id("service"), "wait").expect("queued");
    let service = bind();
    assert_eq!(service.recv_timeout(PATIENCE).expect("received"), "wait");
}

fn a_name_that_is_free_again_can_be_taken(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let at = router.bind(place.any().as_str()).expect("bound");
    for round in 0..20 {
        let peer = Dealer::builder(&context)
            .routing_id(id("same"))
            .reconnect_interval(Duration::from_millis(1))
            .build();
        peer.connect(&at).expect("connects");
        peer.send(format!("{round}")).expect("sent");
        let (from, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!((from, support::number(&message)), (id("same"), round));
        assert_eq!(peer.close(PATIENCE).lost, 0);
    }
}

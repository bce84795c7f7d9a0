//! PAIR: one peer, and no other.

mod support;

use highwater::{Context, EventKind, Linger, LinkError, Pair, TrySendError};
use support::{
    MOMENT, PATIENCE, Place, over_each_transport, over_every_transport, wait_for_event, wait_until,
};

over_every_transport!(
    both_ends_talk_in_any_order,
    when_the_peer_goes_the_next_may_come_and_what_it_said_stays,
    without_a_peer_it_is_mute,
    of_two_endpoints_the_second_has_its_turn_when_the_first_is_let_go,
);

// With a raw peer, or with a connection that is lost and comes back.
over_each_transport!(
    a_second_peer_is_refused_and_that_is_told,
    the_end_that_connected_keeps_what_it_queued_until_the_peer_comes_back,
);

fn both_ends_talk_in_any_order(place: &Place) {
    let context = Context::new();
    let here = Pair::new(&context);
    let at = here.bind(place.any().as_str()).expect("bound");
    let there = Pair::new(&context);
    there.connect(&at).expect("connects");
    for number in 0..100 {
        here.send(format!("here {number}")).expect("sent");
        here.send(["and", "two"]).expect("sent");
        there.send(format!("there {number}")).expect("sent");
    }
    for number in 0..100 {
        let message = there.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, format!("here {number}"));
        let message = there.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, ["and", "two"]);
        let message = here.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, format!("there {number}"));
    }
}

fn of_two_endpoints_the_second_has_its_turn_when_the_first_is_let_go(place: &Place) {
    let context = Context::new();
    let here = Pair::builder(&context)
        .reconnect_interval(std::time::Duration::from_millis(5))
        .build();
    let there = [Pair::new(&context), Pair::new(&context)];
    let at = there
        .each_ref()
        .map(|end| end.bind(place.any().as_str()).expect("bound"));
    for at in &at {
        here.connect(at).expect("connects");
    }
    for turn in [0, 1] {
        for number in 0..10 {
            here.send(format!("{number}")).expect("sent");
        }
        for number in 0..10 {
            let message = there[turn].recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, format!("{number}"));
        }
        there[turn].send("back").expect("sent");
        let message = here.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, "back");
        here.disconnect(&at[turn]).expect("it is connected there");
    }
    assert_eq!(here.stats().dropped, Default::default());
}

fn a_second_peer_is_refused_and_that_is_told(place: &Place) {
    let context = Context::new();
    let here = Pair::new(&context);
    let events = here.monitor();
    let at = here.bind(place.any().as_str()).expect("bound");
    let first = Pair::new(&context);
    first.connect(&at).expect("connects");
    here.wait_for_peers(1, PATIENCE)
        .expect("the first is there");

    let second = Pair::builder(&context).linger(Linger::Discard).build();
    second.connect(&at).expect("connects");
    second.send("from the second").expect("queued");
    let refused = LinkError::AlreadyPaired;
    wait_for_event(
        &events,
        "of the refusal",
        |kind| matches!(kind, EventKind::HandshakeFailed(cause) if *cause == refused),
    );
    first.send("from the first").expect("sent");
    let message = here.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "from the first");
    assert!(
        here.recv_timeout(MOMENT).is_err(),
        "the second is not heard"
    );
}

fn when_the_peer_goes_the_next_may_come_and_what_it_said_stays(place: &Place) {
    let context = Context::new();
    let here = Pair::new(&context);
    let at = here.bind(place.any().as_str()).expect("bound");
    let first = Pair::new(&context);
    first.connect(&at).expect("connects");
    first.send("last words").expect("sent");
    assert_eq!(first.close(PATIENCE).lost, 0);
    wait_until("the first is gone", || {
        here.stats().handshakes == 1 && here.peers().is_empty()
    });

    let second = Pair::new(&context);
    second.connect(&at).expect("connects");
    second.send("hello").expect("sent");
    let message = here.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "last words");
    let message = here.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "hello");
    here.send("welcome").expect("sent");
    assert_eq!(second.recv_timeout(PATIENCE).expect("received"), "welcome");
}

fn without_a_peer_it_is_mute(place: &Place) {
    let context = Context::new();
    let here = Pair::new(&context);
    here.bind(place.any().as_str()).expect("bound");
    let refused = here.try_send("nobody hears").expect_err("nobody is there");
    assert_eq!(refused, TrySendError::Full("nobody hears".into()));
}

fn the_end_that_connected_keeps_what_it_queued_until_the_peer_comes_back(place: &Place) {
    let context = Context::new();
    let endpoint = place.vacant();
    let there = Pair::builder(&context)
        .reconnect_interval(std::time::Duration::from_millis(5))
        .build();
    there.connect(endpoint.as_str()).expect("connects");
    there.send("early").expect("queued");
    let here = Pair::new(&context);
    here.bind(endpoint.as_str()).expect("bound");
    assert_eq!(here.recv_timeout(PATIENCE).expect("received"), "early");
    drop(here);
    wait_until("the peer is gone", || there.peers().is_empty());

    there.send("meanwhile").expect("queued");
    let here = Pair::new(&context);
    here.bind(endpoint.as_str()).expect("bound again");
    assert_eq!(here.recv_timeout(PATIENCE).expect("received"), "meanwhile");
}

#[test]
fn within_the_process_a_second_peer_is_refused_and_that_is_told() {
    let context = Context::new();
    let here = Pair::new(&context);
    let events = here.monitor();
    here.bind("inproc://two-only").expect("bound");
    let first = Pair::new(&context);
    first.connect("inproc://two-only").expect("connects");
    here.wait_for_peers(1, PATIENCE)
        .expect("the first is there");
    let second = Pair::new(&context);
    second.connect("inproc://two-only").expect("connects");
    let refused = LinkError::AlreadyPaired;
    wait_for_event(
        &events,
        "of the refusal",
        |kind| matches!(kind, EventKind::HandshakeFailed(cause) if *cause == refused),
    );
    first.send("from the first").expect("sent");
    let message = here.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "from the first");
}

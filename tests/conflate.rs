//! Sockets that keep only the latest message of each peer, and those that cannot.

mod support;

use std::time::Duration;

use highwater::{
    Context, Dealer, Interest, OptionError, Pair, Poll, Pub, Pull, Push, Rep, Req, Router,
    RoutingId, Stats, Sub, TryRecvError, XPub, XSub,
};
use support::{PATIENCE, Place, joined_soon, number, over_every_transport, wait_until};

over_every_transport!(
    who_rests_while_many_come_receives_the_latest,
    each_peer_has_a_latest_message,
    what_was_only_looked_at_makes_way_as_well,
    who_receives_all_the_time_gets_ever_later_ones_and_the_last,
    what_makes_way_while_it_is_looked_for_hides_no_later_one,
    both_ends_may_conflate,
    subscriptions_never_make_way,
);

/// More than marks and buffers hold, and all of them read meanwhile.
const MANY: usize = 20_000;

/// All that was sent has come, and all but the latest have made way for it.
fn only_the_latest_is_left(stats: &Stats, sent: usize) -> bool {
    let conflated = stats.dropped.conflated as usize;
    assert!(conflated < sent, "the latest never makes way");
    stats.queued_to_receive == 1 && conflated == sent - 1
}

fn who_rests_while_many_come_receives_the_latest(place: &Place) {
    let context = Context::new();
    let publisher = Pub::builder(&context).send_high_water_mark(None).build();
    let at = publisher.bind(place.any()).expect("bound");
    let sub = Sub::builder(&context).conflate(true).build();
    let xsub = XSub::builder(&context).conflate(true).build();
    sub.subscribe("").expect("subscribed");
    xsub.subscribe("").expect("subscribed");
    sub.connect(&at).expect("connects");
    xsub.connect(&at).expect("connects");
    publisher.wait_for_subscribers(2, PATIENCE).expect("there");
    let push = Push::builder(&context).send_high_water_mark(None).build();
    let pull = Pull::builder(&context).conflate(true).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connects");
    push.wait_for_peers(1, PATIENCE).expect("there");
    for round in 1..=3 {
        for n in 0..MANY {
            // A body of its own now and then, and several frames.
            let body = if n % 1000 == 999 { 20_000 } else { 0 };
            let message = [n.to_string().into_bytes(), vec![0; body]];
            publisher.send(message.clone()).expect("sent");
            push.send(message).expect("sent");
        }
        let sent = round * MANY;
        let taken = |stats: &Stats| sent - (round - 1) - stats.queued_to_receive;
        wait_until("all have come", || {
            [sub.stats(), xsub.stats(), pull.stats()]
                .iter()
                .all(|stats| stats.dropped.conflated as usize == taken(stats))
        });
        for message in [sub.try_recv(), xsub.try_recv(), pull.try_recv()] {
            let message = message.expect("the latest");
            assert_eq!(message[0], *(MANY - 1).to_string().as_bytes());
            assert_eq!(message[1].len(), 20_000);
        }
        assert_eq!(sub.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(xsub.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    }
    for stats in [sub.stats(), xsub.stats(), pull.stats()] {
        assert_eq!(
            stats.messages_received as usize,
            3 * MANY,
            "with all causes"
        );
        assert_eq!(stats.dropped.conflated as usize, 3 * MANY - 3);
    }
    assert_eq!(publisher.stats().dropped, Default::default());
    assert_eq!(push.stats().dropped, Default::default());
}

/// Within the process the writer takes out what makes way: who was told of it may find nothing, and is told of the next.
fn what_makes_way_while_it_is_looked_for_hides_no_later_one(place: &Place) {
    const LAST: usize = 30_000;
    for _ in 0..10 {
        let context = Context::new();
        let pull = Pull::builder(&context).conflate(true).build();
        let push = Push::new(&context);
        push.connect(pull.bind(place.any()).expect("bound"))
            .expect("connects");
        push.wait_for_peers(1, PATIENCE).expect("there");
        let sender = std::thread::spawn(move || {
            (0..=LAST).for_each(|n| push.send(n.to_string()).expect("sent"));
            push
        });
        let mut received = 0;
        loop {
            let latest = number(&pull.recv_timeout(PATIENCE).expect("there is one"));
            if latest == LAST {
                break;
            }
            // Now and then it falls behind.
            received += 1;
            if received % 3 == 0 {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        joined_soon("the sender", sender);
    }
}

fn each_peer_has_a_latest_message(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context).conflate(true).build();
    let at = router.bind(place.any()).expect("bound");
    let names = ["a", "b", "c"];
    let dealers = names.map(|name| {
        let dealer = Dealer::builder(&context)
            .routing_id(RoutingId::new(name).expect("short"))
            .send_high_water_mark(None)
            .build();
        dealer.connect(&at).expect("connects");
        dealer
    });
    router.wait_for_peers(3, PATIENCE).expect("there");
    for n in 0..500 {
        for dealer in &dealers {
            dealer.send(n.to_string()).expect("sent");
        }
    }
    wait_until("all have come", || {
        let stats = router.stats();
        stats.queued_to_receive == 3 && stats.dropped.conflated == 3 * 499
    });
    let mut heard = names.map(|_| {
        let (from, message) = router.try_recv().expect("the latest of a peer");
        assert_eq!(message, "499");
        from.to_string()
    });
    heard.sort();
    assert_eq!(heard, names);
    assert!(router.try_recv().is_err());
}

fn what_was_only_looked_at_makes_way_as_well(place: &Place) {
    let context = Context::new();
    let (one, other) = (
        Pair::builder(&context).conflate(true).build(),
        Pair::new(&context),
    );
    let (push, pull) = (
        Push::new(&context),
        Pull::builder(&context).conflate(true).build(),
    );
    other
        .connect(one.bind(place.any()).expect("bound"))
        .expect("connects");
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connects");
    let mut poll = Poll::new().expect("a descriptor");
    poll.add(&one, Interest::READABLE);
    poll.add(&pull, Interest::READABLE);
    for n in 0..10 {
        other.send(n.to_string()).expect("sent");
        push.send(n.to_string()).expect("sent");
        while poll.wait(Some(PATIENCE)).expect("it works").len() < 2 {}
    }
    wait_until("the last have come", || {
        [one.stats(), pull.stats()]
            .iter()
            .all(|stats| stats.messages_received as usize + stats.queued_to_receive == 10)
    });
    for latest in [one.try_recv(), pull.try_recv()] {
        assert_eq!(latest.expect("the latest"), "9");
    }
    assert_eq!(one.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    for stats in [one.stats(), pull.stats()] {
        assert_eq!(stats.dropped.conflated, 9);
    }
}

fn who_receives_all_the_time_gets_ever_later_ones_and_the_last(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let pull = Pull::builder(&context).conflate(true).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connects");
    let sender = std::thread::spawn(move || {
        for n in 1..=MANY {
            push.send(n.to_string()).expect("sent");
        }
        push
    });
    let (mut last, mut count) = (0, 0);
    while last < MANY {
        let next = number(&pull.recv_timeout(PATIENCE).expect("received"));
        assert!(next > last, "in order");
        (last, count) = (next, count + 1);
    }
    let _push = joined_soon("all are sent", sender);
    let stats = pull.stats();
    assert_eq!(stats.dropped.conflated as usize + count, MANY);
    assert_eq!(stats.messages_received as usize, MANY);
}

/// Each message that makes way is counted once, at the end where it does.
fn both_ends_may_conflate(place: &Place) {
    let context = Context::new();
    let (one, other) = (
        Dealer::builder(&context).conflate(true).build(),
        Dealer::builder(&context).conflate(true).build(),
    );
    one.connect(other.bind(place.any()).expect("bound"))
        .expect("connects");
    one.wait_for_peers(1, PATIENCE).expect("there");
    for n in 0..MANY {
        one.send(n.to_string()).expect("never full");
        if n % 3 == 0 {
            other.send(n.to_string()).expect("never full");
        }
    }
    let mut count = 0;
    let last = loop {
        let message = other.recv_timeout(PATIENCE).expect("received");
        count += 1;
        if number(&message) == MANY - 1 {
            break message;
        }
    };
    assert_eq!(number(&last), MANY - 1);
    let conflated = one.stats().dropped.conflated;
    let back = one.recv_timeout(PATIENCE).expect("received");
    assert!(number(&back).is_multiple_of(3));
    wait_until("each is counted once", || {
        let there = other.stats().dropped.conflated;
        conflated + there + count >= MANY as u64
    });
}

/// A publisher that conflates hears each of them, and so does one of a subscriber that does.
fn subscriptions_never_make_way(place: &Place) {
    let context = Context::new();
    let publisher = XPub::builder(&context).conflate(true).build();
    let at = publisher.bind(place.any()).expect("bound");
    let xsub = XSub::builder(&context).conflate(true).build();
    for topic in 0..100 {
        xsub.send(format!("\x01{topic:02}")).expect("subscribed");
    }
    xsub.connect(&at).expect("connects");
    for topic in 0..50 {
        xsub.send(format!("\x00{topic:02}")).expect("cancelled");
    }
    xsub.wait_for_peers(1, PATIENCE).expect("there");
    xsub.send("upstream").expect("sent");
    publisher
        .wait_for_subscription("99", 1, PATIENCE)
        .expect("there");
    wait_until("what was cancelled is", || publisher.topic_count() == 50);
    assert_eq!(publisher.stats().dropped.conflated, 0);
    publisher.send("75 degrees").expect("sent");
    let message = xsub.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "75 degrees");
}

/// Each of their messages is answered, or is an answer.
#[test]
fn req_and_rep_refuse_to_conflate() {
    let context = Context::new();
    let refused = |error: OptionError| {
        matches!(
            error,
            OptionError::Invalid {
                name: "conflate",
                ..
            }
        )
    };
    let req = Req::builder(&context).conflate(true).try_build();
    assert!(refused(req.expect_err("refused")));
    let rep = Rep::builder(&context).conflate(true).try_build();
    assert!(refused(rep.expect_err("refused")));
    let named = Rep::builder(&context).option("conflate", "true");
    assert!(refused(named.expect_err("refused")));
    let bound = Rep::builder(&context).conflate(true).build();
    assert!(bound.bind("inproc://never").is_err());
    for value in [true, false] {
        let rep = Rep::builder(&context).conflate(value).conflate(false);
        rep.try_build().expect("it does not conflate");
    }
    let pull = Pull::builder(&context).option("conflate", "true");
    let pull = pull.expect("PULL does").build();
    assert_eq!(pull.option("conflate").as_deref(), Ok("true"));
}

/// Old messages are not kept while nobody receives: neither end waits, however long that lasts.
#[test]
fn a_sender_is_never_held_up_by_one_that_conflates() {
    for transport in ["tcp://127.0.0.1:0", "inproc://prices"] {
        let context = Context::new();
        let push = Push::builder(&context).send_high_water_mark(5).build();
        let pull = Pull::builder(&context)
            .conflate(true)
            .receive_high_water_mark(5)
            .build();
        push.connect(pull.bind(transport).expect("bound"))
            .expect("connects");
        push.wait_for_peers(1, PATIENCE).expect("there");
        for n in 0..2000 {
            push.send_timeout(vec![n as u8; 10_000], PATIENCE)
                .expect("it has room again");
        }
        wait_until("all have come", || {
            only_the_latest_is_left(&pull.stats(), 2000)
        });
        let latest = pull.recv_timeout(Duration::ZERO).expect("the latest");
        assert_eq!(latest[0][0], (1999 % 256) as u8);
    }
}

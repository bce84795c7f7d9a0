//! Refusals: who ends a connection, or refuses one, says why.

mod support;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::{
    Context, Dealer, DuplicateId, Endpoint, Event, EventKind, Linger, LinkError, Pair, Pull, Push,
    Router, RoutingId, Transport,
};

use support::{
    PATIENCE, Place, Python, joined, number, over_each_transport, over_every_transport,
    wait_for_event, wait_until,
};

over_each_transport!(
    a_message_over_the_limit_ends_the_connection_with_a_reason,
    who_is_refused_is_told_keeps_its_messages_and_is_let_in_later,
    who_is_refused_comes_back_ever_more_slowly,
    of_many_that_ask_for_one_id_each_has_its_turn,
    of_two_places_with_one_id_the_second_has_its_turn_when_the_first_is_gone,
    libzmq_is_refused_without_a_word_and_let_in_later,
);

over_every_transport!(
    what_was_sent_before_an_id_was_handed_over_can_still_be_read,
    who_connects_again_at_once_is_heard,
);

fn id(name: &str) -> RoutingId {
    RoutingId::new(name).expect("a good id")
}

/// A context of one I/O thread, and one of two.
fn contexts() -> [Context; 2] {
    [1, 2].map(|threads| Context::builder().io_threads(threads).build())
}

/// Pauses so short that a test need not wait for them.
fn dealer(context: &Context, name: &str) -> Dealer {
    Dealer::builder(context)
        .routing_id(id(name))
        .reconnect_interval(Duration::from_millis(5))
        .reconnect_interval_max(Duration::from_millis(40))
        .build()
}

fn pair(context: &Context) -> Pair {
    Pair::builder(context)
        .reconnect_interval(Duration::from_millis(5))
        .reconnect_interval_max(Duration::from_millis(40))
        .build()
}

fn wait_for_refusal(events: &Receiver<Event>, cause: &LinkError) {
    wait_for_event(
        events,
        "of the refusal",
        |kind| matches!(kind, EventKind::HandshakeFailed(told) if told == cause),
    );
}

/// Whether the receiver waits and reads the connection itself, or leaves that to the I/O thread; and so for the sender,
/// which finds the end by reading or by writing.
fn a_message_over_the_limit_ends_the_connection_with_a_reason(place: &Place) {
    for (waits, size) in [
        (false, 2000),
        (true, 2000),
        (false, 8 << 20),
        (true, 8 << 20),
    ] {
        let context = Context::new();
        let pull = Arc::new(Pull::builder(&context).max_message_size(1000).build());
        let at = pull.bind(place.any()).expect("bound");
        let waiting = waits.then(|| {
            let pull = Arc::clone(&pull);
            std::thread::spawn(move || assert_eq!(pull.recv().expect("received"), "good"))
        });
        let push = Push::new(&context);
        let events = push.monitor();
        push.connect(&at).expect("connects");
        push.send(vec![1; size]).expect("queued");
        wait_for_event(&events, "of the end, with its reason", |kind| {
            matches!(kind, EventKind::Disconnected { cause: LinkError::Refused { reason }, .. }
                if reason.contains("over the limit of 1000"))
        });
        let _ = push.close(std::time::Duration::ZERO);
        if let Some(waiting) = waiting {
            let good = Push::new(&context);
            good.connect(&at).expect("connects");
            good.send("good").expect("queued");
            joined(waiting);
        }
    }
}

fn who_is_refused_is_told_keeps_its_messages_and_is_let_in_later(place: &Place) {
    for context in contexts() {
        let router = Router::new(&context);
        let events = router.monitor();
        let at = router.bind(place.any()).expect("bound");
        let first = dealer(&context, "sensor");
        first.connect(&at).expect("connects");
        router.wait_for_peers(1, PATIENCE).expect("it is there");
        let second = dealer(&context, "sensor");
        let told = second.monitor();
        second.connect(&at).expect("connects");
        for count in 0..50 {
            second.send(count.to_string()).expect("queued");
        }
        let cause = LinkError::DuplicateRoutingId;
        wait_for_refusal(&events, &cause);
        wait_for_refusal(&told, &cause);
        // Once more, with messages under way between the two that have come to terms.
        first.send("still here").expect("sent");
        let (from, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!((from, message.to_str()), (id("sensor"), Ok("still here")));
        wait_for_refusal(&told, &cause);
        assert!(second.wait_for_peers(1, Duration::ZERO).is_err());
        assert_eq!(router.peers().len(), 1);
        let stats = second.stats();
        assert_eq!((stats.handshakes, stats.queued_to_send), (0, 50));
        assert!(stats.handshakes_failed >= 2 && router.stats().handshakes_failed >= 2);

        drop(first);
        for count in 0..50 {
            let (from, message) = router.recv_timeout(PATIENCE).expect("received");
            assert_eq!((from, number(&message)), (id("sensor"), count));
        }
        router.send_to(&id("sensor"), "welcome").expect("a route");
        assert_eq!(second.recv_timeout(PATIENCE).expect("received"), "welcome");
        assert_eq!(second.stats().handshakes, 1);
        for stats in [router.stats(), second.stats()] {
            assert_eq!(stats.dropped, Default::default());
        }

        let here = Pair::new(&context);
        let events = here.monitor();
        let at = here.bind(place.any()).expect("bound");
        let first = pair(&context);
        first.connect(&at).expect("connects");
        here.wait_for_peers(1, PATIENCE).expect("it is there");
        let second = pair(&context);
        let told = second.monitor();
        second.connect(&at).expect("connects");
        for count in 0..50 {
            second.send(count.to_string()).expect("queued");
        }
        let cause = LinkError::AlreadyPaired;
        wait_for_refusal(&events, &cause);
        wait_for_refusal(&told, &cause);
        assert_eq!(second.stats().handshakes, 0);
        drop(first);
        for count in 0..50 {
            assert_eq!(
                number(&here.recv_timeout(PATIENCE).expect("received")),
                count
            );
        }
        here.send("welcome").expect("sent");
        assert_eq!(second.recv_timeout(PATIENCE).expect("received"), "welcome");
        for stats in [here.stats(), second.stats()] {
            assert_eq!(stats.dropped, Default::default());
        }
    }
}

/// A ROUTER that connects to both: the place of the one that has gone keeps the id only until somebody has it.
fn of_two_places_with_one_id_the_second_has_its_turn_when_the_first_is_gone(place: &Place) {
    for context in contexts() {
        let router = Router::builder(&context)
            .reconnect_interval(Duration::from_millis(5))
            .reconnect_interval_max(Duration::from_millis(40))
            .build();
        let ends = [dealer(&context, "one"), dealer(&context, "one")];
        for (count, end) in ends.iter().enumerate() {
            let at = end.bind(place.any()).expect("bound");
            router.connect(&at).expect("connects");
            if count == 0 {
                router.wait_for_peers(1, PATIENCE).expect("it is there");
            }
        }
        let [first, second] = ends;
        first.send("first").expect("sent");
        let (_, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, "first");
        let _ = first.close(PATIENCE);
        // What waits for the first is not the second's.
        wait_until("the second has the id", || {
            let _ = router.send_to(&id("one"), "welcome");
            second.try_recv().is_ok()
        });
        second.send("second").expect("sent");
        let (from, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!((from, message.to_str()), (id("one"), Ok("second")));
    }
}

/// Refused before it is ready, or cut right after.
fn who_is_refused_comes_back_ever_more_slowly(place: &Place) {
    let context = Context::new();
    let interval = Duration::from_millis(4);
    let router = Router::new(&context);
    let at = router.bind(place.any()).expect("bound");
    let first = dealer(&context, "one");
    first.connect(&at).expect("connects");
    router.wait_for_peers(1, PATIENCE).expect("it is there");
    let refused = Dealer::builder(&context)
        .routing_id(id("one"))
        .reconnect_interval(interval)
        .linger(Linger::Discard)
        .build();
    let refused_events = refused.monitor();
    refused.connect(&at).expect("connects");

    let pull = Pull::builder(&context).max_message_size(10).build();
    let at = pull.bind(place.any()).expect("bound");
    let cut = Push::builder(&context)
        .reconnect_interval(interval)
        .linger(Linger::Discard)
        .build();
    let cut_events = cut.monitor();
    cut.connect(&at).expect("connects");
    let tired = std::thread::spawn(move || {
        // It is given up some time; so there is always one more.
        while cut.send("more than ten bytes").is_ok() && cut.stats().retries < 6 {
            std::thread::sleep(interval);
        }
    });
    for events in [refused_events, cut_events] {
        let mut before = interval.mul_f64(0.5);
        for _ in 0..6 {
            wait_for_event(&events, "of a longer pause", |kind| match kind {
                EventKind::Retrying { delay, .. } => {
                    // Up to a quarter is left off by chance.
                    assert!(*delay > before.mul_f64(1.4), "{delay:?} after {before:?}");
                    before = *delay;
                    true
                }
                _ => false,
            });
        }
    }
    joined(tired);
}

/// Their handshakes are under way at the same time.
fn of_many_that_ask_for_one_id_each_has_its_turn(place: &Place) {
    const DEALERS: usize = 8;
    const EACH: usize = 5;
    for context in contexts() {
        let router = Router::new(&context);
        let at = router.bind(place.any()).expect("bound");
        let threads: Vec<_> = (0..DEALERS)
            .map(|sender| {
                let (context, at) = (context.clone(), at.clone());
                std::thread::spawn(move || {
                    let dealer = dealer(&context, "one");
                    dealer.connect(&at).expect("connects");
                    for count in 0..EACH {
                        dealer
                            .send([sender.to_string(), count.to_string()])
                            .expect("queued");
                    }
                    assert_eq!(dealer.close(PATIENCE).lost, 0);
                })
            })
            .collect();
        let mut next = [0; DEALERS];
        for _ in 0..DEALERS * EACH {
            let (from, message) = router.recv_timeout(PATIENCE).expect("received");
            assert_eq!(from, id("one"));
            let text = |frame: usize| std::str::from_utf8(&message[frame]).expect("text was sent");
            let sender: usize = text(0).parse().expect("a number was sent");
            assert_eq!(text(1), next[sender].to_string(), "of {sender}");
            next[sender] += 1;
        }
        threads.into_iter().for_each(joined);
        assert_eq!(router.stats().handshakes, DEALERS as u64);
        assert_eq!(router.stats().dropped, Default::default());
    }
}

fn what_was_sent_before_an_id_was_handed_over_can_still_be_read(place: &Place) {
    for context in contexts() {
        for policy in [DuplicateId::Refuse, DuplicateId::HandOver] {
            if policy == DuplicateId::Refuse && place.transport() == Transport::Inproc {
                // Nothing lingers there for a peer that has not taken it.
                continue;
            }
            let router = Router::builder(&context).duplicate_id(policy).build();
            let at = router.bind(place.any()).expect("bound");
            for round in 0..20 {
                for count in 0..3 {
                    let dealer = dealer(&context, "one");
                    dealer.connect(&at).expect("connects");
                    dealer
                        .send((3 * round + count).to_string())
                        .expect("queued");
                }
                let mut got: Vec<usize> = (0..3)
                    .map(|_| number(&router.recv_timeout(PATIENCE).expect("received").1))
                    .collect();
                got.sort_unstable();
                assert_eq!(got, [3 * round, 3 * round + 1, 3 * round + 2], "{policy:?}");
            }
            assert_eq!(router.stats().dropped, Default::default());
        }
    }
}

/// The old connection may still be known at the other end.
fn who_connects_again_at_once_is_heard(place: &Place) {
    for context in contexts() {
        let router = Router::new(&context);
        let at = router.bind(place.any()).expect("bound");
        let dealer = dealer(&context, "one");
        let here = Pair::new(&context);
        let pair_at = here.bind(place.any()).expect("bound");
        let there = pair(&context);
        for count in 0..20 {
            let pause = Duration::from_millis(count as u64 % 10);
            dealer.connect(&at).expect("connects");
            dealer.send(count.to_string()).expect("queued");
            let (_, message) = router.recv_timeout(PATIENCE).expect("received");
            assert_eq!(number(&message), count);
            std::thread::sleep(pause);
            dealer.disconnect(&at).expect("it is connected");

            there.connect(&pair_at).expect("connects");
            there.disconnect(&pair_at).expect("it is connected");
            there.connect(&pair_at).expect("connects");
            there.send(count.to_string()).expect("queued");
            let message = here.recv_timeout(PATIENCE).expect("received");
            assert_eq!(number(&message), count);
            std::thread::sleep(pause);
            there.disconnect(&pair_at).expect("it is connected");
        }
        assert_eq!(router.stats().dropped, Default::default());
        assert_eq!(here.stats().dropped, Default::default());
    }
}

/// To libzmq an ERROR would be the end of its endpoint.
fn libzmq_is_refused_without_a_word_and_let_in_later(place: &Place) {
    for context in contexts() {
        let Some(mut python) = Python::start() else {
            return;
        };
        let router = Router::new(&context);
        let events = router.monitor();
        let at: Endpoint = router.bind(place.any()).expect("bound");
        let first = dealer(&context, "sensor");
        first.connect(&at).expect("connects");
        router.wait_for_peers(1, PATIENCE).expect("it is there");
        python.ask("new second DEALER");
        python.ask("set second ROUTING_ID :sensor");
        python.ask("set second RECONNECT_IVL 10");
        python.ask(&format!("connect second {at}"));
        python.ask("send_numbers second 0 50");
        for _ in 0..3 {
            wait_for_refusal(&events, &LinkError::DuplicateRoutingId);
        }
        drop(first);
        for count in 0..50 {
            let (from, message) = router.recv_timeout(PATIENCE).expect("received");
            assert_eq!((from, number(&message)), (id("sensor"), count));
        }
        router.send_to(&id("sensor"), "welcome").expect("a route");
        assert_eq!(python.recv("second"), "welcome");
        wait_until("there is one peer", || router.peers().len() == 1);

        let here = Pair::new(&context);
        let events = here.monitor();
        let at = here.bind(place.any()).expect("bound");
        let first = pair(&context);
        first.connect(&at).expect("connects");
        here.wait_for_peers(1, PATIENCE).expect("it is there");
        python.ask("new pair PAIR");
        python.ask("set pair RECONNECT_IVL 10");
        python.ask(&format!("connect pair {at}"));
        python.ask("send_numbers pair 0 50");
        for _ in 0..3 {
            wait_for_refusal(&events, &LinkError::AlreadyPaired);
        }
        drop(first);
        for count in 0..50 {
            assert_eq!(
                number(&here.recv_timeout(PATIENCE).expect("received")),
                count
            );
        }
    }
}

/// There are no pauses there: who is refused waits at the name.
#[test]
fn within_the_process_who_is_refused_is_told_once_and_let_in_when_there_is_room() {
    let context = Context::new();
    let router = Router::new(&context);
    let events = router.monitor();
    let at = router.bind("inproc://router").expect("bound");
    let first = dealer(&context, "sensor");
    first.connect(&at).expect("connects");
    router.wait_for_peers(1, PATIENCE).expect("it is there");
    let others = [0, 1].map(|other| {
        let second = dealer(&context, "sensor");
        let told = second.monitor();
        second.connect(&at).expect("connects");
        for count in 0..50 {
            second
                .send((50 * other + count).to_string())
                .expect("queued");
        }
        wait_for_refusal(&told, &LinkError::DuplicateRoutingId);
        wait_for_refusal(&events, &LinkError::DuplicateRoutingId);
        assert!(second.wait_for_peers(1, Duration::ZERO).is_err());
        second
    });
    first.send("still here").expect("sent");
    let (_, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "still here");
    drop(first);
    for (other, second) in others.into_iter().enumerate() {
        for count in 0..50 {
            let (from, message) = router.recv_timeout(PATIENCE).expect("received");
            assert_eq!((from, number(&message)), (id("sensor"), 50 * other + count));
        }
        router.send_to(&id("sensor"), "welcome").expect("a route");
        assert_eq!(second.recv_timeout(PATIENCE).expect("received"), "welcome");
        let stats = second.stats();
        assert_eq!((stats.handshakes, stats.handshakes_failed), (1, 1));
        assert_eq!(stats.dropped, Default::default());
    }
    assert_eq!(router.stats().dropped, Default::default());

    let here = Pair::new(&context);
    let at = here.bind("inproc://pair").expect("bound");
    let first = pair(&context);
    first.connect(&at).expect("connects");
    here.wait_for_peers(1, PATIENCE).expect("it is there");
    let second = pair(&context);
    let told = second.monitor();
    second.connect(&at).expect("connects");
    second.send("from the second").expect("queued");
    wait_for_refusal(&told, &LinkError::AlreadyPaired);
    let third = pair(&context);
    third.connect(&at).expect("connects");
    third.send("from the third").expect("queued");
    third.disconnect(&at).expect("it waits");
    drop(first);
    assert_eq!(
        here.recv_timeout(PATIENCE).expect("received"),
        "from the second"
    );
    here.send("welcome").expect("sent");
    assert_eq!(second.recv_timeout(PATIENCE).expect("received"), "welcome");
    assert_eq!(third.stats().dropped.unsent, 1);
    assert_eq!(here.stats().dropped, Default::default());
}

/// What waits for a seat waits for the next owner of the name as well.
#[test]
fn within_the_process_who_is_refused_meets_the_next_owner_of_the_name() {
    let context = Context::new();
    for closes in [false, true] {
        let here = pair(&context);
        here.bind("inproc://name").expect("bound");
        let first = pair(&context);
        first.connect("inproc://name").expect("connects");
        here.wait_for_peers(1, PATIENCE).expect("it is there");
        let second = pair(&context);
        let told = second.monitor();
        second.connect("inproc://name").expect("connects");
        second.send("hello").expect("queued");
        wait_for_refusal(&told, &LinkError::AlreadyPaired);
        let kept = if closes {
            drop(here);
            None
        } else {
            here.unbind("inproc://name").expect("it is bound");
            Some(here)
        };
        let next = pair(&context);
        next.bind("inproc://name").expect("it is free");
        assert_eq!(next.recv_timeout(PATIENCE).expect("received"), "hello");
        drop((kept, next, first));
    }
}

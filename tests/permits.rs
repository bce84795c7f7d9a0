//! Room that is reserved for messages to come: a permit is as good as a message that waits, and nobody else gets its room.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use highwater::{
    Context, Dealer, Ended, Linger, Message, Pair, Permit, Pull, Push, ReserveError, SendError,
};
use support::{
    CountingWaker, PATIENCE, Place, block_on, joined, joined_soon, number, over_each_transport,
    over_every_transport, wait_until,
};

over_every_transport!(
    what_waits_and_the_permits_stay_within_the_mark,
    a_permit_that_is_dropped_is_room_for_the_next,
    a_permit_that_is_forgotten_keeps_one_place,
    each_type_reserves_in_its_turn,
    the_permit_of_a_peer_that_has_gone_moves_to_another,
    a_permit_without_a_peer_gets_the_room_of_the_next,
    a_closed_socket_gives_the_message_of_a_permit_back,
    a_reserve_that_is_dropped_keeps_no_room_and_passes_its_wake_up_on,
    the_mark_is_kept_by_many_at_once,
    threads_and_tasks_reserve_and_send_and_nothing_is_lost,
    a_permit_goes_out_without_another_call,
);

// Within the process a connection that was made ends with its peer, and marks in bytes do not count.
over_each_transport!(
    the_message_of_a_permit_waits_for_a_peer_that_comes_back,
    a_permit_leaves_nothing_of_a_mark_in_bytes,
);

fn push(context: &Context, mark: usize) -> Push {
    Push::builder(context)
        .send_high_water_mark(mark)
        .linger(Linger::Discard)
        .build()
}

/// A PUSH whose only peer does not exist yet, so that just as many messages wait as the mark says.
fn lonely(place: &Place, mark: usize) -> (Context, Push, String) {
    let context = Context::new();
    let push = push(&context, mark);
    let at = place.vacant();
    push.connect(at.as_str()).expect("connecting");
    (context, push, at)
}

/// A PUSH that listens, and a PULL that has connected to it.
fn accepted(place: &Place) -> (Context, Push, Pull, String) {
    let context = Context::new();
    let push = push(&context, 100);
    let at = push.bind(place.any()).expect("bound").to_string();
    let pull = comes(&context, &at);
    push.wait_for_peers(1, PATIENCE).expect("connected");
    (context, push, pull, at)
}

fn comes(context: &Context, at: &str) -> Pull {
    let pull = Pull::new(context);
    pull.connect(at).expect("connecting");
    pull
}

/// How many messages still find room.
fn fill(push: &Push) -> usize {
    (0..)
        .take_while(|n| push.try_send(n.to_string()).is_ok())
        .count()
}

fn what_waits_and_the_permits_stay_within_the_mark(place: &Place) {
    let (context, push, at) = lonely(place, 3);
    let first = push.reserve().expect("there is room");
    push.send("a").expect("there is room");
    let second = push.try_reserve().expect("there is room");
    assert_eq!(push.try_reserve().unwrap_err(), ReserveError::Full);
    let in_vain = push.reserve_timeout(Duration::from_millis(10));
    assert_eq!(in_vain.unwrap_err(), ReserveError::Full);
    assert!(push.try_send("refused").is_err());

    second.send("b").expect("there is a place");
    assert!(push.try_send("refused").is_err(), "a place is not two");
    let long = Message::from_iter(vec!["x"; Message::MAX_FRAMES + 1]);
    let refused = first.send(long.clone());
    assert_eq!(refused, Err(SendError::TooManyFrames(long)));
    assert_eq!(fill(&push), 1, "the place was given back");

    let pull = Pull::new(&context);
    pull.bind(at.as_str()).expect("bound");
    for expected in ["a", "b", "0"] {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), expected);
    }
}

fn a_permit_that_is_dropped_is_room_for_the_next(place: &Place) {
    let (_context, push, _at) = lonely(place, 1);
    let permit = push.reserve().expect("there is room");
    let waker = CountingWaker::new();
    let mut reserving = push.reserve_async();
    assert!(waker.poll(&mut reserving).is_pending());
    assert_eq!(waker.calls(), 0);
    drop(permit);
    waker.wait("a place was given back", 0);
    let Poll::Ready(Ok(permit)) = waker.poll(&mut reserving) else {
        panic!("there is a place");
    };
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| push.send_timeout("by a thread", PATIENCE));
        let mut sending = push.send_async("by a task");
        assert!(waker.poll(&mut sending).is_pending());
        let calls = waker.calls();
        drop(permit);
        // One of the two gets the only place; the other one still waits when the socket is closed.
        wait_until("one has sent", || {
            sender.is_finished() || waker.calls() > calls
        });
        let sent = usize::from(matches!(waker.poll(&mut sending), Poll::Ready(Ok(()))));
        let _ = push.close(Duration::ZERO);
        let by_thread = sender.join().expect("ended");
        assert_eq!(sent + usize::from(by_thread.is_ok()), 1);
    });
}

fn a_permit_that_is_forgotten_keeps_one_place(place: &Place) {
    let (_context, push, _at) = lonely(place, 3);
    std::mem::forget(push.reserve().expect("there is room"));
    std::mem::forget(push.reserve().expect("there is room"));
    assert_eq!(fill(&push), 1);
    assert_eq!(push.try_reserve().unwrap_err(), ReserveError::Full);
}

fn each_type_reserves_in_its_turn(place: &Place) {
    let context = Context::new();
    let dealer = Dealer::builder(&context)
        .send_high_water_mark(10)
        .linger(Linger::Discard)
        .build();
    let (one, two) = (place.vacant(), place.vacant());
    dealer.connect(one.as_str()).expect("connecting");
    dealer.connect(two.as_str()).expect("connecting");
    let permits: Vec<Permit> = (0..4)
        .map(|_| dealer.reserve().expect("there is room"))
        .collect();
    for (n, permit) in permits.into_iter().enumerate() {
        permit.send(n.to_string()).expect("there is a place");
    }
    for (at, expected) in [(one, ["0", "2"]), (two, ["1", "3"])] {
        let peer = Dealer::new(&context);
        peer.bind(at.as_str()).expect("bound");
        for message in expected {
            assert_eq!(peer.recv_timeout(PATIENCE).expect("received"), message);
        }
    }

    let pair = Pair::new(&context);
    assert_eq!(pair.try_reserve().unwrap_err(), ReserveError::Full);
    let at = pair.bind(place.any()).expect("bound");
    let peer = Pair::new(&context);
    peer.connect(&at).expect("connecting");
    let permit = block_on("PAIR", pair.reserve_async()).expect("there is room");
    permit.send(["x", "y"]).expect("there is a place");
    assert_eq!(peer.recv_timeout(PATIENCE).expect("received"), ["x", "y"]);
}

fn the_permit_of_a_peer_that_has_gone_moves_to_another(place: &Place) {
    let (context, push, first, at) = accepted(place);
    let permits = [(); 3].map(|()| push.reserve().expect("there is room"));
    let second = comes(&context, &at);
    push.wait_for_peers(2, PATIENCE).expect("connected");
    drop(first);
    wait_until("one is gone", || push.peers().len() == 1);
    for (n, permit) in permits.into_iter().enumerate() {
        permit.send(n.to_string()).expect("the other peer has room");
    }
    for expected in 0..3 {
        let message = second.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number(&message), expected);
    }
    assert_eq!(push.stats().dropped.unsent, 0);
}

fn a_permit_without_a_peer_gets_the_room_of_the_next(place: &Place) {
    let (context, push, first, at) = accepted(place);
    let early = push.reserve().expect("there is room");
    let late = push.reserve().expect("there is room");
    drop(first);
    wait_until("it is gone", || push.peers().is_empty());
    assert_eq!(early.send("a"), Err(SendError::PeerGone("a".into())));
    assert_eq!(push.try_reserve().unwrap_err(), ReserveError::Full);

    let second = comes(&context, &at);
    push.wait_for_peers(1, PATIENCE).expect("connected");
    late.send("b").expect("the next peer has room");
    assert_eq!(second.recv_timeout(PATIENCE).expect("received"), "b");
}

fn the_message_of_a_permit_waits_for_a_peer_that_comes_back(place: &Place) {
    let (context, push, at) = lonely(place, 2);
    let pull = Pull::new(&context);
    pull.bind(at.as_str()).expect("bound");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let permit = push.reserve().expect("there is room");
    drop(pull);
    wait_until("it is gone", || push.peers().is_empty());
    permit.send("a").expect("there is a place");
    assert_eq!(fill(&push), 1);
    let pull = Pull::new(&context);
    wait_until("the address is free", || pull.bind(at.as_str()).is_ok());
    for expected in ["a", "0"] {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), expected);
    }
}

fn a_closed_socket_gives_the_message_of_a_permit_back(place: &Place) {
    let (_context, push, _at) = lonely(place, 2);
    let (one, two) = (push.reserve().expect("room"), push.reserve().expect("room"));
    let waker = CountingWaker::new();
    let mut reserving = push.reserve_async();
    assert!(waker.poll(&mut reserving).is_pending());
    let _ = push.close(Duration::ZERO);
    let refused = one.send(["a", "b"]).expect_err("closed");
    assert_eq!(refused, SendError::Ended(["a", "b"].into(), Ended::Closed));
    drop(two);
    assert_eq!(
        block_on("the end", reserving).unwrap_err(),
        ReserveError::Ended(Ended::Closed)
    );
}

fn a_reserve_that_is_dropped_keeps_no_room_and_passes_its_wake_up_on(place: &Place) {
    let (_context, push, _at) = lonely(place, 1);
    let permit = push.reserve().expect("there is room");
    let (leaves, stays) = (CountingWaker::new(), CountingWaker::new());
    let (mut leaving, mut staying) = (push.reserve_async(), push.reserve_async());
    assert!(leaves.poll(&mut leaving).is_pending());
    assert!(stays.poll(&mut staying).is_pending());
    drop(permit);
    leaves.wait("the first is woken", 0);
    assert_eq!(stays.calls(), 0);
    drop(leaving);
    stays.wait("the wake-up is passed on", 0);
    let Poll::Ready(Ok(permit)) = stays.poll(&mut staying) else {
        panic!("there is a place");
    };
    assert_eq!(fill(&push), 0);
    drop((permit, staying));
    assert_eq!(fill(&push), 1);
    drop(push);
    assert_eq!([&leaves, &stays].map(Arc::strong_count), [1, 1]);
}

/// Whatever many threads do with permits at once, no place is lost and none is made.
fn the_mark_is_kept_by_many_at_once(place: &Place) {
    const MARK: usize = 500;
    let (_context, push, _at) = lonely(place, MARK);
    let sent = AtomicUsize::new(0);
    let kept: Vec<Permit> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (push, sent) = (&push, &sent);
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for n in 0..200 {
                        let Ok(permit) = push.try_reserve() else {
                            continue;
                        };
                        match (n + worker) % 4 {
                            0 => {
                                permit.send("x").expect("there is a place");
                                sent.fetch_add(1, Ordering::Relaxed);
                            }
                            1 => drop(permit),
                            2 => kept.push(permit),
                            _ => {
                                sent.fetch_add(
                                    usize::from(push.try_send("y").is_ok()),
                                    Ordering::Relaxed,
                                );
                            }
                        }
                    }
                    kept
                })
            })
            .collect();
        let all = workers
            .into_iter()
            .map(|worker| worker.join().expect("ended"));
        all.flatten().collect()
    });
    let sent = sent.into_inner();
    assert_eq!(fill(&push), MARK - sent - kept.len());
    let rest = kept.len();
    drop(kept);
    assert_eq!(fill(&push), rest);
}

/// Blocking senders, senders by permit and tasks that are dropped half way, on one socket with little room.
fn threads_and_tasks_reserve_and_send_and_nothing_is_lost(place: &Place) {
    const EACH: usize = 500;
    let context = Context::new();
    let push = Arc::new(push(&context, 5));
    let pull = Pull::builder(&context).receive_high_water_mark(5).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    let mut senders = Vec::new();
    for worker in 0..4 {
        let push = Arc::clone(&push);
        let numbers = worker * EACH..(worker + 1) * EACH;
        senders.push(std::thread::spawn(move || match worker {
            0 => numbers.for_each(|n| push.send(n.to_string()).expect("sent")),
            1 => numbers.for_each(|n| {
                let permit = push.reserve().expect("reserved");
                permit.send(n.to_string()).expect("there is a place");
            }),
            2 => numbers.for_each(|n| {
                let permit = block_on("room", push.reserve_async()).expect("reserved");
                permit.send(n.to_string()).expect("there is a place");
            }),
            _ => {
                let waker = CountingWaker::new();
                for n in numbers {
                    let permit = loop {
                        let mut reserving = push.reserve_async();
                        let calls = waker.calls();
                        if let Poll::Ready(permit) = waker.poll(&mut reserving) {
                            break permit.expect("reserved");
                        }
                        if n % 2 == 0 {
                            waker.wait("room", calls);
                        }
                    };
                    permit.send(n.to_string()).expect("there is a place");
                }
            }
        }));
    }
    let mut seen = vec![false; 4 * EACH];
    for _ in 0..seen.len() {
        let n = number(&pull.recv_timeout(PATIENCE).expect("received"));
        assert!(!std::mem::replace(&mut seen[n], true), "{n} came twice");
    }
    for sender in senders {
        joined_soon("it has sent", sender);
    }
}

fn a_permit_goes_out_without_another_call(place: &Place) {
    let (_context, push, pull, _at) = accepted(place);
    for n in 0..50 {
        let permit = push.reserve().expect("there is room");
        permit.send(n.to_string()).expect("there is a place");
        if n % 10 == 0 {
            push.send("between").expect("sent");
        }
    }
    let receiver = std::thread::spawn(move || {
        let mut numbers = Vec::new();
        while numbers.len() < 50 {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            if message != "between" {
                numbers.push(number(&message));
            }
        }
        numbers
    });
    assert_eq!(joined(receiver), (0..50).collect::<Vec<_>>());
}

fn a_permit_leaves_nothing_of_a_mark_in_bytes(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context)
        .send_high_water_bytes(1000)
        .linger(Linger::Discard)
        .build();
    push.connect(place.vacant().as_str()).expect("connecting");
    let permit = push.reserve().expect("there is room");
    assert_eq!(push.try_reserve().unwrap_err(), ReserveError::Full);
    assert!(
        push.try_send("x").is_err(),
        "nobody knows how long the other will be"
    );
    permit.send(vec![0; 500]).expect("there is a place");
    let permit = push.reserve().expect("there is room");
    permit.send(vec![0; 500]).expect("there is a place");
    assert_eq!(push.try_reserve().unwrap_err(), ReserveError::Full);
}

//! Within the process, a socket that connects may have no place for whom it finds: nothing is lost then without a word.
//!
//! What was sent is received, or is still with who sent it, or stands in a counter of one of the ends.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use highwater::{
    Context, Dealer, DuplicateId, EventKind, LinkError, Pair, Pull, Push, Router, RoutingId, Stats,
};
use support::{MOMENT, PATIENCE, joined, must_end, number, wait_for_event};

const EACH: usize = 40;

/// Messages of this end that stand in a counter as lost.
fn lost(stats: &Stats) -> u64 {
    stats.dropped.unsent + stats.dropped.unread
}

fn id(name: &str) -> RoutingId {
    RoutingId::new(name).expect("a valid id")
}

fn dealer(context: &Context, name: &str) -> Dealer {
    Dealer::builder(context).routing_id(id(name)).build()
}

/// Two names are bound, and connected to, in either order.
fn meet(bound_first: bool, bind: impl Fn(usize, &str), connect: impl Fn(&str)) {
    let names = ["inproc://first", "inproc://second"];
    let bind = || (0..).zip(names).for_each(|(n, name)| bind(n, name));
    if bound_first {
        bind();
    }
    names.into_iter().for_each(connect);
    if !bound_first {
        bind();
    }
}

/// Everything that comes within a moment after the last.
fn all_of(router: &Router) -> Vec<usize> {
    let next = || router.recv_timeout(MOMENT).ok();
    std::iter::from_fn(next)
        .map(|(_, message)| number(&message))
        .collect()
}

/// As many of the next `EACH` numbers from `first` as are taken.
fn send_what_is_taken(dealer: &Dealer, first: usize) -> usize {
    (first..first + EACH)
        .take_while(|n| dealer.send_timeout(n.to_string(), MOMENT / 10).is_ok())
        .count()
}

/// A ROUTER that connects to two names, at each of which is a DEALER with the same id, bound before or after that.
fn two_dealers_with_one_id(policy: DuplicateId, bound_first: bool) {
    let context = Context::new();
    let router = Router::builder(&context).duplicate_id(policy).build();
    let dealers = [dealer(&context, "one"), dealer(&context, "one")];
    meet(
        bound_first,
        |n, name| drop(dealers[n].bind(name).expect("nobody else binds it")),
        |name| router.connect(name).expect("a good name"),
    );
    let sent = [0, 1].map(|n| send_what_is_taken(&dealers[n], n * EACH));
    let mut received = all_of(&router);
    let all_lost = |dealers: &[&Dealer]| -> u64 {
        let of_dealers: u64 = dealers.iter().map(|&dealer| lost(&dealer.stats())).sum();
        of_dealers + lost(&router.stats())
    };
    let [first, second] = &dealers;
    assert_eq!(
        received.len() as u64 + all_lost(&[first, second]),
        (sent[0] + sent[1]) as u64,
        "{policy:?}, {bound_first}: sent {sent:?}"
    );
    match policy {
        // The other waits, with what it has to send, until there is a place for it.
        DuplicateId::Refuse => {
            assert_eq!(
                (sent, all_lost(&[first, second])),
                ([EACH, 0], 0),
                "bound first: {bound_first}"
            );
            let [first, second] = dealers;
            drop(first);
            second
                .wait_for_peers(1, PATIENCE)
                .expect("there is a place for it");
            let more = send_what_is_taken(&second, EACH);
            received.extend(all_of(&router));
            assert_eq!(
                (more, lost(&second.stats()), lost(&router.stats())),
                (EACH, 0, 0)
            );
            assert!(received.into_iter().eq(0..2 * EACH), "each once, in order");
            router
                .send_to(&id("one"), "the answer")
                .expect("it has the id");
            let answer = second.recv_timeout(PATIENCE).expect("received");
            assert_eq!(answer, "the answer");
        }
        // The second has the id from then on.
        _ => {
            assert_eq!(sent[1], EACH);
            router
                .send_to(&id("one"), "the answer")
                .expect("it has the id");
            let answer = dealers[1].recv_timeout(PATIENCE).expect("received");
            assert_eq!(answer, "the answer");
        }
    }
}

#[test]
fn of_two_names_with_one_id_the_second_waits_or_takes_over_and_the_ledger_closes() {
    must_end("two dealers with one id", || {
        for policy in [DuplicateId::Refuse, DuplicateId::HandOver] {
            for bound_first in [true, false] {
                for _ in 0..3 {
                    two_dealers_with_one_id(policy, bound_first);
                }
            }
        }
    });
}

/// Both ends have a say: the one that is bound as well as the one that connects.
#[test]
fn two_routers_with_one_id_at_two_names_lose_nothing() {
    must_end("two routers with one id", || {
        for bound_first in [true, false] {
            let context = Context::new();
            let router = Router::builder(&context).routing_id(id("us")).build();
            let bound = [(); 2].map(|()| Router::builder(&context).routing_id(id("one")).build());
            meet(
                bound_first,
                |n, name| drop(bound[n].bind(name).expect("nobody else binds it")),
                |name| router.connect(name).expect("a good name"),
            );
            let send = |socket: &Router, first: usize| {
                (first..first + EACH)
                    .take_while(|n| socket.send_to(&id("us"), n.to_string()).is_ok())
                    .count()
            };
            bound[0]
                .wait_for_peers(1, PATIENCE)
                .expect("it has a place");
            assert_eq!((send(&bound[0], 0), send(&bound[1], EACH)), (EACH, 0));
            let mut received = all_of(&router);
            let [first, second] = bound;
            drop(first);
            second
                .wait_for_peers(1, PATIENCE)
                .expect("there is a place for it");
            assert_eq!(send(&second, EACH), EACH);
            received.extend(all_of(&router));
            assert!(received.into_iter().eq(0..2 * EACH), "each once, in order");
            assert_eq!((lost(&router.stats()), lost(&second.stats())), (0, 0));
        }
    });
}

/// It has no place for it, and neither has seen a connection: both are told once.
#[test]
fn both_ends_are_told_why_they_do_not_meet() {
    let context = Context::new();
    let router = Router::new(&context);
    let events = router.monitor();
    let (first, second) = (dealer(&context, "one"), dealer(&context, "one"));
    let told = second.monitor();
    first.bind("inproc://first").expect("bound");
    second.bind("inproc://second").expect("bound");
    router.connect("inproc://first").expect("a good name");
    router.connect("inproc://second").expect("a good name");
    for events in [&events, &told] {
        let refused = EventKind::HandshakeFailed(LinkError::DuplicateRoutingId);
        wait_for_event(events, "of the refusal", |kind| *kind == refused);
    }
    assert_eq!((router.peers().len(), second.peers().len()), (1, 0));
    // Whoever has the name next is asked anew.
    let third = dealer(&context, "other");
    drop(second);
    third.bind("inproc://second").expect("the name is free");
    third.wait_for_peers(1, PATIENCE).expect("it has a place");
    third.send("from the other").expect("there is a peer");
    let (from, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!((from, message), (id("other"), "from the other".into()));
    // And who has given up its connection is not.
    drop(third);
    router
        .disconnect("inproc://first")
        .expect("it is connected");
    assert_eq!(router.stats().handshakes_failed, 1);
}

#[test]
fn a_pair_that_connects_to_two_names_has_one_peer_after_the_other() {
    must_end("a pair with two names", || {
        for immediate in [false, true] {
            for bound_first in [true, false] {
                let context = Context::new();
                let pair = Pair::builder(&context).immediate(immediate).build();
                let others = [Pair::new(&context), Pair::new(&context)];
                meet(
                    bound_first,
                    |n, name| drop(others[n].bind(name).expect("nobody else binds it")),
                    |name| pair.connect(name).expect("a good name"),
                );
                let send = |other: &Pair, first: usize| {
                    (first..first + EACH)
                        .take_while(|n| other.send_timeout(n.to_string(), MOMENT / 10).is_ok())
                        .count()
                };
                let [first, second] = others;
                assert_eq!((send(&first, 0), send(&second, EACH)), (EACH, 0));
                let mut received: Vec<usize> = (0..EACH)
                    .map(|_| number(&pair.recv_timeout(PATIENCE).expect("received")))
                    .collect();
                assert_eq!(
                    (
                        lost(&first.stats()),
                        lost(&second.stats()),
                        lost(&pair.stats())
                    ),
                    (0, 0, 0)
                );
                drop(first);
                second
                    .wait_for_peers(1, PATIENCE)
                    .expect("there is a place for it");
                assert_eq!(send(&second, EACH), EACH);
                received.extend((0..EACH).map(|_| {
                    let message = pair.recv_timeout(PATIENCE).expect("received");
                    number(&message)
                }));
                assert!(received.into_iter().eq(0..2 * EACH), "each once, in order");
            }
        }
    });
}

/// As two connections are made while the socket that makes them is kept busy, it hears of both at once.
#[test]
fn who_is_found_at_once_is_admitted_one_by_one() {
    must_end("found at once", || {
        for _ in 0..100 {
            let context = Context::new();
            let router = Router::new(&context);
            router.connect("inproc://first").expect("a good name");
            router.connect("inproc://second").expect("a good name");
            let stop = Arc::new(AtomicBool::new(false));
            let threads = ["inproc://first", "inproc://second"].map(|name| {
                let (dealer, stop) = (dealer(&context, "one"), Arc::clone(&stop));
                std::thread::spawn(move || {
                    dealer.bind(name).expect("nobody else binds it");
                    let mut sent = 0;
                    while sent < EACH && !stop.load(Ordering::Relaxed) {
                        sent += usize::from(dealer.try_send("x").is_ok());
                    }
                    (dealer, sent)
                })
            });
            for _ in 0..EACH {
                router.recv_timeout(PATIENCE).expect("one sends all");
            }
            stop.store(true, Ordering::Relaxed);
            let [first, second] = threads.map(joined);
            let stats = [first.0.stats(), second.0.stats(), router.stats()];
            let all_lost: u64 = stats.iter().map(lost).sum();
            assert_eq!((first.1 + second.1, all_lost), (EACH, 0));
            assert_eq!(first.1.min(second.1), 0, "one has a place");
        }
    });
}

/// The types that refuse nobody.
#[test]
fn others_take_whom_they_find() {
    let context = Context::new();
    let pull = Pull::new(&context);
    let pushes = ["inproc://a", "inproc://b"].map(|name| {
        let push = Push::new(&context);
        push.bind(name).expect("bound");
        pull.connect(name).expect("a good name");
        push
    });
    for push in &pushes {
        push.send("x").expect("there is a peer");
    }
    for _ in &pushes {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
    }
}

//! Whoever goes last, a context or a socket, waits for what lingers; nobody else does.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use highwater::{
    AsSocket, Context, Dealer, Interest, Linger, Poll, Pub, Pull, Push, Rep, Req, Router, Transport,
};
use support::{
    Child, MOMENT, PATIENCE, Place, RawPeer, command, fork, frame, joined, joined_soon, leave,
    must_end, number, over_each_transport, over_every_transport, play_child, wait_until,
};

over_each_transport!(
    each_last_owner_waits,
    who_is_not_last_does_not_wait,
    the_last_owner_waits_no_longer_than_linger_says,
    what_only_refers_to_a_socket_is_no_owner,
    a_process_that_ends_has_sent_everything,
    a_forked_child_waits_for_nothing,
    an_owner_that_goes_on_an_io_thread_does_not_wait_there,
    each_type_that_sends_waits,
    a_peer_that_floods_and_never_closes_keeps_nobody,
);

over_every_transport!(a_peer_of_the_same_context_gets_everything_in_any_order);

const COUNT: usize = 100;

/// A PUSH with messages for somebody who is not there yet.
fn feed(context: &Context, at: &str) -> Push {
    let push = Push::builder(context).linger(Linger::Forever).build();
    push.connect(at).expect("connecting");
    push.send_many((0..COUNT).map(|n| n.to_string()))
        .expect("there is room");
    push
}

/// `drop_all` waits until somebody has come to `at` and has got everything.
fn waits(what: &str, at: &str, drop_all: impl FnOnce() + Send + 'static) {
    let dropping = std::thread::spawn(drop_all);
    std::thread::sleep(MOMENT);
    assert!(!dropping.is_finished(), "{what}: nobody has waited");
    let pull = Pull::new(&Context::new());
    pull.bind(at).expect("bound");
    for expected in 0..COUNT {
        let message = pull.recv_timeout(PATIENCE).expect(what);
        assert_eq!(number(&message), expected, "{what}");
    }
    joined_soon(what, dropping);
}

/// Fields are dropped in their order.
struct ContextFirst {
    _context: Context,
    _push: Push,
}

fn each_last_owner_waits(place: &Place) {
    let at = place.vacant();
    let push = feed(&Context::new(), &at);
    waits("a socket of a temporary context", &at, || drop(push));

    let at = place.vacant();
    let context = Context::new();
    let app = ContextFirst {
        _push: feed(&context, &at),
        _context: context,
    };
    waits("a struct whose context goes first", &at, || drop(app));

    let at = place.vacant();
    let context = Context::builder().io_threads(2).build();
    let (push, other) = (feed(&context, &at), Pull::new(&context));
    drop(context);
    drop(push);
    waits("another socket, with nothing to send", &at, || drop(other));

    let at = place.vacant();
    let context = Context::new();
    let (push, clone) = (feed(&context, &at), context.clone());
    drop(push);
    drop(context);
    waits("a clone of the context", &at, || drop(clone));

    let at = place.vacant();
    let context = Context::new();
    let (push, builder) = (feed(&context, &at), Push::builder(&context));
    drop((context, push));
    waits("a builder", &at, || drop(builder));

    let at = place.vacant();
    let context = Context::new();
    let push = feed(&context, &at);
    context.shutdown();
    drop(context);
    waits("a socket of a context that was shut down", &at, || {
        drop(push)
    });

    let at = place.vacant();
    let push = feed(&Context::new(), &at);
    waits("a socket dropped by a panic", &at, || {
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _push = push;
            std::panic::resume_unwind(Box::new("as planned"));
        }));
        assert!(panicked.is_err());
    });

    let at = place.vacant();
    let context = Context::new();
    let (push, other) = (feed(&context, &at), Push::new(&context));
    drop((context, push));
    waits("a close of what has sent nothing", &at, move || {
        assert_eq!(other.close(Duration::ZERO).lost, 0);
    });

    let at = place.vacant();
    let context = Context::new();
    let threads: Vec<_> = [
        feed(&context, &at),
        Push::new(&context),
        Push::new(&context),
    ]
    .into_iter()
    .collect();
    drop(context);
    waits("sockets that threads drop at the same time", &at, || {
        std::thread::scope(|scope| {
            for push in threads {
                scope.spawn(move || drop(push));
            }
        });
    });
}

fn who_is_not_last_does_not_wait(place: &Place) {
    let at = place.vacant();
    let context = Context::new();
    let (push, other) = (feed(&context, &at), Push::new(&context));
    drop(other);
    drop(push);
    assert!(!context.wait_for_lingering(Duration::ZERO), "they linger");
    waits("the context", &at, || drop(context));

    let at = place.vacant();
    let context = Context::new();
    let (push, last) = (feed(&context, &at), Push::new(&context));
    drop(context);
    drop(push);
    waits("the last socket", &at, || drop(last));
}

fn the_last_owner_waits_no_longer_than_linger_says(place: &Place) {
    for linger in [Linger::Discard, Linger::AtMost(MOMENT)] {
        let push = Push::builder(&Context::new()).linger(linger).build();
        push.connect(place.vacant()).expect("connecting");
        push.send("for nobody").expect("there is room");
        drop(push);
        let push = Push::builder(&Context::new()).linger(linger).build();
        push.bind(place.any()).expect("bound");
        drop(push);
    }
}

fn what_only_refers_to_a_socket_is_no_owner(place: &Place) {
    let (service, elsewhere) = (place.any(), Context::new());
    let at = place.vacant();
    let context = Context::new();
    let push = feed(&context, &at);
    let rep = Rep::new(&context);
    let mut req = Req::builder(&elsewhere).linger(Linger::Discard).build();
    req.connect(rep.bind(service).expect("bound"))
        .expect("connecting");
    let pending = req.send("ask").expect("there is room");
    let request = rep.recv_timeout(PATIENCE).expect("asked");
    let mut poll = Poll::new().expect("a poll");
    poll.add(&push, Interest::WRITABLE);
    let (monitor, reference) = (push.monitor(), push.as_socket());
    drop((context, rep));
    waits("the last socket", &at, || drop(push));
    drop((request, poll, monitor, reference));
    drop(pending);
}

fn each_type_that_sends_waits(place: &Place) {
    // What it takes to have something to send to nobody.
    let at = place.vacant();
    let dealer = Dealer::builder(&Context::new())
        .linger(Linger::Forever)
        .build();
    dealer.connect(&*at).expect("connecting");
    dealer.send("0").expect("there is room");
    let dropping = std::thread::spawn(move || drop(dealer));
    std::thread::sleep(MOMENT);
    assert!(!dropping.is_finished());
    let router = Router::new(&Context::new());
    router.bind(&*at).expect("bound");
    let (_, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!(number(&message), 0);
    joined_soon("the DEALER", dropping);

    // And to have something for a peer that does not read.
    let publisher = Pub::builder(&Context::new())
        .linger(Linger::Forever)
        .send_high_water_mark(None)
        .build();
    let at = publisher.bind(place.any()).expect("bound");
    let sub = highwater::Sub::builder(&Context::new())
        .receive_high_water_mark(1)
        .build();
    sub.subscribe("").expect("open");
    sub.connect(&at).expect("connecting");
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("subscribed");
    let body = Bytes::from(vec![b'x'; 4 << 20]);
    for _ in 0..20 {
        publisher.send(body.clone()).expect("it never waits");
    }
    let dropping = std::thread::spawn(move || drop(publisher));
    std::thread::sleep(MOMENT);
    assert!(!dropping.is_finished());
    for _ in 0..20 {
        assert!(sub.recv_timeout(PATIENCE).expect("received") == body);
    }
    joined_soon("the PUB", dropping);
}

fn a_peer_of_the_same_context_gets_everything_in_any_order(place: &Place) {
    for sender_binds in [false, true] {
        let context = Context::new();
        let (push, pull) = (Push::new(&context), Pull::new(&context));
        if sender_binds {
            pull.connect(push.bind(place.any()).expect("bound"))
        } else {
            push.connect(pull.bind(place.any()).expect("bound"))
        }
        .expect("connecting");
        push.wait_for_peers(1, PATIENCE).expect("connected");
        push.send_many((0..COUNT).map(|n| n.to_string()))
            .expect("there is room");
        drop(context);
        drop(push);
        for expected in 0..COUNT {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(number(&message), expected);
        }
    }
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn child_process() {
    play_child(|words, say, _| match words {
        ["end", order, at] => {
            say("begun");
            match *order {
                "temporary" => {
                    feed(&Context::new(), at);
                }
                _ => {
                    let context = Context::new();
                    let push = feed(&context, at);
                    let _app = ContextFirst {
                        _context: context,
                        _push: push,
                    };
                }
            }
        }
        ["fork", at] => {
            let context = Context::new();
            let push = feed(&context, at);
            drop(context);
            let Some(child) = fork() else {
                leave(|| drop(push));
            };
            child.end("it drops the last socket");
            say("forked");
            assert_eq!(push.close(Duration::ZERO).lost, COUNT);
        }
        other => panic!("no such role: {other:?}"),
    });
}

fn a_process_that_ends_has_sent_everything(place: &Place) {
    for order in ["temporary", "fields"] {
        let at = place.vacant();
        let mut child = Child::start(&format!("end {order} {at}"));
        assert_eq!(child.hear(), "begun");
        let pull = Pull::new(&Context::new());
        pull.bind(&*at).expect("bound");
        for expected in 0..COUNT {
            let message = pull.recv_timeout(PATIENCE).expect(order);
            assert_eq!(number(&message), expected, "{order}");
        }
        child.wait();
    }
}

fn a_forked_child_waits_for_nothing(place: &Place) {
    let mut child = Child::start(&format!("fork {}", place.vacant()));
    assert_eq!(child.hear(), "forked");
    child.wait();
}

/// A body that has an owner, which goes where the last of the message does: on an I/O thread, once it is written.
#[derive(Debug)]
struct Owner {
    bytes: Vec<u8>,
    _push: Push,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn an_owner_that_goes_on_an_io_thread_does_not_wait_there(place: &Place) {
    let context = Context::new();
    let (at, other) = (place.vacant(), place.vacant());
    let carrier = Push::new(&context);
    carrier.connect(&*at).expect("connecting");
    let owner = Owner {
        bytes: vec![b'x'; 100_000],
        _push: feed(&Context::new(), &other),
    };
    carrier
        .send(Bytes::from_owner(owner))
        .expect("there is room");
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    let message = pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message.size(), 100_000);
    // The I/O thread goes on, and so does what lingers.
    carrier.send("more").expect("there is room");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "more");
    let pull = Pull::new(&context);
    pull.bind(&*other).expect("bound");
    for expected in 0..COUNT {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number(&message), expected);
    }
    assert!(place.transport() != Transport::Inproc);
    wait_until("it is out", || carrier.stats().queued_to_send == 0);
    must_end("the rest", move || drop((carrier, pull)));
}

/// A peer to which one message was sent and that sends without end, whatever it is told. It reads meanwhile, or after all.
fn flooded(
    place: &Place,
    context: &Context,
    flood: &[u8],
    meanwhile: bool,
) -> (Dealer, JoinHandle<Vec<u8>>) {
    // Longer than any test waits.
    let linger = Linger::AtMost(100 * PATIENCE);
    let dealer = Dealer::builder(context).linger(linger).build();
    let at = dealer.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("DEALER", &at);
    dealer.send("the message").expect("there is a peer");
    let mut writer = peer.try_clone();
    let flood = flood.to_vec();
    let flooding = std::thread::spawn(move || while writer.send(&flood) {});
    dealer.recv_timeout(PATIENCE).expect("it floods");
    let reading = std::thread::spawn(move || {
        if !meanwhile {
            while !flooding.is_finished() {
                std::thread::sleep(MOMENT);
            }
        }
        let body = loop {
            let (flags, body) = peer.read_frame();
            if flags & 4 == 0 {
                break body;
            }
        };
        peer.wait_for_end();
        joined(flooding);
        body
    });
    (dealer, reading)
}

/// Nothing of ours waits: a peer that goes on sending is not listened to for as long as something may linger.
fn a_peer_that_floods_and_never_closes_keeps_nobody(place: &Place) {
    if place.transport() == Transport::Inproc {
        return;
    }
    let message = |body: &[u8]| frame(body, false);
    let pings = [message(b"x"), command("PING", &[0, 0]).repeat(100)].concat();
    let floods = [
        (message(b"x").repeat(2000), false),
        (message(&[7; 100_000]), false),
        (pings, true),
    ];
    for (flood, meanwhile) in &floods {
        let context = Context::new();
        let (dealer, peer) = flooded(place, &context, flood, *meanwhile);
        drop(context);
        drop(dealer);
        assert_eq!(joined_soon("who floods", peer), b"the message");

        let context = Context::new();
        let (dealer, peer) = flooded(place, &context, flood, *meanwhile);
        assert_eq!(dealer.close(100 * PATIENCE).lost, 0);
        assert_eq!(joined_soon("who floods", peer), b"the message");

        let (dealer, peer) = flooded(place, &context, flood, *meanwhile);
        context.shutdown();
        drop(dealer);
        drop(context);
        assert_eq!(joined_soon("who floods", peer), b"the message");
    }
}

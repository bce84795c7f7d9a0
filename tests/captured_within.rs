//! What lies in a pipe within the process and no call returns: calls come back all the same.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater::{
    Context, Dealer, Interest, Pair, Poll, Proxy, Pub, Pull, Push, RecvError, Rep, Req, Router,
    Sub, TryRecvError,
};
use support::{MOMENT, PATIENCE, joined_soon, must_end};

const BRIEFLY: Duration = Duration::from_millis(20);

/// Looks by each call of `socket`, which finds nothing.
macro_rules! finds_nothing {
    ($socket:expr) => {
        for _ in 0..3 {
            assert_eq!($socket.try_recv().map(drop), Err(TryRecvError::Empty));
            assert_eq!(
                $socket.recv_timeout(BRIEFLY).map(drop),
                Err(RecvError::Timeout)
            );
            let mut poll = Poll::new().expect("descriptors");
            poll.add(&$socket, Interest::READABLE);
            assert!(poll.wait(Some(BRIEFLY)).expect("looked").is_empty());
            assert!(poll.wait(Some(Duration::ZERO)).expect("looked").is_empty());
        }
    };
}

#[test]
fn a_second_peer_of_a_pair_that_has_sent_something_hangs_nothing() {
    must_end("a second peer", || {
        for bound_first in [true, false] {
            let context = Context::new();
            let [pair, first, second] = [0; 3].map(|_| Pair::new(&context));
            if bound_first {
                pair.bind("inproc://pair").expect("bound");
            }
            first.connect("inproc://pair").expect("connecting");
            second.connect("inproc://pair").expect("connecting");
            let _ = second.try_send("nobody hears this");
            if !bound_first {
                pair.bind("inproc://pair").expect("bound");
            }
            let _ = second.try_send("nor this");
            first.wait_for_peers(1, PATIENCE).expect("connected");
            finds_nothing!(pair);
            first.send("heard").expect("sent");
            assert_eq!(pair.recv_timeout(PATIENCE).expect("received"), "heard");
            finds_nothing!(pair);
            drop(pair.stats());
        }
    });
}

#[test]
fn a_second_peer_of_one_routing_id_that_has_sent_something_hangs_nothing() {
    must_end("a second peer", || {
        let context = Context::new();
        let router = Router::new(&context);
        router.bind("inproc://router").expect("bound");
        let dealers = [0; 2].map(|_| {
            let id = highwater::RoutingId::new("the same").expect("valid");
            let dealer = Dealer::builder(&context).routing_id(id).build();
            dealer.connect("inproc://router").expect("connecting");
            let _ = dealer.try_send("hello");
            dealer
        });
        assert_eq!(router.recv_timeout(PATIENCE).expect("received").1, "hello");
        let _ = dealers[1].try_send("again");
        finds_nothing!(router);
        dealers[0].send("more").expect("sent");
        assert_eq!(router.recv_timeout(PATIENCE).expect("received").1, "more");
    });
}

/// Through the untyped face a REP takes no request before it has answered the last: the next one lies there meanwhile.
#[test]
fn a_request_that_has_to_wait_for_an_answer_hangs_no_proxy() {
    must_end("a request that waits", || {
        let context = Context::new();
        let (rep, dealer) = (Rep::new(&context), Dealer::new(&context));
        rep.bind("inproc://front").expect("bound");
        dealer.bind("inproc://back").expect("bound");
        let proxy = Proxy::new(&rep, &dealer).spawn().expect("a thread");
        let worker = Router::new(&context);
        worker.connect("inproc://back").expect("connecting");
        let askers: Vec<_> = (0..2)
            .map(|n| {
                let mut req = Req::new(&context);
                req.connect("inproc://front").expect("connecting");
                std::thread::spawn(move || req.request_timeout(n.to_string(), PATIENCE))
            })
            .collect();
        for _ in 0..2 {
            let (id, question) = worker.recv_timeout(PATIENCE).expect("a request");
            // The other request is there by now, and the proxy has nothing to do.
            std::thread::sleep(MOMENT);
            drop(rep.stats());
            worker.send_to(&id, question).expect("sent");
        }
        for asker in askers {
            joined_soon("an answer", asker).expect("answered");
        }
        proxy.stop();
    });
}

/// SUBSCRIBE and CANCEL from within the process, as fast as they can be sent.
#[test]
fn a_subscriber_within_the_process_that_never_rests_keeps_no_publisher() {
    must_end("a subscriber that never rests", || {
        let context = Context::new();
        let publisher = Pub::new(&context);
        publisher.bind("inproc://news").expect("bound");
        let sub = Sub::new(&context);
        sub.connect("inproc://news").expect("connecting");
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let subscriber = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                sub.subscribe("tick").expect("subscribed");
                sub.unsubscribe("tick").expect("there was one");
            }
            sub.subscribe("the last").expect("subscribed");
            sub
        });
        for _ in 0..2000 {
            publisher.send("tick").expect("sent");
            drop(publisher.stats());
        }
        stop.store(true, Ordering::Relaxed);
        let sub = joined_soon("the end", subscriber);
        publisher
            .wait_for_subscription("the last", 1, PATIENCE)
            .expect("applied");
        drop(sub);
    });
}

/// What is there is still found, whoever looks.
#[test]
fn what_is_there_wakes_whoever_waits_for_it() {
    must_end("what is there", || {
        let context = Context::new();
        let pull = Pull::new(&context);
        pull.bind("inproc://jobs").expect("bound");
        let pushes = [0; 3].map(|_| {
            let push = Push::new(&context);
            push.connect("inproc://jobs").expect("connecting");
            push
        });
        let mut poll = Poll::new().expect("descriptors");
        poll.add(&pull, Interest::READABLE);
        for n in 0..3000 {
            let push = &pushes[n % 3];
            push.send(n.to_string()).expect("sent");
            assert_eq!(poll.wait(Some(PATIENCE)).expect("looked").len(), 1);
            assert_eq!(pull.try_recv().expect("it is there"), n.to_string());
            assert!(poll.wait(Some(Duration::ZERO)).expect("looked").is_empty());
        }
    });
}

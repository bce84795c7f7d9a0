//! What is over stays over: requests that were given up or have failed, and replies and messages to peers that have gone.
//!
//! A service answers late on purpose: first the request that was given up, then the one that is asked now.

mod support;

use std::thread::JoinHandle;
use std::time::Duration;

use highwater::{
    Context, Dealer, Linger, LostPeer, Message, Rep, Req, Request, RequestError, Router, RoutingId,
    Stats,
};
use support::{
    MOMENT, PATIENCE, Place, Python, joined, over_each_transport, over_every_transport, wait_until,
};

over_every_transport!(
    the_answer_is_to_the_last_question_with_a_rep_that_binds,
    the_answer_is_to_the_last_question_with_a_rep_that_connects,
    the_answer_is_to_the_last_question_with_a_router_that_binds,
    the_answer_is_to_the_last_question_with_a_router_that_connects,
    only_the_connection_of_the_request_is_replaced,
    a_request_that_nobody_has_had_is_seen_by_nobody,
    a_request_that_was_given_up_holds_no_context,
    a_request_goes_to_whom_is_there,
    a_request_for_anybody_goes_to_the_first_who_comes,
);

over_each_transport!(
    a_request_that_is_sent_again_and_given_up_is_not_carried_out,
    replies_end_with_the_connection_of_their_request,
    a_router_that_connects_tells_its_peers_apart,
);

/// What a service does with the first request that it has had, if it is asked once more: answers it, before the other.
fn serve_rep(rep: Rep, questions: usize) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        let mut held: Option<Request> = None;
        while seen.len() < questions {
            let request = rep.recv_timeout(PATIENCE).expect("a request");
            let question = request.to_str().expect("text").to_owned();
            if question.starts_with("hold") {
                held = Some(request);
            } else {
                if let Some(late) = held.take() {
                    // Whether it is refused here or lost on its way is all the same.
                    let _ = late.reply("the answer to what was given up");
                }
                request.reply(format!("re: {question}")).expect("it waits");
            }
            seen.push(question);
        }
        let _ = rep.close(PATIENCE);
        seen
    })
}

/// Likewise, written by hand: it expects exactly an id, an empty frame and a body.
fn serve_router(router: Router, questions: usize) -> JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        let mut held = None;
        while seen.len() < questions {
            let (id, request) = router.recv_timeout(PATIENCE).expect("a request");
            assert_eq!(request.frame_count(), 2);
            assert!(request[0].is_empty());
            let question = String::from_utf8_lossy(&request[1]).into_owned();
            if question.starts_with("hold") {
                held = Some(id);
            } else {
                if let Some(late) = held.take() {
                    let _ = router.send_to(&late, ["", "the answer to what was given up"]);
                }
                let answer = ["", &format!("re: {question}")];
                router.send_to(&id, answer).expect("it waits");
            }
            seen.push(question);
        }
        let _ = router.close(PATIENCE);
        seen
    })
}

/// Gives up a request by a timeout, then one by dropping it, and asks others after each.
fn give_up_and_ask(req: &mut Req) {
    for (n, dropped) in [false, true, true, false].into_iter().enumerate() {
        let held = format!("hold {n}");
        if dropped {
            let pending = req.send(held).expect("there is room");
            assert!(!pending.wait(MOMENT));
        } else {
            let outcome = req.request_timeout(held, MOMENT);
            assert_eq!(outcome, Err(RequestError::Timeout));
        }
        for ask in 0..2 {
            let question = format!("ask {n} {ask}");
            let answer = req.request_timeout(&*question, PATIENCE);
            assert_eq!(
                answer.expect("answered"),
                format!("re: {question}").as_str()
            );
        }
    }
    // The I/O thread may have yet to note that the last one is written.
    wait_until("nothing waits", || req.stats().queued_to_send == 0);
}

const ASKED: usize = 4 * 3;

fn in_order() -> Vec<String> {
    let round = |n| {
        [
            format!("hold {n}"),
            format!("ask {n} 0"),
            format!("ask {n} 1"),
        ]
    };
    (0..4).flat_map(round).collect()
}

/// A REQ that makes its connection anew at once, and would not in a minute of its own accord.
fn req(context: &Context) -> Req {
    Req::builder(context)
        .reconnect_interval(Duration::from_secs(100))
        .reconnect_interval_max(Duration::from_secs(100))
        .build()
}

fn the_answer_is_to_the_last_question_with_a_rep_that_binds(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let mut req = req(&context);
    req.connect(rep.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    req.wait_for_peers(1, PATIENCE).expect("connected");
    let service = serve_rep(rep, ASKED);
    give_up_and_ask(&mut req);
    assert_eq!(joined(service), in_order());
}

fn the_answer_is_to_the_last_question_with_a_rep_that_connects(place: &Place) {
    let context = Context::new();
    let rep = Rep::builder(&context)
        .reconnect_interval(Duration::from_millis(1))
        .build();
    let mut req = req(&context);
    rep.connect(req.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    req.wait_for_peers(1, PATIENCE).expect("connected");
    let service = serve_rep(rep, ASKED);
    give_up_and_ask(&mut req);
    assert_eq!(joined(service), in_order());
}

fn the_answer_is_to_the_last_question_with_a_router_that_binds(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let mut req = req(&context);
    req.connect(router.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    req.wait_for_peers(1, PATIENCE).expect("connected");
    let service = serve_router(router, ASKED);
    give_up_and_ask(&mut req);
    assert_eq!(joined(service), in_order());
}

fn the_answer_is_to_the_last_question_with_a_router_that_connects(place: &Place) {
    let context = Context::new();
    let router = Router::builder(&context)
        .reconnect_interval(Duration::from_millis(1))
        .build();
    let mut req = req(&context);
    router
        .connect(req.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    req.wait_for_peers(1, PATIENCE).expect("connected");
    let service = serve_router(router, ASKED);
    give_up_and_ask(&mut req);
    assert_eq!(joined(service), in_order());
}

fn only_the_connection_of_the_request_is_replaced(place: &Place) {
    let context = Context::new();
    let mut req = req(&context);
    let reps: Vec<Rep> = (0..3).map(|_| Rep::new(&context)).collect();
    for rep in &reps {
        let at = rep.bind(place.any().as_str()).expect("bound");
        req.connect(at).expect("connecting");
    }
    req.wait_for_peers(3, PATIENCE).expect("connected");
    let pending = req.send("nobody answers").expect("there is room");
    wait_until("somebody has the request", || {
        reps.iter().any(|rep| rep.try_recv().is_ok())
    });
    assert_eq!(pending.recv_timeout(MOMENT), Err(RequestError::Timeout));
    req.wait_for_peers(3, PATIENCE).expect("connected again");
    let ends = |stats: Stats| stats.disconnects;
    wait_until("one connection ends", || {
        reps.iter().map(|rep| ends(rep.stats())).sum::<u64>() == 1
    });
    assert_eq!(ends(req.stats()), 1);
}

fn a_request_that_nobody_has_had_is_seen_by_nobody(place: &Place) {
    for correlated in [false, true] {
        let context = Context::new();
        let at = place.vacant();
        let mut req = Req::builder(&context)
            .reconnect_interval(Duration::from_millis(1))
            .correlated(correlated)
            .build();
        req.connect(at.as_str()).expect("connecting");
        let outcome = req.request_timeout("transfer", MOMENT);
        assert_eq!(outcome, Err(RequestError::Timeout));
        drop(req.send("transfer").expect("there is room"));
        let stats = req.stats();
        assert_eq!((stats.queued_to_send, stats.dropped.unsent), (0, 2));
        let rep = Rep::new(&context);
        rep.bind(at.as_str()).expect("bound");
        let service = serve_rep(rep, 1);
        let answer = req.request_timeout("balance", PATIENCE);
        assert_eq!(answer.expect("answered"), "re: balance");
        assert_eq!(joined(service), ["balance"]);
    }
}

/// It would not end, for its socket lingers for ever.
fn a_request_that_was_given_up_holds_no_context(place: &Place) {
    for disconnects in [false, true] {
        let context = Context::new();
        let at = place.vacant();
        let mut req = Req::builder(&context).linger(Linger::Forever).build();
        req.connect(at.as_str()).expect("connecting");
        let outcome = req.request_timeout("anybody?", MOMENT);
        assert_eq!(outcome, Err(RequestError::Timeout));
        if disconnects {
            let pending = req.send("anybody?").expect("there is room");
            std::mem::forget(pending);
            req.disconnect(at.as_str()).expect("connected");
        }
        drop((req, context));
    }
}

fn a_request_goes_to_whom_is_there(place: &Place) {
    let context = Context::new();
    let mut req = req(&context);
    for _ in 0..2 {
        req.connect(place.vacant().as_str()).expect("connecting");
    }
    let rep = Rep::new(&context);
    req.connect(rep.bind(place.any().as_str()).expect("bound"))
        .expect("connecting");
    req.connect(place.vacant().as_str()).expect("connecting");
    let service = serve_rep(rep, 8);
    for n in 0..8 {
        let question = format!("{n}");
        let answer = req.request_timeout(&*question, PATIENCE);
        assert_eq!(answer.expect("answered"), format!("re: {n}").as_str());
    }
    joined(service);
}

fn a_request_for_anybody_goes_to_the_first_who_comes(place: &Place) {
    for lost_peer in [LostPeer::Fail, LostPeer::SendAgain] {
        let context = Context::new();
        let (first, second) = (place.vacant(), place.vacant());
        let mut req = Req::builder(&context)
            .reconnect_interval(Duration::from_millis(1))
            .reconnect_interval_max(Duration::from_millis(20))
            .lost_peer(lost_peer)
            .build();
        req.connect(first.as_str()).expect("connecting");
        req.connect(second.as_str()).expect("connecting");
        let pending = req.send("anybody?").expect("there is room");
        let rep = Rep::new(&context);
        rep.bind(second.as_str()).expect("bound");
        let service = serve_rep(rep, 1);
        let answer = pending.recv_timeout(PATIENCE);
        assert_eq!(answer.expect("answered"), "re: anybody?");
        assert_eq!(joined(service), ["anybody?"]);
        let late = Rep::new(&context);
        late.bind(first.as_str()).expect("bound");
        let pending = req.send("again").expect("there is room");
        let request = late.recv_timeout(PATIENCE).expect("a request");
        assert_eq!(request.message(), "again");
        request.reply("yes").expect("it waits");
        assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), "yes");
    }
}

fn a_request_that_is_sent_again_and_given_up_is_not_carried_out(place: &Place) {
    for correlated in [false, true] {
        let context = Context::new();
        let at = place.vacant();
        let mut req = Req::builder(&context)
            .reconnect_interval(Duration::from_millis(1))
            .reconnect_interval_max(Duration::from_millis(20))
            .lost_peer(LostPeer::SendAgain)
            .correlated(correlated)
            .build();
        req.connect(at.as_str()).expect("connecting");
        let rep = Rep::new(&context);
        rep.bind(at.as_str()).expect("bound");
        let pending = req.send("transfer").expect("there is room");
        drop(rep.recv_timeout(PATIENCE).expect("a request"));
        drop(rep);
        assert!(!pending.wait(MOMENT), "it goes to whoever comes next");
        drop(pending);
        let rep = Rep::new(&context);
        wait_until("the address is free", || rep.bind(at.as_str()).is_ok());
        let service = serve_rep(rep, 1);
        let answer = req.request_timeout("balance", PATIENCE);
        assert_eq!(answer.expect("answered"), "re: balance");
        assert_eq!(joined(service), ["balance"]);
    }
}

/// Two frames, of which one has a byte.
const REQUEST: u64 = 2 + 3;

/// More than any kernel takes of a peer that does not read.
const LONG: usize = 32 * 1024 * 1024;

fn replies_end_with_the_connection_of_their_request(place: &Place) {
    let context = Context::new();
    let at = place.vacant();
    let rep = Rep::builder(&context)
        .reconnect_interval(Duration::from_millis(1))
        .reconnect_interval_max(Duration::from_millis(20))
        .build();
    rep.connect(at.as_str()).expect("connecting");
    let first = Dealer::builder(&context).receive_high_water_mark(1).build();
    first.bind(at.as_str()).expect("bound");
    rep.wait_for_peers(1, PATIENCE).expect("connected");
    let before = rep.stats().bytes_received;
    for question in ["1", "2", "3", "4"] {
        first.send(["", question]).expect("sent");
    }
    for _ in 0..3 {
        let request = rep.recv_timeout(PATIENCE).expect("a request");
        request.reply(vec![7; LONG]).expect("it is there");
    }
    wait_until("the last request has come", || {
        rep.stats().bytes_received >= before + 4 * REQUEST
    });
    let _ = first.close(Duration::ZERO);
    wait_until("the first has gone", || rep.stats().disconnects == 1);
    let stats = rep.stats();
    assert_eq!(stats.queued_to_send, 0);
    assert!(stats.dropped.unsent >= 1, "{stats:?}");

    let second = Dealer::new(&context);
    wait_until("the address is free", || second.bind(at.as_str()).is_ok());
    let orphan = rep
        .recv_timeout(PATIENCE)
        .expect("what the first had asked");
    assert_eq!(orphan.message(), "4");
    assert!(orphan.reply("to nobody").is_err());
    second.send(["", "mine"]).expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    assert_eq!(request.message(), "mine");
    request.reply("yours").expect("it waits");
    let answer = second.recv_timeout(PATIENCE).expect("answered");
    assert_eq!(answer, ["", "yours"]);
}

fn a_router_that_connects_tells_its_peers_apart(place: &Place) {
    let context = Context::new();
    let at = place.vacant();
    let router = Router::builder(&context)
        .reconnect_interval(Duration::from_millis(1))
        .reconnect_interval_max(Duration::from_millis(20))
        .build();
    router.connect(at.as_str()).expect("connecting");
    let assigned = RoutingId::new("assigned").expect("valid");
    let other = place.vacant();
    router
        .connect_as(other.as_str(), assigned.clone())
        .expect("connecting");
    router.send_to(&assigned, "whoever it is").expect("queued");

    let mut former: Option<RoutingId> = None;
    let names = [Some("1"), Some("2"), None, None, Some("1")];
    for (lost, name) in (0..).zip(names) {
        let mut builder = Dealer::builder(&context);
        if let Some(name) = name {
            builder = builder.routing_id(RoutingId::new(name).expect("valid"));
        }
        let dealer = builder.build();
        wait_until("the address is free", || dealer.bind(at.as_str()).is_ok());
        dealer.send("hello").expect("sent");
        let (id, hello) = router.recv_timeout(PATIENCE).expect("a hello");
        assert_eq!(hello, "hello");
        if let Some(name) = name {
            assert_eq!(id.as_bytes(), name.as_bytes());
        }
        if let Some(former) = former.take() {
            assert_ne!(id, former);
            assert!(router.send_to(&former, "nobody").is_err());
        }
        router.send_to(&id, "welcome").expect("it is there");
        assert_eq!(dealer.recv_timeout(PATIENCE).expect("welcome"), "welcome");
        assert_eq!(router.stats().dropped.unsent, lost);
        let before = router.stats().disconnects;
        let _ = dealer.close(Duration::ZERO);
        wait_until("it has gone", || router.stats().disconnects > before);
        router.send_to(&id, "a secret").expect("queued");
        former = Some(id);
    }

    let dealer = Dealer::builder(&context)
        .routing_id(RoutingId::new("announced").expect("valid"))
        .build();
    dealer.bind(other.as_str()).expect("bound");
    let message = dealer.recv_timeout(PATIENCE).expect("queued for it");
    assert_eq!(message, "whoever it is");
    dealer.send("hello").expect("sent");
    let (id, _) = router.recv_timeout(PATIENCE).expect("a hello");
    assert_eq!(id, assigned);
}

/// Gives up one request and asks another, of libzmq's `kind` behind `at`.
fn ask_libzmq(req: &mut Req, python: &mut Python, kind: &str, numbered: bool) {
    let answer = |request: &Message, body: &str| -> Message {
        let mut frames: Vec<Vec<u8>> = request
            .frames()
            .iter()
            .map(|frame| frame.to_vec())
            .collect();
        frames.pop();
        frames.push(body.as_bytes().to_vec());
        frames.into_iter().collect()
    };
    for n in 0..3 {
        let before = req.stats().handshakes;
        let outcome = req.request_timeout("given up", MOMENT);
        assert_eq!(outcome, Err(RequestError::Timeout), "{kind}");
        wait_until("there is another connection", || {
            numbered || req.stats().handshakes > before
        });
        let late = python.recv("service");
        python.send("service", &answer(&late, "late"));
        let pending = req.send(format!("{n}")).expect("there is room");
        let request = python.recv("service");
        let last = request.frames().last().expect("a body");
        assert_eq!(last.as_ref(), n.to_string().as_bytes(), "{kind}");
        python.send("service", &answer(&request, &n.to_string()));
        let answer = pending.recv_timeout(PATIENCE).expect("answered");
        assert_eq!(answer, n.to_string().as_str(), "{kind}");
    }
}

#[test]
fn libzmq_answers_the_last_question_whoever_binds() {
    let Some(mut python) = Python::start() else {
        return;
    };
    for kind in ["REP", "ROUTER"] {
        for place in [
            Place::new(highwater::Transport::Tcp),
            Place::new(highwater::Transport::Ipc),
        ] {
            for binds in [false, true] {
                let context = Context::new();
                // A REP of libzmq that connects keeps its late answers for whom it finds next: these take numbers.
                let mut req = Req::builder(&context).correlated(binds).build();
                python.ask(&format!("new service {kind}"));
                if binds {
                    let at = req.bind(place.any().as_str()).expect("bound");
                    python.ask(&format!("connect service {at}"));
                } else {
                    let at = place.vacant();
                    python.ask(&format!("bind service {at}"));
                    req.connect(at.as_str()).expect("connecting");
                }
                req.wait_for_peers(1, PATIENCE).expect("connected");
                ask_libzmq(&mut req, &mut python, kind, binds);
                python.ask("close service");
            }
        }
    }
}

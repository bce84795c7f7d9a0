//! REQ and REP: each request has its reply, or a clear end.

mod support;

use std::sync::mpsc::channel;
use std::time::Duration;

use highwater::{
    Context, Dealer, Ended, Linger, LostPeer, Rep, ReplyError, Req, Request, RequestError, Router,
    SocketType,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, frame, joined, over_each_transport, over_every_transport,
    wait_until,
};

over_every_transport!(
    a_request_has_its_reply,
    requests_are_answered_out_of_order_and_from_many_threads,
    a_pool_of_threads_shares_one_socket,
    a_late_reply_is_dropped_and_counted_and_not_taken_for_the_next,
    dropping_the_pending_gives_the_request_up,
    what_is_pending_can_be_waited_for,
    a_reply_that_was_not_read_is_dropped_with_its_request,
    a_request_whose_peer_goes_fails,
    a_request_whose_peer_goes_is_sent_to_another_if_so_configured,
    a_request_without_a_peer_comes_back,
    a_request_dropped_unanswered_is_counted,
    a_reply_to_a_peer_that_has_gone_comes_back,
    a_reply_through_a_closed_socket_comes_back,
    a_request_knows_its_peer,
);

// With a raw peer, or with a connection that is lost and comes back.
over_each_transport!(
    a_reply_to_a_peer_without_room_comes_back,
    a_closing_service_notices_that_nobody_waits_any_more,
    what_has_no_envelope_is_dropped_and_counted,
);

fn pair(place: &Place, context: &Context) -> (Req, Rep) {
    let rep = Rep::new(context);
    let at = rep.bind(place.any().as_str()).expect("bound");
    let req = Req::builder(context)
        .correlated(true)
        .linger(Linger::Discard)
        .build();
    req.connect(&at).expect("connects");
    (req, rep)
}

fn a_request_has_its_reply(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let service = std::thread::spawn(move || {
        for _ in 0..200 {
            let request = rep.recv_timeout(PATIENCE).expect("a request");
            let reply = [&b"re:"[..], &request[0]].concat();
            request.reply(reply).expect("the peer waits");
        }
        rep
    });
    for number in 0..200 {
        let reply = req
            .request_timeout(format!("{number}"), PATIENCE)
            .expect("a reply");
        assert_eq!(reply, format!("re:{number}"));
    }
    let rep = joined(service);
    assert_eq!(rep.stats().dropped, highwater::Dropped::default());
}

fn requests_are_answered_out_of_order_and_from_many_threads(place: &Place) {
    const CLIENTS: usize = 6;
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any().as_str()).expect("bound");
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let mut req = Req::new(&context);
            req.connect(&at).expect("connects");
            std::thread::spawn(move || {
                let reply = req.request_timeout(format!("{number}"), PATIENCE);
                assert_eq!(reply.expect("a reply"), format!("re:{number}"));
            })
        })
        .collect();
    let mut requests: Vec<Request> = (0..CLIENTS)
        .map(|_| rep.recv_timeout(PATIENCE).expect("a request"))
        .collect();
    requests.sort_by_key(|request| std::cmp::Reverse(support::number(request)));
    let threads: Vec<_> = requests
        .into_iter()
        .map(|request| {
            std::thread::spawn(move || {
                let reply = format!("re:{}", support::number(&request));
                request.reply(reply).expect("the peer waits");
            })
        })
        .collect();
    threads.into_iter().for_each(joined);
    clients.into_iter().for_each(joined);
}

fn a_pool_of_threads_shares_one_socket(place: &Place) {
    const EACH: usize = 100;
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any().as_str()).expect("bound");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Ok(request) = rep.recv() {
                    let reply = request.message().clone();
                    request.reply(reply).expect("the peer waits");
                }
            });
        }
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let mut req = Req::new(&context);
                req.connect(&at).expect("connects");
                scope.spawn(move || {
                    for number in 0..EACH {
                        let asked = format!("{client}.{number}");
                        let reply = req.request_timeout(asked.as_str(), PATIENCE);
                        assert_eq!(reply.expect("a reply"), asked);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().expect("no client fails");
        }
        context.shutdown();
    });
}

fn a_late_reply_is_dropped_and_counted_and_not_taken_for_the_next(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let pending = req.send("first").expect("the socket is free");
    let first = rep.recv_timeout(PATIENCE).expect("a request");
    let expired = pending.recv_timeout(MOMENT);
    assert_eq!(expired, Err(RequestError::Timeout));

    let pending = req.send("second").expect("the socket is free");
    let second = rep.recv_timeout(PATIENCE).expect("a request");
    assert_eq!(second.message(), &"second");
    first.reply("late").expect("nobody told the service");
    second.reply("in time").expect("the peer waits");
    assert_eq!(pending.recv_timeout(PATIENCE).expect("a reply"), "in time");
    assert_eq!(req.stats().dropped.late_reply, 1);
}

fn dropping_the_pending_gives_the_request_up(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let pending = req.send("never mind").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    drop(pending);
    request.reply("late").expect("nobody told the service");
    let pending = req.send("again").expect("the socket is free");
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    request.reply("here").expect("the peer waits");
    assert_eq!(pending.recv_timeout(PATIENCE).expect("a reply"), "here");
    assert_eq!(req.stats().dropped.late_reply, 1);
}

fn what_is_pending_can_be_waited_for(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let pending = req.send("ping").expect("sent");
    assert!(!pending.wait(Duration::ZERO));
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    assert!(!pending.wait(MOMENT));
    request.reply("pong").expect("the peer waits");
    assert!(pending.wait(PATIENCE));
    assert!(pending.wait(Duration::ZERO), "it stays so");
    assert_eq!(pending.recv().expect("a reply"), "pong");
}

fn a_reply_that_was_not_read_is_dropped_with_its_request(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let pending = req.send("ping").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    request.reply("unread").expect("the peer waits");
    assert!(pending.wait(PATIENCE));
    drop(pending);
    assert_eq!(req.stats().dropped.late_reply, 1);
    let pending = req.send("ping").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    request.reply("read").expect("the peer waits");
    assert_eq!(pending.recv().expect("a reply"), "read");
}

fn a_request_whose_peer_goes_fails(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let pending = req.send("are you well?").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    drop(rep);
    let outcome = pending.recv_timeout(PATIENCE);
    assert_eq!(outcome, Err(RequestError::PeerGone));
    drop(request);

    // The socket is free, and its next peer answers.
    let rep = Rep::new(&context);
    let at = rep.bind(place.any().as_str()).expect("bound");
    req.connect(&at).expect("connects");
    let answer = std::thread::spawn(move || {
        let request = rep.recv_timeout(PATIENCE).expect("a request");
        request.reply("well").expect("the peer waits");
        rep
    });
    // The first attempt may go to the lost peer, which is in the rotation until it comes back.
    while req.request_timeout("and you?", MOMENT).is_err() {
        assert!(!answer.is_finished(), "answered, and not received");
    }
    joined(answer);
}

fn a_request_whose_peer_goes_is_sent_to_another_if_so_configured(place: &Place) {
    let context = Context::new();
    let mut req = Req::builder(&context)
        .lost_peer(LostPeer::SendAgain)
        .build();
    let at = req.bind(place.any().as_str()).expect("bound");
    let connect = || {
        let rep = Rep::new(&context);
        rep.connect(&at).expect("connects");
        rep
    };
    let mortal = connect();
    let pending = req.send(["two", "frames"]).expect("sent");
    let request = mortal.recv_timeout(PATIENCE).expect("a request");
    drop(mortal);
    drop(request);
    let heir = connect();
    let request = heir.recv_timeout(PATIENCE).expect("the request again");
    assert_eq!(request.message(), &["two", "frames"]);
    request.reply("done").expect("the peer waits");
    assert_eq!(pending.recv_timeout(PATIENCE).expect("a reply"), "done");
}

fn a_request_without_a_peer_comes_back(place: &Place) {
    let context = Context::new();
    let mut req = Req::new(&context);
    req.bind(place.any().as_str()).expect("bound");
    let refused = req.request_timeout("hello?", Duration::from_millis(10));
    assert_eq!(refused, Err(RequestError::NotSent("hello?".into())));
    context.shutdown();
    assert_eq!(
        req.request("hello?"),
        Err(RequestError::Ended(Ended::Terminated))
    );
}

fn a_request_dropped_unanswered_is_counted(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let pending = req.send("?").expect("sent");
    drop(rep.recv_timeout(PATIENCE).expect("a request"));
    assert_eq!(rep.stats().dropped.unanswered, 1);
    assert_eq!(pending.recv_timeout(MOMENT), Err(RequestError::Timeout));
}

fn a_reply_to_a_peer_that_has_gone_comes_back(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let pending = req.send("quick").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    drop(pending);
    drop(req);
    wait_until("the peer is gone", || rep.peers().is_empty());
    let refused = request.reply("slow");
    assert_eq!(refused, Err(ReplyError::PeerGone("slow".into())));
    assert_eq!(rep.stats().dropped.unanswered, 0, "it is no fault of ours");
}

fn a_reply_through_a_closed_socket_comes_back(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = pair(place, &context);
    let pending = req.send("quick").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    drop(pending);
    drop(rep);
    let refused = request.reply("slow");
    assert_eq!(
        refused,
        Err(ReplyError::Ended("slow".into(), Ended::Closed))
    );
}

fn a_reply_to_a_peer_without_room_comes_back(place: &Place) {
    let context = Context::new();
    let rep = Rep::builder(&context).send_high_water_mark(2).build();
    let at = rep.bind(place.any().as_str()).expect("bound");
    // It asks and asks, and reads no reply.
    let mut deaf = RawPeer::connect_as("DEALER", &at);
    let large = vec![7; 4 << 20];
    let mut replies = 0;
    let refused = loop {
        deaf.send(&[frame(b"", true), frame(b"?", false)].concat());
        let request = rep.recv_timeout(PATIENCE).expect("a request");
        match request.reply(large.as_slice()) {
            Ok(()) => replies += 1,
            Err(refused) => break refused,
        }
    };
    assert!(replies >= 2, "two wait, whatever the kernel takes");
    assert_eq!(refused, ReplyError::Full(large.into()));
}

fn a_closing_service_notices_that_nobody_waits_any_more(place: &Place) {
    let context = Context::new();
    let rep = Rep::builder(&context).send_high_water_mark(2).build();
    let at = rep.bind(place.any().as_str()).expect("bound");
    let mut deaf = RawPeer::connect_as("DEALER", &at);
    loop {
        deaf.send(&[frame(b"", true), frame(b"?", false)].concat());
        let request = rep.recv_timeout(PATIENCE).expect("a request");
        if request.reply(vec![7; 4 << 20]).is_err() {
            break;
        }
    }
    // The service has just read its link itself, and lets go of it before it hears that the peer is gone.
    drop(deaf);
    assert_eq!(rep.close(Duration::from_secs(3600)).sent, 0);
}

fn what_has_no_envelope_is_dropped_and_counted(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any().as_str()).expect("bound");
    let mut raw = RawPeer::connect_as("DEALER", &at);
    raw.send(&frame(b"bare", false));
    raw.send(&[frame(b"a", true), frame(b"b", false)].concat());
    raw.send(&[frame(b"", true), frame(b"proper", false)].concat());
    let request = rep.recv_timeout(PATIENCE).expect("a request");
    assert_eq!(request.message(), &"proper");
    assert_eq!(rep.stats().dropped.malformed, 2);
    request.reply("fine").expect("the peer waits");
    assert_eq!(raw.read_frame(), (1, vec![]));
    assert_eq!(raw.read_frame(), (0, b"fine".to_vec()));

    // The other way round: a service that answers a REQ without envelope.
    let router = Router::new(&context);
    let at = router.bind(place.any().as_str()).expect("bound");
    let mut req = Req::new(&context);
    req.connect(&at).expect("connects");
    let pending = req.send("ask").expect("sent");
    let (id, asked) = router.recv_timeout(PATIENCE).expect("a request");
    assert_eq!(asked, ["", "ask"]);
    router.send_to(&id, "bare").expect("sent");
    router.send_to(&id, ["", "answer"]).expect("sent");
    assert_eq!(pending.recv_timeout(PATIENCE).expect("a reply"), "answer");
    assert_eq!(req.stats().dropped.malformed, 1);
}

fn a_request_knows_its_peer(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any().as_str()).expect("bound");
    let dealer = Dealer::new(&context);
    dealer.connect(&at).expect("connects");
    dealer.send(["address", "", "?"]).expect("sent");
    let (sender, receiver) = channel();
    sender
        .send(rep.recv_timeout(PATIENCE).expect("a request"))
        .expect("a request may travel");
    let request = receiver.recv().expect("it has arrived");
    let peer = request.peer().expect("it is there");
    assert_eq!(peer.socket_type, Some(SocketType::Dealer));
    assert_eq!(peer.endpoint, at);
    assert_eq!(request.hops(), 1);
    request.reply("!").expect("the peer waits");
    assert_eq!(
        dealer.recv_timeout(PATIENCE).expect("a reply"),
        ["address", "", "!"]
    );
}

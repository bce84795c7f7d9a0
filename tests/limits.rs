//! What no socket takes, whoever sends it and however: messages of too many frames, topics that are too long.

mod support;

use highwater::{
    Context, Dealer, Frame, MAX_TOPIC, Message, Pair, Proxy, Pub, Pull, Push, Rep, ReplyError, Req,
    RequestError, RouteError, Router, RoutingId, SendError, Sub, SubscribeError, TrySendError,
    XPub, XSub,
};
use support::{
    PATIENCE, Place, RawPeer, command, frame, over_each_transport, over_every_transport, wait_until,
};

over_every_transport!(
    a_message_of_too_many_frames_comes_back_and_the_largest_arrives,
    what_is_too_much_with_its_envelope_comes_back_as_well,
    a_proxy_counts_what_has_become_too_much_on_its_way,
    a_topic_that_is_too_long_is_refused_and_the_longest_works,
);

over_each_transport!(a_strangers_topic_that_is_too_long_is_counted_and_it_stays);

/// So many frames, the first of them `first` and the others empty.
fn frames(first: &str, count: usize) -> Message {
    let first = Frame::from(first.as_bytes());
    let empty = std::iter::repeat_n(Frame::from(&b""[..]), count - 1);
    let frames = std::iter::once(first).chain(empty).collect();
    Message::from_frames(frames).expect("at least one")
}

fn a_message_of_too_many_frames_comes_back_and_the_largest_arrives(place: &Place) {
    let context = Context::new();
    let (most, more) = (
        frames("a", Message::MAX_FRAMES),
        frames("a", Message::MAX_FRAMES + 1),
    );
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connects");
    assert_eq!(
        push.send(more.clone()),
        Err(SendError::TooManyFrames(more.clone()))
    );
    assert_eq!(
        push.try_send(more.clone()),
        Err(TrySendError::TooManyFrames(more.clone()))
    );
    assert_eq!(
        push.send_timeout(more.clone(), PATIENCE),
        Err(SendError::TooManyFrames(more.clone()))
    );
    assert_eq!(
        push.send_many([Message::from("first"), more.clone(), Message::from("never")])
            .map_err(SendError::from),
        Err(SendError::TooManyFrames(more.clone()))
    );
    push.send(most.clone()).expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "first");
    assert!(pull.recv_timeout(PATIENCE).expect("received") == most);
    assert_eq!(push.stats().messages_sent, 2);
    assert_eq!(push.stats().dropped, Default::default());

    let (publisher, sub) = (Pub::new(&context), Sub::new(&context));
    sub.subscribe("a").expect("subscribed");
    sub.connect(publisher.bind(place.any()).expect("bound"))
        .expect("connects");
    publisher.wait_for_subscribers(1, PATIENCE).expect("there");
    assert!(publisher.send(more.clone()) == Err(SendError::TooManyFrames(more.clone())));
    assert_eq!(publisher.send(most.clone()).expect("sent").sent, 1);
    assert!(sub.recv_timeout(PATIENCE).expect("received") == most);

    let (one, other) = (Pair::new(&context), Pair::new(&context));
    one.connect(other.bind(place.any()).expect("bound"))
        .expect("connects");
    assert!(one.send(more.clone()) == Err(SendError::TooManyFrames(more.clone())));
    one.send(most.clone()).expect("sent");
    assert!(other.recv_timeout(PATIENCE).expect("received") == most);

    let (router, dealer) = (
        Router::new(&context),
        Dealer::builder(&context)
            .routing_id(RoutingId::new("desk").expect("short"))
            .build(),
    );
    dealer
        .connect(router.bind(place.any()).expect("bound"))
        .expect("connects");
    assert!(dealer.send(more.clone()) == Err(SendError::TooManyFrames(more.clone())));
    dealer.send(most.clone()).expect("sent");
    let (desk, message) = router.recv_timeout(PATIENCE).expect("received");
    assert!(message == most);
    assert!(router.send_to(&desk, more.clone()) == Err(RouteError::TooManyFrames(more)));
    router.send_to(&desk, most.clone()).expect("sent");
    assert!(dealer.recv_timeout(PATIENCE).expect("received") == most);
}

fn what_is_too_much_with_its_envelope_comes_back_as_well(place: &Place) {
    let context = Context::new();
    let (mut req, rep) = (Req::new(&context), Rep::new(&context));
    req.connect(rep.bind(place.any()).expect("bound"))
        .expect("connects");
    let more = frames("a", Message::MAX_FRAMES - 1);
    let refused = req.request_timeout(more.clone(), PATIENCE);
    assert!(refused == Err(RequestError::TooManyFrames(more)));
    let most = frames("a", Message::MAX_FRAMES - 2);
    let pending = req.send(most.clone()).expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("received");
    assert!(*request == most);
    request.reply(most.clone()).expect("replied");
    assert!(pending.recv_timeout(PATIENCE).expect("answered") == most);

    let pending = req.send("again").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("received");
    let more = frames("a", Message::MAX_FRAMES);
    assert!(request.reply(more.clone()) == Err(ReplyError::TooManyFrames(more)));
    assert_eq!(rep.stats().dropped.unanswered, 1);
    drop(pending);
    drop(req);

    // The handles work on.
    let mut req = Req::new(&context);
    req.connect(rep.bind(place.any()).expect("bound"))
        .expect("connects");
    let pending = req.send("last").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("received");
    request.reply("done").expect("replied");
    assert_eq!(pending.recv_timeout(PATIENCE).expect("answered"), "done");
}

/// A ROUTER puts the sender's id before the message.
fn a_proxy_counts_what_has_become_too_much_on_its_way(place: &Place) {
    let context = Context::new();
    let (front, back) = (Router::new(&context), Dealer::new(&context));
    let dealer = Dealer::new(&context);
    dealer
        .connect(front.bind(place.any()).expect("bound"))
        .expect("connects");
    let router = Router::new(&context);
    router
        .connect(back.bind(place.any()).expect("bound"))
        .expect("connects");
    let proxy = Proxy::new(&front, &back).spawn().expect("a thread");
    dealer
        .send(frames("a", Message::MAX_FRAMES))
        .expect("as many as may be");
    dealer.send("next").expect("sent");
    let (_, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!(&message[1], b"next");
    assert_eq!(proxy.statistics().undeliverable, 1);
}

fn a_topic_that_is_too_long_is_refused_and_the_longest_works(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any()).expect("bound");
    let (longest, longer) = ("t".repeat(MAX_TOPIC), "t".repeat(MAX_TOPIC + 1));
    let sub = Sub::new(&context);
    assert_eq!(sub.subscribe(&longer), Err(SubscribeError::TopicTooLong));
    assert_eq!(sub.unsubscribe(&longer), Ok(false));
    for topic in ["short", &longest] {
        sub.subscribe(topic).expect("subscribed");
    }
    sub.connect(&at).expect("connects");
    let xsub = XSub::builder(&context).verbose_unsubscribe(true).build();
    xsub.connect(&at).expect("connects");
    assert_eq!(xsub.subscribe(&longer), Err(SubscribeError::TopicTooLong));
    assert_eq!(xsub.unsubscribe(&longer), Ok(false));
    for kind in [0, 1] {
        let message = Message::from([&[kind], longer.as_bytes()].concat());
        assert!(xsub.send(message.clone()) == Err(SendError::TopicTooLong(message.clone())));
        assert!(xsub.try_send(message.clone()) == Err(TrySendError::TopicTooLong(message)));
    }
    xsub.send([&[1], longest.as_bytes()].concat())
        .expect("subscribed");
    publisher
        .wait_for_subscription(&longest, 2, PATIENCE)
        .expect("both are there");
    for message in [&longest, "short"] {
        publisher.send(message).expect("sent");
        assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), message);
    }
    sub.unsubscribe(&longest).expect("it had it");
    wait_until("it is cancelled", || {
        publisher.subscription_count(&longest) == 1
    });
    let stats = publisher.stats();
    assert_eq!((stats.dropped.too_many_topics, stats.disconnects), (0, 0));
}

/// As libzmq lets its users subscribe.
fn a_strangers_topic_that_is_too_long_is_counted_and_it_stays(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let xpub = XPub::new(&context);
    let pull = Pull::new(&context);
    let mut peers = Vec::new();
    for (at, kind) in [
        (publisher.bind(place.any()).expect("bound"), "SUB"),
        (xpub.bind(place.any()).expect("bound"), "SUB"),
        (pull.bind(place.any()).expect("bound"), "PUSH"),
    ] {
        let mut peer = RawPeer::connect_as(kind, &at);
        for length in [MAX_TOPIC + 1, 100_000, 2_000_000] {
            let topic = vec![b't'; length];
            peer.send(&command("SUBSCRIBE", &topic));
            peer.send(&command("CANCEL", &topic));
            if kind == "SUB" {
                peer.send(&frame(&[&[1], &topic[..]].concat(), false));
                peer.send(&frame(&[&[0], &topic[..]].concat(), false));
            }
        }
        peer.send(&command("SUBSCRIBE", b"short"));
        peer.send(&frame(b"\x01other", false));
        if kind == "PUSH" {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, "\x01other");
        }
        peers.push(peer);
    }
    for topic in ["short", "other"] {
        publisher
            .wait_for_subscription(topic, 1, PATIENCE)
            .expect("it subscribes");
        xpub.wait_for_subscription(topic, 1, PATIENCE)
            .expect("it subscribes");
    }
    for stats in [publisher.stats(), xpub.stats()] {
        assert_eq!((stats.dropped.too_many_topics, stats.disconnects), (6, 0));
    }
    assert_eq!(pull.stats().disconnects, 0);
}

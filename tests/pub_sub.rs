//! PUB and SUB, XPUB and XSUB: everybody gets what they asked for, and a slow one alone pays for it.

mod support;

use std::time::Duration;

use highwater::{
    Context, Ended, Event, EventKind, Linger, LinkError, Notices, Pub, Pull, Push, Report,
    SendError, SlowSubscriber, Sub, TryRecvError, TrySendError, Upstream, WaitError, XPub, XSub,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, command, frame, joined, over_each_transport,
    over_every_transport, wait_for_event, wait_until,
};

over_every_transport!(
    a_subscriber_gets_what_begins_with_its_topics_and_nothing_else,
    waiting_for_subscribers_counts_peers_and_ends_in_time,
    an_unsubscribed_topic_ends,
    a_subscriber_that_goes_is_forgotten,
    many_subscribers_get_everything_whole,
    matching_can_be_inverted,
    an_xpub_sees_the_first_and_the_last_subscription,
    an_xpub_can_see_every_subscription,
    the_application_of_a_manual_xpub_decides,
    a_welcome_comes_first,
    an_xsub_subscribes_by_sending_and_may_speak_upstream,
    topics_beyond_the_bound_are_dropped_and_counted,
);

// With a raw peer, or with a connection that is lost and comes back.
over_each_transport!(
    subscriptions_are_sent_whole_on_each_reconnect,
    a_slow_subscriber_loses_its_own_messages_only_and_that_is_told,
    where_nothing_may_be_dropped_a_send_waits_for_all,
    where_nothing_may_be_dropped_the_going_of_the_slow_one_frees_the_others,
    a_slow_subscriber_can_be_evicted,
    conflating_keeps_the_latest_message_whole,
    subscriptions_may_come_as_messages,
    what_a_subscriber_says_to_a_pub_is_dropped_and_counted,
);

const LARGE: usize = 1 << 20;

fn subscriber(context: &Context, at: &highwater::Endpoint, topics: &[&str]) -> Sub {
    let sub = Sub::new(context);
    for topic in topics {
        sub.subscribe(topic).expect("subscribed");
    }
    sub.connect(at).expect("connects");
    sub
}

/// A subscriber to everything that does not read.
fn deaf(at: &highwater::Endpoint) -> RawPeer {
    let mut peer = RawPeer::connect_as("SUB", at);
    peer.send(&command("SUBSCRIBE", b""));
    peer
}

fn sent(sent: usize) -> (usize, usize) {
    (sent, 0)
}

fn counts(report: Report) -> (usize, usize) {
    (report.sent, report.dropped)
}

/// Sends large messages until one is dropped for somebody; how many that took.
fn fill(publisher: &Pub, mut each: impl FnMut()) -> usize {
    let body = vec![b'x'; LARGE];
    let mut count = 0;
    loop {
        count += 1;
        let report = publisher
            .send(["big", ""].map(str::as_bytes))
            .expect("sent");
        each();
        if report.dropped > 0 {
            return count;
        }
        let report = publisher.send(body.as_slice()).expect("sent");
        each();
        count += 1;
        if report.dropped > 0 {
            return count;
        }
    }
}

fn is_dropping_started(kind: &EventKind) -> bool {
    matches!(kind, EventKind::DroppingStarted)
}

fn a_subscriber_gets_what_begins_with_its_topics_and_nothing_else(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let report = publisher.send("nobody is there").expect("never waits");
    assert_eq!(counts(report), (0, 0));

    let weather = subscriber(&context, &at, &["weather.", "time"]);
    let all = subscriber(&context, &at, &[""]);
    let none = subscriber(&context, &at, &[]);
    publisher
        .wait_for_subscribers(2, PATIENCE)
        .expect("two subscribe");
    for (topic, takers) in [("weather.nyc", 2), ("weather", 1), ("timely", 2), ("", 1)] {
        let report = publisher.send([topic, "body"]).expect("sent");
        assert_eq!(counts(report), sent(takers), "{topic:?}");
    }
    for topic in ["weather.nyc", "timely"] {
        let message = weather.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, [topic, "body"]);
    }
    for topic in ["weather.nyc", "weather", "timely", ""] {
        let message = all.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, [topic, "body"]);
    }
    assert_eq!(weather.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(none.try_recv(), Err(TryRecvError::Empty));
}

fn waiting_for_subscribers_counts_peers_and_ends_in_time(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let first = subscriber(&context, &at, &["a", "ab"]);
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("one subscribes");
    assert_eq!(
        publisher.wait_for_subscribers(2, MOMENT),
        Err(WaitError::Timeout),
        "one peer with two topics is one subscriber"
    );
    publisher
        .wait_for_subscription("abc", 1, PATIENCE)
        .expect("a prefix will do");
    assert_eq!(publisher.subscription_count("x"), 0);
    let later = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| publisher.wait_for_subscription("x", 2, PATIENCE));
        first.subscribe("x").expect("subscribed");
        let later = subscriber(&context, &at, &[""]);
        waiting.join().expect("no panic").expect("two want it");
        later
    });
    assert_eq!(publisher.subscriber_count(), 2);
    drop(later);
    let waiting = std::thread::spawn(move || publisher.wait_for_subscribers(9, PATIENCE));
    context.shutdown();
    assert_eq!(joined(waiting), Err(WaitError::Ended(Ended::Terminated)));
}

fn an_unsubscribed_topic_ends(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let sub = subscriber(&context, &at, &["a", "a", "b"]);
    publisher
        .wait_for_subscription("b", 1, PATIENCE)
        .expect("subscribed");
    assert_eq!(sub.unsubscribe("a"), Ok(true));
    assert_eq!(sub.unsubscribe("never"), Ok(false));
    publisher.send("a: still").expect("sent");
    assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "a: still");
    assert_eq!(sub.unsubscribe("a"), Ok(true));
    assert_eq!(sub.topic_count(), 1);
    publisher.send("a: not for you").expect("sent");
    publisher.send("b").expect("sent");
    assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "b");
    wait_until("the publisher knows", || {
        publisher.subscription_count("a") == 0
    });
}

fn subscriptions_are_sent_whole_on_each_reconnect(place: &Place) {
    let context = Context::new();
    let endpoint = place.vacant();
    let sub = Sub::builder(&context)
        .reconnect_interval(Duration::from_millis(5))
        .build();
    sub.connect(endpoint.as_str()).expect("connects");
    for topic in ["a", "b", "c"] {
        sub.subscribe(topic).expect("subscribed");
    }
    for round in 0..3 {
        let publisher = Pub::new(&context);
        publisher.bind(endpoint.as_str()).expect("bound");
        for topic in ["a", "b", "d"] {
            if topic != "d" || round > 0 {
                publisher
                    .wait_for_subscription(topic, 1, PATIENCE)
                    .expect("subscribed");
            }
        }
        for topic in ["a", "b", "c", "d"] {
            publisher.send([topic, "news"]).expect("sent");
        }
        let mut expected = vec!["a", "b"];
        expected.push(if round == 0 { "c" } else { "d" });
        for topic in expected {
            let message = sub.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, [topic, "news"], "in round {round}");
        }
        drop(publisher);
        wait_until("the publisher is gone", || sub.peers().is_empty());
        if round == 0 {
            sub.subscribe("d").expect("subscribed without a publisher");
            assert_eq!(sub.unsubscribe("c"), Ok(true));
        }
    }
}

fn a_subscriber_that_goes_is_forgotten(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let sub = subscriber(&context, &at, &["a"]);
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("subscribed");
    drop(sub);
    wait_until("it is forgotten", || publisher.subscriber_count() == 0);
    assert_eq!(counts(publisher.send("a").expect("sent")), (0, 0));
    assert_eq!(publisher.topic_count(), 0);
}

fn many_subscribers_get_everything_whole(place: &Place) {
    const MESSAGES: usize = 500;
    const SUBSCRIBERS: usize = 20;
    let context = Context::new();
    let publisher = Pub::builder(&context)
        .slow_subscriber(SlowSubscriber::Refuse)
        .build();
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let readers: Vec<_> = (0..SUBSCRIBERS)
        .map(|_| {
            let sub = subscriber(&context, &at, &[""]);
            std::thread::spawn(move || {
                for number in 0..MESSAGES {
                    let message = sub.recv_timeout(PATIENCE).expect("received");
                    let body = vec![number as u8; 37 * number];
                    assert_eq!(message, [number.to_string().as_bytes(), &body]);
                }
            })
        })
        .collect();
    publisher
        .wait_for_subscribers(SUBSCRIBERS, PATIENCE)
        .expect("all subscribe");
    for number in 0..MESSAGES {
        let message = [
            number.to_string().into_bytes(),
            vec![number as u8; 37 * number],
        ];
        let report = publisher.send_timeout(message, PATIENCE).expect("sent");
        assert_eq!(counts(report), sent(SUBSCRIBERS));
    }
    readers.into_iter().for_each(joined);
}

fn a_slow_subscriber_loses_its_own_messages_only_and_that_is_told(place: &Place) {
    let context = Context::new();
    let publisher = Pub::builder(&context)
        .send_high_water_mark(4)
        .linger(Linger::Discard)
        .build();
    let events = publisher.monitor();
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let quick = subscriber(&context, &at, &[""]);
    let mut slow = deaf(&at);
    publisher
        .wait_for_subscribers(2, PATIENCE)
        .expect("both subscribe");

    let published = fill(&publisher, || {
        quick
            .recv_timeout(PATIENCE)
            .expect("the quick one misses nothing");
    });
    let Event { peer, .. } = wait_for_event(&events, "of dropping", is_dropping_started);
    let lost = publisher.stats().peers;
    let lost: Vec<_> = lost
        .iter()
        .filter(|peer| peer.dropped.slow_subscriber > 0)
        .collect();
    assert_eq!(lost.len(), 1, "only one loses anything");
    assert_eq!(
        (lost[0].dropped.slow_subscriber, Some(&lost[0].peer.address)),
        (1, peer.as_ref())
    );
    for _ in 0..3 {
        assert_eq!(counts(publisher.send("more").expect("sent")), (1, 1));
        quick
            .recv_timeout(PATIENCE)
            .expect("the quick one misses nothing");
    }
    assert_eq!(publisher.stats().dropped.slow_subscriber, 4);

    // It reads on, and has missed four and no more.
    let mut read = 0;
    while read < published - 1 {
        let (flags, _) = slow.read_frame();
        read += usize::from(flags & 1 == 0);
    }
    let stopped = wait_for_event(&events, "that dropping has stopped", |kind| {
        matches!(kind, EventKind::DroppingStopped { .. })
    });
    assert_eq!(stopped.kind, EventKind::DroppingStopped { missed: 4 });
    assert_eq!(counts(publisher.send("again").expect("sent")), sent(2));
    assert_eq!(slow.read_frame(), (0, b"again".to_vec()));
}

fn where_nothing_may_be_dropped_a_send_waits_for_all(place: &Place) {
    let context = Context::new();
    let publisher = Pub::builder(&context)
        .send_high_water_mark(2)
        .slow_subscriber(SlowSubscriber::Refuse)
        .linger(Linger::Discard)
        .build();
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let quick = subscriber(&context, &at, &[""]);
    let mut slow = deaf(&at);
    publisher
        .wait_for_subscribers(2, PATIENCE)
        .expect("both subscribe");
    let body = vec![b'x'; LARGE];
    let mut taken = 0;
    let refused = loop {
        match publisher.try_send(body.as_slice()) {
            Ok(report) => assert_eq!(counts(report), sent(2)),
            Err(refused) => break refused,
        }
        quick.recv_timeout(PATIENCE).expect("received");
        taken += 1;
    };
    assert_eq!(refused, TrySendError::Full(body.clone().into()));
    let refused = publisher.send_timeout("late", Duration::from_millis(10));
    assert_eq!(refused, Err(SendError::Timeout("late".into())));
    assert_eq!(quick.recv_timeout(MOMENT).ok(), None, "nobody got it");

    let waiting = std::thread::spawn(move || {
        let report = publisher.send_timeout("at last", PATIENCE);
        (publisher, report)
    });
    for _ in 0..taken {
        assert_eq!(slow.read_frame().1.len(), LARGE);
    }
    let (publisher, report) = joined(waiting);
    assert_eq!(report.map(counts), Ok(sent(2)));
    assert_eq!(slow.read_frame(), (0, b"at last".to_vec()));
    assert_eq!(quick.recv_timeout(PATIENCE).expect("received"), "at last");
    assert_eq!(publisher.stats().dropped.slow_subscriber, 0);
}

fn where_nothing_may_be_dropped_the_going_of_the_slow_one_frees_the_others(place: &Place) {
    let context = Context::new();
    let publisher = Pub::builder(&context)
        .send_high_water_mark(2)
        .slow_subscriber(SlowSubscriber::Refuse)
        .build();
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let slow = deaf(&at);
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("it subscribes");
    while publisher.try_send(vec![b'x'; LARGE]).is_ok() {}
    let waiting = std::thread::spawn(move || publisher.send_timeout("x", PATIENCE).map(counts));
    std::thread::sleep(MOMENT);
    drop(slow);
    assert_eq!(joined(waiting), Ok((0, 0)));
}

fn a_slow_subscriber_can_be_evicted(place: &Place) {
    let context = Context::new();
    let publisher = Pub::builder(&context)
        .send_high_water_mark(2)
        .slow_subscriber(SlowSubscriber::Evict)
        .build();
    let events = publisher.monitor();
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let quick = subscriber(&context, &at, &[""]);
    let mut slow = deaf(&at);
    publisher
        .wait_for_subscribers(2, PATIENCE)
        .expect("both subscribe");
    fill(&publisher, || {
        quick
            .recv_timeout(PATIENCE)
            .expect("the quick one misses nothing");
    });
    wait_for_event(&events, "of the eviction", |kind| {
        matches!(
            kind,
            EventKind::Disconnected {
                cause: LinkError::Evicted,
                ..
            }
        )
    });
    publisher.send("on we go").expect("sent");
    assert_eq!(quick.recv_timeout(PATIENCE).expect("received"), "on we go");
    slow.wait_for_end();
}

fn conflating_keeps_the_latest_message_whole(place: &Place) {
    let context = Context::new();
    let endpoint = place.vacant();
    let push = Push::builder(&context).conflate(true).build();
    push.connect(endpoint.as_str()).expect("connects");
    for number in 0..10 {
        push.send(["latest", &number.to_string()]).expect("sent");
    }
    assert_eq!(push.stats().dropped.conflated, 9);
    let pull = Pull::new(&context);
    pull.bind(endpoint.as_str()).expect("bound");
    let message = pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, ["latest", "9"]);

    let publisher = Pub::builder(&context).conflate(true).build();
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let mut slow = deaf(&at);
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("it subscribes");
    let mut published = 0;
    while publisher.stats().dropped.conflated < 3 {
        published += 1;
        let body = vec![published; LARGE];
        let report = publisher.send(["all".as_bytes(), &body]).expect("sent");
        assert_eq!(counts(report), sent(1), "never full");
    }
    let mut last = 0;
    while last < published {
        assert_eq!(slow.read_frame(), (1, b"all".to_vec()));
        let (_, body) = slow.read_frame();
        assert_eq!(body.len(), LARGE);
        assert!(body[0] > last, "in order");
        last = body[0];
    }
}

fn matching_can_be_inverted(place: &Place) {
    let context = Context::new();
    let publisher = Pub::builder(&context).invert_matching(true).build();
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let sub = Sub::builder(&context).invert_matching(true).build();
    sub.subscribe("noise").expect("subscribed");
    sub.connect(&at).expect("connects");
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("subscribed");
    assert_eq!(counts(publisher.send("noise!").expect("sent")), (0, 0));
    assert_eq!(counts(publisher.send("signal").expect("sent")), sent(1));
    assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "signal");
}

fn subscribe(topic: &'static str) -> Upstream {
    Upstream::Subscribe(topic.into())
}

fn cancel(topic: &'static str) -> Upstream {
    Upstream::Cancel(topic.into())
}

fn an_xpub_sees_the_first_and_the_last_subscription(place: &Place) {
    let context = Context::new();
    let xpub = XPub::new(&context);
    let at = xpub.bind(place.any().as_str()).expect("bound");
    let first = subscriber(&context, &at, &["a"]);
    assert_eq!(xpub.recv_timeout(PATIENCE), Ok(subscribe("a")));
    let second = subscriber(&context, &at, &["a", "b"]);
    assert_eq!(xpub.recv_timeout(PATIENCE), Ok(subscribe("b")));
    assert_eq!((xpub.subscriber_count(), xpub.topic_count()), (2, 2));
    drop(first);
    wait_until("one is left", || xpub.subscriber_count() == 1);
    second.unsubscribe("a").expect("unsubscribed");
    assert_eq!(xpub.recv_timeout(PATIENCE), Ok(cancel("a")));
    assert_eq!(counts(xpub.send("b").expect("sent")), sent(1));
    drop(second);
    assert_eq!(xpub.recv_timeout(PATIENCE), Ok(cancel("b")));
    assert_eq!(xpub.try_recv(), Err(TryRecvError::Empty));
}

fn an_xpub_can_see_every_subscription(place: &Place) {
    let context = Context::new();
    let xpub = XPub::builder(&context).notices(Notices::Every).build();
    let at = xpub.bind(place.any().as_str()).expect("bound");
    let subs = [(); 2].map(|()| subscriber(&context, &at, &["a"]));
    for _ in &subs {
        assert_eq!(xpub.recv_timeout(PATIENCE), Ok(subscribe("a")));
    }
    drop(subs);
    for _ in 0..2 {
        assert_eq!(xpub.recv_timeout(PATIENCE), Ok(cancel("a")));
    }
    assert_eq!(xpub.option("notices").as_deref(), Ok("every"));
    xpub.set_option("notices", "first_and_last")
        .expect("at any time");
    let _subs = [(); 2].map(|()| subscriber(&context, &at, &["a"]));
    assert_eq!(xpub.recv_timeout(PATIENCE), Ok(subscribe("a")));
    xpub.wait_for_subscription("a", 2, PATIENCE).expect("both");
    assert_eq!(xpub.try_recv(), Err(TryRecvError::Empty));
}

fn the_application_of_a_manual_xpub_decides(place: &Place) {
    let context = Context::new();
    let xpub = XPub::builder(&context).manual(true).build();
    let at = xpub.bind(place.any().as_str()).expect("bound");
    let sub = subscriber(&context, &at, &["public", "secret"]);
    let mut asked = Vec::new();
    for _ in 0..2 {
        match xpub.recv_timeout(PATIENCE) {
            Ok(Upstream::Subscribe(topic)) => {
                assert!(topic != "public" || xpub.grant("public"));
                asked.push(topic);
            }
            other => panic!("{other:?}"),
        }
    }
    asked.sort();
    assert_eq!(asked, ["public", "secret"]);
    assert_eq!(counts(xpub.send("secret").expect("sent")), (0, 0));
    assert_eq!(counts(xpub.send("public").expect("sent")), sent(1));
    assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), "public");
    assert!(xpub.revoke("public"));
    assert!(!xpub.revoke("public"));
    assert_eq!(counts(xpub.send("public").expect("sent")), (0, 0));
}

fn a_welcome_comes_first(place: &Place) {
    let context = Context::new();
    let xpub = XPub::builder(&context)
        .welcome(highwater::Message::from(["hello", "you"]))
        .build();
    let at = xpub.bind(place.any().as_str()).expect("bound");
    let sub = subscriber(&context, &at, &["hello"]);
    let message = sub.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, ["hello", "you"]);
}

fn an_xsub_subscribes_by_sending_and_may_speak_upstream(place: &Place) {
    let context = Context::new();
    let xpub = XPub::new(&context);
    let at = xpub.bind(place.any().as_str()).expect("bound");
    let xsub = XSub::new(&context);
    xsub.connect(&at).expect("connects");
    xsub.wait_for_peers(1, PATIENCE).expect("connected");
    xsub.send(b"\x01a").expect("sent");
    xsub.subscribe("b").expect("subscribed");
    xsub.send(["up", "stream"]).expect("sent");
    xsub.pass_on(cancel("b")).expect("sent");
    assert_eq!(xsub.topic_count(), 1);
    let expected = [
        subscribe("a"),
        subscribe("b"),
        Upstream::Message(["up", "stream"].into()),
        cancel("b"),
    ];
    let mut seen: Vec<_> = (0..4)
        .map(|_| xpub.recv_timeout(PATIENCE).expect("received"))
        .collect();
    // Commands may overtake messages.
    let by_text = |upstream: &Upstream| format!("{upstream:?}");
    seen.sort_by_key(by_text);
    let mut sorted = expected.to_vec();
    sorted.sort_by_key(by_text);
    assert_eq!(seen, sorted);
    assert_eq!(counts(xpub.send("a1").expect("sent")), sent(1));
    assert_eq!(counts(xpub.send("b1").expect("sent")), (0, 0));
    assert_eq!(xsub.recv_timeout(PATIENCE).expect("received"), "a1");
}

fn topics_beyond_the_bound_are_dropped_and_counted(place: &Place) {
    let context = Context::new();
    let publisher = Pub::builder(&context)
        .topic_bytes_per_peer(1000_usize)
        .build();
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let topics: Vec<String> = (0..100)
        .map(|number| format!("topic {number:03}"))
        .collect();
    let greedy = Sub::new(&context);
    for topic in &topics {
        greedy.subscribe(topic).expect("subscribed");
    }
    greedy.connect(&at).expect("connects");
    wait_until("the rest is dropped", || {
        let dropped = publisher.stats().dropped.too_many_topics;
        dropped > 0 && publisher.topic_count() + dropped as usize == 100
    });
    assert_eq!(publisher.topic_count(), 1000 / (256 + 9));
}

fn subscriptions_may_come_as_messages(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let mut old = RawPeer::connect_as("SUB", &at);
    old.send(&frame(b"\x01a", false));
    publisher
        .wait_for_subscription("a", 1, PATIENCE)
        .expect("subscribed");
    publisher.send("a message").expect("sent");
    assert_eq!(old.read_frame(), (0, b"a message".to_vec()));
    old.send(&frame(b"\x00a", false));
    wait_until("it is cancelled", || publisher.subscriber_count() == 0);
}

fn what_a_subscriber_says_to_a_pub_is_dropped_and_counted(place: &Place) {
    let context = Context::new();
    let publisher = Pub::new(&context);
    let at = publisher.bind(place.any().as_str()).expect("bound");
    let mut talker = RawPeer::connect_as("XSUB", &at);
    talker.send(&[frame(b"do you", true), frame(b"hear me?", false)].concat());
    talker.send(&command("SUBSCRIBE", b""));
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("the subscription is heard");
    assert_eq!(publisher.stats().dropped.unexpected, 1);
}

/// As over a wire, where the marks of both sides add up.
#[test]
fn within_the_process_a_slow_subscriber_loses_its_own_messages_or_is_evicted() {
    for slow_subscriber in [SlowSubscriber::DropNewest, SlowSubscriber::Evict] {
        let context = Context::new();
        let publisher = Pub::builder(&context)
            .slow_subscriber(slow_subscriber)
            .send_high_water_mark(2)
            .build();
        let events = publisher.monitor();
        let at = publisher.bind("inproc://news").expect("bound");
        let quick = subscriber(&context, &at, &[""]);
        let slow = Sub::builder(&context).receive_high_water_mark(3).build();
        slow.subscribe("").expect("subscribed");
        slow.connect(&at).expect("connects");
        publisher
            .wait_for_subscribers(2, PATIENCE)
            .expect("both subscribe");
        for number in 0..5 {
            assert_eq!(
                counts(publisher.send(number.to_string()).expect("sent")),
                sent(2)
            );
        }
        assert_eq!(counts(publisher.send("5").expect("sent")), (1, 1));
        wait_for_event(&events, "of dropping", is_dropping_started);
        let after = counts(publisher.send("6").expect("sent"));
        match slow_subscriber {
            SlowSubscriber::Evict => {
                assert_eq!(after, sent(1), "it is gone at once");
                let is_evicted = |kind: &EventKind| {
                    let cause = LinkError::Evicted;
                    *kind == EventKind::Disconnected { cause, lost: 0 }
                };
                wait_for_event(&events, "of the eviction", is_evicted);
            }
            _ => assert_eq!(after, (1, 1)),
        }
        for number in 0..7 {
            let message = quick.recv_timeout(PATIENCE).expect("received");
            assert_eq!(support::number(&message), number);
        }
        for number in 0..5 {
            let message = slow.recv_timeout(PATIENCE).expect("received");
            assert_eq!(support::number(&message), number);
        }
        assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
    }
}

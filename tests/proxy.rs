//! The proxy: two sockets joined, watched and steered.

mod support;

use std::time::Duration;

use highwater::{
    Context, Dealer, Notices, Proxy, ProxyStats, Pub, Pull, Push, Rep, Req, Router, SlowSubscriber,
    Sub, TryRecvError, XPub, XSub,
};
use support::{MOMENT, PATIENCE, Place, joined, joined_soon, over_every_transport, wait_until};

over_every_transport!(
    requests_and_replies_pass_through_two_brokers,
    publications_go_down_and_subscriptions_up,
    whatever_an_xpub_shows_subscriptions_end_upstream,
    a_streamer_is_a_pipeline_with_one_more_stage,
    high_water_marks_work_across_a_proxy,
    a_publisher_that_refuses_holds_up_the_proxy_and_loses_nothing,
    the_going_of_a_slow_subscriber_frees_a_proxy,
    a_retired_frontend_loses_nothing_that_waits_for_a_slow_subscriber,
    a_capture_socket_sees_everything_and_holds_up_nothing,
    a_proxy_can_be_paused_resumed_and_stopped,
    a_proxy_ends_with_its_sockets,
    one_socket_may_be_both_sides,
    what_a_router_cannot_deliver_is_counted,
);

fn requests_and_replies_pass_through_two_brokers(place: &Place) {
    const CLIENTS: usize = 4;
    const EACH: usize = 50;
    let context = Context::new();
    let (outer, inner) = (Router::new(&context), Dealer::new(&context));
    let entry = outer.bind(place.any().as_str()).expect("bound");
    let (front, back) = (Router::new(&context), Dealer::new(&context));
    inner
        .connect(front.bind(place.any().as_str()).expect("bound"))
        .expect("connects");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let brokers = [
        Proxy::new(&outer, &inner).spawn().expect("a thread"),
        Proxy::new(&front, &back).spawn().expect("a thread"),
    ];
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let rep = Rep::new(&context);
            rep.connect(&exit).expect("connects");
            scope.spawn(move || {
                while let Ok(request) = rep.recv() {
                    assert_eq!(request.hops(), 2);
                    let reply = request.message().clone().with_first("re");
                    request.reply(reply).expect("the broker takes it");
                }
            });
        }
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut req = Req::new(&context);
                req.connect(&entry).expect("connects");
                scope.spawn(move || {
                    for number in 0..EACH {
                        let asked = format!("{client}.{number}");
                        let reply = req.request_timeout(asked.as_str(), PATIENCE);
                        assert_eq!(reply.expect("a reply"), ["re", &asked]);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().expect("no client fails");
        }
        context.shutdown();
    });
    for broker in brokers {
        let ProxyStats {
            frontend, backend, ..
        } = broker.join();
        let all = (CLIENTS * EACH) as u64;
        assert_eq!(
            (frontend.messages_received, backend.messages_sent),
            (all, all)
        );
        assert_eq!(
            (backend.messages_received, frontend.messages_sent),
            (all, all)
        );
    }
}

fn publications_go_down_and_subscriptions_up(place: &Place) {
    let context = Context::new();
    let (front, back) = (XSub::new(&context), XPub::new(&context));
    let entry = front.bind(place.any().as_str()).expect("bound");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let _forwarder = Proxy::new(&front, &back).spawn().expect("a thread");
    let publisher = Pub::new(&context);
    publisher.connect(&entry).expect("connects");
    let sub = Sub::new(&context);
    sub.subscribe("a").expect("subscribed");
    sub.connect(&exit).expect("connects");
    publisher
        .wait_for_subscription("a", 1, PATIENCE)
        .expect("it went up");
    assert_eq!(publisher.send("b").expect("sent").sent, 0);
    assert_eq!(publisher.send(["a", "1"]).expect("sent").sent, 1);
    assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), ["a", "1"]);
    drop(sub);
    wait_until("the cancel went up", || publisher.subscriber_count() == 0);
}

/// However often each subscriber has asked for its topic, and through however many proxies.
fn whatever_an_xpub_shows_subscriptions_end_upstream(place: &Place) {
    for notices in [
        Notices::FirstAndLast,
        Notices::EverySubscribe,
        Notices::Every,
    ] {
        let context = Context::new();
        let publisher = Pub::new(&context);
        let mut at = publisher.bind(place.any().as_str()).expect("bound");
        let mut proxies = Vec::new();
        for _ in 0..2 {
            let front = XSub::new(&context);
            front.connect(&at).expect("connects");
            let back = XPub::builder(&context).notices(notices).build();
            at = back.bind(place.any().as_str()).expect("bound");
            let proxy = Proxy::new(&front, &back).spawn().expect("a thread");
            proxies.push((proxy, front, back));
        }
        let mut subs = Vec::new();
        for times in [1, 3, 2] {
            let sub = Sub::new(&context);
            sub.connect(&at).expect("connects");
            sub.wait_for_peers(1, PATIENCE).expect("connected");
            for _ in 0..times {
                sub.subscribe("a").expect("subscribed");
            }
            subs.push((sub, times));
        }
        let send = || publisher.send("a").expect("sent").sent;
        wait_until("all of them are subscribed", || {
            send();
            subs.iter()
                .all(|(sub, _)| sub.stats().messages_received > 0 || sub.try_recv().is_ok())
        });
        let (first, times) = subs.remove(1);
        for _ in 0..times {
            first.unsubscribe("a").expect("unsubscribed");
        }
        drop(subs.pop());
        let (last, _) = &subs[0];
        while last.try_recv().is_ok() {}
        for _ in 0..20 {
            send();
            assert_eq!(last.recv_timeout(PATIENCE).expect("still there"), "a");
        }
        drop(subs);
        wait_until("the topic has ended upstream", || {
            publisher.topic_count() == 0
        });
    }
}

fn a_streamer_is_a_pipeline_with_one_more_stage(place: &Place) {
    const MESSAGES: usize = 20_000;
    let context = Context::new();
    let (front, back) = (Pull::new(&context), Push::new(&context));
    let entry = front.bind(place.any().as_str()).expect("bound");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let streamer = Proxy::new(&front, &back).spawn().expect("a thread");
    let source = Push::new(&context);
    source.connect(&entry).expect("connects");
    let sink = Pull::new(&context);
    sink.connect(&exit).expect("connects");
    let feeding = std::thread::spawn(move || {
        for number in 0..MESSAGES {
            source.send(number.to_string()).expect("sent");
        }
        source
    });
    for number in 0..MESSAGES {
        let message = sink.recv_timeout(PATIENCE).expect("received");
        assert_eq!(support::number(&message), number);
    }
    joined(feeding);
    let stats = streamer.stop();
    assert_eq!(stats.frontend.messages_received, MESSAGES as u64);
    assert_eq!(stats.backend.messages_sent, MESSAGES as u64);
    assert_eq!(stats.frontend.bytes_received, stats.backend.bytes_sent);
    assert_eq!(stats.backend.messages_received, 0);
}

fn high_water_marks_work_across_a_proxy(place: &Place) {
    let context = Context::new();
    let front = Pull::builder(&context).receive_high_water_mark(2).build();
    let back = Push::builder(&context).send_high_water_mark(2).build();
    let entry = front.bind(place.any().as_str()).expect("bound");
    back.bind(place.any().as_str()).expect("bound");
    let streamer = Proxy::new(&front, &back).spawn().expect("a thread");
    let source = Push::builder(&context)
        .send_high_water_mark(2)
        .linger(highwater::Linger::Discard)
        .build();
    source.connect(&entry).expect("connects");
    // There is nobody behind the proxy: in the end even the source is mute.
    while source
        .send_timeout(vec![7; 1 << 20], Duration::from_millis(500))
        .is_ok()
    {}
    assert_eq!(streamer.statistics().frontend.messages_received, 0);
}

fn a_publisher_that_refuses_holds_up_the_proxy_and_loses_nothing(place: &Place) {
    const MESSAGES: usize = 400;
    let context = Context::new();
    let front = XSub::builder(&context).receive_high_water_mark(4).build();
    let back = XPub::builder(&context)
        .slow_subscriber(SlowSubscriber::Refuse)
        .send_high_water_mark(4)
        .build();
    let entry = front.bind(place.any().as_str()).expect("bound");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let forwarder = Proxy::new(&front, &back).spawn().expect("a thread");
    let slow = Sub::builder(&context).receive_high_water_mark(4).build();
    slow.subscribe("slow").expect("subscribed");
    slow.connect(&exit).expect("connects");
    let source = Pub::builder(&context)
        .slow_subscriber(SlowSubscriber::Refuse)
        .send_high_water_mark(4)
        .build();
    source.connect(&entry).expect("connects");
    source
        .wait_for_subscription("slow", 1, PATIENCE)
        .expect("the subscription has come through");

    // Until nobody takes any more: then the proxy holds a message that it must not lose.
    let body = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    let send = |sent: usize, wait: Duration| {
        source.send_timeout([b"slow", &body[..], sent.to_string().as_bytes()], wait)
    };
    while send(sent, Duration::from_millis(300)).is_ok() {
        sent += 1;
    }
    // The other direction goes on meanwhile.
    let other = Sub::new(&context);
    other.subscribe("other").expect("subscribed");
    other.connect(&exit).expect("connects");
    source
        .wait_for_subscription("other", 1, PATIENCE)
        .expect("the subscription has come through");

    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in sent..sent + MESSAGES {
                send(number, PATIENCE).expect("sent");
            }
        });
        for number in 0..sent + MESSAGES {
            let message = slow.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message[2], *number.to_string().as_bytes());
        }
    });
    let stats = forwarder.stop();
    assert_eq!(stats.undeliverable, 0);
    assert_eq!(stats.backend.messages_sent, (sent + MESSAGES) as u64);
}

fn the_going_of_a_slow_subscriber_frees_a_proxy(place: &Place) {
    let context = Context::new();
    let (front, back) = (
        XSub::new(&context),
        XPub::builder(&context)
            .slow_subscriber(SlowSubscriber::Refuse)
            .send_high_water_mark(2)
            .build(),
    );
    let entry = front.bind(place.any().as_str()).expect("bound");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let forwarder = Proxy::new(&front, &back).spawn().expect("a thread");
    let subscribe = |topic: &str| {
        let sub = Sub::builder(&context).receive_high_water_mark(2).build();
        sub.subscribe(topic).expect("subscribed");
        sub.connect(&exit).expect("connects");
        sub
    };
    let (slow, quick) = (subscribe("slow"), subscribe("quick"));
    let source = Pub::new(&context);
    source.connect(&entry).expect("connects");
    for topic in ["slow", "quick"] {
        source
            .wait_for_subscription(topic, 1, PATIENCE)
            .expect("the subscription has come through");
    }
    for _ in 0..600 {
        let body = vec![b'x'; 64 * 1024];
        source.send([b"slow", &body[..]]).expect("sent");
    }
    source.send("quick").expect("sent");
    wait_until("the proxy is held up", || {
        back.stats().time_muted > Duration::ZERO
    });
    drop(slow);
    assert_eq!(quick.recv_timeout(PATIENCE).expect("received"), "quick");
    assert_eq!(forwarder.stop().undeliverable, 0);
}

fn a_retired_frontend_loses_nothing_that_waits_for_a_slow_subscriber(place: &Place) {
    let context = Context::new();
    let front = XSub::new(&context);
    let back = XPub::builder(&context)
        .slow_subscriber(SlowSubscriber::Refuse)
        .send_high_water_mark(2)
        .build();
    let entry = front.bind(place.any().as_str()).expect("bound");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let forwarder = Proxy::new(&front, &back).spawn().expect("a thread");
    let slow = Sub::builder(&context).receive_high_water_mark(2).build();
    slow.subscribe("").expect("subscribed");
    slow.connect(&exit).expect("connects");
    let source = Pub::new(&context);
    source.connect(&entry).expect("connects");
    source
        .wait_for_subscribers(1, PATIENCE)
        .expect("the subscription has come through");
    // One more at a time, until the proxy holds the last one.
    let body = vec![b'x'; 1 << 20];
    let is_held_up = || !back.stats().time_muted.is_zero();
    let mut sent = 0;
    while !is_held_up() {
        source.send(&body[..]).expect("sent");
        sent += 1;
        wait_until("it is forwarded, or held", || {
            let stats = forwarder.statistics();
            stats.backend.messages_sent == sent
                || is_held_up() && stats.frontend.messages_received == sent
        });
    }
    let retirement = front.retire(PATIENCE);
    assert!(retirement.wait(PATIENCE), "{retirement:?}");
    let report = retirement.report();
    assert_eq!((report.cut, report.lost), (0, 0));
    for _ in 0..sent {
        slow.recv_timeout(PATIENCE).expect("received");
    }
    let ending = std::thread::spawn(move || forwarder.join());
    let stats = joined_soon("the proxy has ended", ending);
    assert_eq!(
        (stats.undeliverable, stats.backend.messages_sent),
        (0, sent)
    );
}

fn a_capture_socket_sees_everything_and_holds_up_nothing(place: &Place) {
    let context = Context::new();
    let (front, back) = (Pull::new(&context), Push::new(&context));
    let entry = front.bind(place.any().as_str()).expect("bound");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let capture = Push::builder(&context).send_high_water_mark(1).build();
    let watch = capture.bind(place.any().as_str()).expect("bound");
    let streamer = Proxy::new(&front, &back)
        .capture(&capture)
        .spawn()
        .expect("a thread");
    let source = Push::new(&context);
    source.connect(&entry).expect("connects");
    let sink = Pull::new(&context);
    sink.connect(&exit).expect("connects");

    source.send("unseen").expect("sent");
    assert_eq!(sink.recv_timeout(PATIENCE).expect("received"), "unseen");
    wait_until("it is counted", || streamer.statistics().not_captured == 1);
    let watcher = Pull::new(&context);
    watcher.connect(&watch).expect("connects");
    capture.wait_for_peers(1, PATIENCE).expect("it is there");
    source.send(["seen", "whole"]).expect("sent");
    assert_eq!(
        sink.recv_timeout(PATIENCE).expect("received"),
        ["seen", "whole"]
    );
    assert_eq!(
        watcher.recv_timeout(PATIENCE).expect("received"),
        ["seen", "whole"]
    );
    assert_eq!(streamer.stop().not_captured, 1);
}

fn a_proxy_can_be_paused_resumed_and_stopped(place: &Place) {
    let context = Context::new();
    let (front, back) = (Pull::new(&context), Push::new(&context));
    let entry = front.bind(place.any().as_str()).expect("bound");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let source = Push::new(&context);
    source.connect(&entry).expect("connects");
    let sink = Pull::new(&context);
    sink.connect(&exit).expect("connects");
    let proxy = Proxy::new(&front, &back);
    let control = proxy.control();
    let running = std::thread::spawn(move || proxy.run());
    source.send("1").expect("sent");
    assert_eq!(sink.recv_timeout(PATIENCE).expect("received"), "1");

    control.pause();
    // A turn that was under way when the pause came may still forward this one; not the next.
    source.send("2").expect("sent");
    let early = sink.recv_timeout(MOMENT).ok();
    source.send("3").expect("sent");
    assert!(sink.recv_timeout(MOMENT).is_err(), "it is paused");
    control.resume();
    if early.is_none() {
        assert_eq!(sink.recv_timeout(PATIENCE).expect("received"), "2");
    }
    assert_eq!(sink.recv_timeout(PATIENCE).expect("received"), "3");
    control.pause();
    control.stop();
    let stats = joined_soon("the proxy ends, paused as it is", running);
    assert_eq!(stats, control.statistics());
    assert_eq!(stats.backend.messages_sent, 3);
    source.send("4").expect("sent");
    assert_eq!(front.recv_timeout(PATIENCE).expect("ours again"), "4");
}

fn a_proxy_ends_with_its_sockets(place: &Place) {
    for paused in [false, true] {
        let context = Context::new();
        let (front, back) = (Router::new(&context), Dealer::new(&context));
        front.bind(place.any().as_str()).expect("bound");
        let proxy = Proxy::new(&front, &back);
        if paused {
            proxy.control().pause();
        }
        let running = std::thread::spawn(move || proxy.run());
        std::thread::sleep(Duration::from_millis(20));
        drop(front);
        joined_soon("the proxy ends with a socket", running);

        let front = Router::new(&context);
        let proxy = Proxy::new(&front, &back);
        let running = std::thread::spawn(move || proxy.run());
        context.shutdown();
        joined_soon("the proxy ends with the context", running);
    }
}

fn one_socket_may_be_both_sides(place: &Place) {
    let context = Context::new();
    let echo = Dealer::new(&context);
    let at = echo.bind(place.any().as_str()).expect("bound");
    let _proxy = Proxy::new(&echo, &echo).spawn().expect("a thread");
    let dealer = Dealer::new(&context);
    dealer.connect(&at).expect("connects");
    for number in 0..100 {
        dealer.send(["echo", &number.to_string()]).expect("sent");
    }
    for number in 0..100 {
        let message = dealer.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, ["echo", &number.to_string()]);
    }
    assert_eq!(dealer.try_recv(), Err(TryRecvError::Empty));
}

fn what_a_router_cannot_deliver_is_counted(place: &Place) {
    let context = Context::new();
    let (front, back) = (Router::new(&context), Dealer::new(&context));
    let entry = front.bind(place.any().as_str()).expect("bound");
    let exit = back.bind(place.any().as_str()).expect("bound");
    let broker = Proxy::new(&front, &back).spawn().expect("a thread");
    let client = Dealer::new(&context);
    client.connect(&entry).expect("connects");
    front.wait_for_peers(1, PATIENCE).expect("it is there");
    let worker = Dealer::new(&context);
    worker.connect(&exit).expect("connects");
    worker.send(["nobody", "", "reply"]).expect("sent");
    wait_until("it is counted", || broker.statistics().undeliverable == 1);
    client.send(["", "still works"]).expect("sent");
    let request = worker.recv_timeout(PATIENCE).expect("received");
    worker.send(request).expect("sent");
    let reply = client.recv_timeout(PATIENCE).expect("received");
    assert_eq!(reply, ["", "still works"]);
}

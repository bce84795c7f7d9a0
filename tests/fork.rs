//! A forked child leaves alone what it has from its parent: each call is refused, nothing hangs, and the parent's
//! conversation goes on as if there were no child.
//!
//! What forks is a process of its own, with no other threads than ours unless a test says so.

mod support;

use std::os::fd::OwnedFd;
use std::thread;

use highwater::{
    BindError, ConnectError, Context, Dealer, Ended, Endpoint, EndpointError, Interest, Message,
    OptionError, Pair, Poll, Proxy, Pub, Pull, Push, ReadyError, RecvError, Rep, ReplyError, Req,
    RequestError, RetireReport, RouteError, Router, SendError, Sub, SubscribeError, Transport,
    TryRecvError, TrySendError, WaitError, XPub, XSub,
};
use support::{
    Child, CountingWaker, MOMENT, PATIENCE, Place, block_on, fork, leave, must_end, number,
    over_each_transport, play_child, refused,
};

over_each_transport!(
    every_call_on_what_the_parent_made_is_refused,
    a_stream_goes_on_while_children_come_and_go,
    what_is_received_is_not_taken_by_a_child,
    a_child_with_a_context_of_its_own_talks_to_its_parent,
);

#[test]
fn every_call_on_a_socket_within_the_parent_is_refused() {
    must_end("inproc", || said_by(&Child::start("within"), "done"));
}

#[test]
fn a_future_that_waits_at_the_fork_is_refused_in_the_child() {
    must_end("waiting", || said_by(&Child::start("waiting"), "done"));
}

#[test]
fn a_child_is_refused_whatever_the_other_threads_of_its_parent_were_doing() {
    must_end("busy", || said_by(&Child::start("busy"), "done"));
}

#[test]
#[ignore = "played by child processes"]
fn child_process() {
    play_child(|role, say, listen| match role {
        ["calls", at] => {
            calls(at);
            say("done");
        }
        ["within"] => {
            within();
            say("done");
        }
        ["waiting"] => {
            waiting();
            say("done");
        }
        ["busy"] => {
            busy();
            say("done");
        }
        ["stream", at] => {
            stream(at);
            say("done");
        }
        ["receive", at] => {
            receive(at);
            say("done");
        }
        ["own", at] => {
            own_context(at, say, listen);
            say("done");
        }
        other => panic!("no such role: {other:?}"),
    });
}

fn said_by(child: &Child, line: &str) {
    assert_eq!(child.hear(), line);
}

/// An endpoint to bind, of which the system chooses the rest.
fn wildcard(place: &Place) -> &'static str {
    match place.transport() {
        Transport::Tcp => "tcp://127.0.0.1:0",
        _ => "ipc://*",
    }
}

fn every_call_on_what_the_parent_made_is_refused(place: &Place) {
    said_by(&Child::start(&format!("calls {}", wildcard(place))), "done");
}

/// A stream that is of no use, to be handed in.
fn descriptor() -> OwnedFd {
    std::os::unix::net::UnixStream::pair()
        .expect("a pair of sockets")
        .0
        .into()
}

/// A parent with every kind of handle; its child is refused everything, and drops everything.
fn calls(at: &str) {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    let there = push.bind(at).expect("bind");
    pull.connect(&there).expect("connect");
    push.send("before").expect("send");
    assert_eq!(pull.recv().expect("a message"), "before");

    let (rep, mut req) = (Rep::new(&context), Req::new(&context));
    req.connect(rep.bind(at).expect("bind")).expect("connect");
    let mut other_req = Req::new(&context);
    let pool = highwater::ReqPool::new(&context, 2);
    other_req
        .connect(&rep.local_endpoints()[0])
        .expect("connect");
    let pending = req.send("ask").expect("send");
    let request = rep.recv().expect("a request");

    let (publisher, subscriber) = (Pub::new(&context), Sub::new(&context));
    subscriber.subscribe("").expect("subscribe");
    let feed = publisher.bind(at).expect("bind");
    subscriber.connect(&feed).expect("connect");
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("a subscriber");

    let (router, dealer) = (Router::new(&context), Dealer::new(&context));
    dealer
        .connect(router.bind(at).expect("bind"))
        .expect("connect");
    dealer.send("hello").expect("send");
    let (id, _) = router.recv().expect("a message");

    let (xpub, xsub) = (XPub::new(&context), XSub::new(&context));
    xsub.connect(xpub.bind(at).expect("bind")).expect("connect");
    xsub.subscribe("a").expect("subscribe");
    xpub.recv().expect("a subscription");

    let (here, over_there) = (Pair::new(&context), Pair::new(&context));
    over_there
        .connect(here.bind(at).expect("bind"))
        .expect("connect");
    over_there.wait_for_peers(1, PATIENCE).expect("a peer");

    let (clients, workers) = (Router::new(&context), Dealer::new(&context));
    let (front, back) = (
        clients.bind(at).expect("bind"),
        workers.bind(at).expect("bind"),
    );
    let running = Proxy::new(&clients, &workers).spawn().expect("a thread");
    let standing = Proxy::new(&here, &over_there);
    let mut poll = Poll::new().expect("a poll");
    let token = poll.add(&pull, Interest::READABLE);
    let waker = poll.waker();
    let (leaving, left) = (Pull::new(&context), Push::new(&context));
    let leaving_at = leaving.bind(at).expect("bind");
    left.connect(&leaving_at).expect("connect");
    left.wait_for_peers(1, PATIENCE).expect("a peer");
    let retirement = leaving.retire(PATIENCE);

    let Some(child) = fork() else {
        leave(move || {
            refused!(push.send("x"), SendError::Ended(message, Ended::Forked) if message == "x");
            refused!(push.try_send("x"), TrySendError::Ended(message, Ended::Forked) if message == "x");
            refused!(
                push.send_timeout("x", PATIENCE),
                SendError::Ended(_, Ended::Forked)
            );
            refused!(push.send_many(["x", "y"]).map_err(SendError::from), SendError::Ended(message, Ended::Forked) if message == "x");
            refused!(pull.recv(), RecvError::Ended(Ended::Forked));
            refused!(pull.try_recv(), TryRecvError::Ended(Ended::Forked));
            refused!(pull.recv_timeout(PATIENCE), RecvError::Ended(Ended::Forked));
            refused!(
                pull.recv_many(&mut Vec::new(), 9),
                RecvError::Ended(Ended::Forked)
            );
            assert!(pending.wait(PATIENCE), "it would return at once");
            refused!(pending.recv(), RequestError::Ended(Ended::Forked));
            refused!(other_req.send("x"), SendError::Ended(_, Ended::Forked));
            refused!(other_req.request("x"), RequestError::Ended(Ended::Forked));
            refused!(pool.request("x"), RequestError::Ended(Ended::Forked));
            refused!(
                pool.connect("tcp://127.0.0.1:9"),
                ConnectError::Ended(Ended::Forked)
            );
            refused!(rep.recv(), RecvError::Ended(Ended::Forked));
            refused!(request.reply("x"), ReplyError::Ended(message, Ended::Forked) if message == "x");
            refused!(publisher.send("x"), SendError::Ended(message, Ended::Forked) if message == "x");
            refused!(
                publisher.try_send("x"),
                TrySendError::Ended(_, Ended::Forked)
            );
            refused!(
                subscriber.subscribe("b"),
                SubscribeError::Ended(Ended::Forked)
            );
            refused!(
                subscriber.unsubscribe(""),
                SubscribeError::Ended(Ended::Forked)
            );
            refused!(subscriber.recv(), RecvError::Ended(Ended::Forked));
            refused!(router.send_to(&id, "x"), RouteError::Ended(message, Ended::Forked) if message == "x");
            refused!(dealer.send("x"), SendError::Ended(_, Ended::Forked));
            refused!(xpub.send("a"), SendError::Ended(_, Ended::Forked));
            refused!(xpub.recv(), RecvError::Ended(Ended::Forked));
            refused!(xsub.send("a"), SendError::Ended(_, Ended::Forked));
            refused!(here.recv(), RecvError::Ended(Ended::Forked));
            refused!(here.send("x"), SendError::Ended(_, Ended::Forked));

            refused!(
                pull.bind("tcp://127.0.0.1:0"),
                BindError::Ended(Ended::Forked)
            );
            refused!(pull.bind_fd(descriptor()), BindError::Ended(Ended::Forked));
            refused!(
                pull.connect("tcp://127.0.0.1:9"),
                ConnectError::Ended(Ended::Forked)
            );
            refused!(
                pull.connect_fd(descriptor()),
                ConnectError::Ended(Ended::Forked)
            );
            refused!(push.unbind(&there), EndpointError::Ended(Ended::Forked));
            refused!(
                push.pause_accepting(&there),
                EndpointError::Ended(Ended::Forked)
            );
            refused!(
                push.stop_accepting(&there),
                EndpointError::Ended(Ended::Forked)
            );
            refused!(
                push.resume_accepting(&there),
                EndpointError::Ended(Ended::Forked)
            );
            refused!(pull.disconnect(&there), EndpointError::Ended(Ended::Forked));
            refused!(
                pull.endpoint_state(&there),
                EndpointError::Ended(Ended::Forked)
            );
            refused!(
                pull.wait_until_ready(&there, PATIENCE),
                ReadyError::Ended(Ended::Forked)
            );
            refused!(
                pull.wait_for_peers(2, PATIENCE),
                WaitError::Ended(Ended::Forked)
            );
            refused!(
                publisher.wait_for_subscribers(2, PATIENCE),
                WaitError::Ended(Ended::Forked)
            );
            refused!(pull.option("linger"), OptionError::Ended(Ended::Forked));
            refused!(
                push.set_option("send_high_water_mark", "1"),
                OptionError::Ended(Ended::Forked)
            );

            assert!(push.peers().is_empty() && push.local_endpoints().is_empty());
            assert_eq!(push.stats().messages_sent, 0);
            assert_eq!((publisher.subscriber_count(), xsub.topic_count()), (0, 0));
            assert!(!xpub.grant("a") && !xpub.revoke("a"));
            assert!(push.monitor().recv().is_err());
            assert!(retirement.is_over() && retirement.wait(PATIENCE));
            assert_eq!(retirement.report(), RetireReport::default());
            let own = push.retire(PATIENCE);
            assert!(own.is_over() && own.wait(PATIENCE));
            assert_eq!(own.report(), RetireReport::default());
            assert!(!format!("{push:?} {poll:?} {context:?} {own:?} {running:?}").is_empty());

            waker.wake();
            let error = poll.wait(None).expect_err("the poll is the parent's");
            assert!(error.to_string().contains("forked"), "{error}");
            let mut own = Poll::new().expect("a poll");
            let token = own.add(&pull, Interest::READABLE);
            let ready = own.wait(None).expect("a poll of its own waits");
            assert!(ready[0].token == token && ready[0].closed && ready[0].readable);
            standing.control().stop();
            let error = standing.spawn().expect_err("the proxy is the parent's");
            assert!(error.to_string().contains("forked"), "{error}");
            Proxy::new(&here, &over_there).run();
            running.pause();
            running.stop();

            let late = Push::new(&context);
            refused!(
                late.bind("tcp://127.0.0.1:0"),
                BindError::Ended(Ended::Forked)
            );
            refused!(late.send("x"), SendError::Ended(_, Ended::Forked));
            assert!(!context.wait_for_lingering(PATIENCE));
            context.shutdown();
            assert_eq!(push.close(PATIENCE).lost, 0);
            drop((
                pull, rep, publisher, subscriber, router, dealer, xpub, xsub, here,
            ));
            drop((over_there, clients, workers, late, poll, own, other_req));
            drop((leaving, left, retirement));
            drop(context);
        });
    };
    child.end("every call");

    drop(left);
    assert!(retirement.wait(PATIENCE), "the parent's goes on");
    push.send("after").expect("send");
    let ready = poll.wait(Some(PATIENCE)).expect("the poll waits");
    assert!(ready[0].token == token && !ready[0].closed);
    assert_eq!(pull.recv().expect("a message"), "after");
    request.reply("answer").expect("reply");
    assert_eq!(pending.recv().expect("a reply"), "answer");
    assert_eq!(publisher.send("news").expect("send").sent, 1);
    assert_eq!(subscriber.recv().expect("a message"), "news");
    router.send_to(&id, "you").expect("send");
    assert_eq!(dealer.recv().expect("a message"), "you");
    xpub.send("ab").expect("send");
    assert_eq!(xsub.recv().expect("a message"), "ab");
    here.send("x").expect("send");
    assert_eq!(over_there.recv().expect("a message"), "x");
    let (mut client, worker) = (Req::new(&context), Rep::new(&context));
    client.connect(&front).expect("connect");
    worker.connect(&back).expect("connect");
    let pending = client.send("through").expect("send");
    let request = worker.recv().expect("a request");
    assert_eq!(*request, "through");
    request.reply("and back").expect("reply");
    assert_eq!(pending.recv().expect("a reply"), "and back");
    assert_eq!(running.stop().frontend.messages_received, 1);
    drop(standing);
    drop(waker);
    assert_eq!(push.close(PATIENCE).lost, 0);
}

/// Within the process a child has both ends. What it says to itself is refused in the end, and nothing hangs.
fn within() {
    let context = Context::new();
    let (push, pull) = (
        Push::builder(&context).send_high_water_mark(None).build(),
        Pull::builder(&context)
            .receive_high_water_mark(None)
            .build(),
    );
    pull.bind("inproc://a").expect("bind");
    push.connect("inproc://a").expect("connect");
    let (publisher, subscriber) = (Pub::new(&context), Sub::new(&context));
    subscriber.subscribe("").expect("subscribe");
    publisher.bind("inproc://b").expect("bind");
    subscriber.connect("inproc://b").expect("connect");
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("a subscriber");
    push.send("one").expect("send");

    let Some(child) = fork() else {
        leave(move || {
            assert_eq!(pull.recv().expect("a copy"), "one");
            refused!(pull.recv(), RecvError::Ended(Ended::Forked));
            refused!(pull.try_recv(), TryRecvError::Ended(Ended::Forked));
            let refusal = (0..1000).find_map(|_| push.try_send("x").err());
            assert!(
                matches!(refusal, Some(TrySendError::Ended(_, Ended::Forked))),
                "{refusal:?}"
            );
            let refusal = (0..1000).find_map(|_| publisher.send("x").err());
            assert!(
                matches!(refusal, Some(SendError::Ended(_, Ended::Forked))),
                "{refusal:?}"
            );
            refused!(pull.bind("inproc://c"), BindError::Ended(Ended::Forked));
            refused!(
                pull.unbind("inproc://a"),
                EndpointError::Ended(Ended::Forked)
            );
            context.shutdown();
        });
    };
    child.end("within the process");
    push.send("two").expect("send");
    assert_eq!(pull.recv().expect("a message"), "one");
    assert_eq!(pull.recv().expect("a message"), "two");
    assert_eq!(publisher.send("news").expect("send").sent, 1);
    assert_eq!(subscriber.recv().expect("a message"), "news");
}

/// Futures that wait at the parent's sockets when it forks.
fn waiting() {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    let at = pull.bind("tcp://127.0.0.1:0").expect("bind");
    let counting = CountingWaker::new();
    let mut sending = push.send_async("x");
    assert!(counting.poll(&mut sending).is_pending());
    let mut receiving = pull.recv_async();
    let mut coming = pull.wait_for_peers_async(1);
    let rep = Rep::new(&context);
    let mut req = Req::new(&context);
    req.connect(rep.bind("inproc://waits").expect("bind"))
        .expect("connect");
    let mut asking = req.request_async("ask");
    assert!(counting.poll(&mut receiving).is_pending());
    assert!(counting.poll(&mut coming).is_pending());
    assert!(counting.poll(&mut asking).is_pending());
    let mut events = pull.events();
    while counting.poll(&mut events.recv()).is_ready() {}
    let leaves = Push::new(&context);
    let place = Place::new(Transport::Ipc);
    let nowhere = place.vacant();
    leaves.connect(&nowhere).expect("connect");
    leaves.send("x").expect("sent");
    let mut closing = leaves.close_async(PATIENCE);
    assert!(counting.poll(&mut closing).is_pending());
    let mut readiness = pull.readiness(Interest::READABLE).expect("descriptors");
    assert_eq!(readiness.check().expect("checked"), Interest::default());
    let Some(child) = fork() else {
        leave(move || {
            use std::task::Poll::Ready;
            let receiving = counting.poll(&mut receiving);
            assert!(matches!(
                receiving,
                Ready(Err(RecvError::Ended(Ended::Forked)))
            ));
            let sending = counting.poll(&mut sending);
            assert!(matches!(
                sending,
                Ready(Err(SendError::Ended(_, Ended::Forked)))
            ));
            let coming = counting.poll(&mut coming);
            assert!(matches!(
                coming,
                Ready(Err(WaitError::Ended(Ended::Forked)))
            ));
            let asking = counting.poll(&mut asking);
            assert!(matches!(
                asking,
                Ready(Err(RequestError::Ended(Ended::Forked)))
            ));
            assert!(matches!(counting.poll(&mut events.recv()), Ready(None)));
            assert!(counting.poll(&mut closing).is_ready());
            assert!(readiness.check().is_err());
        });
    };
    child.end("what waits");
    // The parent's go on. A wake-up that is meant for nobody who looks would be lost to the others.
    drop(readiness);
    let late = Pull::new(&context);
    late.bind(&nowhere).expect("bind");
    assert_eq!(late.recv().expect("a message"), "x");
    assert_eq!(block_on("the end", closing).sent, 1);
    push.connect(&at).expect("connect");
    block_on("a peer", coming).expect("comes");
    block_on("room", sending).expect("sent");
    assert_eq!(block_on("a message", receiving).expect("received"), "x");
    let request = rep.recv().expect("a request");
    request.reply("answer").expect("answered");
    assert_eq!(block_on("an answer", asking).expect("answered"), "answer");
}

/// Numbers, some in a body that is written from where it lies.
fn numbered(n: usize) -> Message {
    let length = if n.is_multiple_of(50) { 20_000 } else { 10 };
    Message::from(format!("{n:0length$}"))
}

const STREAM: usize = 40_000;
const FORKS: usize = 20;

fn a_stream_goes_on_while_children_come_and_go(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bind");
    let child = Child::start(&format!("stream {at}"));
    for n in 0..STREAM {
        let message = pull.recv_timeout(PATIENCE).expect("the stream goes on");
        assert_eq!(number(&message), n);
    }
    said_by(&child, "done");
    assert_eq!(pull.recv_timeout(MOMENT), Err(RecvError::Timeout));
    assert_eq!(pull.stats().handshakes, 1);
}

/// Sends a stream, and forks in the midst of it, again and again.
fn stream(at: &str) {
    let context = Context::new();
    let push = Push::new(&context);
    push.connect(at).expect("connect");
    let mut children = Vec::new();
    for n in 0..STREAM {
        push.send(numbered(n)).expect("send");
        if n % (STREAM / FORKS) == STREAM / FORKS / 2 {
            let Some(child) = fork() else {
                leave(move || {
                    std::mem::forget(children);
                    // What is only gathered may seem to be sent, but not for ever.
                    let refusal = (0..1001).find_map(|_| push.send("poison").err());
                    assert!(
                        matches!(refusal, Some(SendError::Ended(_, Ended::Forked))),
                        "{refusal:?}"
                    );
                    refused!(
                        push.disconnect("tcp://127.0.0.1:9"),
                        EndpointError::Ended(Ended::Forked)
                    );
                    context.shutdown();
                    drop(push);
                    drop(context);
                });
            };
            children.push(child);
        }
    }
    for child in children {
        child.end("a sender");
    }
    let report = push.close(PATIENCE);
    assert_eq!(report.lost, 0);
}

fn what_is_received_is_not_taken_by_a_child(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let at = push.bind(place.any()).expect("bind");
    let child = Child::start(&format!("receive {at}"));
    for n in 0..STREAM {
        push.send_timeout(numbered(n), PATIENCE).expect("send");
    }
    said_by(&child, "done");
}

/// Receives a stream, and forks in the midst of it, when links are lent and when they are not.
fn receive(at: &str) {
    let context = Context::new();
    let pull = Pull::new(&context);
    pull.connect(at).expect("connect");
    let mut children = Vec::new();
    for n in 0..STREAM {
        let message = pull.recv_timeout(PATIENCE).expect("the stream goes on");
        assert_eq!(number(&message), n);
        if n % (STREAM / FORKS) == STREAM / FORKS / 2 {
            let Some(child) = fork() else {
                leave(move || {
                    std::mem::forget(children);
                    // Copies of what had come, in order; then no more.
                    let mut expected = n + 1;
                    let refusal = loop {
                        match pull.recv() {
                            Ok(message) => assert_eq!(number(&message), expected),
                            Err(refusal) => break refusal,
                        }
                        expected += 1;
                    };
                    assert_eq!(refusal, RecvError::Ended(Ended::Forked));
                    refused!(pull.try_recv(), TryRecvError::Ended(Ended::Forked));
                });
            };
            children.push(child);
        }
    }
    for child in children {
        child.end("a receiver");
    }
    assert_eq!(pull.stats().disconnects, 0);
}

fn a_child_with_a_context_of_its_own_talks_to_its_parent(place: &Place) {
    let at = place.any();
    let mut child = Child::start(&format!("own {at}"));
    let at: Endpoint = child.hear().parse().expect("an endpoint");
    // The forked child has come and gone, and the parent still listens.
    let context = Context::new();
    let push = Push::new(&context);
    push.connect(&at).expect("connect");
    push.wait_until_ready(&at, PATIENCE).expect("it listens");
    push.send("from outside").expect("send");
    child.tell("go on");
    said_by(&child, "done");
}

fn own_context(at: &str, say: &dyn Fn(&str), listen: &dyn Fn() -> String) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(at).expect("bind");
    let Some(child) = fork() else {
        leave(move || {
            refused!(pull.recv(), RecvError::Ended(Ended::Forked));
            drop(pull);
            drop(context);
            let context = Context::new();
            let push = Push::new(&context);
            push.connect(&at).expect("connect");
            push.send("from the child").expect("send");
            assert_eq!(push.close(PATIENCE).lost, 0);
            let (here, there) = (Pair::new(&context), Pair::new(&context));
            there
                .connect(here.bind("ipc://*").expect("bind"))
                .expect("connect");
            here.send("both in the child").expect("send");
            assert_eq!(there.recv().expect("a message"), "both in the child");
        });
    };
    assert_eq!(pull.recv().expect("a message"), "from the child");
    child.end("a context of its own");
    if let Some(path) = at.to_string().strip_prefix("ipc://") {
        assert!(std::path::Path::new(path).exists(), "{path} is gone");
    }
    say(&at.to_string());
    assert_eq!(listen(), "go on");
    assert_eq!(pull.recv().expect("a message"), "from outside");
}

/// Threads that wait, send and receive while the process forks: whatever lock they hold, the child is refused.
fn busy() {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    pull.connect(push.bind("tcp://127.0.0.1:0").expect("bind"))
        .expect("connect");
    let (idle, silent) = (Pull::new(&context), Push::new(&context));
    idle.connect(silent.bind("tcp://127.0.0.1:0").expect("bind"))
        .expect("connect");
    let (publisher, subscriber) = (Pub::new(&context), Sub::new(&context));
    subscriber.subscribe("").expect("subscribe");
    subscriber
        .connect(publisher.bind("tcp://127.0.0.1:0").expect("bind"))
        .expect("connect");
    let events = publisher.monitor();
    thread::scope(|scope| {
        scope.spawn(|| while push.send(numbered(1)).is_ok() {});
        scope.spawn(|| while push.send(numbered(1)).is_ok() {});
        scope.spawn(|| while pull.recv().is_ok() {});
        scope.spawn(|| while publisher.send(numbered(1)).is_ok() {});
        scope.spawn(|| while subscriber.recv().is_ok() {});
        scope.spawn(|| while idle.recv().is_ok() {});
        for turn in 0..100 {
            let Some(child) = fork() else {
                leave(|| {
                    let refusal = (0..1001).find_map(|_| push.send("x").err());
                    assert!(
                        matches!(refusal, Some(SendError::Ended(_, Ended::Forked))),
                        "{refusal:?}"
                    );
                    let refusal = (0..1001).find_map(|_| publisher.send("x").err());
                    assert!(
                        matches!(refusal, Some(SendError::Ended(_, Ended::Forked))),
                        "{refusal:?}"
                    );
                    refused!(silent.try_send("x"), TrySendError::Ended(_, Ended::Forked));
                    refused!(idle.recv(), RecvError::Ended(Ended::Forked));
                    while pull.recv().is_ok() {}
                    while subscriber.try_recv().is_ok() {}
                    refused!(
                        pull.wait_for_peers(9, PATIENCE),
                        WaitError::Ended(Ended::Forked)
                    );
                    push.stats();
                    context.shutdown();
                });
            };
            child.end(&format!("among busy threads, turn {turn}"));
        }
        drop(events);
        context.shutdown();
    });
    assert_eq!(push.stats().disconnects, 0);
}

//! A forked child waits for no lock that a thread of its parent held at the fork, and for no thread that it does not have:
//! each call on each handle, made while other threads of the parent hold that handle's locks most of the time.

mod support;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use highwater::{
    BindError, ConnectError, Context, Dealer, Ended, EndpointError, Interest, OptionError, Poll,
    Proxy, Pub, Pull, Push, ReadyError, RecvError, Rep, ReplyError, Req, RequestError,
    RetireReport, RouteError, Router, SendError, Sub, SubscribeError, TryRecvError, WaitError,
    XPub, XSub,
};
use support::{Child, PATIENCE, fork, leave, must_end, play_child, refused};

#[test]
fn a_child_waits_for_no_lock_that_a_thread_of_its_parent_held_at_the_fork() {
    must_end("held", || watch(&Child::start("held")));
}

#[test]
fn no_more_than_a_thousand_messages_seem_to_be_sent() {
    must_end("seeming", || watch(&Child::start("seeming")));
}

/// Until it is done.
fn watch(child: &Child) {
    while child.hear() != "done" {}
}

#[test]
#[ignore = "played by child processes"]
fn child_process() {
    play_child(|role, say, _| {
        match role {
            ["held"] => held(say),
            ["seeming"] => seeming(say),
            other => panic!("no such role: {other:?}"),
        }
        say("done");
    });
}

/// A handle whose lock a thread takes and lets go of.
trait Looked: Sync {
    fn look(&self);
}

macro_rules! looked {
    ($($name:ident)*) => {$(
        impl Looked for $name {
            fn look(&self) {
                self.stats();
            }
        }
    )*};
}
looked!(Push Pull Rep Pub Sub Router Dealer XPub XSub);

/// Threads that hold each lock of a handle most of the time; the child makes each call that takes one of them.
fn held(say: &dyn Fn(&str)) {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    let at = push.bind("tcp://127.0.0.1:0").expect("bind");
    pull.connect(&at).expect("connect");
    let (near, far) = (Push::new(&context), Pull::new(&context));
    far.bind("inproc://far").expect("bind");
    near.connect("inproc://far").expect("connect");
    let rep = Rep::new(&context);
    let asked = rep.bind("tcp://127.0.0.1:0").expect("bind");
    let (publisher, subscriber) = (Pub::new(&context), Sub::new(&context));
    subscriber.subscribe("").expect("subscribe");
    subscriber
        .connect(publisher.bind("tcp://127.0.0.1:0").expect("bind"))
        .expect("connect");
    let (router, dealer) = (Router::new(&context), Dealer::new(&context));
    dealer
        .connect(router.bind("tcp://127.0.0.1:0").expect("bind"))
        .expect("connect");
    dealer.send("hello").expect("send");
    let (id, _) = router.recv_timeout(PATIENCE).expect("a message");
    let (xpub, xsub) = (XPub::new(&context), XSub::new(&context));
    xsub.connect(xpub.bind("tcp://127.0.0.1:0").expect("bind"))
        .expect("connect");
    let leaving = Pull::new(&context);
    leaving.bind("tcp://127.0.0.1:0").expect("bind");
    let kept = Push::new(&context);
    kept.connect(&leaving.local_endpoints()[0])
        .expect("connect");
    kept.wait_for_peers(1, PATIENCE).expect("a peer");
    let retirement = leaving.retire(PATIENCE);
    let proxy = Proxy::new(&xsub, &xpub);
    let control = proxy.control();

    let over = AtomicBool::new(false);
    let goes_on = || !over.load(Ordering::Relaxed);
    thread::scope(|scope| {
        scope.spawn(|| {
            while goes_on() {
                let all = [
                    &push as &dyn Looked,
                    &pull,
                    &rep,
                    &publisher,
                    &subscriber,
                    &router,
                    &dealer,
                    &near,
                    &far,
                    &xpub,
                    &xsub,
                ];
                all.iter().for_each(|handle| handle.look());
                let _ = retirement.report();
                control.statistics();
            }
        });
        scope.spawn(|| {
            while goes_on() {
                rep.stats();
                rep.set_option("linger", "1").expect("set");
                push.stats();
                drop((push.monitor(), rep.monitor()));
                far.bind("inproc://name").expect("bind");
                far.unbind("inproc://name").expect("unbind");
            }
        });
        for turn in 0..30 {
            let mut req = Req::new(&context);
            req.connect(&asked).expect("connect");
            let pending = req.send("ask").expect("send");
            let answered = rep.recv_timeout(PATIENCE).expect("a request");
            let mut dropped_req = Req::new(&context);
            dropped_req.connect(&asked).expect("connect");
            let given_up = dropped_req.send("ask").expect("send");
            let dropped = rep.recv_timeout(PATIENCE).expect("a request");
            let mut poll = Poll::new().expect("a poll");
            poll.add(&rep, Interest::READABLE);
            let Some(child) = fork() else {
                leave(|| {
                    refused!(answered.reply("x"), ReplyError::Ended(_, Ended::Forked));
                    drop(dropped);
                    assert!(pending.wait(PATIENCE));
                    refused!(pending.recv(), RequestError::Ended(Ended::Forked));
                    drop(given_up);
                    refused!(
                        push.stop_accepting(&at),
                        EndpointError::Ended(Ended::Forked)
                    );
                    refused!(
                        far.stop_accepting("inproc://far"),
                        EndpointError::Ended(Ended::Forked)
                    );
                    for retiring in [push.retire(PATIENCE), rep.retire(PATIENCE)] {
                        assert!(retiring.is_over() && retiring.wait(PATIENCE));
                    }
                    assert!(retirement.is_over() && retirement.wait(PATIENCE));
                    assert_eq!(retirement.report(), RetireReport::default());
                    refused!(push.unbind(&at), EndpointError::Ended(Ended::Forked));
                    refused!(pull.disconnect(&at), EndpointError::Ended(Ended::Forked));
                    refused!(
                        far.unbind("inproc://far"),
                        EndpointError::Ended(Ended::Forked)
                    );
                    refused!(
                        near.disconnect("inproc://far"),
                        EndpointError::Ended(Ended::Forked)
                    );
                    refused!(near.bind("inproc://near"), BindError::Ended(Ended::Forked));
                    refused!(
                        far.connect("inproc://near"),
                        ConnectError::Ended(Ended::Forked)
                    );
                    refused!(
                        push.pause_accepting(&at),
                        EndpointError::Ended(Ended::Forked)
                    );
                    refused!(
                        push.resume_accepting(&at),
                        EndpointError::Ended(Ended::Forked)
                    );
                    refused!(
                        pull.endpoint_state(&at),
                        EndpointError::Ended(Ended::Forked)
                    );
                    refused!(
                        pull.wait_until_ready(&at, PATIENCE),
                        ReadyError::Ended(Ended::Forked)
                    );
                    refused!(
                        push.wait_for_peers(9, PATIENCE),
                        WaitError::Ended(Ended::Forked)
                    );
                    refused!(
                        publisher.wait_for_subscribers(9, PATIENCE),
                        WaitError::Ended(Ended::Forked)
                    );
                    refused!(
                        publisher.wait_for_subscription("x", 9, PATIENCE),
                        WaitError::Ended(Ended::Forked)
                    );
                    refused!(
                        rep.set_option("linger", "1"),
                        OptionError::Ended(Ended::Forked)
                    );
                    refused!(rep.option("linger"), OptionError::Ended(Ended::Forked));
                    refused!(
                        subscriber.subscribe("x"),
                        SubscribeError::Ended(Ended::Forked)
                    );
                    refused!(
                        subscriber.unsubscribe(""),
                        SubscribeError::Ended(Ended::Forked)
                    );
                    refused!(xsub.subscribe("x"), SubscribeError::Ended(Ended::Forked));
                    assert!(!xpub.grant("x") && !xpub.revoke("x"));
                    assert!(push.monitor().recv().is_err());
                    refused!(rep.recv(), RecvError::Ended(Ended::Forked));
                    refused!(far.recv(), RecvError::Ended(Ended::Forked));
                    refused!(subscriber.recv(), RecvError::Ended(Ended::Forked));
                    refused!(
                        dealer.recv_timeout(PATIENCE),
                        RecvError::Ended(Ended::Forked)
                    );
                    refused!(xpub.try_recv(), TryRecvError::Ended(Ended::Forked));
                    let refusal = (0..1001).find_map(|_| near.send("x").err());
                    assert!(
                        matches!(refusal, Some(SendError::Ended(_, Ended::Forked))),
                        "{refusal:?}"
                    );
                    let refusal = (0..1001).find_map(|_| router.send_to(&id, "x").err());
                    assert!(
                        matches!(refusal, Some(RouteError::Ended(_, Ended::Forked))),
                        "{refusal:?}"
                    );
                    assert_eq!(rep.stats().messages_received, 0);
                    assert!(rep.peers().is_empty() && rep.local_endpoints().is_empty());
                    assert!(!format!("{rep:?} {push:?} {retirement:?} {context:?}").is_empty());
                    assert!(poll.wait(None).is_err());
                    let mut own = Poll::new().expect("a poll");
                    own.add(&rep, Interest::READABLE);
                    assert!(own.wait(None).expect("it waits")[0].closed);
                    control.pause();
                    control.resume();
                    control.stop();
                    assert!(!context.wait_for_lingering(PATIENCE));
                    context.shutdown();
                    let late = Req::new(&context);
                    assert_eq!(late.close(PATIENCE).lost, 0);
                });
            };
            say("a turn");
            child.end(&format!("while locks are held, turn {turn}"));
            answered.reply("answer").expect("reply");
            assert_eq!(pending.recv_timeout(PATIENCE).expect("a reply"), "answer");
        }
        over.store(true, Ordering::Relaxed);
    });
    push.stop_accepting(&at).expect("the parent still listens");
}

/// A child that only gathers, one by one and many at a time, behind what waits at the fork.
fn seeming(say: &dyn Fn(&str)) {
    let context = Context::new();
    let unlimited = || Push::builder(&context).send_high_water_mark(None).build();
    let pulls = [Pull::new(&context), Pull::new(&context)];
    let (wired, within) = (unlimited(), unlimited());
    wired
        .connect(pulls[0].bind("tcp://127.0.0.1:0").expect("bind"))
        .expect("connect");
    within
        .connect(pulls[1].bind("inproc://within").expect("bind"))
        .expect("connect");
    for turn in 0..20 {
        // Another number each time since the question was asked last.
        for push in [&wired, &within] {
            for _ in 0..turn * 50 {
                push.send("before").expect("send");
            }
        }
        let Some(child) = fork() else {
            leave(|| {
                for push in [&wired, &within] {
                    let seemed = Cell::new(0);
                    let endless = std::iter::repeat_with(|| {
                        seemed.set(seemed.get() + 1);
                        "x"
                    });
                    refused!(
                        push.send_many(endless.take(1_000_000))
                            .map_err(SendError::from),
                        SendError::Ended(_, Ended::Forked)
                    );
                    assert!(seemed.get() <= 1001, "{} seem to be sent", seemed.get());
                }
            });
        };
        child.end(&format!("many in one call, turn {turn}"));
        let Some(child) = fork() else {
            leave(|| {
                for push in [&wired, &within] {
                    let refusal = (0..500).find_map(|_| push.send_many(["x", "y"]).err());
                    let refusal = refusal.map(SendError::from);
                    assert!(
                        matches!(refusal, Some(SendError::Ended(_, Ended::Forked))),
                        "{refusal:?}"
                    );
                }
            });
        };
        child.end(&format!("many calls, turn {turn}"));
        say("a turn");
        for pull in &pulls {
            for _ in 0..turn * 50 {
                pull.recv_timeout(PATIENCE).expect("what was sent before");
            }
        }
    }
}

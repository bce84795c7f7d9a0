//! Polling: several sockets, foreign descriptors and a timeout at once.

mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use highwater::{Context, Dealer, Interest, Poll, Pull, Push, Ready, Rep, Req, Router, Token};
use support::{MOMENT, PATIENCE, Place, joined, joined_soon, over_every_transport, wait_until};

over_every_transport!(
    what_is_ready_is_reported_for_as_long_as_it_is,
    a_socket_is_writable_while_some_peer_has_room,
    foreign_descriptors_are_waited_for_as_well,
    the_outcome_of_a_request_can_be_waited_for,
    a_socket_that_ends_is_reported,
    interest_can_change_and_end,
    several_polls_may_watch_one_socket,
    a_poll_and_a_receiver_share_one_socket,
    what_was_reported_is_still_there_when_its_sender_has_gone,
    what_was_reported_and_is_let_go_counts_as_unread,
    messages_arrive_while_a_poll_sleeps_on_links_that_were_borrowed,
);

fn poll<'fd>() -> Poll<'fd> {
    Poll::new().expect("two descriptors")
}

fn wait(poll: &mut Poll<'_>, timeout: Duration) -> Vec<Ready> {
    poll.wait(Some(timeout)).expect("the system polls").to_vec()
}

fn readable(poll: &mut Poll<'_>, timeout: Duration) -> Vec<Token> {
    wait(poll, timeout)
        .iter()
        .filter(|ready| ready.readable)
        .map(|ready| ready.token)
        .collect()
}

fn pipeline(place: &Place, context: &Context) -> (Push, Pull) {
    let pull = Pull::new(context);
    let at = pull.bind(place.any().as_str()).expect("bound");
    let push = Push::new(context);
    push.connect(&at).expect("connects");
    (push, pull)
}

fn what_is_ready_is_reported_for_as_long_as_it_is(place: &Place) {
    let context = Context::new();
    let (push_a, pull_a) = pipeline(place, &context);
    let (push_b, pull_b) = pipeline(place, &context);
    let mut poll = poll();
    let a = poll.add(&pull_a, Interest::READABLE);
    let b = poll.add(&pull_b, Interest::READABLE);
    assert!(wait(&mut poll, Duration::ZERO).is_empty());
    assert!(wait(&mut poll, MOMENT).is_empty());

    push_b.send("1").expect("sent");
    push_b.send("2").expect("sent");
    for _ in 0..3 {
        assert_eq!(readable(&mut poll, PATIENCE), [b], "as often as one asks");
    }
    assert_eq!(pull_b.recv().expect("received"), "1");
    assert_eq!(readable(&mut poll, PATIENCE), [b]);
    push_a.send("3").expect("sent");
    wait_until("both are", || readable(&mut poll, PATIENCE) == [a, b]);
    assert_eq!(pull_b.try_recv().expect("it is there"), "2");
    assert_eq!(readable(&mut poll, PATIENCE), [a]);
    assert_eq!(pull_a.try_recv().expect("it is there"), "3");
    assert!(wait(&mut poll, Duration::ZERO).is_empty());
}

fn what_was_reported_is_still_there_when_its_sender_has_gone(place: &Place) {
    let (push, pull) = pipeline(place, &Context::new());
    let mut poll = poll();
    let token = poll.add(&pull, Interest::READABLE);
    push.send("last words").expect("sent");
    assert_eq!(readable(&mut poll, PATIENCE), [token]);
    let _ = push.close(PATIENCE);
    wait_until("the sender has gone", || pull.peers().is_empty());
    assert_eq!(readable(&mut poll, PATIENCE), [token]);
    assert_eq!(pull.try_recv().expect("it was reported"), "last words");
}

fn what_was_reported_and_is_let_go_counts_as_unread(place: &Place) {
    let (push, pull) = pipeline(place, &Context::new());
    let mut poll = poll();
    let token = poll.add(&pull, Interest::READABLE);
    push.send("not read").expect("sent");
    assert_eq!(readable(&mut poll, PATIENCE), [token]);
    let at = pull.local_endpoints().remove(0);
    pull.unbind(&at).expect("it is bound");
    assert_eq!(pull.stats().dropped.unread, 1);
    assert!(pull.try_recv().is_err());
}

fn a_socket_is_writable_while_some_peer_has_room(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(2).build();
    let at = push.bind(place.any().as_str()).expect("bound");
    let mut poll = poll();
    let token = poll.add(&push, Interest::BOTH);
    assert!(wait(&mut poll, MOMENT).is_empty(), "nobody is there");
    let pull = Pull::builder(&context).receive_high_water_mark(1).build();
    pull.connect(&at).expect("connects");
    let ready = wait(&mut poll, PATIENCE);
    assert_eq!(ready.len(), 1);
    let Ready {
        readable, writable, ..
    } = ready[0];
    assert_eq!((ready[0].token, readable, writable), (token, false, true));

    let mut sent = 0;
    while !wait(&mut poll, MOMENT).is_empty() {
        push.try_send(vec![7; 1 << 20]).expect("the poll said so");
        sent += 1;
    }
    let reader = std::thread::spawn(move || {
        for _ in 0..=sent {
            pull.recv_timeout(PATIENCE).expect("received");
        }
    });
    assert_eq!(wait(&mut poll, PATIENCE).len(), 1, "there is room again");
    push.try_send("one more").expect("the poll said so");
    joined(reader);
}

fn foreign_descriptors_are_waited_for_as_well(place: &Place) {
    let context = Context::new();
    let (push, pull) = pipeline(place, &context);
    let (mut here, mut there) = UnixStream::pair().expect("a pair of streams");
    let watched = here.try_clone().expect("a descriptor");
    let mut poll = poll();
    let socket = poll.add(&pull, Interest::READABLE);
    let stream = poll.add_source(&watched, Interest::READABLE);
    assert!(wait(&mut poll, MOMENT).is_empty());

    let speaker = std::thread::spawn(move || {
        there.write_all(b"x").expect("written");
        there
    });
    assert_eq!(readable(&mut poll, PATIENCE), [stream]);
    let there = joined(speaker);
    push.send("message").expect("sent");
    wait_until("both are", || {
        readable(&mut poll, PATIENCE) == [socket, stream]
    });
    here.read_exact(&mut [0]).expect("read");
    assert_eq!(readable(&mut poll, PATIENCE), [socket]);
    pull.recv().expect("received");
    assert!(wait(&mut poll, Duration::ZERO).is_empty());

    drop(there);
    let ready = wait(&mut poll, PATIENCE);
    assert_eq!(
        (ready[0].token, ready[0].readable, ready[0].closed),
        (stream, true, true)
    );
    assert!(poll.remove(stream));
    let writable = poll.add_source(&watched, Interest::WRITABLE);
    assert_eq!(wait(&mut poll, PATIENCE)[0].token, writable);
}

fn the_outcome_of_a_request_can_be_waited_for(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any().as_str()).expect("bound");
    let mut req = Req::new(&context);
    req.connect(&at).expect("connects");
    let pending = req.send("ping").expect("sent");
    let mut poll = poll();
    let outcome = poll.add(&pending, Interest::READABLE);
    let request = poll.add(&rep, Interest::READABLE);
    assert_eq!(readable(&mut poll, PATIENCE), [request]);
    let answer = rep.try_recv().expect("it is there");
    assert!(wait(&mut poll, MOMENT).is_empty());
    answer.reply("pong").expect("the peer waits");
    assert_eq!(readable(&mut poll, PATIENCE), [outcome]);
    assert_eq!(pending.recv().expect("a reply"), "pong");
}

fn a_socket_that_ends_is_reported(place: &Place) {
    let context = Context::new();
    let (push, pull) = pipeline(place, &context);
    let mut poll = poll();
    let receiving = poll.add(&pull, Interest::READABLE);
    let waiting = std::thread::spawn(move || {
        let ready = wait(&mut poll, PATIENCE);
        (poll, ready)
    });
    std::thread::sleep(Duration::from_millis(20));
    drop(pull);
    let (mut poll, ready) = joined_soon("the poll is told", waiting);
    assert_eq!((ready[0].token, ready[0].closed), (receiving, true));
    assert!(poll.remove(receiving));

    let sending = poll.add(&push, Interest::READABLE);
    assert!(
        wait(&mut poll, Duration::ZERO).is_empty(),
        "it never receives"
    );
    context.shutdown();
    let ready = wait(&mut poll, PATIENCE);
    assert_eq!((ready[0].token, ready[0].closed), (sending, true));
}

fn interest_can_change_and_end(place: &Place) {
    let context = Context::new();
    let (push, pull) = pipeline(place, &context);
    push.send("message").expect("sent");
    let mut poll = poll();
    let token = poll.add(&pull, Interest::READABLE);
    assert_eq!(readable(&mut poll, PATIENCE), [token]);
    assert!(poll.set_interest(token, Interest::default()));
    assert!(wait(&mut poll, MOMENT).is_empty());
    assert!(poll.set_interest(token, Interest::READABLE));
    assert_eq!(readable(&mut poll, PATIENCE), [token]);
    assert!(poll.remove(token));
    assert!(!poll.remove(token) && !poll.set_interest(token, Interest::BOTH));
    assert!(wait(&mut poll, MOMENT).is_empty());
}

fn several_polls_may_watch_one_socket(place: &Place) {
    let context = Context::new();
    let (push, pull) = pipeline(place, &context);
    let pull = std::sync::Arc::new(pull);
    let pollers: Vec<_> = (0..3)
        .map(|_| {
            let pull = std::sync::Arc::clone(&pull);
            std::thread::spawn(move || {
                let mut poll = poll();
                poll.add(&*pull, Interest::READABLE);
                let mut taken = 0;
                loop {
                    assert_eq!(wait(&mut poll, PATIENCE).len(), 1, "no wait is in vain");
                    // Another may have been faster.
                    let Ok(message) = pull.try_recv() else {
                        continue;
                    };
                    if message == "end" {
                        return taken;
                    }
                    taken += 1;
                }
            })
        })
        .collect();
    for number in 0..1000 {
        push.send(number.to_string()).expect("sent");
    }
    for _ in &pollers {
        push.send("end").expect("sent");
    }
    assert_eq!(pollers.into_iter().map(joined).sum::<usize>(), 1000);
}

fn a_poll_and_a_receiver_share_one_socket(place: &Place) {
    const MESSAGES: usize = 300;
    let context = Context::new();
    let (push, pull) = pipeline(place, &context);
    let pull = std::sync::Arc::new(pull);
    let receiver = {
        let pull = std::sync::Arc::clone(&pull);
        std::thread::spawn(move || {
            let mut taken = 0;
            while pull.recv_timeout(PATIENCE).expect("received") != "end" {
                taken += 1;
            }
            taken
        })
    };
    let mut poll = poll();
    poll.add(&*pull, Interest::READABLE);
    let mut taken = 0;
    for number in 0..MESSAGES {
        push.send(number.to_string()).expect("sent");
        if !wait(&mut poll, Duration::from_millis(1)).is_empty() && pull.try_recv().is_ok() {
            taken += 1;
        }
    }
    push.send("end").expect("sent");
    while !receiver.is_finished() {
        if wait(&mut poll, Duration::from_millis(1)).is_empty() {
            continue;
        }
        match pull.try_recv() {
            Ok(message) if message == "end" => push.send("end").expect("sent"),
            Ok(_) => taken += 1,
            Err(_) => {}
        }
    }
    assert_eq!(taken + joined(receiver), MESSAGES);
}

fn messages_arrive_while_a_poll_sleeps_on_links_that_were_borrowed(place: &Place) {
    let context = Context::new();
    let router = Router::new(&context);
    let at = router.bind(place.any().as_str()).expect("bound");
    let mut dealer = Dealer::new(&context);
    dealer.connect(&at).expect("connects");
    let mut poll = poll();
    let token = poll.add(&router, Interest::READABLE);
    for round in 0..50 {
        // A receiver that waits reads the links itself; a poll right after must not miss what comes then.
        dealer.send("first").expect("sent");
        router.recv_timeout(PATIENCE).expect("received");
        assert!(router.recv_timeout(Duration::from_millis(2)).is_err());
        let sender = std::thread::spawn({
            let second = format!("{round}");
            move || {
                dealer.send(second).expect("sent");
                dealer
            }
        });
        assert_eq!(readable(&mut poll, PATIENCE), [token]);
        let (_, message) = router.try_recv().expect("it is there");
        assert_eq!(support::number(&message), round);
        dealer = joined(sender);
    }
}

#[test]
fn another_thread_can_end_the_wait() {
    let context = Context::new();
    let pull = Pull::new(&context);
    let mut poll = poll();
    poll.add(&pull, Interest::READABLE);
    let waker = poll.waker();
    waker.wake_by_ref();
    assert!(wait(&mut poll, PATIENCE).is_empty(), "called before");
    let waiting = std::thread::spawn(move || wait(&mut poll, PATIENCE));
    std::thread::sleep(Duration::from_millis(20));
    waker.wake();
    assert!(joined_soon("the wait is over", waiting).is_empty());
}

#[test]
fn a_timeout_is_kept_and_the_thread_sleeps_meanwhile() {
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    pull.bind("tcp://127.0.0.1:0").expect("bound");
    let (here, _there) = UnixStream::pair().expect("a pair of streams");
    let mut poll = poll();
    poll.add(&push, Interest::BOTH);
    poll.add(&pull, Interest::READABLE);
    poll.add_source(&here, Interest::READABLE);
    let begun = Instant::now();
    let before = cpu_time();
    assert!(wait(&mut poll, Duration::from_millis(400)).is_empty());
    assert!(begun.elapsed() >= Duration::from_millis(400));
    if let (Some(before), Some(after)) = (before, cpu_time()) {
        let busy = after - before;
        assert!(busy < Duration::from_millis(200), "busy for {busy:?}");
    }
}

/// For how long this thread has run, where the system tells.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

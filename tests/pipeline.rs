//! One PUSH and one PULL over real transports.

mod support;

use std::sync::mpsc;

use highwater::{
    Context, Dealer, Ended, Message, Pull, Push, RouteError, Router, RoutingId, SendError,
    TrySendError,
};
use support::{MOMENT, PATIENCE, Place, joined, over_every_transport};

over_every_transport!(
    a_stream_that_pauses_anywhere_arrives_without_another_call,
    many_messages_received_at_once_are_in_order_and_not_too_many,
    a_borrowed_body_of_any_length_arrives_as_an_owned_one_does,
    a_borrowed_body_that_is_refused_comes_back_as_a_message,
);

#[test]
fn a_stream_of_small_then_large_messages_arrives_whole_and_in_order() {
    let context = Context::new();
    let push = Push::new(&context);
    let at = push.bind("tcp://127.0.0.1:0").expect("a port is free");
    let pull = Pull::new(&context);
    pull.connect(&at).expect("the endpoint is good");
    let sender = std::thread::spawn(move || {
        for number in 0..100_000u32 {
            push.send(&number.to_le_bytes()).expect("sent");
        }
        push.send(vec![7; 3_000_000]).expect("sent");
        for number in 0..1_000u32 {
            push.send(vec![number as u8; 20_000]).expect("sent");
        }
        push.close(PATIENCE)
    });
    for number in 0..100_000u32 {
        assert_eq!(
            pull.recv_timeout(PATIENCE).expect("received"),
            &number.to_le_bytes()
        );
    }
    assert_eq!(
        pull.recv_timeout(PATIENCE).expect("received"),
        vec![7; 3_000_000]
    );
    for number in 0..1_000u32 {
        assert_eq!(
            pull.recv_timeout(PATIENCE).expect("received"),
            vec![number as u8; 20_000]
        );
    }
    let report = sender.join().expect("the sender does not panic");
    assert_eq!(report.lost, 0);
}

/// The last messages of a burst are in the hands of the sender, who calls no more before they have come.
fn a_stream_that_pauses_anywhere_arrives_without_another_call(place: &Place) {
    const BURSTS: usize = 200;
    let context = Context::new();
    let pull = Pull::new(&context);
    let push = Push::new(&context);
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    let bursts = || (0..BURSTS).map(|burst| 900 + (burst * 7919) % 2500);
    let (arrived, all_arrived) = mpsc::channel();
    let sender = std::thread::spawn(move || {
        let mut sent = 0u64;
        for burst in bursts() {
            for _ in 0..burst {
                push.send(&sent.to_le_bytes()).expect("sent");
                sent += 1;
            }
            if burst % 2 == 0 {
                assert_eq!(push.stats().messages_sent, sent);
            }
            all_arrived.recv_timeout(PATIENCE).expect("it arrives");
        }
    });
    let mut received = 0u64;
    for burst in bursts() {
        for _ in 0..burst {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, &received.to_le_bytes());
            received += 1;
        }
        arrived.send(()).expect("the sender waits");
    }
    joined(sender);
}

fn many_messages_received_at_once_are_in_order_and_not_too_many(place: &Place) {
    const COUNT: usize = 3_000;
    const MOST: usize = 64;
    const ENOUGH: usize = 128 * 1024;
    let context = Context::new();
    let pull = Pull::builder(&context).receive_timeout(PATIENCE).build();
    let push = Push::new(&context);
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    let length = |number: usize| if number % 100 < 40 { 20_000 } else { 20 };
    let message = move |number: usize| vec![number as u8; length(number)];
    let sender =
        std::thread::spawn(move || (0..COUNT).try_for_each(|number| push.send(message(number))));
    let mut all = Vec::new();
    while all.len() < COUNT {
        let before = all.len();
        let taken = pull.recv_many(&mut all, MOST).expect("received");
        assert_eq!(all.len(), before + taken);
        assert!((1..=MOST).contains(&taken));
        let but_one: usize = (before..before + taken - 1).map(length).sum();
        assert!(but_one < ENOUGH, "{but_one} bytes were not enough");
    }
    for (number, received) in all.iter().enumerate() {
        assert_eq!(*received, message(number), "message {number}");
    }
    joined(sender).expect("sent");
}

#[test]
fn as_many_as_are_there_and_asked_for_are_received_at_once() {
    let context = Context::new();
    let pull = Pull::new(&context);
    let push = Push::new(&context);
    push.connect(pull.bind("inproc://many").expect("bound"))
        .expect("connecting");
    push.send_many((0..10u8).map(|number| vec![number]))
        .expect("sent");
    let mut all = Vec::new();
    assert_eq!(pull.recv_many(&mut all, 0), Ok(0));
    assert_eq!(pull.recv_many(&mut all, 4), Ok(4));
    assert_eq!(pull.recv_many(&mut all, 64), Ok(6));
    let sent: Vec<Message> = (0..10u8).map(|number| vec![number].into()).collect();
    assert_eq!(all, sent);
}

/// Around each length at which a body is handled in another way.
fn a_borrowed_body_of_any_length_arrives_as_an_owned_one_does(place: &Place) {
    let edges = [0, 4, 8, 16, 33, 64, 255, 4096, 8192, 70_000];
    let lengths: Vec<usize> = edges
        .into_iter()
        .flat_map(|edge: usize| edge.saturating_sub(1)..=edge + 1)
        .collect();
    let bytes: Vec<u8> = (0..=250).cycle().take(70_001).collect();
    let context = Context::new();
    let (push, pull) = (Push::new(&context), Pull::new(&context));
    let (dealer, router) = (Dealer::new(&context), Router::new(&context));
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    dealer
        .connect(router.bind(place.any()).expect("bound"))
        .expect("connecting");
    for &length in &lengths {
        let body = &bytes[..length];
        push.send(body).expect("sent");
        push.send(body.to_vec()).expect("sent");
        dealer.send(body).expect("sent");
    }
    let bodies = lengths.iter().map(|&length| &bytes[..length]);
    assert_eq!(push.send_many(bodies.clone()), Ok(lengths.len()));
    for &length in &lengths {
        let body = &bytes[..length];
        for _ in 0..2 {
            assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), body);
        }
        let (dealer, message) = router.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, body);
        router.send_to(&dealer, body).expect("sent back");
    }
    for body in bodies {
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), body);
    }
    for &length in &lengths {
        let message = dealer.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, &bytes[..length]);
    }
    assert_eq!(push.stats().messages_sent, 3 * lengths.len() as u64);
}

fn a_borrowed_body_that_is_refused_comes_back_as_a_message(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(1).build();
    let mute = push.try_send("nobody is there").expect_err("mute");
    assert!(matches!(mute, TrySendError::Full(message) if message == "nobody is there"));
    let late = push.send_timeout(&[7; 100], MOMENT).expect_err("mute");
    assert!(matches!(late, SendError::Timeout(message) if message == [7; 100].as_slice()));

    push.set_option("send_timeout", "1").expect("an option");
    let many = push.send_many(["a", "b"]).expect_err("mute");
    assert!(matches!(many.error, SendError::Timeout(message) if message == "a"));

    push.bind(place.any()).expect("bound");
    let router = Router::new(&context);
    let id = RoutingId::new("nobody").expect("a valid id");
    let lost = router.send_to(&id, b"body").expect_err("nobody has it");
    assert!(matches!(lost, RouteError::NoRoute(message) if message == b"body"));
    context.shutdown();
    let ended = push.send("too late").expect_err("shut down");
    assert!(matches!(ended, SendError::Ended(message, Ended::Terminated) if message == "too late"));
}

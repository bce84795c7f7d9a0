//! RFC 29/PUBSUB, "The SUB Socket Type".

use crate::testing::{Bench, TestPipes};
use crate::{Afterlife, DropCause, Message, Pattern, PatternOptions, Refusal, SocketType, Sub};

fn sub_with(options: PatternOptions) -> Bench {
    Bench::new(Pattern::new(SocketType::Sub, &options))
}

fn sub() -> Bench {
    sub_with(PatternOptions::default())
}

fn rules(bench: &mut Bench) -> (&mut Sub, &mut TestPipes) {
    match &mut bench.pattern {
        Pattern::Sub(rules) => (rules, &mut bench.pipes),
        other => panic!("not a SUB: {other:?}"),
    }
}

fn subscribe(bench: &mut Bench, topic: &str) {
    let (sub, pipes) = rules(bench);
    sub.subscribe(topic.as_bytes(), pipes)
        .expect("not too long");
}

fn unsubscribe(bench: &mut Bench, topic: &str) -> bool {
    let (sub, pipes) = rules(bench);
    sub.unsubscribe(topic.as_bytes(), pipes)
}

/// "MAY, depending on the transport, filter messages according to subscriptions, using a prefix match algorithm."
#[test]
fn only_what_was_subscribed_to_is_delivered() {
    let mut sub = sub();
    let pipe = sub.accept(1);
    sub.arrive(pipe, "weather.nyc");
    assert!(!sub.can_recv());
    subscribe(&mut sub, "weather.");
    for topic in ["sport", "weather.nyc", "weather"] {
        sub.arrive(pipe, topic);
    }
    assert!(sub.can_recv());
    assert!(sub.can_recv());
    assert_eq!(sub.recv().expect("wanted"), "weather.nyc");
    assert_eq!(sub.recv(), None);
}

#[test]
fn what_arrives_after_its_subscription_has_ended_is_dropped_and_counted() {
    let mut sub = sub();
    let pipe = sub.accept(1);
    subscribe(&mut sub, "weather");
    sub.arrive(pipe, "weather.nyc");
    assert!(unsubscribe(&mut sub, "weather"));
    assert_eq!(sub.recv(), None);
    assert_eq!(sub.pipes.dropped, [(Some(pipe), DropCause::Unwanted)]);
}

/// "SHALL receive incoming messages from its publishers using a fair-queuing strategy." "SHALL not modify incoming
/// messages in any way." "SHALL deliver messages to its calling application."
#[test]
fn publishers_are_read_in_turn_and_messages_left_as_they_are() {
    let mut sub = sub();
    subscribe(&mut sub, "");
    let a = sub.accept(1);
    let b = sub.accept(2);
    sub.arrive(a, ["a1", "", "x"]);
    sub.arrive(a, "a2");
    sub.arrive(b, "b1");
    let read: Vec<_> = std::iter::from_fn(|| sub.recv()).collect();
    assert_eq!(
        read,
        [
            Message::from(["a1", "", "x"]),
            Message::from("b1"),
            Message::from("a2")
        ]
    );
}

/// "SHALL only receive messages."
#[test]
fn it_never_sends() {
    let mut sub = sub();
    sub.accept(1);
    let refused = sub.send("no").expect_err("not supported");
    assert_eq!(refused.reason, Refusal::NotSupported);
    assert_eq!(refused.message, "no");
    assert!(!sub.can_send());
}

/// "MAY send subscribe and unsubscribe requests to publishers": as libzmq, every subscribe, and a topic's last cancel.
#[test]
fn every_subscribe_is_sent_but_only_the_last_cancel() {
    let mut sub = sub();
    let pipes = [sub.accept(1), sub.accept(2)];
    subscribe(&mut sub, "a");
    subscribe(&mut sub, "a");
    assert!(unsubscribe(&mut sub, "a"));
    assert!(unsubscribe(&mut sub, "a"));
    assert!(!unsubscribe(&mut sub, "a"));
    for pipe in pipes {
        assert_eq!(sub.pipes.pipe(pipe).told, ["+a", "+a", "-a"]);
    }
}

#[test]
fn each_connection_is_told_every_topic_once() {
    let mut sub = sub();
    for topic in ["b", "a", "a", "gone"] {
        subscribe(&mut sub, topic);
    }
    unsubscribe(&mut sub, "gone");
    let pipe = sub.attach(1);
    assert!(sub.pipes.pipe(pipe).told.is_empty());
    assert_eq!(sub.connect(pipe), crate::Admission::Accepted);
    assert_eq!(sub.pipes.pipe(pipe).told, ["+a", "+b"]);
    sub.disconnect(pipe, Afterlife::Reconnects);
    subscribe(&mut sub, "c");
    sub.pipes.pipe(pipe).told.clear();
    assert_eq!(sub.connect(pipe), crate::Admission::Accepted);
    assert_eq!(sub.pipes.pipe(pipe).told, ["+a", "+b", "+c"]);
    assert_eq!(rules(&mut sub).0.topic_count(), 3);
}

#[test]
fn a_publisher_that_went_is_read_to_the_end_and_told_nothing_more() {
    let mut sub = sub();
    subscribe(&mut sub, "");
    let pipe = sub.accept(1);
    sub.arrive(pipe, "last words");
    sub.disconnect(pipe, Afterlife::Ends);
    subscribe(&mut sub, "a");
    assert_eq!(sub.pipes.pipe(pipe).told, ["+"]);
    assert_eq!(sub.recv().expect("wanted"), "last words");
    sub.detach(pipe);
    subscribe(&mut sub, "b");
}

/// ZMQ_INVERT_MATCHING.
#[test]
fn with_inverted_matching_what_does_not_match_is_delivered() {
    let mut sub = sub_with(PatternOptions {
        invert_matching: true,
        ..PatternOptions::default()
    });
    let pipe = sub.accept(1);
    subscribe(&mut sub, "a");
    sub.arrive(pipe, "ab");
    sub.arrive(pipe, "ba");
    assert_eq!(sub.recv().expect("unmatched"), "ba");
    assert_eq!(sub.recv(), None);
}

#[test]
fn a_call_that_has_looked_enough_finds_nothing_and_the_next_goes_on_there() {
    let mut bench = Bench::new(Pattern::new(SocketType::Sub, &PatternOptions::default()));
    let (busy, idle) = (bench.accept(1), bench.accept(2));
    if let Pattern::Sub(sub) = &mut bench.pattern {
        sub.subscribe(b"wanted", &mut bench.pipes).expect("short");
    }
    for _ in 0..10 {
        bench.arrive(busy, "unwanted");
    }
    bench.arrive(busy, "wanted 1");
    bench.arrive(idle, "wanted 2");
    let mut received = Vec::new();
    // No pipe is said to be readable again: none was taken for empty.
    for _ in 0..8 {
        bench.pipes.looks = Some(2);
        received.extend(bench.recv());
    }
    assert_eq!(received, ["wanted 2", "wanted 1"]);
    assert_eq!(bench.pipes.drops(DropCause::Unwanted), 10);
}

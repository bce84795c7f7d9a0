//! RFC 29/PUBSUB, "The XSUB Socket Type".

use crate::testing::{Bench, TestPipes};
use crate::{Afterlife, DropCause, Message, Pattern, PatternOptions, Sent, SocketType, XSub};

fn xsub_with(options: PatternOptions) -> Bench {
    Bench::new(Pattern::new(SocketType::XSub, &options))
}

fn xsub() -> Bench {
    xsub_with(PatternOptions::default())
}

fn rules(bench: &mut Bench) -> (&mut XSub, &mut TestPipes) {
    match &mut bench.pattern {
        Pattern::XSub(rules) => (rules, &mut bench.pipes),
        other => panic!("not an XSUB: {other:?}"),
    }
}

const fn sent(sent: usize) -> Result<Sent, crate::Refused> {
    Ok(Sent { sent, dropped: 0 })
}

/// "SHALL accept subscription commands from its calling application." "SHALL send subscribe and unsubscribe requests
/// to publishers depending on the transport protocol used."
#[test]
fn a_message_that_begins_with_1_or_0_is_a_subscription_or_its_end() {
    let mut xsub = xsub();
    let pipe = xsub.accept(1);
    assert_eq!(xsub.send("\x01a"), sent(1));
    assert_eq!(xsub.send("\x01a"), sent(1));
    assert_eq!(xsub.send("\x00a"), sent(0));
    assert_eq!(xsub.send("\x00a"), sent(1));
    assert_eq!(xsub.send("\x00a"), sent(0));
    assert_eq!(xsub.pipes.pipe(pipe).told, ["+a", "+a", "-a"]);
    assert!(xsub.pipes.take(pipe).is_empty());
}

/// ZMQ_XSUB_VERBOSE_UNSUBSCRIBE.
#[test]
fn if_so_chosen_every_unsubscribe_is_passed_on() {
    let mut xsub = xsub_with(PatternOptions {
        verbose_unsubscribe: true,
        ..PatternOptions::default()
    });
    let pipe = xsub.accept(1);
    for command in ["\x01a", "\x01a", "\x00a", "\x00b"] {
        assert_eq!(xsub.send(command), sent(1));
    }
    assert_eq!(xsub.pipes.pipe(pipe).told, ["+a", "+a", "-a", "-b"]);
}

#[test]
fn each_connection_is_told_every_topic_once() {
    let mut xsub = xsub();
    let (rules, pipes) = rules(&mut xsub);
    assert_eq!(rules.subscribe(b"a", pipes), Ok(0));
    assert_eq!(rules.subscribe(b"a", pipes), Ok(0));
    assert_eq!(rules.subscribe(b"b", pipes), Ok(0));
    assert!(rules.unsubscribe(b"b", pipes));
    assert!(!rules.unsubscribe(b"b", pipes));
    assert_eq!(rules.topic_count(), 1);
    let pipe = xsub.accept(1);
    assert_eq!(xsub.pipes.pipe(pipe).told, ["+a"]);
    xsub.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(xsub.send("\x01c"), sent(0));
    assert_eq!(xsub.connect(pipe), crate::Admission::Accepted);
    assert_eq!(xsub.pipes.pipe(pipe).told, ["+a", "+a", "+c"]);
}

/// "SHALL send all messages to all connected publishers." "SHALL not modify outgoing messages in any way."
#[test]
fn any_other_message_goes_to_all_publishers() {
    let mut xsub = xsub();
    let pipes = [xsub.accept(1), xsub.accept(2)];
    assert!(xsub.can_send());
    assert_eq!(xsub.send(["up", ""]), sent(2));
    assert_eq!(xsub.send(""), sent(2));
    for pipe in pipes {
        assert_eq!(
            xsub.pipes.take(pipe),
            [Message::from(["up", ""]), Message::EMPTY]
        );
    }
}

/// "SHALL silently drop the message if the outgoing queue for a publisher is full." "SHALL NOT block on sending." Here
/// it is counted.
#[test]
fn a_full_publisher_misses_upstream_messages_and_no_subscription() {
    let mut xsub = xsub();
    let full = xsub.accept(1);
    let open = xsub.accept(2);
    xsub.pipes.limit(full, 0);
    assert_eq!(
        xsub.send("up"),
        Ok(Sent {
            sent: 1,
            dropped: 1
        })
    );
    assert_eq!(xsub.send("\x01a"), sent(2));
    assert_eq!(xsub.pipes.dropped, [(Some(full), DropCause::NoRoom)]);
    assert_eq!(xsub.pipes.pipe(full).told, ["+a"]);
    assert_eq!(xsub.pipes.take(open), ["up"]);
}

/// Every frame of a message is looked at, unless only the first one may be a subscription.
#[test]
fn subscriptions_may_hide_behind_the_first_frame() {
    for only_first in [false, true] {
        let mut xsub = xsub_with(PatternOptions {
            only_first_subscribe: only_first,
            ..PatternOptions::default()
        });
        let pipe = xsub.accept(1);
        assert_eq!(xsub.send(["up", "\x01a"]), sent(1));
        let (told, written): (&[&str], Message) = if only_first {
            (&[], ["up", "\x01a"].into())
        } else {
            (&["+a"], "up".into())
        };
        assert_eq!(xsub.pipes.pipe(pipe).told, told);
        assert_eq!(xsub.pipes.take(pipe), [written]);
    }
}

/// "SHALL receive incoming messages from its publishers using a fair-queuing strategy." "SHALL deliver messages to its
/// calling application": all of them, it does not filter.
#[test]
fn whatever_arrives_is_delivered() {
    let mut xsub = xsub();
    let a = xsub.accept(1);
    let b = xsub.accept(2);
    xsub.arrive(a, "a1");
    xsub.arrive(a, ["a2", ""]);
    xsub.arrive(b, "b1");
    assert!(xsub.can_recv());
    let read: Vec<_> = std::iter::from_fn(|| xsub.recv()).collect();
    assert_eq!(
        read,
        [
            Message::from("a1"),
            Message::from("b1"),
            Message::from(["a2", ""])
        ]
    );
}

/// "If this publisher disconnects, the XSUB socket SHALL destroy its double queue": the inbound half once it is read.
#[test]
fn a_publisher_that_ended_is_read_but_not_written() {
    let mut xsub = xsub();
    let pipe = xsub.accept(1);
    xsub.arrive(pipe, "last words");
    xsub.disconnect(pipe, Afterlife::Ends);
    assert_eq!(xsub.send("up"), sent(0));
    assert_eq!(xsub.send("\x01a"), sent(0));
    assert_eq!(xsub.recv().expect("arrived"), "last words");
    xsub.detach(pipe);
    assert_eq!(xsub.recv(), None);
}

#[test]
fn a_topic_that_is_too_long_is_refused_and_so_is_what_it_came_with() {
    let mut xsub = xsub();
    let pipe = xsub.accept(1);
    let topic = vec![b't'; crate::MAX_TOPIC + 1];
    for kind in [0, 1] {
        let long = [&[kind], &topic[..]].concat();
        let message = Message::from([&b"upstream"[..], &long]);
        let refused = xsub.send(message.clone()).expect_err("refused");
        assert_eq!(refused.reason, crate::Refusal::TopicTooLong);
        assert_eq!(refused.message, message);
    }
    let (rules, pipes) = rules(&mut xsub);
    let refused = rules.subscribe(&topic, pipes);
    assert_eq!(refused, Err(crate::Refusal::TopicTooLong));
    assert!(!rules.unsubscribe(&topic, pipes));
    assert_eq!(rules.subscribe(&topic[1..], pipes), Ok(1));
    assert!(xsub.pipes.take(pipe).is_empty());
}

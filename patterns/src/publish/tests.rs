//! RFC 29/PUBSUB, "The PUB Socket Type".

use bytes::Bytes;
use proptest::prelude::*;

use crate::testing::Bench;
use crate::{
    Afterlife, DropCause, Message, Pattern, PatternOptions, PipeId, Pub, Received, Refusal, Sent,
    SlowSubscriber, SocketType,
};

fn pub_with(options: PatternOptions) -> Bench {
    Bench::new(Pattern::new(SocketType::Pub, &options))
}

fn publisher() -> Bench {
    pub_with(PatternOptions::default())
}

fn slow(slow_subscriber: SlowSubscriber) -> Bench {
    pub_with(PatternOptions {
        slow_subscriber,
        ..PatternOptions::default()
    })
}

fn subscriber(bench: &mut Bench, id: u32, topics: &[&str]) -> PipeId {
    let pipe = bench.accept(id);
    for topic in topics {
        bench.arrive_subscribe(pipe, topic);
    }
    pipe
}

fn rules(bench: &Bench) -> &Pub {
    match &bench.pattern {
        Pattern::Pub(rules) => rules,
        other => panic!("not a PUB: {other:?}"),
    }
}

const fn sent(sent: usize, dropped: usize) -> Sent {
    Sent { sent, dropped }
}

/// "SHALL perform a binary comparison of the subscription against the start of the first frame of the message."
#[test]
fn a_message_goes_to_those_whose_topic_its_first_frame_begins_with() {
    let mut publisher = publisher();
    let nyc = subscriber(&mut publisher, 1, &["weather.nyc"]);
    let all = subscriber(&mut publisher, 2, &["weather.", "sport"]);
    let none = subscriber(&mut publisher, 3, &["weather.nyc.today"]);
    assert_eq!(publisher.send(["weather.nyc", "sport"]), Ok(sent(2, 0)));
    assert_eq!(publisher.send("weather."), Ok(sent(1, 0)));
    assert_eq!(publisher.send(["news", "weather.nyc"]), Ok(sent(0, 0)));
    assert_eq!(
        publisher.pipes.take(nyc),
        [Message::from(["weather.nyc", "sport"])]
    );
    assert_eq!(publisher.pipes.take(all).len(), 2);
    assert!(publisher.pipes.take(none).is_empty());
}

#[test]
fn the_empty_topic_matches_everything() {
    let mut publisher = publisher();
    let pipes = [1, 2].map(|id| subscriber(&mut publisher, id, &[""]));
    assert_eq!(publisher.send(""), Ok(sent(2, 0)));
    let picky = subscriber(&mut publisher, 3, &["a"]);
    assert_eq!(publisher.send("b"), Ok(sent(2, 0)));
    assert_eq!(publisher.send("a"), Ok(sent(3, 0)));
    assert_eq!(publisher.pipes.take(pipes[0]), ["", "b", "a"]);
    assert_eq!(publisher.pipes.take(picky), ["a"]);
}

/// "SHALL not modify outgoing messages in any way", nor send them twice to one who has two reasons to get them.
#[test]
fn overlapping_topics_give_one_copy() {
    let mut publisher = publisher();
    let pipe = subscriber(&mut publisher, 1, &["a", "ab", ""]);
    subscriber(&mut publisher, 2, &["x"]);
    assert_eq!(publisher.send(["abc", ""]), Ok(sent(1, 0)));
    assert_eq!(publisher.pipes.take(pipe), [Message::from(["abc", ""])]);
}

/// "SHALL NOT block on sending": with nobody there a message goes nowhere.
#[test]
fn without_subscribers_a_message_is_gone() {
    let mut publisher = publisher();
    assert!(publisher.can_send());
    assert_eq!(publisher.send("x"), Ok(sent(0, 0)));
    publisher.accept(1);
    assert_eq!(publisher.send("x"), Ok(sent(0, 0)));
}

/// "SHALL silently drop the message if the queue for a subscriber is full." Here it is counted; and only that
/// subscriber loses it.
#[test]
fn a_slow_subscriber_loses_its_own_messages_only() {
    let mut publisher = publisher();
    let slow = subscriber(&mut publisher, 1, &["a"]);
    let fast = subscriber(&mut publisher, 2, &["", "a"]);
    publisher.pipes.limit(slow, 1);
    assert_eq!(publisher.send("a1"), Ok(sent(2, 0)));
    assert_eq!(publisher.send("a2"), Ok(sent(1, 1)));
    assert_eq!(publisher.send("a3"), Ok(sent(1, 1)));
    assert_eq!(publisher.send("b"), Ok(sent(1, 0)));
    assert_eq!(
        publisher.pipes.dropped,
        [(Some(slow), DropCause::SlowSubscriber); 2]
    );
    assert_eq!(publisher.make_room(slow), ["a1"]);
    assert_eq!(publisher.send("a4"), Ok(sent(2, 0)));
    assert_eq!(publisher.pipes.take(slow), ["a4"]);
    assert_eq!(publisher.pipes.take(fast), ["a1", "a2", "a3", "b", "a4"]);
}

/// ZMQ_XPUB_NODROP: if any matching pipe is full, nothing is sent to anybody.
#[test]
fn if_so_chosen_a_slow_subscriber_refuses_the_message_for_all() {
    let mut publisher = slow(SlowSubscriber::Refuse);
    let slow = subscriber(&mut publisher, 1, &["a"]);
    let fast = subscriber(&mut publisher, 2, &[""]);
    publisher.pipes.limit(slow, 1);
    assert_eq!(publisher.send("a1"), Ok(sent(2, 0)));
    let refused = publisher.send(["a2", "x"]).expect_err("one is full");
    assert_eq!(refused.reason, Refusal::Full);
    assert_eq!(refused.message, ["a2", "x"]);
    assert_eq!(publisher.send("b"), Ok(sent(1, 0)));
    assert_eq!(publisher.pipes.take(fast), ["a1", "b"]);
    publisher.make_room(slow);
    assert_eq!(publisher.send("a2"), Ok(sent(2, 0)));
    assert!(publisher.pipes.dropped.is_empty());
}

#[test]
fn if_so_chosen_a_slow_subscriber_is_evicted() {
    let mut publisher = slow(SlowSubscriber::Evict);
    let slow = subscriber(&mut publisher, 1, &["a"]);
    let fast = subscriber(&mut publisher, 2, &["a"]);
    publisher.pipes.limit(slow, 1);
    assert_eq!(publisher.send("a1"), Ok(sent(2, 0)));
    assert!(!publisher.pipes.pipe(slow).closed);
    assert_eq!(publisher.send("a2"), Ok(sent(1, 1)));
    assert!(publisher.pipes.pipe(slow).closed);
    assert!(!publisher.pipes.pipe(fast).closed);
    publisher.disconnect(slow, Afterlife::Ends);
    publisher.detach(slow);
    assert_eq!(publisher.send("a3"), Ok(sent(1, 0)));
}

/// A subscriber has gone, and `detached` has not come yet: it is neither slow nor waited for.
#[test]
fn a_subscriber_that_has_gone_misses_nothing() {
    for how in [
        SlowSubscriber::DropNewest,
        SlowSubscriber::Refuse,
        SlowSubscriber::Evict,
    ] {
        let mut publisher = slow(how);
        let gone = subscriber(&mut publisher, 1, &["a"]);
        let here = subscriber(&mut publisher, 2, &["a"]);
        publisher.pipes.pipe(gone).closed = true;
        for _ in 0..2 {
            assert_eq!(publisher.send("a1"), Ok(sent(1, 0)), "{how:?}");
        }
        assert_eq!(publisher.pipes.dropped, [], "{how:?}");
        assert_eq!(publisher.pipes.take(here), ["a1", "a1"]);
        publisher.disconnect(gone, Afterlife::Ends);
        publisher.detach(gone);
        assert_eq!(publisher.send("a2"), Ok(sent(1, 0)), "{how:?}");
    }
}

/// "SHALL receive subscribe and unsubscribe requests from subscribers depending on the transport protocol used."
/// "SHALL NOT deliver these commands to its calling application."
#[test]
fn subscriptions_act_and_are_never_delivered() {
    let mut publisher = publisher();
    let pipe = subscriber(&mut publisher, 1, &["a"]);
    assert_eq!(publisher.recv(), None);
    assert!(!publisher.can_recv());
    assert_eq!(publisher.pattern.may_recv(), Err(Refusal::NotSupported));
    publisher.arrive_cancel(pipe, "a");
    assert_eq!(publisher.send("a"), Ok(sent(0, 0)));
}

/// As libzmq and unlike RFC 37: a publisher keeps a set, so that the first cancel ends any number of subscribes.
#[test]
fn one_cancel_undoes_several_subscribes() {
    let mut publisher = publisher();
    let pipe = subscriber(&mut publisher, 1, &["a", "a"]);
    publisher.arrive_cancel(pipe, "a");
    assert_eq!(publisher.send("a"), Ok(sent(0, 0)));
    publisher.arrive_cancel(pipe, "never subscribed");
}

#[test]
fn a_subscription_in_the_form_of_a_message_counts_too() {
    let mut publisher = publisher();
    let pipe = publisher.accept(1);
    publisher.arrive(pipe, [&b"\x01a"[..], b"\x01b", b"upstream"]);
    publisher.arrive(pipe, b"\x00a");
    assert_eq!(publisher.send("a"), Ok(sent(0, 0)));
    assert_eq!(publisher.send("b"), Ok(sent(1, 0)));
    assert_eq!(publisher.pipes.drops(DropCause::Unexpected), 1);
}

/// "SHALL silently discard any messages that subscribers send it." Here they are counted.
#[test]
fn upstream_messages_are_dropped_and_counted() {
    let mut publisher = publisher();
    let pipe = publisher.accept(1);
    publisher.arrive(pipe, "hello?");
    publisher.arrive(pipe, "");
    assert_eq!(
        publisher.pipes.dropped,
        [(Some(pipe), DropCause::Unexpected); 2]
    );
}

/// "If this subscriber disconnects, the PUB socket SHALL destroy its queue and SHALL discard any messages it
/// contains."
#[test]
fn a_subscriber_that_ended_is_forgotten() {
    let mut publisher = publisher();
    let pipe = subscriber(&mut publisher, 1, &["a"]);
    publisher.disconnect(pipe, Afterlife::Ends);
    assert_eq!(publisher.send("a"), Ok(sent(0, 0)));
    assert_eq!(rules(&publisher).topic_count(), 0);
    publisher.arrive_subscribe(pipe, "a");
    assert_eq!(publisher.send("a"), Ok(sent(0, 0)));
    publisher.detach(pipe);
}

/// "SHALL create a queue when initiating an outgoing connection to a subscriber, and SHALL maintain the queue whether
/// or not the connection is established"; the subscriptions are the connection's.
#[test]
fn a_new_connection_of_the_same_pipe_subscribes_anew() {
    let mut publisher = publisher();
    let pipe = publisher.attach(1);
    assert_eq!(publisher.connect(pipe), crate::Admission::Accepted);
    publisher.arrive_subscribe(pipe, "a");
    publisher.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(publisher.send("a"), Ok(sent(0, 0)));
    assert_eq!(publisher.connect(pipe), crate::Admission::Accepted);
    publisher.arrive_subscribe(pipe, "b");
    assert_eq!(publisher.send("a"), Ok(sent(0, 0)));
    assert_eq!(publisher.send("b"), Ok(sent(1, 0)));
}

#[test]
fn what_a_lost_connection_left_unread_does_not_act_on_the_next() {
    let mut publisher = publisher();
    let pipe = publisher.accept(1);
    let left = Received::Subscribe(Bytes::from("old"));
    publisher.pipes.pipe(pipe).arrived.push_back(left);
    publisher.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(publisher.connect(pipe), crate::Admission::Accepted);
    publisher.arrive_subscribe(pipe, "new");
    assert_eq!(publisher.send("old"), Ok(sent(0, 0)));
    assert_eq!(publisher.send("new"), Ok(sent(1, 0)));
}

#[test]
fn with_inverted_matching_those_get_it_who_do_not_match() {
    let mut publisher = pub_with(PatternOptions {
        invert_matching: true,
        ..PatternOptions::default()
    });
    let a = subscriber(&mut publisher, 1, &["a"]);
    let b = subscriber(&mut publisher, 2, &["b"]);
    let silent = subscriber(&mut publisher, 3, &[]);
    assert_eq!(publisher.send("a"), Ok(sent(2, 0)));
    assert!(publisher.pipes.take(a).is_empty());
    assert_eq!(publisher.pipes.take(b), ["a"]);
    assert_eq!(publisher.pipes.take(silent), ["a"]);
}

#[test]
fn subscribers_and_subscriptions_can_be_counted() {
    let mut publisher = publisher();
    subscriber(&mut publisher, 1, &["a", "ab", "b"]);
    subscriber(&mut publisher, 2, &["a"]);
    publisher.accept(3);
    assert_eq!(rules(&publisher).subscriber_count(), 2);
    assert_eq!(rules(&publisher).subscription_count(b"ab"), 2);
    assert_eq!(rules(&publisher).subscription_count(b"b"), 1);
    assert_eq!(rules(&publisher).subscription_count(b""), 0);
    assert_eq!(rules(&publisher).topic_count(), 3);
}

#[test]
fn a_subscriber_with_too_many_topics_gets_no_more_and_that_is_counted() {
    let mut publisher = pub_with(PatternOptions {
        topic_bytes_per_peer: 514,
        ..PatternOptions::default()
    });
    let pipe = subscriber(&mut publisher, 1, &["a", "b", "c"]);
    assert_eq!(
        publisher.pipes.dropped,
        [(Some(pipe), DropCause::TooManyTopics)]
    );
    assert_eq!(publisher.send("b"), Ok(sent(1, 0)));
    assert_eq!(publisher.send("c"), Ok(sent(0, 0)));
}

proptest! {
    #[test]
    fn whatever_subscribers_do_the_right_ones_get_each_message(
        steps in prop::collection::vec((0_u8..10, 0_u32..4, "[ab]{0,3}"), 0..100),
    ) {
        let mut publisher = publisher();
        let mut topics: Vec<Option<Vec<String>>> = vec![None; 4];
        for (step, id, text) in steps {
            let pipe = PipeId(id.into());
            let held = &mut topics[id as usize];
            match (step, held.as_mut()) {
                (0..=3, None) => {
                    publisher.accept(id);
                    *held = Some(Vec::new());
                }
                (0..=2, Some(held)) => {
                    publisher.arrive_subscribe(pipe, &text);
                    held.push(text);
                }
                (3..=4, Some(held)) => {
                    publisher.arrive_cancel(pipe, &text);
                    held.retain(|topic| *topic != text);
                }
                (5, Some(_)) => {
                    publisher.disconnect(pipe, Afterlife::Ends);
                    publisher.detach(pipe);
                    *held = None;
                }
                (6, Some(held)) => {
                    publisher.disconnect(pipe, Afterlife::Reconnects);
                    held.clear();
                }
                _ => {
                    let wanted: Vec<bool> = topics
                        .iter()
                        .flatten()
                        .map(|held| held.iter().any(|topic| text.starts_with(topic)))
                        .collect();
                    let count = wanted.iter().filter(|wanted| **wanted).count();
                    prop_assert_eq!(rules(&publisher).subscription_count(text.as_bytes()), count);
                    prop_assert_eq!(publisher.send(text.as_str()), Ok(sent(count, 0)));
                    for (pipe, wanted) in publisher.pipes.pipes.values_mut().zip(wanted) {
                        prop_assert_eq!(pipe.written.drain(..).count(), usize::from(wanted));
                    }
                }
            }
        }
    }
}

/// Topics that no other `peer` has.
fn own_topics(peer: u32, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{peer}.{number}."))
        .collect()
}

fn subscribe_all(bench: &mut Bench, pipe: PipeId, topics: &[String]) {
    for topic in topics {
        bench.arrive_subscribe(pipe, topic);
    }
}

/// One call does one call's work, and nothing goes to a peer that has gone, nor to one that comes after it.
#[test]
fn the_topics_of_a_peer_that_has_gone_are_removed_a_budget_at_a_time() {
    for afterwards in [Afterlife::Ends, Afterlife::Reconnects] {
        let mut publisher = publisher();
        let mine = own_topics(1, 1_000);
        let gone = subscriber(&mut publisher, 1, &["", "both"]);
        subscribe_all(&mut publisher, gone, &mine);
        let other = subscriber(&mut publisher, 2, &["both"]);
        publisher.disconnect_within(100, gone, afterwards);
        let mut removed = 100;
        assert_eq!(publisher.pipes.removed_topics, removed);
        // The next peer, or the next connection of the same pipe, has a seat of its own.
        let next = match afterwards {
            Afterlife::Ends => publisher.accept(3),
            Afterlife::Reconnects => gone,
        };
        for calls in 1.. {
            assert_eq!(publisher.pipes.asked, Some(calls), "one call is asked for");
            assert_eq!(publisher.send(mine[999].as_str()), Ok(sent(0, 0)));
            assert_eq!(publisher.send("both"), Ok(sent(1, 0)));
            assert_eq!(rules(&publisher).subscriber_count(), 1);
            assert_eq!(rules(&publisher).subscription_count(b"both"), 1);
            assert_eq!(
                rules(&publisher).subscription_count(mine[999].as_bytes()),
                0
            );
            assert_eq!(rules(&publisher).topic_count(), 1_002 - removed);
            publisher.go_on(100);
            removed = 1_001.min(removed + 100);
            assert_eq!(publisher.pipes.removed_topics, removed);
            if removed == 1_001 {
                assert_eq!(publisher.pipes.asked, Some(calls), "nothing is left");
                break;
            }
        }
        assert_eq!(rules(&publisher).topic_count(), 1);
        subscribe_all(&mut publisher, next, &mine);
        assert_eq!(publisher.send(mine[999].as_str()), Ok(sent(1, 0)));
        assert_eq!(publisher.pipes.take(other).len(), 10);
        assert!(!publisher.pipes.take(next).is_empty());
    }
}

/// The end of the first connection does not undo what the second has asked for meanwhile.
#[test]
fn a_topic_that_is_asked_for_again_before_it_is_removed_stays() {
    let mut publisher = publisher();
    let mine = own_topics(1, 100);
    let pipe = subscriber(&mut publisher, 1, &[""]);
    subscribe_all(&mut publisher, pipe, &mine);
    publisher.disconnect_within(0, pipe, Afterlife::Reconnects);
    assert_eq!(publisher.send("anything"), Ok(sent(0, 0)));
    publisher.arrive_subscribe(pipe, &mine[99]);
    publisher.go_on(usize::MAX);
    assert_eq!(rules(&publisher).topic_count(), 1);
    assert_eq!(publisher.send(mine[99].as_str()), Ok(sent(1, 0)));
    assert_eq!(publisher.send(mine[0].as_str()), Ok(sent(0, 0)));
}

/// Though no call has a budget to remove any: a new topic takes the memory of a removed one.
#[test]
fn topics_of_peers_that_come_and_go_do_not_add_up() {
    let mut publisher = publisher();
    for peer in 0..50 {
        let pipe = publisher.accept(peer);
        for topic in own_topics(peer, 100) {
            publisher.arrive_subscribe(pipe, &topic);
            assert!(rules(&publisher).topic_count() <= 100);
        }
        publisher.disconnect_within(0, pipe, Afterlife::Ends);
        assert_eq!(rules(&publisher).subscriber_count(), 0);
    }
    assert_eq!(
        publisher.pipes.asked,
        Some(1),
        "the first call has not come"
    );
    let pipe = publisher.accept(50);
    publisher.arrive_subscribe(pipe, &"long".repeat(10_000));
    assert_eq!(rules(&publisher).topic_count(), 1, "bytes are counted, too");
}

#[test]
fn without_anybody_who_calls_again_all_topics_are_removed_at_once() {
    let mut publisher = publisher();
    let pipe = publisher.accept(1);
    subscribe_all(&mut publisher, pipe, &own_topics(1, 100));
    publisher.pipes.looks = Some(0);
    publisher.disconnect(pipe, Afterlife::Ends);
    assert_eq!(rules(&publisher).topic_count(), 0);
}

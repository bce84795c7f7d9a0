//! Sets of subscribers by topic against a plain set of pairs.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Added, Removed, Subscriptions, TOPIC_OVERHEAD};
use crate::strategy::{FanOut, SubscriberIndex};
use crate::{DropCause, PipeId};

/// Seats as a fan-out hands them out.
fn subscribers(count: u32) -> Vec<SubscriberIndex> {
    let mut fan_out = FanOut::new(DropCause::NoRoom);
    (0..count)
        .map(|id| {
            fan_out.attach(PipeId(id.into()));
            fan_out.subscriber(PipeId(id.into())).expect("attached")
        })
        .collect()
}

fn topic() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0_u8..3, 0..5)
}

proptest! {
    #[test]
    fn it_agrees_with_a_set_of_pairs(
        steps in prop::collection::vec((0_u8..8, 0_usize..5, topic()), 0..150),
        texts in prop::collection::vec(topic(), 1..8),
    ) {
        let subscribers = subscribers(5);
        let mut subscriptions = Subscriptions::new(usize::MAX);
        let mut model = BTreeSet::<(Vec<u8>, SubscriberIndex)>::new();
        let mut departed = BTreeSet::<SubscriberIndex>::new();
        for (step, subscriber, topic) in steps {
            let subscriber = subscribers[subscriber];
            let others = |model: &BTreeSet<(Vec<u8>, SubscriberIndex)>, topic: &Vec<u8>| {
                model.iter().any(|(known, holder)| known == topic && *holder != subscriber)
            };
            match step {
                _ if departed.contains(&subscriber) => {
                    // One topic of a subscriber that has departed.
                    match subscriptions.remove_next(subscriber) {
                        Some((topic, removed)) => {
                            let last = !others(&model, &topic);
                            let expected = if last { Removed::Last } else { Removed::Remaining };
                            prop_assert_eq!(removed, expected);
                            prop_assert!(model.remove(&(topic, subscriber)));
                        }
                        None => {
                            prop_assert!(model.iter().all(|(_, holder)| *holder != subscriber));
                            departed.remove(&subscriber);
                        }
                    }
                }
                0..=3 => {
                    let added = subscriptions.add(subscriber, &topic);
                    let expected = match (
                        model.contains(&(topic.clone(), subscriber)),
                        others(&model, &topic),
                    ) {
                        (true, _) => Added::Again,
                        (false, true) => Added::Further,
                        (false, false) => Added::First,
                    };
                    prop_assert_eq!(added, expected);
                    model.insert((topic, subscriber));
                }
                4..=6 => {
                    let removed = subscriptions.remove(subscriber, &topic);
                    let expected = match (
                        model.contains(&(topic.clone(), subscriber)),
                        others(&model, &topic),
                    ) {
                        (false, _) => Removed::NotFound,
                        (true, true) => Removed::Remaining,
                        (true, false) => Removed::Last,
                    };
                    prop_assert_eq!(removed, expected);
                    model.remove(&(topic, subscriber));
                }
                _ => {
                    let has_topics = model.iter().any(|(_, holder)| *holder == subscriber);
                    prop_assert_eq!(subscriptions.depart(subscriber), has_topics);
                    if has_topics {
                        departed.insert(subscriber);
                    }
                }
            }
        }
        let distinct: BTreeSet<_> = model.iter().map(|(topic, _)| topic).collect();
        prop_assert_eq!(subscriptions.topic_count(), distinct.len());
        let holders: BTreeSet<_> = model
            .iter()
            .map(|(_, subscriber)| *subscriber)
            .filter(|subscriber| !departed.contains(subscriber))
            .collect();
        prop_assert_eq!(subscriptions.holders(), holders.len());
        let all = model.iter().filter(|(topic, _)| topic.is_empty()).count();
        prop_assert_eq!(subscriptions.wanting_all(), all);
        for text in texts {
            let mut found = BTreeSet::new();
            subscriptions.each_match(&text, |subscriber| {
                found.insert(subscriber);
            });
            let expected: BTreeSet<_> = model
                .iter()
                .filter(|(topic, _)| text.starts_with(topic))
                .map(|(_, subscriber)| *subscriber)
                .collect();
            let counted = expected.difference(&departed).count();
            prop_assert_eq!(subscriptions.wanting(&text), counted);
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn a_seat_holds_no_more_than_its_share() {
    let subscribers = subscribers(2);
    let share = 2 * (TOPIC_OVERHEAD + 1);
    let mut subscriptions = Subscriptions::new(share);
    assert_eq!(subscriptions.add(subscribers[0], b"a"), Added::First);
    assert_eq!(subscriptions.add(subscribers[0], b"b"), Added::First);
    assert_eq!(subscriptions.add(subscribers[0], b"c"), Added::TooMany);
    assert_eq!(subscriptions.add(subscribers[0], b"b"), Added::Again);
    assert_eq!(subscriptions.add(subscribers[1], b"c"), Added::First);
    assert_eq!(subscriptions.remove(subscribers[0], b"a"), Removed::Last);
    assert_eq!(subscriptions.add(subscribers[0], b"c"), Added::Further);
    assert_eq!(subscriptions.topic_count(), 2);
}

#[test]
fn a_hundred_thousand_topics_are_found_one_by_one() {
    let subscribers = subscribers(10);
    let mut subscriptions = Subscriptions::new(usize::MAX);
    let name = |number: usize| format!("market.{:02}.{number}", number % 100);
    for number in 0..100_000 {
        let added = subscriptions.add(subscribers[number % 10], name(number).as_bytes());
        assert_eq!(added, Added::First);
    }
    assert_eq!(subscriptions.topic_count(), 100_000);
    for number in (0..100_000).step_by(997) {
        let mut found = Vec::new();
        subscriptions.each_match(name(number).as_bytes(), |subscriber| found.push(subscriber));
        assert!(found.contains(&subscribers[number % 10]));
    }
    for subscriber in subscribers {
        assert!(subscriptions.depart(subscriber));
        let ended = std::iter::from_fn(|| subscriptions.remove_next(subscriber));
        assert_eq!(ended.count(), 10_000);
    }
    assert_eq!(subscriptions.topic_count(), 0);
}

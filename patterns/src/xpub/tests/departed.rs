//! Connections that are lost with topics: these are removed a budget at a time, and the application hears of each.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{manual, rules, seen, sent, showing, xpub};
use crate::testing::{Bench, TestPipes};
use crate::{Afterlife, Notices};

/// The application hears as many cancels in one step as the step removes topics, in their order.
#[test]
fn the_cancels_of_a_peer_that_has_gone_come_a_budget_at_a_time() {
    for (mut xpub, afterwards) in [
        (xpub(), Afterlife::Ends),
        (xpub(), Afterlife::Reconnects),
        (manual(), Afterlife::Ends),
        (manual(), Afterlife::Reconnects),
    ] {
        let topics: Vec<_> = (0..95).map(|number| format!("{number:02}")).collect();
        let pipe = xpub.accept(1);
        for topic in &topics {
            xpub.arrive_subscribe(pipe, topic);
        }
        let subscribes: Vec<_> = topics.iter().map(|topic| format!("+{topic}")).collect();
        assert_eq!(seen(&mut xpub), subscribes);
        xpub.disconnect_within(10, pipe, afterwards);
        let mut cancels = seen(&mut xpub);
        for calls in 1.. {
            assert_eq!(cancels.len(), 95.min(10 * calls));
            assert!(!rules(&mut xpub).0.grant(b"t", &mut TestPipes::default()));
            rules(&mut xpub).0.backlog().check();
            if cancels.len() == 95 {
                break;
            }
            assert_eq!(xpub.pipes.asked, Some(calls));
            xpub.go_on(10);
            cancels.append(&mut seen(&mut xpub));
        }
        let expected: BTreeSet<_> = topics.iter().map(|topic| format!("-{topic}")).collect();
        assert_eq!(cancels.iter().cloned().collect::<BTreeSet<_>>(), expected);
        assert_eq!(rules(&mut xpub).0.topic_count(), 0);
        rules(&mut xpub).0.is_clean();
    }
}

/// One change of a subscription, or of the time at which remains are removed.
#[derive(Debug, Clone)]
enum Step {
    Subscribe(usize, u8),
    Cancel(usize, u8),
    Lose(usize, Afterlife, usize),
    GoOn(usize),
    See,
}

fn step() -> impl Strategy<Value = Step> {
    let afterwards = prop_oneof![Just(Afterlife::Ends), Just(Afterlife::Reconnects)];
    prop_oneof![
        6 => (0_usize..3, 0_u8..6).prop_map(|(peer, topic)| Step::Subscribe(peer, topic)),
        2 => (0_usize..3, 0_u8..6).prop_map(|(peer, topic)| Step::Cancel(peer, topic)),
        2 => (0_usize..3, afterwards, 0_usize..3)
            .prop_map(|(peer, afterwards, topics)| Step::Lose(peer, afterwards, topics)),
        1 => (0_usize..3).prop_map(Step::GoOn),
        1 => Just(Step::See),
    ]
}

/// The empty topic, and topics of one letter.
fn text(topic: u8) -> String {
    char::from_digit(topic.into(), 10)
        .filter(|_| topic > 0)
        .map_or_else(String::new, String::from)
}

proptest! {
    /// Whenever the topics of lost connections are removed, a message goes to those who want it now, and the notices lead to
    /// the topics that are wanted in the end.
    #[test]
    fn the_ledger_of_notices_closes_whenever_topics_are_removed(
        notices in prop_oneof![
            Just(Notices::FirstAndLast),
            Just(Notices::EverySubscribe),
            Just(Notices::Every),
        ],
        steps in prop::collection::vec(step(), 0..100),
    ) {
        let mut xpub = showing(notices);
        let mut pipes = [1, 2, 3].map(|id| xpub.accept(id));
        let mut next_id = 4;
        let mut wanted = [(); 3].map(|()| BTreeSet::<u8>::new());
        let mut ledger = BTreeMap::<String, Vec<bool>>::new();
        xpub.pipes.asked = Some(0);
        for step in steps {
            match step {
                Step::Subscribe(peer, topic) => {
                    xpub.arrive_subscribe(pipes[peer], &text(topic));
                    wanted[peer].insert(topic);
                }
                Step::Cancel(peer, topic) => {
                    if wanted[peer].remove(&topic) {
                        xpub.arrive_cancel(pipes[peer], &text(topic));
                    }
                }
                Step::Lose(peer, afterwards, topics) => {
                    xpub.disconnect_within(topics, pipes[peer], afterwards);
                    wanted[peer].clear();
                    if afterwards == Afterlife::Ends {
                        xpub.detach(pipes[peer]);
                        pipes[peer] = xpub.accept(next_id);
                        next_id += 1;
                    }
                }
                Step::GoOn(topics) => xpub.go_on(topics),
                Step::See => note(&mut xpub, &mut ledger),
            }
            rules(&mut xpub).0.backlog().check();
            let holders = wanted.iter().filter(|topics| !topics.is_empty()).count();
            prop_assert_eq!(rules(&mut xpub).0.subscriber_count(), holders);
            for topic in 0..6 {
                let takers = wanted.iter().filter(|topics| {
                    topics.contains(&0) || topics.contains(&topic)
                });
                prop_assert_eq!(xpub.send(text(topic).as_str()), sent(takers.count()));
            }
        }
        xpub.go_on(usize::MAX);
        note(&mut xpub, &mut ledger);
        let all: BTreeSet<_> = wanted.iter().flatten().copied().map(text).collect();
        prop_assert_eq!(rules(&mut xpub).0.topic_count(), all.len());
        let told: BTreeSet<_> = ledger
            .iter()
            .filter(|(_, notices)| surplus(notices) > 0)
            .map(|(topic, _)| topic.clone())
            .collect();
        prop_assert_eq!(told, all);
        for pipe in pipes {
            xpub.disconnect(pipe, Afterlife::Ends);
            xpub.detach(pipe);
        }
        note(&mut xpub, &mut ledger);
        rules(&mut xpub).0.is_clean();
        for (topic, signs) in &ledger {
            prop_assert_eq!(surplus(signs), 0, "topic {}", topic);
            let in_order = signs.chunks(2).all(|pair| pair == [true, false]);
            prop_assert!(notices != Notices::FirstAndLast || in_order);
        }
    }
}

/// Writes down what the application sees, by topic: true for a subscribe.
fn note(xpub: &mut Bench, ledger: &mut BTreeMap<String, Vec<bool>>) {
    for notice in seen(xpub) {
        let (sign, topic) = notice.split_at(1);
        let signs = ledger.entry(topic.to_owned()).or_default();
        signs.push(sign == "+");
    }
}

/// How many subscribes an XSUB counts that hears these.
fn surplus(signs: &[bool]) -> usize {
    signs.iter().fold(0, |count: usize, &subscribes| {
        if subscribes {
            count + 1
        } else {
            count.checked_sub(1).expect("a cancel of nothing")
        }
    })
}

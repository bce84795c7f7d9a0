//! The tree against a plain list of topics.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{NodeId, ROOT, Trie, Value};

#[derive(Debug, Default, PartialEq)]
struct Count(usize);

impl Value for Count {
    fn is_nothing(&self) -> bool {
        self.0 == 0
    }
}

fn add(trie: &mut Trie<Count>, topic: &[u8]) -> NodeId {
    trie.update(topic, |node, count| {
        count.0 += 1;
        node
    })
}

/// Panics if the shape of the tree is not as it is said to be always.
fn check(trie: &Trie<Count>) {
    let mut seen = 0;
    let mut ahead = vec![ROOT];
    while let Some(at) = ahead.pop() {
        seen += 1;
        let node = &trie.nodes[at];
        assert_eq!(node.label.is_empty(), at == ROOT);
        assert!(at == ROOT || !node.value.is_nothing() || node.children.len() > 1);
        assert!(node.children.is_sorted_by_key(|(first, _)| *first));
        for &(first, child) in &node.children {
            assert_eq!(trie.nodes[child].parent, at);
            assert_eq!(trie.nodes[child].label[0], first);
            ahead.push(child);
        }
    }
    assert_eq!(seen, trie.nodes.len());
}

fn topic() -> impl Strategy<Value = Vec<u8>> {
    // Few letters, so that topics share prefixes; some longer than a label that is kept inline.
    prop_oneof![
        4 => prop::collection::vec(0_u8..3, 0..6),
        1 => prop::collection::vec(0_u8..2, 36..44),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

proptest! {
    #[test]
    fn it_agrees_with_a_scan_of_all_topics(
        steps in prop::collection::vec((any::<bool>(), topic()), 0..120),
        texts in prop::collection::vec(topic(), 1..10),
    ) {
        let mut trie = Trie::<Count>::default();
        let mut model = BTreeMap::<Vec<u8>, usize>::new();
        let mut nodes = BTreeMap::<Vec<u8>, NodeId>::new();
        for (adding, topic) in steps {
            if adding {
                let node = add(&mut trie, &topic);
                *model.entry(topic.clone()).or_default() += 1;
                prop_assert_eq!(*nodes.entry(topic).or_insert(node), node);
            } else {
                let found = trie.find(&topic);
                prop_assert_eq!(found.is_some(), model.contains_key(&topic));
                if let Some(node) = found {
                    prop_assert_eq!(trie.topic(node), topic.clone());
                    trie.update_at(node, |_, count| count.0 -= 1);
                    let count = model.get_mut(&topic).expect("found");
                    *count -= 1;
                    if *count == 0 {
                        model.remove(&topic);
                        nodes.remove(&topic);
                    }
                }
            }
            check(&trie);
        }

        prop_assert_eq!(trie.len(), model.len());
        let mut topics = Vec::new();
        trie.each_topic(|topic| topics.push(topic.to_vec()));
        prop_assert_eq!(&topics, &model.keys().cloned().collect::<Vec<_>>());
        for (topic, node) in nodes {
            prop_assert_eq!(trie.value(node).0, model[&topic]);
        }
        for text in texts.into_iter().chain(topics) {
            let mut found = Vec::new();
            trie.prefixes(&text, |count| {
                found.push(count.0);
                true
            });
            let expected: Vec<usize> = model
                .iter()
                .filter(|(topic, _)| text.starts_with(topic))
                .map(|(_, count)| *count)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn children_are_found_whether_or_not_there_are_gaps_between_them() {
    for step in [1, 2, 3, 7, 30, 100] {
        for bytes in [0..=255_u8, 48..=57, 200..=255] {
            let there: Vec<u8> = bytes.step_by(step).collect();
            let mut trie = Trie::<Count>::default();
            for &byte in &there {
                add(&mut trie, &[byte]);
                add(&mut trie, &[byte, 1, 2]);
            }
            for byte in 0..=255 {
                let is_there = there.contains(&byte);
                assert_eq!(trie.find(&[byte]).is_some(), is_there, "{byte} by {step}");
                let mut found = 0;
                trie.prefixes(&[byte, 1, 2, 3], |_| {
                    found += 1;
                    true
                });
                assert_eq!(found, if is_there { 2 } else { 0 }, "{byte} by {step}");
            }
        }
    }
}

#[test]
fn a_search_for_prefixes_stops_when_told() {
    let mut trie = Trie::<Count>::default();
    for topic in [&b""[..], b"a", b"ab"] {
        add(&mut trie, topic);
    }
    let mut seen = 0;
    trie.prefixes(b"abc", |_| {
        seen += 1;
        seen < 2
    });
    assert_eq!(seen, 2);
}

#[test]
fn a_very_deep_tree_is_walked_and_dropped_without_recursion() {
    let mut trie = Trie::<Count>::default();
    let longest = vec![b'a'; 3_000];
    for length in 0..=longest.len() {
        add(&mut trie, &longest[..length]);
    }
    let mut topics = 0;
    trie.each_topic(|_| topics += 1);
    assert_eq!(topics, longest.len() + 1);
    let deepest = trie.find(&longest).expect("it was added");
    assert_eq!(trie.topic(deepest), longest);
}

#[test]
fn when_the_last_topic_goes_so_does_the_memory() {
    let mut trie = Trie::<Count>::default();
    for number in 0..1000_u32 {
        add(&mut trie, &number.to_be_bytes());
    }
    for number in 0..1000_u32 {
        let node = trie.find(&number.to_be_bytes()).expect("it was added");
        trie.update_at(node, |_, count| count.0 = 0);
    }
    assert_eq!((trie.len(), trie.nodes.len()), (0, 1));
}

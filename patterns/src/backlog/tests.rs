use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::testing::Bench;
use crate::{Afterlife, Notices, Pattern, PatternOptions, SocketType};

fn message(text: &str) -> Message {
    Message::from(text)
}

/// The texts of the messages, in the order in which the application gets them.
fn texts(backlog: &mut Backlog, most: usize) -> Vec<String> {
    let taken = (0..most).map_while(|_| backlog.next());
    taken
        .map(|next| match next.received {
            Received::Message(message) => String::from_utf8_lossy(message.first()).into_owned(),
            other => panic!("not a message: {other:?}"),
        })
        .collect()
}

#[test]
fn each_pipe_gives_one_in_turn() {
    let mut backlog = Backlog::new(1 << 20);
    for (pipe, text) in [(1, "a"), (1, "b"), (1, "c"), (2, "d"), (3, "e"), (2, "f")] {
        backlog.add_message(PipeId(pipe), message(text));
    }
    assert_eq!(texts(&mut backlog, 4), ["a", "d", "e", "b"]);
    backlog.add_message(PipeId(3), message("g"));
    assert_eq!(texts(&mut backlog, 9), ["f", "g", "c"]);
    assert!(backlog.is_empty() && backlog.next().is_none());
    backlog.check();
}

#[test]
fn a_pipe_may_add_while_it_holds_less_than_is_free() {
    let mut backlog = Backlog::new(100 * (ITEM_OVERHEAD + 1));
    let fill = |backlog: &mut Backlog, pipe| {
        (0..)
            .take_while(|_| {
                let has_room = backlog.has_room(pipe);
                if has_room {
                    backlog.add_message(pipe, message("x"));
                }
                has_room
            })
            .count()
    };
    let filled = [1, 2, 3].map(|pipe| fill(&mut backlog, PipeId(pipe)));
    assert_eq!(filled, [50, 25, 13]);
    // Once all are busy, each has its equal part.
    for _ in 0..2000 {
        backlog.next().expect("they are busy");
        for pipe in [1, 2, 3] {
            fill(&mut backlog, PipeId(pipe));
        }
    }
    for queue in backlog.queues.values() {
        assert!((23..=27).contains(&queue.items.len()), "{queue:?}");
    }
}

#[test]
fn a_pipe_that_was_not_read_to_the_end_is_named_once_it_may_add_again() {
    let mut backlog = Backlog::new(4 * (ITEM_OVERHEAD + 1));
    let (busy, quiet) = (PipeId(1), PipeId(2));
    for _ in 0..4 {
        backlog.add_message(busy, message("x"));
    }
    backlog.hold(busy);
    backlog.hold(quiet);
    backlog.hold(quiet);
    backlog.check();
    assert_eq!(backlog.take_hungry(), None);
    backlog.next().expect("four wait");
    assert_eq!(backlog.take_hungry(), Some(quiet));
    assert_eq!(backlog.take_hungry(), None);
    assert!(!backlog.take_held(busy));
    backlog.next().expect("three wait");
    backlog.next().expect("two wait");
    assert!(!backlog.take_held(quiet));
    assert!(backlog.take_held(busy));
    assert!(!backlog.take_held(busy));
    backlog.hold(busy);
    backlog.next().expect("one waits");
    backlog.check();
    assert_eq!(backlog.take_hungry(), Some(busy));
}

#[test]
fn a_pipe_that_is_gone_gives_what_it_has_and_is_forgotten() {
    let mut backlog = Backlog::new(1 << 20);
    let pipe = PipeId(1);
    backlog.add_asked(pipe, Received::Subscribe(Bytes::from("t")));
    backlog.add_message(pipe, message("x"));
    backlog.detach(pipe);
    backlog.check();
    assert!(!backlog.next().expect("two wait").asks);
    assert_eq!(texts(&mut backlog, 9), ["x"]);
    assert!(backlog.queues.is_empty() && backlog.turns.is_empty());
    // Also one that waits for room.
    backlog.limit(0);
    backlog.add_message(PipeId(2), message("x"));
    backlog.hold(pipe);
    backlog.detach(pipe);
    backlog.check();
    backlog.next().expect("one waits");
    assert_eq!(backlog.take_hungry(), None);
}

#[test]
fn only_what_came_by_this_connection_is_asked_by_its_peer() {
    let mut backlog = Backlog::new(1 << 20);
    let pipe = PipeId(1);
    let ask = |backlog: &mut Backlog, topic: &'static str| {
        backlog.add_asked(pipe, Received::Subscribe(Bytes::from(topic)));
    };
    ask(&mut backlog, "old");
    ask(&mut backlog, "old");
    backlog.next().expect("two wait");
    backlog.disconnected(pipe);
    ask(&mut backlog, "new");
    assert!(!backlog.next().expect("two wait").asks);
    assert!(backlog.next().expect("one waits").asks);
}

const PEERS: usize = 4;
const TOPICS: usize = 3;

/// What a random peer does; the application receives in between.
#[derive(Debug, Clone)]
enum Step {
    Subscribe(usize, usize),
    Cancel(usize, usize),
    Send(usize),
    Reconnect(usize),
    Replace(usize),
    Receive(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let peer = 0..PEERS;
    prop_oneof![
        4 => (peer.clone(), 0..TOPICS).prop_map(|(peer, topic)| Step::Subscribe(peer, topic)),
        4 => (peer.clone(), 0..TOPICS).prop_map(|(peer, topic)| Step::Cancel(peer, topic)),
        4 => peer.clone().prop_map(Step::Send),
        1 => peer.clone().prop_map(Step::Reconnect),
        1 => peer.prop_map(Step::Replace),
        4 => (0..6_usize).prop_map(Step::Receive),
    ]
}

/// An application that counts what it sees, as an XSUB does.
#[derive(Debug, Default)]
struct Application {
    topics: BTreeMap<Vec<u8>, usize>,
    /// The number of the last message of each pipe.
    heard: BTreeMap<u64, u64>,
}

impl Application {
    fn receive(&mut self, bench: &mut Bench) -> bool {
        let Some(message) = bench.recv() else {
            return false;
        };
        let text = message.first();
        match text.first() {
            Some(1) => *self.topics.entry(text[1..].to_vec()).or_default() += 1,
            Some(0) => {
                let count = self.topics.get_mut(&text[1..]);
                let count = count.filter(|count| **count > 0);
                *count.expect("a cancel follows its subscribe") -= 1;
            }
            _ => {
                let text = std::str::from_utf8(text).expect("text was sent");
                let (peer, number) = text.split_once(' ').expect("two numbers");
                let peer = peer.parse().expect("a number");
                let number = number.parse().expect("a number");
                let last = self.heard.insert(peer, number);
                assert!(last.is_none_or(|last| last < number), "out of order");
            }
        }
        true
    }
}

proptest! {
    /// Whatever is shown and however little may wait: an application that counts sees no cancel before its subscribe, and
    /// ends with nothing; the messages of each peer come in their order; and nobody is left unread.
    #[test]
    fn whoever_comes_and_goes_the_application_sees_what_adds_up(
        steps in prop::collection::vec(step(), 1..200),
        notices in 0..3_usize,
        bound in prop_oneof![Just(1_usize), 200..3000_usize],
    ) {
        let notices = [Notices::FirstAndLast, Notices::EverySubscribe, Notices::Every][notices];
        let options = PatternOptions {
            notices,
            upstream_backlog_bytes: bound,
            ..PatternOptions::default()
        };
        let mut bench = Bench::new(Pattern::new(SocketType::XPub, &options));
        let mut next_id = PEERS as u32;
        let mut peers: Vec<_> = (0..PEERS).map(|id| bench.accept(id as u32)).collect();
        let mut held = [[false; TOPICS]; PEERS];
        let mut application = Application::default();
        let check = |bench: &Bench| match &bench.pattern {
            Pattern::XPub(rules) => rules.backlog().check(),
            other => panic!("not an XPUB: {other:?}"),
        };
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Subscribe(peer, topic) => {
                    held[peer][topic] = true;
                    bench.arrive_subscribe(peers[peer], &topic.to_string());
                }
                // A cancel of nothing is shown as well, and does not add up.
                Step::Cancel(peer, topic) => {
                    if std::mem::take(&mut held[peer][topic]) {
                        bench.arrive_cancel(peers[peer], &topic.to_string());
                    }
                }
                Step::Send(peer) => {
                    let pipe = peers[peer].0;
                    bench.arrive(peers[peer], format!("{pipe} {number}"));
                }
                Step::Reconnect(peer) => {
                    held[peer] = [false; TOPICS];
                    bench.disconnect(peers[peer], Afterlife::Reconnects);
                    prop_assert_eq!(bench.connect(peers[peer]), crate::Admission::Accepted);
                }
                Step::Replace(peer) => {
                    held[peer] = [false; TOPICS];
                    bench.disconnect(peers[peer], Afterlife::Ends);
                    bench.detach(peers[peer]);
                    peers[peer] = bench.accept(next_id);
                    next_id += 1;
                }
                Step::Receive(most) => {
                    for _ in 0..most {
                        application.receive(&mut bench);
                    }
                }
            }
            check(&bench);
        }
        while application.receive(&mut bench) {
            check(&bench);
        }
        for &peer in &peers {
            prop_assert!(bench.pipes.pipe(peer).arrived.is_empty(), "{:?} was not read", peer);
            bench.disconnect(peer, Afterlife::Ends);
            bench.detach(peer);
        }
        while application.receive(&mut bench) {
            check(&bench);
        }
        prop_assert!(application.topics.values().all(|count| *count == 0), "{application:?}");
    }
}

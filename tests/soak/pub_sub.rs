//! PUB and SUB: a publisher with steady subscribers, whose every message arrives or is counted as dropped for them, and
//! with others that come, go, are cut off and change their minds.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use highwater::{Dropped, Message, Pub, Sub, Transport};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::ledger::{Account, Ledger, Order};
use crate::message::{message, random_len, read_frames};
use crate::support::{PATIENCE, wait_until};
use crate::world::{Checks, SetAtEnd, Way, World, bind_again, hasty};

/// Subscribers that come and go, over each transport.
const WILD: usize = 2;

const TOPICS: [&str; 4] = ["a", "ab", "b", "c"];

/// The property by which the publisher knows a steady subscriber.
const NAME: &str = "X-Name";

/// What the publisher and its subscribers share.
#[derive(Debug)]
struct Channel<'a> {
    world: &'a World,
    /// What wild subscribers have heard, each as a stream of its own.
    ledger: &'a Ledger,
    publisher: Pub,
    ways: [Way; 3],
    published: AtomicU64,
    /// The same, with one that is on its way: it can be heard before its publisher knows that it is sent.
    begun: AtomicU64,
    over: AtomicBool,
}

pub(crate) fn run(world: &World, mut random: StdRng) -> Checks {
    let ledger = Ledger::new("pub");
    let publisher = hasty(Pub::builder(&world.context), &mut random).build();
    let channel = Channel {
        world,
        ledger: &ledger,
        publisher,
        ways: world.ways(&mut random),
        published: AtomicU64::new(0),
        begun: AtomicU64::new(0),
        over: AtomicBool::new(false),
    };
    let steady = world.vacant().map(|at| {
        channel.publisher.bind(&*at).expect("the address is free");
        let sub = hasty(Sub::builder(&world.context), &mut random)
            .metadata(NAME, at.clone())
            .expect("a property")
            .build();
        sub.subscribe("").expect("subscribed");
        sub.connect(&*at).expect("connecting");
        (sub, at)
    });
    let everybody = channel
        .publisher
        .wait_for_subscribers(steady.len(), PATIENCE);
    everybody.expect("the steady ones are there");
    std::thread::scope(|scope| {
        let mut seed = || StdRng::seed_from_u64(random.random());
        for (sub, name) in &steady {
            let (channel, random) = (&channel, seed());
            scope.spawn(move || channel.hear_everything(sub, name, random));
        }
        for way in &channel.ways {
            for _ in 0..WILD {
                let (channel, random) = (&channel, seed());
                scope.spawn(move || channel.hear_for_a_while(way, random));
            }
        }
        let random = seed();
        let channel = &channel;
        scope.spawn(move || channel.publish_for_a_while(random));
    });
    Box::new(move || ledger.settle())
}

impl Channel<'_> {
    /// Publishes until all is calm, and then no more.
    fn publish_for_a_while(&self, mut random: StdRng) {
        let _end = SetAtEnd(&self.over);
        let (mut sent, mut dropped) = (0, 0);
        let mut bound = [false; 3];
        while !self.world.is_calm() {
            for _ in 0..random.random_range(1..100) {
                let number = self.published.load(Ordering::SeqCst);
                self.begun.store(number + 1, Ordering::SeqCst);
                let report = self
                    .publisher
                    .send(publication(number, random_len(&mut random)))
                    .expect("nobody holds it up");
                self.published.store(number + 1, Ordering::SeqCst);
                sent += report.sent as u64;
                dropped += report.dropped as u64;
            }
            match random.random_range(0..20) {
                0 => std::thread::sleep(Duration::from_millis(random.random_range(1..100))), // a stall
                at @ 1..=3 if bound[at - 1] => {
                    let way = &*self.ways[at - 1].bound;
                    self.publisher.unbind(way).expect("it was bound");
                    bound[at - 1] = false;
                }
                1..=6 => {
                    for (way, bound) in self.ways.iter().zip(&mut bound) {
                        if !std::mem::replace(bound, true) {
                            bind_again(|| self.publisher.bind(&*way.bound));
                        }
                    }
                }
                // Now and then so that most can follow, now and then so that nobody can.
                _ => std::thread::sleep(Duration::from_millis(random.random_range(0..8))),
            }
        }
        let stats = self.publisher.stats();
        assert_eq!(stats.messages_sent, sent);
        let mut lost = Dropped::default();
        lost.unsent = stats.dropped.unsent;
        lost.slow_subscriber = dropped;
        assert_eq!(stats.dropped, lost);
        assert!(stats.disconnects <= stats.handshakes, "{stats:?}");
    }

    /// Of a good connection: what did not arrive was dropped for this peer, and counted.
    fn hear_everything(&self, sub: &Sub, name: &str, mut random: StdRng) {
        let (mut received, mut next) = (0, 0);
        let mut hear = |most| {
            for _ in 0..most {
                let Ok(message) = sub.recv_timeout(Duration::from_millis(10)) else {
                    break;
                };
                let number = read(&message);
                assert!(number >= next, "{number} after {next} at {name}");
                next = number + 1;
                received += 1;
            }
            received
        };
        while !self.over.load(Ordering::SeqCst) {
            hear(random.random_range(1..300));
            if random.random_ratio(1, 30) {
                std::thread::sleep(Duration::from_millis(random.random_range(1..100))); // a stall
            }
        }
        let published = self.published.load(Ordering::SeqCst);
        wait_until(
            format_args!("{name}: all that was not dropped is here"),
            || {
                let received = hear(u64::MAX);
                let missed = self.missed_by(name);
                assert!(received + missed <= published, "counted, and received");
                received + missed == published
            },
        );
        let received = hear(0);
        let stats = sub.stats();
        assert_eq!(stats.messages_received, received, "{name}");
        assert_eq!(stats.dropped, Dropped::default(), "{name}");
        assert_eq!((stats.handshakes, stats.disconnects), (1, 0), "{name}");
    }

    /// What the publisher has dropped for a steady subscriber.
    fn missed_by(&self, name: &str) -> u64 {
        let stats = self.publisher.stats();
        let is_theirs = |value: &[u8]| value == name.as_bytes();
        let mut peers = stats.peers.iter();
        let peer = peers
            .find(|peer| {
                peer.peer
                    .property(NAME)
                    .is_some_and(|value| is_theirs(value))
            })
            .expect("it is connected");
        assert_eq!(
            peer.messages_sent + peer.dropped.slow_subscriber,
            self.published.load(Ordering::SeqCst),
            "each message went to {name} or was dropped"
        );
        peer.dropped.slow_subscriber
    }

    /// Subscribes as one socket after the other, to this and that, until it is over.
    fn hear_for_a_while(&self, way: &Way, mut random: StdRng) {
        while !self.over.load(Ordering::SeqCst) {
            let sub = hasty(Sub::builder(&self.world.context), &mut random).build();
            let stream = self.world.new_stream();
            let mut topics = HashSet::new();
            let mut received = 0;
            let mut bursts = random.random_range(1..60);
            sub.connect(&*way.reached).expect("connecting");
            while bursts > 0 && !self.over.load(Ordering::SeqCst) {
                bursts -= 1;
                let topic = TOPICS[random.random_range(0..TOPICS.len())];
                if topics.insert(topic) {
                    sub.subscribe(topic).expect("subscribed");
                } else if random.random_ratio(1, 4) {
                    topics.remove(topic);
                    assert!(sub.unsubscribe(topic).expect("unsubscribed"));
                }
                for _ in 0..random.random_range(1..100) {
                    let Ok(message) = sub.recv_timeout(Duration::from_millis(20)) else {
                        break;
                    };
                    received += 1;
                    let number = read(&message);
                    let is_wanted = |topic: &&str| message[0].starts_with(topic.as_bytes());
                    assert!(topics.iter().any(is_wanted), "{number} is not wanted");
                    self.ledger.hear(stream, 0, number);
                }
                let left = way.transport == Transport::Inproc && sub.peers().is_empty();
                if left || random.random_ratio(1, 20) {
                    let _ = sub.disconnect(&*way.reached); // which may have ended by itself
                    sub.connect(&*way.reached).expect("connecting");
                }
            }
            let stats = sub.stats();
            let unwanted = stats.dropped.unwanted;
            assert_eq!(stats.messages_received, received + unwanted, "{stats:?}");
            assert_eq!(stats.messages_sent, 0, "{stats:?}");
            let mut account = Account::new(stream, (0, way.transport), Order::Rising);
            account.partial = true;
            account.lens = vec![0; self.begun.load(Ordering::SeqCst) as usize];
            self.ledger.close(account);
        }
    }
}

/// The publication of this number: a topic, and then as every message.
fn publication(number: u64, len: usize) -> Message {
    let body = message(0, number, len);
    body.with_first(topic(number))
}

fn topic(number: u64) -> &'static str {
    TOPICS[number as usize % TOPICS.len()]
}

/// The number of a publication, which is whole.
fn read(message: &Message) -> u64 {
    assert_eq!(message.frame_count(), 3);
    let (_, number) = read_frames(&message[1], &message[2]);
    assert_eq!(message[0], *topic(number).as_bytes());
    number
}

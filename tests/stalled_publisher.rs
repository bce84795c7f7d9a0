//! A publisher that does not read: what a subscriber has to tell it is a state, and takes no more memory than that.

mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use highwater::{Context, Sub, Upstream, XPub};
use support::{PATIENCE, RawPeer, must_end, resident_memory};

/// Held while the memory of the process is measured.
static ALONE: Mutex<()> = Mutex::new(());

fn topic(n: u32) -> Vec<u8> {
    [&n.to_be_bytes()[..], &[7; 60]].concat()
}

/// Subscribes to 200,000 topics, ends all but each thousandth, and then subscribes to the last one: the process grows by
/// less than `most` bytes.
fn change_subscriptions(sub: &Sub, most: usize) {
    let before = resident_memory();
    for n in 0..200_000 {
        sub.subscribe(topic(n)).expect("subscribed");
        if n % 1000 != 0 {
            sub.unsubscribe(topic(n)).expect("it was");
        }
    }
    if let (Some(before), Some(after)) = (before, resident_memory()) {
        let grown = after.saturating_sub(before);
        assert!(grown < most, "{} MiB", grown >> 20);
    }
    sub.subscribe("the last").expect("subscribed");
}

#[test]
fn a_publisher_that_does_not_read_costs_no_memory_and_hears_the_last_word_in_the_end() {
    must_end("a stalled publisher", || {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("it is bound").port();
        let sub = Sub::new(&Context::new());
        sub.connect(format!("tcp://127.0.0.1:{port}"))
            .expect("connecting");
        let mut publisher = RawPeer::from(listener.accept().expect("it connects").0);
        publisher.shake_hands("PUB");
        sub.wait_for_peers(1, PATIENCE).expect("connected");

        change_subscriptions(&sub, 20 << 20);

        let mut wanted = BTreeSet::new();
        loop {
            let (flags, body) = publisher.read_frame();
            assert_eq!(flags & 4, 4, "a command");
            if let Some(topic) = body.strip_prefix(b"\x09SUBSCRIBE") {
                wanted.insert(topic.to_vec());
                if topic == b"the last" {
                    break;
                }
            } else if let Some(topic) = body.strip_prefix(b"\x06CANCEL") {
                wanted.remove(topic);
            }
        }
        let expected: BTreeSet<_> = (0..200)
            .map(|n| topic(n * 1000))
            .chain([b"the last".to_vec()])
            .collect();
        assert!(wanted == expected, "{} topics", wanted.len());
    });
}

/// An XPUB reads what its application asks for, up to its bound, and leaves the rest in the pipe.
#[test]
fn a_publisher_within_the_process_that_does_not_read_costs_no_memory_either() {
    must_end("a stalled publisher within the process", || {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let context = Context::new();
        let publisher = XPub::builder(&context)
            .upstream_backlog_bytes(1000_usize)
            .build();
        publisher.bind("inproc://stalled").expect("bound");
        let sub = Sub::new(&context);
        sub.connect("inproc://stalled").expect("connecting");
        sub.wait_for_peers(1, PATIENCE).expect("connected");

        change_subscriptions(&sub, 10 << 20);

        let mut wanted = BTreeSet::new();
        loop {
            match publisher.recv_timeout(PATIENCE).expect("received") {
                Upstream::Subscribe(topic) if topic == "the last" => break,
                Upstream::Subscribe(topic) => _ = wanted.insert(topic.to_vec()),
                Upstream::Cancel(topic) => _ = wanted.remove(&topic[..]),
                other => panic!("{other:?}"),
            }
        }
        let expected: BTreeSet<_> = (0..200).map(|n| topic(n * 1000)).collect();
        assert!(wanted == expected, "{} topics", wanted.len());
        assert_eq!(publisher.topic_count(), wanted.len() + 1);
        publisher.send(topic(7000)).expect("there is a subscriber");
        assert_eq!(sub.recv_timeout(PATIENCE).expect("received"), topic(7000));
    });
}

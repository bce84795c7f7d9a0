//! A publisher that does not read: what a subscriber has to tell it is a state, and takes no more memory than that.

mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;

use highwater::{Context, Sub};
use support::{PATIENCE, RawPeer, must_end, resident_memory};

#[test]
fn a_publisher_that_does_not_read_costs_no_memory_and_hears_the_last_word_in_the_end() {
    must_end("a stalled publisher", || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("it is bound").port();
        let sub = Sub::new(&Context::new());
        sub.connect(format!("tcp://127.0.0.1:{port}"))
            .expect("connecting");
        let mut publisher = RawPeer::from(listener.accept().expect("it connects").0);
        publisher.shake_hands("PUB");
        sub.wait_for_peers(1, PATIENCE).expect("connected");

        let before = resident_memory();
        let topic = |n: u32| [&n.to_be_bytes()[..], &[7; 60]].concat();
        for n in 0..200_000 {
            sub.subscribe(topic(n)).expect("subscribed");
            if n % 1000 != 0 {
                sub.unsubscribe(topic(n)).expect("it was");
            }
        }
        if let (Some(before), Some(after)) = (before, resident_memory()) {
            let grown = after.saturating_sub(before);
            assert!(grown < 20 << 20, "{} MiB", grown >> 20);
        }
        sub.subscribe("the last").expect("subscribed");

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

//! Two thousand connections that are lost at once, and all come back.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use highwater::{Context, EventKind, Linger, Pull, Push, Transport};
use support::{Child, PATIENCE, Place, allow_open_files, must_end, number, play_child, wait_until};

const CONNECTIONS: usize = 2000;

/// Not a test: the process that listens.
#[test]
#[ignore = "the other tests run it"]
fn child_process() {
    play_child(|role, say, listen| match *role {
        ["pull-at", at] => pull_at(at, say, listen),
        _ => panic!("an unknown role: {role:?}"),
    });
}

/// Where two thousand connect to, again and again.
fn pull_at(at: &str, say: &dyn Fn(&str), listen: &dyn Fn() -> String) {
    allow_open_files(CONNECTIONS as u64 + 200);
    let pull = Pull::new(&Context::new());
    pull.bind(at).expect("bound");
    pull.wait_for_peers(CONNECTIONS, PATIENCE)
        .expect("all are connected");
    say("all are connected");
    let expected: usize = listen().parse().expect("a number");
    let mut seen = BTreeSet::new();
    while seen.len() < expected {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert!(seen.insert(number(&message)), "each once");
    }
    say("all is received");
    listen();
}

#[test]
fn two_thousand_that_lose_their_listener_at_once_all_come_back() {
    must_end("two thousand come back", || {
        allow_open_files(CONNECTIONS as u64 + 200);
        let at = Place::new(Transport::Tcp).vacant();
        let push = Push::builder(&Context::new())
            .reconnect_interval(Duration::from_millis(100))
            .reconnect_interval_max(Duration::from_secs(1))
            .linger(Linger::Discard)
            .build();
        for _ in 0..CONNECTIONS {
            push.connect(&*at).expect("connecting");
        }
        for round in 1..=2 {
            let mut child = Child::start(&format!("pull-at {at}"));
            assert_eq!(child.hear(), "all are connected");
            push.wait_for_peers(CONNECTIONS, PATIENCE)
                .expect("all are connected");
            push.send_many((0..CONNECTIONS).map(|n| n.to_string()))
                .expect("sent");
            child.tell(&CONNECTIONS.to_string());
            assert_eq!(child.hear(), "all is received");
            let events = push.monitor();
            child.kill();
            wait_until("all have noticed", || {
                push.stats().disconnects == (round * CONNECTIONS) as u64
            });
            assert_eq!(push.stats().dropped.unsent, 0);
            // Who lost the same listener at the same time does not ask for it at the same time.
            let delays: BTreeSet<Duration> = events
                .try_iter()
                .filter_map(|event| match event.kind {
                    EventKind::Retrying { delay, .. } => Some(delay),
                    _ => None,
                })
                .collect();
            assert!(delays.len() > 100, "{} different pauses", delays.len());
        }
    });
}

//! Peers that are killed in mid-stream: who notices, who goes on, what is lost.

mod support;

use std::time::Duration;

use highwater::{Context, EventKind, Linger, Pull, Push};
use support::{
    Child, PATIENCE, Place, must_end, number, over_each_transport, play_child, wait_for_event,
    wait_until,
};

over_each_transport!(
    a_killed_pull_does_not_stop_the_stream_to_the_other,
    a_killed_push_is_noticed_and_the_others_are_heard,
    what_waits_for_a_killed_peer_goes_to_its_successor,
);

/// Not a test: the peer that the tests start as a process of its own.
#[test]
#[ignore = "the other tests run it"]
fn child_process() {
    play_child(|role, say, _| match *role {
        ["pull-from", at] => {
            let pull = Pull::new(&Context::new());
            pull.connect(at).expect("connecting");
            while let Ok(message) = pull.recv() {
                say(&number(&message).to_string());
            }
        }
        ["pull-at", at] => {
            let pull = Pull::new(&Context::new());
            pull.bind(at).expect("bound");
            say("ready");
            while let Ok(message) = pull.recv() {
                say(&number(&message).to_string());
            }
        }
        ["push-to", at] => {
            let push = Push::new(&Context::new());
            push.connect(at).expect("connecting");
            for n in 0u64.. {
                push.send(n.to_string()).expect("sent");
            }
        }
        _ => panic!("an unknown role: {role:?}"),
    });
}

fn is_disconnected(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Disconnected { .. })
}

fn a_killed_pull_does_not_stop_the_stream_to_the_other(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).linger(Linger::Discard).build();
    let events = push.monitor();
    let at = push.bind(place.any()).expect("bound");
    let pull = Pull::new(&context);
    pull.connect(&at).expect("connecting");
    let mut child = Child::start(&format!("pull-from {at}"));
    push.wait_for_peers(2, PATIENCE).expect("both are there");

    let receiver = std::thread::spawn(move || {
        let mut numbers = Vec::new();
        loop {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            if message == "end" {
                return numbers;
            }
            numbers.push(number(&message));
        }
    });
    let mut sent = 0usize;
    let mut send = |count: usize| {
        for _ in 0..count {
            push.send_timeout(sent.to_string(), PATIENCE)
                .expect("one peer has room");
            sent += 1;
        }
    };
    send(20_000);
    child.hear();
    child.kill();
    send(20_000);
    let event = wait_for_event(&events, "of the death", is_disconnected);
    let EventKind::Disconnected { lost, .. } = event.kind else {
        unreachable!("it was asked for");
    };
    assert_eq!(push.stats().dropped.unsent, lost as u64);
    wait_until("one is left", || push.peers().len() == 1);
    send(1000);
    push.send_timeout("end", PATIENCE).expect("sent");

    let here = support::joined(receiver);
    let mut there = Vec::new();
    while let Some(line) = child.hear_rest() {
        there.push(line.parse::<usize>().expect("a number"));
    }
    assert!(!there.is_empty() && !here.is_empty());
    assert!(
        here.ends_with(&(sent - 1000..sent).collect::<Vec<_>>()),
        "everything goes to the one left"
    );
    let mut all = [here, there].concat();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "nothing came twice");
    // Lost is what was counted, and what the two kernels and the reader's queue held.
    assert!(count + lost <= sent);
}

fn a_killed_push_is_noticed_and_the_others_are_heard(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let mut child = Child::start(&format!("push-to {at}"));
    for expected in 0..5000 {
        assert_eq!(
            number(&pull.recv_timeout(PATIENCE).expect("received")),
            expected
        );
    }
    child.kill();
    // What it had sent can still be received, in order and whole.
    let mut next = 5000;
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    push.send("from the living").expect("sent");
    let mut heard = false;
    while !heard || !pull.peers().iter().all(|peer| peer.connected_here) && pull.peers().len() > 1 {
        let Ok(message) = pull.recv_timeout(Duration::from_millis(50)) else {
            continue;
        };
        if message == "from the living" {
            heard = true;
        } else {
            assert_eq!(number(&message), next);
            next += 1;
        }
    }
    wait_for_event(&events, "of the death", is_disconnected);
    assert_eq!(pull.stats().disconnects, 1);
}

fn what_waits_for_a_killed_peer_goes_to_its_successor(place: &Place) {
    let at = place.vacant();
    let push = Push::builder(&Context::new())
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50))
        .build();
    let events = push.monitor();
    push.connect(&*at).expect("connecting");
    let mut child = Child::start(&format!("pull-at {at}"));
    assert_eq!(child.hear(), "ready");
    push.send("0").expect("sent");
    assert_eq!(child.hear(), "0");
    child.kill();
    let event = wait_for_event(&events, "of the death", is_disconnected);
    assert!(
        matches!(event.kind, EventKind::Disconnected { lost: 0, .. }),
        "{event:?}"
    );
    for n in 1..=200 {
        push.send(n.to_string()).expect("queued");
    }
    assert_eq!(push.stats().queued_to_send, 200);
    let successor = Child::start(&format!("pull-at {at}"));
    assert_eq!(successor.hear(), "ready");
    for expected in 1..=200 {
        assert_eq!(successor.hear(), expected.to_string());
    }
    assert_eq!(push.stats().dropped.unsent, 0);
}

#[test]
fn a_peer_killed_again_and_again_harms_nobody() {
    must_end("a_peer_killed_again_and_again_harms_nobody", || {
        let push = Push::builder(&Context::new())
            .linger(Linger::Discard)
            .build();
        let at = push.bind("tcp://127.0.0.1:0").expect("bound");
        for round in 1..=5 {
            let mut child = Child::start(&format!("pull-from {at}"));
            push.wait_for_peers(1, PATIENCE).expect("it is there");
            push.send(round.to_string()).expect("sent");
            assert_eq!(child.hear(), round.to_string());
            child.kill();
            wait_until("it is gone", || push.peers().is_empty());
            assert_eq!(push.stats().disconnects, round);
        }
    });
}

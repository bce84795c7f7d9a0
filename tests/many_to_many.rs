//! Several peers on either side: who gets which message, and that each gets it once.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use highwater::{Context, EventKind, Linger, Pull, Push, RecvError, WaitError};
use support::{
    MOMENT, PATIENCE, Place, number, over_each_transport, over_every_transport, wait_for_event,
    wait_until,
};

over_every_transport!(
    one_push_feeds_three_pulls_in_turn,
    one_pull_hears_three_pushes_in_turn,
    one_socket_binds_and_connects_in_any_mixture,
    one_socket_binds_several_endpoints,
    a_peer_that_comes_later_joins_the_rotation,
    what_a_push_sent_before_it_went_is_still_received,
    io_threads_share_the_connections,
    waiting_for_peers_ends_in_time,
);

// What bytes, kernel buffers and real peers have, and a pipe within the process has not.
over_each_transport!(
    a_full_peer_is_passed_over_and_keeps_its_share,
    a_peer_that_dies_leaves_the_rotation,
    peers_tell_who_they_are,
);

#[test]
fn one_socket_speaks_over_both_transports() {
    let (tcp, ipc) = (
        Place::new(highwater::Transport::Tcp),
        Place::new(highwater::Transport::Ipc),
    );
    let context = Context::new();
    let push = Push::new(&context);
    let pulls = [&tcp, &ipc].map(|place| {
        let pull = Pull::new(&context);
        pull.connect(push.bind(place.any()).expect("bound"))
            .expect("connecting");
        pull
    });
    push.wait_for_peers(2, PATIENCE).expect("connected");
    push.send_many((0..200).map(|n: usize| n.to_string()))
        .expect("sent");
    for pull in &pulls {
        assert_eq!(take(pull, 100).len(), 100);
    }
}

/// The numbers of the next `count` messages.
fn take(pull: &Pull, count: usize) -> Vec<usize> {
    (0..count)
        .map(|_| number(&pull.recv_timeout(PATIENCE).expect("received")))
        .collect()
}

fn assert_silent(pull: &Pull) {
    let silence = pull.recv_timeout(Duration::from_millis(20));
    assert_eq!(silence, Err(RecvError::Timeout));
}

fn one_push_feeds_three_pulls_in_turn(place: &Place) {
    const EACH: usize = 900;
    for push_binds in [true, false] {
        let context = Context::new();
        let push = Push::new(&context);
        let pulls = [(); 3].map(|()| Pull::new(&context));
        if push_binds {
            let at = push.bind(place.any()).expect("bound");
            for pull in &pulls {
                pull.connect(&at).expect("connecting");
            }
        } else {
            for pull in &pulls {
                push.connect(pull.bind(place.any()).expect("bound"))
                    .expect("connecting");
            }
        }
        push.wait_for_peers(3, PATIENCE).expect("connected");
        push.send_many((0..3 * EACH).map(|n| n.to_string()))
            .expect("sent");
        let mut firsts = Vec::new();
        for pull in &pulls {
            let numbers = take(pull, EACH);
            assert!(
                numbers.windows(2).all(|pair| pair[1] == pair[0] + 3),
                "every third: {numbers:?}"
            );
            firsts.push(numbers[0]);
        }
        firsts.sort_unstable();
        assert_eq!(firsts, [0, 1, 2]);
        pulls.iter().for_each(assert_silent);
    }
}

fn one_pull_hears_three_pushes_in_turn(place: &Place) {
    const EACH: usize = 600;
    for pull_binds in [true, false] {
        let context = Context::new();
        let pull = Pull::new(&context);
        let pushes = [(); 3].map(|()| Push::new(&context));
        if pull_binds {
            let at = pull.bind(place.any()).expect("bound");
            for push in &pushes {
                push.connect(&at).expect("connecting");
            }
        } else {
            for push in &pushes {
                pull.connect(push.bind(place.any()).expect("bound"))
                    .expect("connecting");
            }
        }
        pull.wait_for_peers(3, PATIENCE).expect("connected");
        for (index, push) in pushes.iter().enumerate() {
            push.send_many((0..EACH).map(|n| (index * EACH + n).to_string()))
                .expect("sent");
        }
        wait_until("everything has arrived", || {
            pull.stats().queued_to_receive == 3 * EACH
        });

        let mut next = [0; 3];
        for round in 0..EACH {
            for n in take(&pull, 3) {
                assert_eq!(n % EACH, next[n / EACH], "in the order of its sender");
                next[n / EACH] += 1;
            }
            assert_eq!(next, [round + 1; 3], "each sender in turn");
        }
        assert_silent(&pull);
        let stats = pull.stats();
        assert!(
            stats
                .peers
                .iter()
                .all(|peer| peer.messages_received == EACH as u64)
        );
    }
}

fn one_socket_binds_and_connects_in_any_mixture(place: &Place) {
    const EACH: usize = 500;
    let context = Context::new();
    let pushes = [(); 2].map(|()| Push::new(&context));
    let pulls = [(); 2].map(|()| Pull::new(&context));
    // Each push reaches one pull by its own connection and the other by listening.
    for (index, push) in pushes.iter().enumerate() {
        push.connect(pulls[index].bind(place.any()).expect("bound"))
            .expect("connecting");
        pulls[1 - index]
            .connect(push.bind(place.any()).expect("bound"))
            .expect("connecting");
    }
    for push in &pushes {
        push.wait_for_peers(2, PATIENCE).expect("connected");
    }
    for pull in &pulls {
        pull.wait_for_peers(2, PATIENCE).expect("connected");
    }
    for (index, push) in pushes.iter().enumerate() {
        let base = index * 2 * EACH;
        push.send_many((0..2 * EACH).map(|n| (base + n).to_string()))
            .expect("sent");
    }
    let mut received = BTreeMap::new();
    for (index, pull) in pulls.iter().enumerate() {
        let numbers = take(pull, 2 * EACH);
        let of_the_first = numbers.iter().filter(|n| **n < 2 * EACH).count();
        assert_eq!(of_the_first, EACH, "half of what either push sends");
        for n in numbers {
            assert_eq!(received.insert(n, index), None, "{n} came twice");
        }
        assert_silent(pull);
    }
    assert_eq!(received.len(), 4 * EACH);
}

fn one_socket_binds_several_endpoints(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let mut bound: Vec<_> = (0..3)
        .map(|_| pull.bind(place.any()).expect("bound"))
        .collect();
    let push = Push::new(&context);
    for at in &bound {
        push.connect(at).expect("connecting");
    }
    push.wait_for_peers(3, PATIENCE).expect("connected");
    push.send_many((0..300).map(|n: usize| n.to_string()))
        .expect("sent");
    let mut numbers = take(&pull, 300);
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..300));
    let mut local = pull.local_endpoints();
    local.sort_by_key(ToString::to_string);
    bound.sort_by_key(ToString::to_string);
    assert_eq!(local, bound);
}

fn a_full_peer_is_passed_over_and_keeps_its_share(place: &Place) {
    const MARK: usize = 5;
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(MARK).build();
    let late = place.vacant();
    push.connect(&*late).expect("connecting");
    let pull = Pull::new(&context);
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    for n in 0..200usize {
        push.send(n.to_string()).expect("one peer has room");
    }
    let there = take(&pull, 200 - MARK);
    assert_silent(&pull);
    let late_pull = Pull::new(&context);
    late_pull.bind(&*late).expect("bound");
    let kept = take(&late_pull, MARK);
    assert_silent(&late_pull);
    let mut all = [there, kept].concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..200), "each message once");

    wait_until("the late one is connected", || push.peers().len() == 2);
    wait_until("everything is sent", || push.stats().queued_to_send == 0);
    // Both are in the rotation again, once each.
    for _ in 0..2 * MARK {
        push.send("0").expect("room");
        wait_until("it is sent", || push.stats().queued_to_send == 0);
    }
    assert_eq!(
        (take(&pull, MARK).len(), take(&late_pull, MARK).len()),
        (MARK, MARK)
    );
}

fn a_peer_that_dies_leaves_the_rotation(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let events = push.monitor();
    let at = push.bind(place.any()).expect("bound");
    let [dying, first, second] = [(); 3].map(|()| {
        let pull = Pull::new(&context);
        pull.connect(&at).expect("connecting");
        pull
    });
    push.wait_for_peers(3, PATIENCE).expect("connected");
    drop(dying);
    wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    wait_until("two are left", || push.peers().len() == 2);
    push.send_many((0..400).map(|n: usize| n.to_string()))
        .expect("sent");
    let (a, b) = (take(&first, 200), take(&second, 200));
    assert!(
        a.windows(2)
            .chain(b.windows(2))
            .all(|pair| pair[1] == pair[0] + 2)
    );
    assert_silent(&first);
    assert_silent(&second);
    assert_eq!(push.stats().dropped, Default::default());
}

fn a_peer_that_comes_later_joins_the_rotation(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let at = push.bind(place.any()).expect("bound");
    let mut pulls = Vec::new();
    for count in 1..=4 {
        let pull = Pull::new(&context);
        pull.connect(&at).expect("connecting");
        pulls.push(pull);
        push.wait_for_peers(count, PATIENCE).expect("connected");
        push.send_many((0..count * 10).map(|n| n.to_string()))
            .expect("sent");
        for pull in &pulls {
            take(pull, 10);
            assert!(pull.try_recv().is_err());
        }
    }
}

fn what_a_push_sent_before_it_went_is_still_received(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    for round in 0..3 {
        let push = Push::new(&context);
        push.connect(&at).expect("connecting");
        push.send_many((0..100).map(|n| (round * 100 + n).to_string()))
            .expect("sent");
        assert_eq!(push.close(PATIENCE).lost, 0);
        wait_for_event(&events, "of the end", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
    }
    let mut numbers = take(&pull, 300);
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..300));
    wait_until("nothing is left of the peers", || {
        pull.try_recv().is_err() && pull.stats().peers.is_empty()
    });
    assert_eq!(pull.stats().messages_received, 300);
}

fn io_threads_share_the_connections(place: &Place) {
    let context = Context::builder().io_threads(3).build();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    let pushes: Vec<_> = (0..12)
        .map(|_| {
            let push = Push::new(&context);
            push.connect(&at).expect("connecting");
            push
        })
        .collect();
    pull.wait_for_peers(12, PATIENCE).expect("connected");
    for (index, push) in pushes.into_iter().enumerate() {
        push.send_many((0..100).map(|n| (index * 100 + n).to_string()))
            .expect("sent");
        assert_eq!(push.close(PATIENCE).lost, 0);
    }
    let mut numbers = take(&pull, 1200);
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..1200));
    wait_until("all have gone", || pull.peers().is_empty());
}

fn peers_tell_who_they_are(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::new(&context);
    push.connect(&at).expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    pull.wait_for_peers(1, PATIENCE).expect("connected");
    let (its, theirs) = (push.peers().remove(0), pull.peers().remove(0));
    assert_eq!(
        (its.socket_type, theirs.socket_type),
        (
            Some(highwater::SocketType::Pull),
            Some(highwater::SocketType::Push)
        )
    );
    assert_eq!((its.connected_here, theirs.connected_here), (true, false));
    assert_eq!((its.endpoint, theirs.endpoint), (at.clone(), at));
    assert_eq!((its.version, theirs.version), ((3, 1), (3, 1)));
    if place.transport() == highwater::Transport::Ipc {
        let known = theirs.credentials.expect("a Unix socket knows its peer");
        assert_eq!(known.pid, i32::try_from(std::process::id()).ok());
    }
}

fn waiting_for_peers_ends_in_time(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).linger(Linger::Discard).build();
    assert_eq!(push.wait_for_peers(0, MOMENT), Ok(()));
    assert_eq!(push.wait_for_peers(1, MOMENT), Err(WaitError::Timeout));
    push.connect(place.vacant()).expect("connecting");
    assert_eq!(
        push.wait_for_peers(1, MOMENT),
        Err(WaitError::Timeout),
        "a pipe is no peer"
    );
}

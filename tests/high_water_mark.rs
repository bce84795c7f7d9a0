//! The mute state: how much a PUSH takes, when it refuses, and what ends that.

mod support;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use highwater::{Context, EventKind, Linger, Message, Pull, Push, SendError, TrySendError};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, joined_soon, number, over_each_transport,
    over_every_transport, wait_for_event, wait_until,
};

over_every_transport!(
    a_push_without_an_endpoint_takes_nothing,
    a_push_that_listens_takes_nothing_before_a_peer_comes,
    a_peer_that_does_not_exist_yet_takes_exactly_the_mark,
    two_peers_that_do_not_exist_yet_take_twice_the_mark,
    a_blocked_send_goes_on_when_a_peer_connects,
    every_blocked_sender_goes_on_when_a_peer_connects,
    send_many_says_which_message_found_no_room,
    muting_is_told_and_timed,
    a_changed_mark_holds_for_old_and_new_peers,
);

// What bytes, kernel buffers and real peers have, and a pipe within the process has not.
over_each_transport!(
    a_budget_in_bytes_is_kept_beside_the_mark,
    immediate_makes_a_push_wait_for_a_real_peer,
    a_reader_that_stops_stops_the_sender_and_nothing_is_lost,
    a_send_waits_no_longer_than_it_may_for_a_peer_that_takes_some_all_the_time,
);

fn never_lingers(context: &Context, mark: usize) -> Push {
    Push::builder(context)
        .send_high_water_mark(mark)
        .linger(Linger::Discard)
        .build()
}

/// Sends numbers until there is no room; how many were taken.
fn fill(push: &Push) -> usize {
    let mut taken = 0;
    loop {
        match push.try_send(taken.to_string()) {
            Ok(()) => taken += 1,
            Err(TrySendError::Full(message)) => {
                assert_eq!(message, taken.to_string(), "the message comes back");
                return taken;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// The next `count` messages are the numbers from 0 on.
fn gets(pull: &Pull, count: usize) {
    for expected in 0..count {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number(&message), expected);
    }
}

fn a_push_without_an_endpoint_takes_nothing(_: &Place) {
    let push = Push::new(&Context::new());
    let parts = Message::from(["two", "parts"]);
    let refused = push.try_send(parts.clone());
    assert_eq!(refused, Err(TrySendError::Full(parts.clone())));
    let refused = push.send_timeout(parts.clone(), Duration::from_millis(20));
    assert_eq!(refused, Err(SendError::Timeout(parts)));
    assert_eq!(push.stats().messages_sent, 0);
}

fn a_push_that_listens_takes_nothing_before_a_peer_comes(place: &Place) {
    let push = Push::builder(&Context::new())
        .send_timeout(Duration::from_millis(20))
        .build();
    push.bind(place.any()).expect("bound");
    assert_eq!(fill(&push), 0);
    assert_eq!(push.send("x"), Err(SendError::Timeout("x".into())));
}

fn a_peer_that_does_not_exist_yet_takes_exactly_the_mark(place: &Place) {
    for mark in [1, 2, 7, 1000] {
        let context = Context::new();
        let push = never_lingers(&context, mark);
        let at = place.vacant();
        push.connect(&*at).expect("connecting");
        assert_eq!(fill(&push), mark);
        assert_eq!(push.stats().queued_to_send, mark);

        let pull = Pull::new(&context);
        pull.bind(&*at).expect("bound");
        gets(&pull, mark);
        wait_until("everything is sent", || push.stats().queued_to_send == 0);
    }
}

fn two_peers_that_do_not_exist_yet_take_twice_the_mark(place: &Place) {
    let push = never_lingers(&Context::new(), 5);
    for _ in 0..2 {
        push.connect(place.vacant()).expect("connecting");
    }
    assert_eq!(fill(&push), 10);
}

fn a_budget_in_bytes_is_kept_beside_the_mark(place: &Place) {
    let push = Push::builder(&Context::new())
        .send_high_water_bytes(100)
        .linger(Linger::Discard)
        .build();
    push.connect(place.vacant()).expect("connecting");
    for sent in 0..9 {
        assert!(
            push.try_send(&[b'x'; 10]).is_ok(),
            "{sent} messages of 12 bytes on the wire wait"
        );
    }
    assert!(push.try_send("").is_err(), "108 bytes wait");

    let push = Push::builder(&Context::new())
        .send_high_water_bytes(100)
        .linger(Linger::Discard)
        .build();
    push.connect(place.vacant()).expect("connecting");
    assert!(
        push.try_send(vec![0; 100_000]).is_ok(),
        "one message always fits"
    );
    assert!(push.try_send("").is_err());
}

fn immediate_makes_a_push_wait_for_a_real_peer(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).immediate(true).build();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    assert_eq!(fill(&push), 0);
    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    push.send_timeout("now", PATIENCE).expect("a peer came");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "now");
}

fn a_blocked_send_goes_on_when_a_peer_connects(place: &Place) {
    let context = Context::new();
    let push = Push::new(&context);
    let events = push.monitor();
    let at = push.bind(place.any()).expect("bound");
    let sender = std::thread::spawn(move || {
        push.send("at last").expect("sent");
        push.close(PATIENCE)
    });
    wait_for_event(&events, "that the send found no peer", |kind| {
        *kind == EventKind::Muted
    });
    assert!(!sender.is_finished());
    let pull = Pull::new(&context);
    pull.connect(&at).expect("connecting");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "at last");
    assert_eq!(joined_soon("the sender ends", sender).lost, 0);
}

fn every_blocked_sender_goes_on_when_a_peer_connects(place: &Place) {
    let context = Context::new();
    let push = Arc::new(Push::new(&context));
    let at = push.bind(place.any()).expect("bound");
    let senders: Vec<_> = (0..4)
        .map(|sender: usize| {
            let push = Arc::clone(&push);
            std::thread::spawn(move || push.send(sender.to_string()))
        })
        .collect();
    let pull = Pull::new(&context);
    pull.connect(&at).expect("connecting");
    let mut received: Vec<usize> = (0..4)
        .map(|_| number(&pull.recv_timeout(PATIENCE).expect("received")))
        .collect();
    received.sort_unstable();
    assert_eq!(received, [0, 1, 2, 3]);
    for sender in senders {
        assert_eq!(joined_soon("a sender ends", sender), Ok(()));
    }
}

fn send_many_says_which_message_found_no_room(place: &Place) {
    // A good many go to the pattern in one visit; the mark may lie before, at and behind the end of one.
    for mark in [1, 4, 255, 256, 257, 600] {
        let context = Context::new();
        let push = Push::builder(&context)
            .send_high_water_mark(mark)
            .send_timeout(Duration::from_millis(20))
            .linger(Linger::Discard)
            .build();
        let at = place.vacant();
        push.connect(&*at).expect("connecting");
        let outcome = push.send_many((0..1000).map(|number| number.to_string()));
        let outcome = outcome.map_err(SendError::from);
        assert_eq!(outcome, Err(SendError::Timeout(mark.to_string().into())));
        assert_eq!(push.stats().queued_to_send, mark);

        let pull = Pull::new(&context);
        pull.bind(&*at).expect("bound");
        gets(&pull, mark);
        wait_until("all is accounted for", || push.stats().queued_to_send == 0);
        assert_eq!(push.send_many((0..mark).map(|n| n.to_string())), Ok(mark));
        assert_eq!(push.send_many(Vec::<Message>::new()), Ok(0));
        gets(&pull, mark);
        let sent = push.stats().messages_sent;
        assert_eq!(sent, 2 * mark as u64, "each is counted, and no other");
    }
}

fn a_reader_that_stops_stops_the_sender_and_nothing_is_lost(place: &Place) {
    const MARK: usize = 10;
    const BODY: usize = 1024;
    const READ: usize = 64 * 1024;
    const KERNEL_BUFFER: usize = 64 * 1024;
    for sender_connects in [false, true] {
        let context = Context::new();
        let push = Push::builder(&context)
            .send_high_water_mark(MARK)
            .send_buffer(KERNEL_BUFFER)
            .receive_buffer(KERNEL_BUFFER)
            .build();
        let pull = Pull::builder(&context)
            .receive_high_water_mark(MARK)
            .send_buffer(KERNEL_BUFFER)
            .receive_buffer(KERNEL_BUFFER)
            .build();
        if sender_connects {
            push.connect(pull.bind(place.any()).expect("bound"))
                .expect("connecting");
        } else {
            pull.connect(push.bind(place.any()).expect("bound"))
                .expect("connecting");
        }
        push.wait_for_peers(1, PATIENCE).expect("connected");

        let numbered = |number: usize| {
            let mut body = number.to_string().into_bytes();
            body.resize(BODY, b' ');
            body
        };
        let mut sent = 0;
        while push.send_timeout(numbered(sent), MOMENT).is_ok() {
            sent += 1;
        }
        // The kernel doubles what it is asked for.
        let kernel = 2 * 2 * KERNEL_BUFFER;
        let bound = 2 * MARK + (2 * READ + kernel) / BODY;
        assert!(
            (MARK..=bound).contains(&sent),
            "{sent} messages, {bound} allowed"
        );
        let stats = push.stats();
        assert!(stats.queued_to_send <= MARK, "{stats:?}");
        assert!(stats.time_muted >= MOMENT);

        let total = sent + 1000;
        let sender = std::thread::spawn(move || {
            for number in sent..total {
                push.send(numbered(number)).expect("sent");
            }
            push.close(PATIENCE)
        });
        for expected in 0..total {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, numbered(expected), "message {expected}");
        }
        assert_eq!(joined_soon("the sender ends", sender).lost, 0);
        assert!(pull.try_recv().is_err(), "nothing comes twice");
    }
}

/// A sender lets its only peer catch up, within the time that the call may take.
fn a_send_waits_no_longer_than_it_may_for_a_peer_that_takes_some_all_the_time(place: &Place) {
    const QUEUED: usize = 900;
    let push = Push::builder(&Context::new())
        .send_buffer(100_000)
        .linger(Linger::Discard)
        .build();
    let at = push.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("PULL", &at);
    push.wait_for_peers(1, PATIENCE).expect("it is there");
    let body = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..QUEUED {
        push.try_send(body.clone()).expect("below the mark");
    }
    let reader = std::thread::spawn(move || {
        let mut sink = vec![0; 1 << 16];
        while peer.read(&mut sink).is_ok_and(|read| read > 0) {
            std::thread::sleep(Duration::from_micros(500)); // it is slow, that is what it is for
        }
    });
    wait_until("it takes some", || push.stats().queued_to_send < QUEUED);
    for _ in 0..3 {
        push.send_timeout(body.clone(), Duration::from_millis(20))
            .expect("there is room");
    }
    // To catch up is to have nearly all of it read.
    let left = push.stats().queued_to_send;
    assert!(left > QUEUED * 2 / 3, "{left}");
    drop(push);
    joined_soon("the reader ends", reader);
}

fn muting_is_told_and_timed(place: &Place) {
    let context = Context::new();
    let push = never_lingers(&context, 3);
    let events = push.monitor();
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    assert_eq!(fill(&push), 3);
    assert_eq!(fill(&push), 0, "a second refusal tells nothing new");
    wait_for_event(&events, "of muting", |kind| *kind == EventKind::Muted);
    let first = push.stats().time_muted;
    wait_until("time passes", || push.stats().time_muted > first);

    let pull = Pull::new(&context);
    pull.bind(&*at).expect("bound");
    let mut unmuted_only = true;
    wait_for_event(&events, "that it is mute no more", |kind| {
        unmuted_only &= *kind != EventKind::Muted;
        *kind == EventKind::Unmuted
    });
    assert!(unmuted_only, "a mute socket is not muted again");
    let muted = push.stats().time_muted;
    push.send("more").expect("there is room");
    assert_eq!(push.stats().time_muted, muted, "the clock has stopped");
}

fn a_changed_mark_holds_for_old_and_new_peers(place: &Place) {
    let push = never_lingers(&Context::new(), 2);
    push.connect(place.vacant()).expect("connecting");
    assert_eq!(fill(&push), 2);
    push.set_option("send_high_water_mark", "5")
        .expect("a live option");
    push.connect(place.vacant()).expect("connecting");
    assert_eq!(fill(&push), 8, "3 more for the first, 5 for the second");
}

//! Large bodies: whole, in order, and nobody else's, however their buffers are used again.

mod support;

use std::sync::LazyLock;

use bytes::Bytes;
use highwater::{Context, Message, Pull, Push};
use support::{PATIENCE, Place, joined_soon, over_every_transport};

over_every_transport!(
    a_body_outlives_its_socket_and_its_context,
    a_body_that_is_kept_is_not_overwritten_by_later_ones,
);

/// Bytes that tell which message they belong to, and where.
fn body(number: usize, len: usize) -> &'static [u8] {
    static PATTERN: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..1_100_000).map(|at| (at % 251) as u8).collect());
    &PATTERN[number * 31 % 251..][..len]
}

fn connected(place: &Place, context: &Context) -> (Push, Pull) {
    let push = Push::new(context);
    let at = push.bind(place.any()).expect("the place is free");
    let pull = Pull::new(context);
    pull.connect(&at).expect("the endpoint is good");
    (push, pull)
}

fn bytes_of(message: &Message) -> Bytes {
    message.single().expect("one frame").to_bytes()
}

fn a_body_outlives_its_socket_and_its_context(place: &Place) {
    let context = Context::new();
    let (push, pull) = connected(place, &context);
    let sender = std::thread::spawn(move || {
        for number in 0..20 {
            push.send(body(number, 300_000)).expect("sent");
        }
        push.close(PATIENCE)
    });
    let mut kept = Vec::new();
    for number in 0..20 {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        if number % 4 == 0 {
            kept.push((number, bytes_of(&message)));
        }
    }
    assert_eq!(joined_soon("the sender", sender).lost, 0);
    let _ = pull.close(PATIENCE);
    drop(context);
    for (number, kept) in kept {
        assert!(kept == body(number, 300_000), "body {number} has changed");
    }
}

/// Around every size at which something changes, with small messages between; dropped on another thread than read.
fn a_body_that_is_kept_is_not_overwritten_by_later_ones(place: &Place) {
    const SIZES: [usize; 12] = [
        1, 100_000, 40_000, 7, 32_768, 65_536, 200, 65_527, 1_000_000, 8_193, 32_767, 300_000,
    ];
    const COUNT: usize = 400;
    let len = |number: usize| SIZES[number % SIZES.len()] + number / SIZES.len();
    let context = Context::new();
    let (push, pull) = connected(place, &context);
    let sender = std::thread::spawn(move || {
        for number in 0..COUNT {
            push.send(body(number, len(number))).expect("sent");
        }
        push.close(PATIENCE)
    });
    let (hand_on, handed_on) = crossbeam_channel::bounded::<(usize, Message)>(4);
    let user = std::thread::spawn(move || {
        let mut kept = Vec::new();
        for (number, message) in handed_on {
            assert!(message == body(number, len(number)), "message {number}");
            if number % 5 == 0 {
                kept.push((number, message));
            }
        }
        kept
    });
    for number in 0..COUNT {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        hand_on.send((number, message)).expect("the user is there");
    }
    drop(hand_on);
    for (number, message) in joined_soon("the user", user) {
        assert!(
            message == body(number, len(number)),
            "message {number} has changed"
        );
    }
    assert_eq!(joined_soon("the sender", sender).lost, 0);
}

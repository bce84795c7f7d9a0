use highwater_patterns::{Body, Message};

use super::undelivered::Rewound;
use super::*;
use crate::pipe::testing::MemoryWire;
use crate::policy::tuning::MOST_BATCH_BYTES;

fn batch(messages: &[Message]) -> Batch {
    let mut batch = Batch::default();
    messages.iter().for_each(|message| batch.push(message));
    batch
}

fn samples() -> Vec<Message> {
    vec![
        Message::from("short"),
        Message::from(["two", "frames"]),
        Message::from(vec![1; 20_000]),
        Message::from([&b"head"[..], &[2; 9_000], b"", &[3; 10_000], b"tail"]),
        Message::from(""),
    ]
}

fn on_wire(batch: &Batch) -> Vec<u8> {
    batch.pieces().flatten().copied().collect()
}

#[test]
fn large_bodies_stand_where_their_header_ends() {
    let mut whole = Vec::new();
    for message in samples() {
        whole.extend(on_wire(&batch(&[message])));
    }
    let all = batch(&samples());
    assert_eq!(on_wire(&all), whole);
    assert_eq!(all.len(), whole.len());
    assert_eq!(all.messages(), samples().len());
}

#[test]
fn a_body_stands_where_its_message_would() {
    let bytes = vec![5; 3000];
    let (mut bodies, mut messages) = (Batch::default(), Batch::default());
    for len in [3000, 0, 1, 64, 65, 255, 256, 7] {
        let body = Body::new(&bytes[..len]).expect("not large");
        bodies.push(&body);
        messages.push(&Message::from(body));
    }
    assert_eq!(on_wire(&bodies), on_wire(&messages));
    assert_eq!(bodies.messages(), messages.messages());
}

#[test]
fn a_write_goes_on_anywhere_the_last_one_stopped() {
    let all = batch(&samples());
    let whole = on_wire(&all);
    for step in [1, 7, 4_096, 30_000] {
        let wire = MemoryWire::taking(step);
        let mut written = 0;
        while written < all.len() {
            written += all.write_from(written, &wire).expect("memory takes bytes");
        }
        assert_eq!(wire.written(), whole);
    }
}

#[test]
fn after_a_break_just_the_undelivered_messages_are_left_and_whole() {
    let messages = samples();
    let ends: Vec<usize> = (1..=messages.len())
        .map(|count| batch(&messages[..count]).len())
        .collect();
    for written in 0..=*ends.last().expect("there are samples") {
        let mut rest = batch(&messages);
        let rewound = rest.rewind(written);
        let delivered = ends.iter().filter(|end| **end <= written).count();
        let is_cut = written > 0 && !ends.contains(&written);
        assert_eq!(rewound, Rewound { delivered, is_cut }, "after {written}");
        assert_eq!(
            rest.messages(),
            messages.len() - delivered,
            "after {written}"
        );
        if [0, 3, 8, 30, 12_000, 20_030].contains(&written) || ends.contains(&written) {
            assert_eq!(on_wire(&rest), on_wire(&batch(&messages[delivered..])));
        }
    }
}

#[test]
fn the_first_message_is_taken_out_whole() {
    let messages = samples();
    let mut all = batch(&messages);
    for count in 1..=messages.len() {
        let first = batch(&messages[count - 1..count]).len();
        assert_eq!(all.drop_first(), first);
        assert_eq!(on_wire(&all), on_wire(&batch(&messages[count..])));
        assert_eq!(all.messages(), messages.len() - count);
    }
    assert_eq!(all.drop_first(), 0);
}

#[test]
fn the_last_message_is_taken_out_if_none_of_it_was_written() {
    let messages = samples();
    for count in 1..=messages.len() {
        let before = on_wire(&batch(&messages[..count - 1]));
        for written in [0, before.len(), before.len() + 1] {
            let mut all = batch(&messages[..count]);
            let mut commands = Vec::new();
            crate::zmtp::encode_ping(0, &mut commands);
            let ahead = commands.len();
            all.prepend(&mut commands);
            let taken = all.take_back_last(ahead + written);
            assert_eq!(taken, written <= before.len());
            let left = if taken { count - 1 } else { count };
            assert_eq!(all.messages(), left);
            assert_eq!(on_wire(&all)[ahead..], on_wire(&batch(&messages[..left])));
            assert_eq!(all.len(), on_wire(&all).len());
        }
    }
    assert!(!Batch::default().take_back_last(0));
}

#[test]
fn commands_go_first_and_do_not_outlive_their_connection() {
    let mut all = batch(&samples());
    let mut commands = Vec::new();
    crate::zmtp::encode_ping(0, &mut commands);
    let command_len = commands.len();
    all.prepend(&mut commands);
    assert_eq!(on_wire(&all)[command_len..], on_wire(&batch(&samples())));
    assert_eq!(all.rewind(command_len - 1), Rewound::default());
    assert_eq!(on_wire(&all), on_wire(&batch(&samples())));
}

#[test]
fn what_a_stream_needed_is_kept_until_the_pipe_rests_and_a_little_even_then() {
    let mut large = Batch::default();
    let mut small = Batch::default();
    while large.len() < MOST_BATCH_BYTES {
        large.push(&Message::from(&[1; 1000]));
    }
    small.push(&Message::from("short"));
    for batch in [&mut large, &mut small] {
        let whole = on_wire(batch);
        batch.shrink();
        assert_eq!(on_wire(batch), whole, "nothing that is in it is lost");
        batch.clear();
        assert!(batch.bytes.capacity() > 0);
        batch.shrink();
    }
    assert_eq!(large.bytes.capacity(), 0);
    assert!(small.bytes.capacity() > 0);
}

#[test]
fn one_batch_added_to_another_keeps_positions() {
    let mut all = batch(&samples());
    all.extend_from(&batch(&samples()));
    let twice = [samples(), samples()].concat();
    assert_eq!(on_wire(&all), on_wire(&batch(&twice)));
}

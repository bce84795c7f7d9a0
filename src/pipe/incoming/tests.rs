use highwater_patterns::{Frame, Message};

use super::*;

fn incoming(messages: usize) -> Incoming {
    Incoming::new(HighWater {
        messages: Some(messages),
        bytes: None,
    })
}

fn chunk(messages: usize) -> Delivery {
    Delivery::Chunk {
        bytes: vec![0; messages],
        messages,
        commands: 0,
    }
}

#[test]
fn commands_are_bounded_whatever_the_marks() {
    let pipe = Incoming::new(HighWater {
        messages: None,
        bytes: None,
    });
    let commands = |bytes| Delivery::Chunk {
        bytes: vec![0; bytes],
        messages: 0,
        commands: bytes,
    };
    let topic = vec![0; MOST_COMMANDS / 4 - COMMAND_OVERHEAD];
    let one = || Delivery::One(Received::Subscribe(topic.clone().into()));
    assert!(!pipe.deliver(commands(MOST_COMMANDS / 2)).pause);
    assert!(!pipe.deliver(one()).pause);
    assert!(pipe.deliver(one()).pause && pipe.is_paused());
    assert_eq!(pipe.queued(), 0, "they are no messages");
    assert!(pipe.take(None).1, "half of it is left");
    assert!(!pipe.is_paused());
}

#[test]
fn the_frames_of_a_message_count_as_the_memory_that_they_take() {
    let pipe = Incoming::new(HighWater {
        messages: None,
        bytes: Some(1 << 20),
    });
    let frames: Message = (0..20_000).map(|_| Frame::EMPTY).collect();
    let one = Delivery::One(Received::Message(frames));
    assert!(pipe.deliver(one).pause);
}

#[test]
fn only_a_socket_that_found_nothing_is_told() {
    let pipe = incoming(10);
    assert!(
        pipe.deliver(chunk(1)).tell,
        "a new pipe counts as found empty"
    );
    assert!(!pipe.deliver(chunk(1)).tell);
    assert!(pipe.take(None).0.is_some());
    assert!(!pipe.deliver(chunk(1)).tell);
    while pipe.take(None).0.is_some() {}
    assert!(pipe.deliver(chunk(1)).tell);
}

#[test]
fn reading_pauses_at_the_mark_and_resumes_once_below_half() {
    let pipe = incoming(4);
    assert!(!pipe.deliver(chunk(3)).pause);
    assert!(pipe.deliver(chunk(1)).pause);
    assert!(pipe.deliver(chunk(1)).pause);
    assert!(pipe.take(None).1, "2 are left, which is half");
    assert!(!pipe.take(None).1, "once is enough");
}

#[test]
fn a_connection_is_read_once_the_socket_knows_of_it_and_has_room() {
    let pipe = incoming(4);
    assert!(pipe.deliver(chunk(4)).pause);
    pipe.connection_begins();
    assert!(pipe.take(None).1, "there is room for more, but not yet");
    assert!(pipe.is_paused());
    assert!(pipe.deliver(chunk(4)).pause, "of the connection before");
    pipe.connection_known();
    assert!(pipe.is_paused(), "it is at its mark");
    assert!(pipe.take(None).1 && !pipe.is_paused());

    pipe.connection_begins();
    pipe.close();
    assert!(!pipe.is_paused(), "nobody is left who could know");
    pipe.connection_begins();
    assert!(!pipe.is_paused());
}

#[test]
fn a_spent_buffer_comes_back_empty() {
    let pipe = incoming(4);
    pipe.deliver(chunk(2));
    let (Some(Delivery::Chunk { bytes, .. }), _) = pipe.take(None) else {
        panic!("a chunk was delivered");
    };
    pipe.take(Some(bytes));
    let spare = pipe.spare().expect("it was given back");
    assert!(spare.is_empty() && spare.capacity() >= 2);
}

#[test]
fn what_is_forgotten_makes_room_and_the_next_is_told() {
    let pipe = incoming(2);
    assert!(pipe.deliver(chunk(3)).pause);
    assert_eq!(pipe.forget(), (3, true));
    assert!(pipe.is_empty() && !pipe.is_paused());
    assert!(pipe.deliver(chunk(1)).tell);
    assert_eq!(pipe.forget(), (1, false));
}

#[test]
fn where_only_the_latest_counts_nothing_pauses_and_what_comes_takes_the_place_of_what_was() {
    let pipe = incoming(2).conflating(true);
    for messages in [1, 5, 3] {
        assert!(!pipe.deliver(chunk(messages)).pause);
    }
    assert_eq!((pipe.queued(), pipe.replaced()), (1, 8));
    assert!(pipe.spare().is_some(), "its buffer is used again");
    assert!(!pipe.deliver(chunk(0)).pause, "commands take no place");
    assert_eq!((pipe.queued(), pipe.replaced()), (1, 8));
    let (Some(Delivery::Chunk { messages: 3, .. }), false) = pipe.take(None) else {
        panic!("the last three are here");
    };
    assert_eq!((pipe.queued(), pipe.replaced()), (0, 6), "who takes counts");
    pipe.deliver(chunk(4));
    assert_eq!(pipe.close(), 1);
    assert_eq!(pipe.replaced(), 9);
}

#[test]
fn what_nobody_will_read_is_counted_and_freed() {
    let pipe = incoming(4);
    pipe.deliver(chunk(3));
    assert!(pipe.deliver(chunk(1)).pause);
    assert_eq!(pipe.close(), 4);
    assert!(!pipe.is_paused(), "its end is to be noticed");
    pipe.deliver(chunk(3));
    assert!(pipe.is_empty());
}

use std::sync::Arc;

use highwater_patterns::Message;
use proptest::prelude::*;

use super::*;
use crate::pipe::Wire;
use crate::pipe::testing::{MemoryWire, push};

fn outgoing(messages: Option<usize>, bytes: Option<usize>) -> Outgoing {
    Outgoing::new(HighWater { messages, bytes }, false)
}

fn send(pipe: &Outgoing) -> bool {
    push(pipe, &Message::from("x"), &mut WritePolicy::of_a_stream())
}

/// Sends one message at a place; whether it was taken, and whether the pipe has room by that.
fn send_at_place(pipe: &Outgoing, message: &str) -> (bool, bool) {
    let mut draft = Draft::default();
    let mut policy = WritePolicy::of_a_stream();
    let (effects, room) = pipe.push_at_place(&Message::from(message), &mut policy, &mut draft);
    assert_eq!(draft.end(pipe), 0);
    (!effects.contains(WriteEffects::REFUSED), room)
}

#[test]
fn a_place_that_is_given_back_is_told_if_somebody_waits() {
    let pipe = outgoing(Some(2), None);
    assert!(pipe.reserve() && send(&pipe));
    pipe.take_place_over();
    assert!(!pipe.give_place_back(), "it was not found full");
    assert!(!pipe.reserve() && !send(&pipe));
    assert!(pipe.give_place_back(), "somebody waits");
    assert!(send(&pipe));
}

#[test]
fn a_message_at_its_place_makes_no_room_but_of_bytes() {
    let pipe = outgoing(Some(1), None);
    assert!(pipe.reserve() && !send(&pipe));
    assert_eq!(send_at_place(&pipe, "x"), (true, false));
    assert!(!send(&pipe));

    let pipe = outgoing(None, Some(100));
    assert!(pipe.reserve() && !pipe.reserve() && !send(&pipe));
    assert_eq!(send_at_place(&pipe, "short"), (true, true));
    assert!(pipe.reserve());
    assert_eq!(send_at_place(&pipe, &"long".repeat(50)), (true, false));
    assert!(!pipe.reserve());
}

#[test]
fn a_closed_pipe_takes_no_message_at_a_place() {
    let pipe = outgoing(Some(3), None);
    assert!(pipe.reserve());
    pipe.close();
    assert!(!pipe.reserve());
    assert_eq!(send_at_place(&pipe, "x"), (false, false));
    assert_eq!(pipe.queued(), 0);
}

#[test]
fn a_mark_that_is_lowered_leaves_the_places_and_nothing_else() {
    let pipe = outgoing(Some(10), None);
    assert!((0..5).all(|_| pipe.reserve()));
    let mark = |messages| HighWater {
        messages: Some(messages),
        bytes: None,
    };
    assert!(!pipe.set_limit(mark(3)));
    assert!(!send(&pipe) && !pipe.reserve());
    assert!((0..5).all(|_| send_at_place(&pipe, "x").0));
    assert!(pipe.set_limit(mark(6)));
    assert!(send(&pipe) && !send(&pipe));
}

#[test]
fn a_streaming_sender_is_handed_no_room_that_is_reserved() {
    let wire = Arc::new(MemoryWire::taking(usize::MAX));
    let pipe = outgoing(Some(1000), None);
    pipe.attach(wire.clone() as Arc<dyn Wire>);
    let mut policy = WritePolicy::of_a_stream();
    let mut draft = Draft::default();
    let body = Message::from(vec![0; 1000]);
    while draft.is_handed_back() {
        let _ = draft.push(&body, &pipe, &mut policy);
    }
    draft.hand_back(&pipe);
    wire.set_room(0);
    let waiting = pipe.queued();
    assert!((waiting..1000).all(|_| pipe.reserve()));
    let effects = draft.push(&body, &pipe, &mut policy);
    assert!(effects.contains(WriteEffects::REFUSED));
}

proptest! {
    #[test]
    fn what_waits_and_the_places_stay_within_the_mark(
        mark in 1_usize..20,
        steps in prop::collection::vec(0_u8..4, 0..200),
    ) {
        let pipe = outgoing(Some(mark), None);
        let (mut places, mut sent) = (0, 0);
        for step in steps {
            let room = places + sent < mark;
            match step {
                0 => {
                    prop_assert_eq!(pipe.reserve(), room);
                    places += usize::from(room);
                }
                1 => {
                    prop_assert_eq!(send(&pipe), room);
                    sent += usize::from(room);
                }
                2 if places > 0 => {
                    prop_assert!(send_at_place(&pipe, "x").0);
                    places -= 1;
                    sent += 1;
                }
                3 if places > 0 => {
                    pipe.give_place_back();
                    places -= 1;
                }
                _ => {}
            }
            prop_assert_eq!(pipe.queued(), sent);
        }
    }
}

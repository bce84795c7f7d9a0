use std::collections::HashSet;

use super::*;
use crate::pipe::SocketSide;
use crate::pipe::lane::Party;
use crate::pipe::testing::Told;

/// Two ends of a pipe within the process, and their sockets.
fn ends() -> (InprocEnd, InprocEnd, [Arc<dyn SocketSide>; 2]) {
    let sides: [Arc<dyn SocketSide>; 2] = [Arc::new(Told::default()), Arc::new(Told::default())];
    let party = |side: usize| Party {
        side: Arc::downgrade(&sides[side]),
        pipe: PipeId(1),
    };
    let (out, back) = (
        Arc::new(Lane::new(party(0), Some(1000), false)),
        Arc::new(Lane::new(party(1), Some(1000), false)),
    );
    assert!(out.join(party(1), Some(1000)) && back.join(party(0), Some(1000)));
    let here = InprocEnd::new(PipeId(1), Arc::clone(&out), Some(Arc::clone(&back)));
    let there = InprocEnd::new(PipeId(1), back, Some(out));
    (here, there, sides)
}

#[test]
fn messages_of_all_lengths_come_as_they_were_sent() {
    let (mut here, mut there, _sides) = ends();
    for length in [
        0,
        64,
        65,
        1000,
        MOST_COPIED_BYTES,
        MOST_COPIED_BYTES + 1,
        100_000,
    ] {
        let body: Vec<u8> = (0..length).map(|n| n as u8).collect();
        assert!(here.push(&mut Message::from(&body)));
        assert!(here.push(&mut Message::from([&body[..], b"second frame"])));
        let mut first = Message::from("before");
        assert!(there.pop_message(&mut first));
        assert_eq!(first, body);
        let second = Message::from([&body[..], b"second frame"]);
        assert_eq!(there.pop(), Some(Received::Message(second)));
    }
    assert_eq!(there.counts().received, 14);
    assert!(there.is_drained());
}

#[test]
fn the_buffers_of_short_bodies_go_back_and_forth_and_do_not_grow_in_number() {
    let (mut here, mut there, _sides) = ends();
    let mut seen = HashSet::new();
    for _ in 0..10_000 {
        assert!(here.push(&mut Message::from(&[7; 1000])));
        let Some(Parcel::Copied(buffer)) = there.incoming.as_ref().and_then(|lane| lane.pop())
        else {
            panic!("a short body is copied");
        };
        seen.insert(buffer.as_ptr());
        there.spend(buffer);
    }
    assert!(
        seen.len() <= 3 * SPARE_BUFFERS_TOGETHER,
        "{} buffers",
        seen.len()
    );
}

#[test]
fn after_a_burst_no_more_buffers_are_kept_than_a_few() {
    let (mut here, mut there, _sides) = ends();
    let burst = 1500;
    for _ in 0..burst {
        assert!(here.push(&mut Message::from(&[7; 1000])));
    }
    let mut message = Message::EMPTY;
    for _ in 0..burst {
        assert!(there.pop_message(&mut message));
    }
    here.outgoing.take_spares(&mut here.spares);
    assert!(!here.spares.is_empty() && here.spares.len() <= 256);
}

#[test]
fn a_subscription_is_no_message_and_is_given_in_its_turn() {
    let (mut here, mut there, _sides) = ends();
    here.push_control(b"topic", Change::Wanted);
    assert!(here.push(&mut Message::from("after it")));
    let mut message = Message::EMPTY;
    assert!(!there.pop_message(&mut message) && !there.is_drained());
    assert!(!there.pop_message(&mut message), "the other comes first");
    assert_eq!(there.pop(), Some(Received::Subscribe("topic".into())));
    assert!(there.pop_message(&mut message) && message == "after it");
}

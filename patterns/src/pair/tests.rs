//! RFC 31/EXPAIR, "The PAIR Socket Type".

use crate::testing::Bench;
use crate::{
    Admission, AdmissionRefusal, Afterlife, Message, Pattern, PatternOptions, Peer, PipeId,
    Refusal, SocketType, Twin,
};

const REFUSED: Admission = Admission::Refused(AdmissionRefusal::AlreadyPaired);

fn pair() -> Bench {
    Bench::new(Pattern::new(SocketType::Pair, &PatternOptions::default()))
}

/// A second peer comes.
fn attach_second(pair: &mut Bench, id: u32) -> (PipeId, Admission) {
    let pipe = pair.attach(id);
    (pipe, pair.connect(pipe))
}

/// "MAY be connected to at most one PAIR peers."
#[test]
fn a_second_peer_is_refused_and_ignored() {
    let mut pair = pair();
    let first = pair.accept(1);
    let (second, admission) = attach_second(&mut pair, 2);
    assert_eq!(admission, REFUSED);
    assert_eq!(pair.pattern.may_connect(second), REFUSED);
    pair.arrive(second, "intruder");
    assert_eq!(pair.recv(), None);
    pair.disconnect(second, Afterlife::Ends);
    pair.detach(second);
    pair.send("hello").expect("the first is still there");
    assert_eq!(pair.pipes.take(first), ["hello"]);
}

/// "MAY both send and receive messages." "SHALL not filter or modify outgoing or incoming messages in any way."
#[test]
fn both_ways_are_open_in_any_order() {
    let mut pair = pair();
    let pipe = pair.accept(1);
    pair.arrive(pipe, ["a", ""]);
    pair.send(["x", "", "y"]).expect("there is room");
    pair.send("z").expect("there is room");
    assert!(pair.can_recv());
    assert_eq!(pair.recv().expect("arrived"), ["a", ""]);
    assert!(!pair.can_recv());
    assert_eq!(
        pair.pipes.take(pipe),
        [Message::from(["x", "", "y"]), Message::from("z")]
    );
}

/// "SHALL consider its peer as available only when it has a outgoing queue that is not full." "SHALL block on sending,
/// or return a suitable error, when it has no available peer." "SHALL NOT discard messages that it cannot queue."
#[test]
fn without_a_peer_or_room_the_message_comes_back() {
    let mut pair = pair();
    assert!(!pair.can_send());
    assert_eq!(pair.send("a").expect_err("nobody").reason, Refusal::Full);
    let pipe = pair.accept(1);
    pair.pipes.limit(pipe, 1);
    pair.send("a").expect("there is room");
    let refused = pair.send("b").expect_err("full");
    assert_eq!(
        (refused.reason, refused.message),
        (Refusal::Full, "b".into())
    );
    assert!(!pair.can_send());
    pair.make_room(pipe);
    assert!(pair.can_send());
}

/// "SHALL create a double queue when initiating an outgoing connection to a peer, and SHALL maintain the double queue
/// whether or not the connection is established."
#[test]
fn a_connecting_pair_queues_and_stays_exclusive() {
    let mut pair = pair();
    let pipe = pair.attach(1);
    pair.send("early").expect("queued");
    assert_eq!(pair.connect(pipe), Admission::Accepted);
    pair.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(attach_second(&mut pair, 2).1, REFUSED);
    assert_eq!(pair.pipes.take(pipe), ["early"]);
}

#[test]
fn the_next_peer_is_taken_once_the_first_has_ended_and_is_read_after_it() {
    let mut pair = pair();
    let first = pair.accept(1);
    pair.arrive(first, "from the first");
    pair.disconnect(first, Afterlife::Ends);
    assert_eq!(pair.send("x").expect_err("nobody").reason, Refusal::Full);
    let second = pair.accept(2);
    pair.arrive(second, "from the second");
    pair.send("to the second").expect("there is room");
    assert_eq!(pair.recv().expect("arrived"), "from the first");
    assert_eq!(pair.recv().expect("arrived"), "from the second");
    assert_eq!(pair.pipes.take(second), ["to the second"]);
    assert!(pair.pipes.take(first).is_empty());
}

#[test]
fn peers_that_come_and_go_cannot_pile_up() {
    let mut pair = pair();
    for id in 0..8 {
        let pipe = pair.accept(id);
        pair.arrive(pipe, "unread");
        pair.disconnect(pipe, Afterlife::Ends);
    }
    let (one_more, admission) = attach_second(&mut pair, 8);
    assert_eq!(admission, REFUSED);
    pair.detach(one_more);
    pair.detach(PipeId(0));
    pair.accept(9);
}

/// As where it has connected to several, or has bound and connected.
#[test]
fn a_pipe_that_waits_has_the_place_once_those_before_have_gone() {
    for left in [false, true] {
        let mut pair = pair();
        let first = pair.accept(1);
        let (second, third) = (pair.attach(2), pair.attach(3));
        for waiting in [second, third] {
            assert_eq!(pair.pattern.may_connect(waiting), REFUSED);
        }
        pair.send("to the first").expect("there is room");
        pair.disconnect(second, Afterlife::Reconnects);
        if left {
            pair.disconnect(second, Afterlife::Ends);
            pair.detach(second);
        }
        let next = if left { third } else { second };
        pair.disconnect(first, Afterlife::Reconnects);
        assert_eq!(pair.pattern.may_connect(next), REFUSED);
        pair.disconnect(first, Afterlife::Ends);
        pair.send("to the next").expect("there is room");
        assert_eq!(pair.connect(next), Admission::Accepted);
        assert_eq!(pair.pipes.take(first), ["to the first"]);
        assert_eq!(pair.pipes.take(next), ["to the next"]);
    }
}

#[test]
fn what_was_looked_at_goes_with_its_pipe() {
    let mut pair = pair();
    let pipe = pair.accept(1);
    pair.arrive(pipe, "lost");
    assert!(pair.can_recv());
    pair.detach(pipe);
    assert_eq!(pair.recv(), None);
    assert!(!pair.can_send());
}

/// Each of two PAIRs holds its place for the other.
#[test]
fn a_place_that_is_held_for_a_peer_is_given_to_it_when_it_comes_by_another_way() {
    let mut pair = pair();
    let held = pair.attach(1);
    for gives_way in [false, true] {
        let came = pair.attach(2);
        let twin = Twin {
            pipe: held,
            gives_way,
        };
        let peer = Peer {
            twin: Some(twin),
            ..Peer::default()
        };
        let admission = pair.pattern.connected(came, &peer, &mut pair.pipes);
        if !gives_way {
            assert_eq!(admission, REFUSED);
            pair.detach(came);
            continue;
        }
        assert_eq!(admission, Admission::Accepted);
        assert_eq!(pair.pattern.may_connect(held), REFUSED);
        pair.send("by its way").expect("there is room");
        assert_eq!(pair.pipes.take(came), ["by its way"]);
        pair.disconnect(came, Afterlife::Ends);
        assert_eq!(pair.pattern.may_connect(held), Admission::Accepted);
        pair.send("by ours").expect("there is room");
        assert_eq!(pair.pipes.take(held), ["by ours"]);
    }
}

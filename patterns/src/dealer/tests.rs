//! RFC 28/REQREP, "The DEALER Socket Type".

use crate::testing::Bench;
use crate::{Afterlife, Message, Pattern, PatternOptions, Refusal, SocketType};

fn dealer() -> Bench {
    Bench::new(Pattern::new(SocketType::Dealer, &PatternOptions::default()))
}

fn probing() -> Bench {
    let options = PatternOptions {
        probe: true,
        ..PatternOptions::default()
    };
    Bench::new(Pattern::new(SocketType::Dealer, &options))
}

/// "SHALL route outgoing messages to available peers using a round-robin strategy."
#[test]
fn requests_go_to_the_peers_in_turn() {
    let mut dealer = dealer();
    let a = dealer.accept(1);
    let b = dealer.accept(2);
    for request in ["1", "2", "3"] {
        dealer.send(request).expect("there is room");
    }
    assert_eq!(dealer.pipes.take(a), ["1", "3"]);
    assert_eq!(dealer.pipes.take(b), ["2"]);
}

/// "SHALL receive incoming messages from its peers using a fair-queuing strategy."
#[test]
fn replies_come_from_the_peers_in_turn() {
    let mut dealer = dealer();
    let a = dealer.accept(1);
    let b = dealer.accept(2);
    for reply in ["a1", "a2"] {
        dealer.arrive(a, reply);
    }
    dealer.arrive(b, "b1");
    assert!(dealer.can_recv());
    let read: Vec<_> = std::iter::from_fn(|| dealer.recv()).collect();
    assert_eq!(read, ["a1", "b1", "a2"]);
}

/// "SHALL not filter or modify outgoing or incoming messages in any way."
#[test]
fn frames_pass_as_they_are() {
    let mut dealer = dealer();
    let pipe = dealer.accept(1);
    dealer.send(["", "body"]).expect("there is room");
    assert_eq!(dealer.pipes.take(pipe), [Message::from(["", "body"])]);
    dealer.arrive(pipe, ["id", "", "body"]);
    assert_eq!(dealer.recv().expect("arrived"), ["id", "", "body"]);
}

/// "SHALL block on sending, or return a suitable error, when it has no available peers." "SHALL NOT discard messages
/// that it cannot queue."
#[test]
fn without_room_the_message_comes_back() {
    let mut dealer = dealer();
    let pipe = dealer.accept(1);
    dealer.pipes.limit(pipe, 1);
    dealer.send("1").expect("there is room");
    assert!(!dealer.can_send());
    let refused = dealer.send(["2", "x"]).expect_err("full");
    assert_eq!(refused.reason, Refusal::Full);
    assert_eq!(refused.message, ["2", "x"]);
    dealer.make_room(pipe);
    assert!(dealer.can_send());
}

/// "If this peer disconnects, the DEALER socket SHALL destroy its double queue": the inbound half once it is read.
#[test]
fn a_peer_that_ended_is_read_but_not_written() {
    let mut dealer = dealer();
    let pipe = dealer.accept(1);
    dealer.arrive(pipe, "last words");
    dealer.disconnect(pipe, Afterlife::Ends);
    assert_eq!(dealer.send("x").expect_err("nobody").reason, Refusal::Full);
    assert_eq!(dealer.recv().expect("arrived"), "last words");
    dealer.detach(pipe);
    assert_eq!(dealer.recv(), None);
}

/// ZMQ_PROBE_ROUTER: an empty message to each new connection.
#[test]
fn a_probe_goes_ahead_of_everything_on_each_connection() {
    let mut dealer = probing();
    let pipe = dealer.attach(1);
    dealer.send("queued").expect("there is room");
    assert_eq!(dealer.connect(pipe), crate::Admission::Accepted);
    assert_eq!(dealer.pipes.take(pipe), ["", "queued"]);
    dealer.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(dealer.connect(pipe), crate::Admission::Accepted);
    assert_eq!(dealer.pipes.take(pipe), [""]);
}

/// A peer that never reads and comes again and again.
#[test]
fn probes_that_are_not_read_are_bounded_by_the_mark() {
    let mut dealer = probing();
    let pipe = dealer.attach(1);
    dealer.pipes.limit(pipe, 2);
    for _ in 0..5 {
        assert_eq!(dealer.connect(pipe), crate::Admission::Accepted);
        dealer.disconnect(pipe, Afterlife::Reconnects);
    }
    assert_eq!(dealer.pipes.take(pipe), ["", ""]);
    assert_eq!(dealer.connect(pipe), crate::Admission::Accepted);
    assert_eq!(dealer.pipes.take(pipe), [""], "there is room again");
}

#[test]
fn an_accepted_peer_gets_one_probe() {
    let mut dealer = probing();
    let pipe = dealer.accept(1);
    assert_eq!(dealer.pipes.take(pipe), [""]);
}

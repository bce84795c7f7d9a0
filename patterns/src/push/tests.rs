//! RFC 30/PIPELINE, "The PUSH Socket Type".

use crate::testing::Bench;
use crate::{Afterlife, DropCause, Message, Pattern, PatternOptions, Refusal, SocketType};

fn push() -> Bench {
    Bench::new(Pattern::new(SocketType::Push, &PatternOptions::default()))
}

/// "SHALL route outgoing messages to available peers using a round-robin strategy."
#[test]
fn messages_go_to_the_peers_in_turn() {
    let mut push = push();
    let pipes = [1, 2, 3].map(|id| push.accept(id));
    for job in ["a", "b", "c", "d"] {
        push.send(job).expect("there is room");
    }
    assert_eq!(push.pipes.take(pipes[0]), ["a", "d"]);
    assert_eq!(push.pipes.take(pipes[1]), ["b"]);
    assert_eq!(push.pipes.take(pipes[2]), ["c"]);
}

/// "SHALL not filter or modify outgoing messages in any way."
#[test]
fn frames_go_out_as_they_are() {
    let mut push = push();
    let pipe = push.accept(1);
    push.send(["", "job", ""]).expect("there is room");
    assert_eq!(push.pipes.take(pipe), [Message::from(["", "job", ""])]);
}

/// "SHALL block on sending, or return a suitable error, when it has no available peers." "SHALL NOT discard messages
/// that it cannot queue."
#[test]
fn without_a_peer_the_message_comes_back() {
    let mut push = push();
    let refused = push.send("job").expect_err("nobody is there");
    assert_eq!(refused.reason, Refusal::Full);
    assert_eq!(refused.message, "job");
    assert!(!push.can_send());
}

#[test]
fn a_reservation_is_the_turn_of_its_peer() {
    let mut push = push();
    let pipes = [1, 2, 3].map(|id| push.accept(id));
    let mut turns = Vec::new();
    for _ in 0..3 {
        push.send("job").expect("there is room");
        turns.push(push.pattern.reserve(&mut push.pipes));
    }
    assert_eq!(turns, [Ok(pipes[1]), Ok(pipes[0]), Ok(pipes[2])]);
    for pipe in pipes {
        assert_eq!(push.pipes.pipe(pipe).reserved, 1);
        assert_eq!(push.pipes.take(pipe), ["job"]);
    }
}

#[test]
fn what_is_reserved_is_room_for_nobody_else() {
    let mut push = push();
    let pipe = push.accept(1);
    push.pipes.limit(pipe, 2);
    assert_eq!(push.pattern.reserve(&mut push.pipes), Ok(pipe));
    push.send("job").expect("one place is left");
    assert_eq!(push.send("another").unwrap_err().reason, Refusal::Full);
    let refused = push.pattern.reserve(&mut push.pipes);
    assert_eq!(refused, Err(Refusal::Full));
    push.pipes.pipe(pipe).reserved = 0;
    push.pattern.writable(pipe, &mut push.pipes);
    push.send("another").expect("the place was given back");
}

/// "SHALL consider a peer as available only when it has a outgoing queue that is not full."
#[test]
fn a_full_peer_is_passed_over_until_it_has_room() {
    let mut push = push();
    let slow = push.accept(1);
    let fast = push.accept(2);
    push.pipes.limit(slow, 1);
    for job in ["a", "b", "c", "d"] {
        push.send(job).expect("there is room");
    }
    assert_eq!(push.make_room(slow), ["a"]);
    assert_eq!(push.pipes.take(fast), ["b", "c", "d"]);
    push.send("e").expect("there is room");
    push.send("f").expect("there is room");
    assert_eq!(push.pipes.take(slow).len(), 1);
    assert_eq!(push.pipes.take(fast).len(), 1);
}

/// "SHALL not accept further messages when it has no available peers."
#[test]
fn when_all_are_full_it_is_mute() {
    let mut push = push();
    let only = push.accept(1);
    push.pipes.limit(only, 1);
    assert!(push.can_send());
    push.send("a").expect("there is room");
    assert!(!push.can_send());
    assert_eq!(push.send("b").expect_err("full").reason, Refusal::Full);
    assert_eq!(push.make_room(only), ["a"]);
    assert!(push.can_send());
}

/// "SHALL create this queue when initiating an outgoing connection to a peer, and SHALL maintain the queue whether or
/// not the connection is established."
#[test]
fn a_pipe_that_waits_for_its_connection_takes_messages() {
    let mut push = push();
    let pipe = push.attach(1);
    push.send("a").expect("queued");
    push.disconnect(pipe, Afterlife::Reconnects);
    push.send("b").expect("queued");
    assert_eq!(push.pipes.take(pipe), ["a", "b"]);
}

/// "If this peer disconnects, the PUSH socket SHALL destroy its queue."
#[test]
fn a_peer_that_ended_gets_nothing_more() {
    let mut push = push();
    let gone = push.accept(1);
    let here = push.accept(2);
    push.disconnect(gone, Afterlife::Ends);
    push.send("a").expect("there is room");
    push.send("b").expect("there is room");
    assert!(push.pipes.take(gone).is_empty());
    assert_eq!(push.pipes.take(here), ["a", "b"]);
    push.detach(gone);
    push.detach(here);
    assert_eq!(push.send("c").expect_err("nobody").reason, Refusal::Full);
}

/// "SHALL only send messages": what comes all the same is thrown away, and counted.
#[test]
fn what_a_peer_sends_upstream_is_dropped_and_counted() {
    let mut push = push();
    let pipe = push.accept(1);
    push.arrive(pipe, "hello?");
    push.arrive(pipe, "anybody?");
    assert_eq!(push.pipes.drops(DropCause::Unexpected), 2);
    assert_eq!(push.recv(), None);
    assert_eq!(push.pattern.may_recv(), Err(Refusal::NotSupported));
    assert!(!push.can_recv());
}

//! RFC 28/REQREP, "The REQ Socket Type".

mod unasked;

use proptest::prelude::*;

use crate::testing::Bench;
use crate::{
    Admission, Afterlife, DropCause, LostPeer, Message, Pattern, PatternOptions, PipeId, Refusal,
    Req, RequestFailed, Sent, SocketType,
};

fn req_with(options: PatternOptions) -> Bench {
    Bench::new(Pattern::new(SocketType::Req, &options))
}

fn req() -> Bench {
    req_with(PatternOptions::default())
}

fn correlated() -> Bench {
    req_with(PatternOptions {
        correlated: true,
        relaxed: true,
        seed: 0x01020303,
        ..PatternOptions::default()
    })
}

fn sending_again() -> Bench {
    req_with(PatternOptions {
        lost_peer: LostPeer::SendAgain,
        ..PatternOptions::default()
    })
}

fn rules(bench: &mut Bench) -> (&mut Req, &mut crate::testing::TestPipes) {
    match &mut bench.pattern {
        Pattern::Req(req) => (req, &mut bench.pipes),
        other => panic!("not a REQ: {other:?}"),
    }
}

fn reply(bench: &mut Bench) -> Option<Result<Message, RequestFailed>> {
    let (req, pipes) = rules(bench);
    req.reply(pipes)
}

/// "SHALL prefix the outgoing message with an empty delimiter frame."
#[test]
fn a_request_goes_out_behind_a_delimiter_and_its_reply_comes_without() {
    let mut req = req();
    let pipe = req.accept(1);
    req.send(["a", "b"]).expect("there is room");
    assert_eq!(req.pipes.take(pipe), [Message::from(["", "a", "b"])]);
    assert!(!req.can_recv());
    req.arrive(pipe, ["", "c", "d"]);
    assert!(req.can_recv());
    assert_eq!(req.recv().expect("arrived"), ["c", "d"]);
}

/// "SHALL send and then receive exactly one message at a time."
#[test]
fn requests_and_replies_alternate() {
    let mut req = req();
    let pipe = req.accept(1);
    assert_eq!(req.pattern.may_recv(), Err(Refusal::OutOfTurn));
    assert_eq!(req.recv(), None);
    assert!(req.can_send() && !req.can_recv());
    req.send("1").expect("its turn");
    assert!(!req.can_send());
    let refused = req.send("2").expect_err("a request is out");
    assert_eq!(refused.reason, Refusal::OutOfTurn);
    assert_eq!(refused.message, "2");
    assert_eq!(req.pattern.may_recv(), Ok(()));
    req.arrive(pipe, ["", "one"]);
    assert!(!req.can_send());
    assert_eq!(req.recv().expect("arrived"), "one");
    req.send("2").expect("its turn");
}

/// "SHALL route outgoing messages to connected peers using a round-robin strategy."
#[test]
fn requests_go_to_the_peers_in_turn() {
    let mut req = req();
    let pipes = [req.accept(1), req.accept(2)];
    for pipe in [pipes[0], pipes[1], pipes[0]] {
        req.send("x").expect("its turn");
        assert_eq!(req.pipes.take(pipe).len(), 1);
        req.arrive(pipe, ["", "y"]);
        req.recv().expect("arrived");
    }
}

/// "SHALL block on sending, or return a suitable error, when it has no connected peers." "SHALL NOT discard messages
/// that it cannot send to a connected peer."
#[test]
fn without_room_the_request_comes_back_and_the_turn_stays() {
    for mut req in [req(), correlated()] {
        let refused = req.send(["a", "", "b"]).expect_err("nobody");
        assert_eq!(refused.reason, Refusal::Full);
        assert_eq!(refused.message, ["a", "", "b"]);
        assert!(!req.can_send());
        let pipe = req.accept(1);
        assert!(req.can_send());
        req.send("now").expect("its turn, still");
        assert_eq!(req.pipes.take(pipe).len(), 1);
    }
}

#[test]
fn a_request_has_room_for_its_envelope() {
    let frames = |count| Message::from(vec![crate::Frame::from(b"x"); count]);
    for mut req in [req(), correlated()] {
        let pipe = req.accept(1);
        let refused = req.send(frames(Message::MAX_FRAMES - 1)).expect_err("long");
        assert_eq!(refused.reason, Refusal::TooManyFrames);
        assert_eq!(refused.message, frames(Message::MAX_FRAMES - 1));
        req.send(frames(Message::MAX_FRAMES - 2))
            .expect("its turn, still");
        let sent = req.pipes.take(pipe);
        assert!(sent.len() == 1 && sent[0].frame_count() <= Message::MAX_FRAMES);
    }
}

/// "SHALL accept an incoming message only from the last peer that it sent a request to." "SHALL discard silently any
/// messages received from other peers." Here they are counted.
#[test]
fn only_the_peer_that_was_asked_can_answer() {
    let mut req = req();
    let asked = req.accept(1);
    let other = req.accept(2);
    req.send("x").expect("its turn");
    req.arrive(other, ["", "not asked"]);
    assert_eq!(reply(&mut req), None);
    req.arrive(asked, ["", "y"]);
    assert_eq!(reply(&mut req), Some(Ok("y".into())));
    assert_eq!(req.pipes.dropped, [(Some(other), DropCause::LateReply)]);
}

#[test]
fn a_malformed_reply_is_dropped_and_counted_and_the_next_awaited() {
    let mut req = req();
    let pipe = req.accept(1);
    req.send("x").expect("its turn");
    req.arrive(pipe, "no delimiter");
    req.arrive(pipe, "");
    req.arrive(pipe, ["x", "", "y"]);
    assert!(!req.can_recv());
    assert_eq!(req.pipes.drops(DropCause::Malformed), 3);
    req.arrive(pipe, ["", "good"]);
    assert_eq!(req.recv().expect("arrived"), "good");
}

#[test]
fn an_abandoned_request_frees_the_socket_and_its_late_reply_is_counted() {
    let mut req = req();
    let pipe = req.accept(1);
    req.send("1").expect("its turn");
    let (rules, pipes) = rules(&mut req);
    rules.abandon(pipes);
    assert!(!rules.is_out());
    req.arrive(pipe, ["", "late"]);
    assert_eq!(req.pipes.dropped, [(Some(pipe), DropCause::LateReply)]);
    req.send("2").expect("its turn");
    assert_eq!(reply(&mut req), None);
    req.arrive(pipe, ["", "two"]);
    assert_eq!(reply(&mut req), Some(Ok("two".into())));
}

fn connect(bench: &mut Bench, pipe: PipeId) {
    assert_eq!(bench.connect(pipe), Admission::Accepted);
}

fn abandon(bench: &mut Bench) {
    let (rules, pipes) = rules(bench);
    rules.abandon(pipes);
}

#[test]
fn a_request_that_has_not_left_is_taken_back_when_it_is_given_up() {
    for mut req in [req(), correlated(), sending_again()] {
        let pipe = req.accept(1);
        req.send("1").expect("its turn");
        abandon(&mut req);
        assert_eq!(req.pipes.take(pipe), [] as [Message; 0]);
        assert_eq!(req.pipes.pipe(pipe).cuts, 0);
    }
}

#[test]
fn a_request_that_has_left_has_its_connection_replaced_unless_it_is_numbered() {
    let mut req = req();
    let (pipe, other) = (req.accept(1), req.accept(2));
    req.send("1").expect("its turn");
    req.pipes.take(pipe);
    abandon(&mut req);
    assert_eq!(req.pipes.pipe(pipe).cuts, 1);
    assert_eq!(req.pipes.pipe(other).cuts, 0);
    req.send("2").expect("its turn");
    req.arrive(other, ["", "two"]);
    assert_eq!(reply(&mut req), Some(Ok("two".into())));
    // Of its present peers there is one, so all go there.
    req.send("3").expect("its turn");
    req.arrive(other, ["", "three"]);
    assert_eq!(reply(&mut req), Some(Ok("three".into())));

    let mut req = correlated();
    let pipe = req.accept(1);
    req.send("1").expect("its turn");
    req.pipes.take(pipe);
    abandon(&mut req);
    assert_eq!(req.pipes.pipe(pipe).cuts, 0);
}

#[test]
fn what_still_comes_on_a_connection_that_is_replaced_is_no_answer() {
    let mut req = req();
    let pipe = req.accept(1);
    req.send("1").expect("its turn");
    req.pipes.take(pipe);
    abandon(&mut req);
    req.send("2").expect("for the next connection");
    req.arrive(pipe, ["", "one"]);
    assert_eq!(reply(&mut req), None);
    assert_eq!(req.pipes.drops(DropCause::LateReply), 1);
    req.pipes
        .pipe(pipe)
        .arrived
        .push_back(crate::Received::Message(["", "one, again"].into()));
    req.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(reply(&mut req), None, "it has not failed: it has not left");
    assert_eq!(req.pipes.drops(DropCause::LateReply), 2);
    connect(&mut req, pipe);
    assert_eq!(req.pipes.take(pipe), [Message::from(["", "2"])]);
    req.arrive(pipe, ["", "two"]);
    assert_eq!(reply(&mut req), Some(Ok("two".into())));
}

#[test]
fn a_request_that_waits_for_a_connection_that_never_comes_fails() {
    let mut req = req();
    let pipe = req.accept(1);
    req.send("1").expect("its turn");
    req.pipes.take(pipe);
    abandon(&mut req);
    req.send("2").expect("for the next connection");
    req.disconnect(pipe, Afterlife::Ends);
    assert_eq!(reply(&mut req), Some(Err(RequestFailed::PeerLost)));
    assert_eq!(req.pipes.take(pipe), [] as [Message; 0]);
}

#[test]
fn a_request_whose_answer_is_there_is_given_up_without_more_ado() {
    let mut req = req();
    let pipe = req.accept(1);
    req.send("1").expect("its turn");
    req.pipes.take(pipe);
    req.arrive(pipe, ["", "one"]);
    abandon(&mut req);
    assert_eq!(req.pipes.pipe(pipe).cuts, 0);
    assert_eq!(req.pipes.drops(DropCause::LateReply), 1);
}

#[test]
fn a_request_that_failed_goes_nowhere_any_more() {
    let mut req = req();
    let pipe = req.accept(1);
    req.send("transfer").expect("its turn");
    req.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(reply(&mut req), Some(Err(RequestFailed::PeerLost)));
    connect(&mut req, pipe);
    assert_eq!(req.pipes.take(pipe), [] as [Message; 0]);
}

#[test]
fn a_request_that_is_sent_again_and_given_up_is_seen_by_nobody_else() {
    let mut req = sending_again();
    let pipe = req.accept(1);
    req.send("transfer").expect("its turn");
    req.pipes.take(pipe);
    req.disconnect(pipe, Afterlife::Reconnects);
    abandon(&mut req);
    connect(&mut req, pipe);
    let second = req.accept(2);
    for pipe in [pipe, second] {
        assert_eq!(req.pipes.take(pipe), [] as [Message; 0]);
    }
}

#[test]
fn peers_that_are_there_are_asked_before_those_that_may_come() {
    let mut req = req();
    let absent = [req.attach(1), req.attach(2)];
    let present = req.accept(3);
    for _ in 0..4 {
        req.send("x").expect("its turn");
        assert_eq!(req.pipes.take(present).len(), 1);
        req.arrive(present, ["", "y"]);
        assert_eq!(reply(&mut req), Some(Ok("y".into())));
    }
    req.disconnect(present, Afterlife::Reconnects);
    connect(&mut req, absent[1]);
    req.send("x").expect("its turn");
    assert_eq!(req.pipes.take(absent[1]).len(), 1);
}

#[test]
fn a_request_that_waits_for_anybody_goes_to_the_first_who_comes() {
    for mut req in [req(), correlated(), sending_again()] {
        let absent = req.attach(1);
        let other = req.attach(2);
        req.send("x").expect("its turn");
        connect(&mut req, other);
        assert_eq!(req.pipes.take(absent), [] as [Message; 0]);
        assert_eq!(req.pipes.take(other).len(), 1);
        connect(&mut req, absent);
        assert_eq!(req.pipes.take(absent), [] as [Message; 0]);
    }
}

/// Nobody has had it yet, so that it waits does not make it one that may be carried out twice.
#[test]
fn a_request_that_has_waited_for_room_is_sent_to_one_peer_only() {
    let mut req = req();
    let absent = req.attach(1);
    let other = req.attach(2);
    req.send("x").expect("its turn");
    req.pipes.limit(other, 0);
    connect(&mut req, other);
    assert_eq!(req.pipes.take(absent), [] as [Message; 0]);
    req.pipes.pipe(other).capacity = None;
    assert_eq!(req.make_room(other), [] as [Message; 0]);
    assert_eq!(req.pipes.take(other).len(), 1);
    connect(&mut req, absent);
    req.pipes.pipe(other).sends_at_once = true;
    req.disconnect(other, Afterlife::Reconnects);
    assert_eq!(req.pipes.take(absent), [] as [Message; 0]);
    assert_eq!(reply(&mut req), Some(Err(RequestFailed::PeerLost)));
}

/// What lies in the pipes when a request begins cannot be its reply.
#[test]
fn what_arrived_before_a_request_is_thrown_away() {
    let mut req = req();
    let pipe = req.accept(1);
    req.arrive(pipe, ["", "unasked"]);
    req.send("x").expect("its turn");
    assert_eq!(reply(&mut req), None);
    assert_eq!(req.pipes.drops(DropCause::LateReply), 1);
}

/// RFC 28 leaves it open; REQ_CORRELATE of libzmq: four bytes before the delimiter, and only they fit.
#[test]
fn a_numbered_request_takes_only_the_reply_of_its_number() {
    let mut req = correlated();
    let pipe = req.accept(1);
    req.send("x").expect("its turn");
    let number: &[u8] = &[1, 2, 3, 4];
    assert_eq!(req.pipes.take(pipe), [Message::from([number, b"", b"x"])]);
    req.arrive(pipe, ["", "without"]);
    req.arrive(pipe, [&[1, 2, 3, 3], &b""[..], b"of another"]);
    req.arrive(pipe, [number, b"no delimiter"]);
    assert_eq!(reply(&mut req), None);
    assert_eq!(req.pipes.drops(DropCause::LateReply), 1);
    assert_eq!(req.pipes.drops(DropCause::Malformed), 2);
    req.arrive(pipe, [number, b"", b"y"]);
    assert_eq!(reply(&mut req), Some(Ok("y".into())));
}

#[test]
fn a_relaxed_request_replaces_the_one_that_is_out() {
    let mut req = correlated();
    let pipe = req.accept(1);
    req.send("1").expect("its turn");
    assert!(req.can_send());
    req.send("2").expect("relaxed");
    req.arrive(pipe, [&[1, 2, 3, 4], &b""[..], b"one"]);
    assert_eq!(reply(&mut req), None);
    req.arrive(pipe, [&[1, 2, 3, 5], &b""[..], b"two"]);
    assert!(req.can_recv());
    assert_eq!(reply(&mut req), Some(Ok("two".into())));
    assert_eq!(req.pipes.drops(DropCause::LateReply), 1);
}

#[test]
fn a_reply_that_was_not_read_is_counted_when_its_request_is_replaced() {
    let mut req = correlated();
    let pipe = req.accept(1);
    req.send("1").expect("its turn");
    req.arrive(pipe, [&[1, 2, 3, 4], &b""[..], b"one"]);
    assert!(req.can_recv());
    req.send("2").expect("relaxed");
    assert_eq!(req.pipes.drops(DropCause::LateReply), 1);
}

#[test]
fn if_the_peer_goes_the_request_fails() {
    for afterwards in [Afterlife::Ends, Afterlife::Reconnects] {
        let mut req = req();
        let pipe = req.accept(1);
        req.accept(2);
        req.send("x").expect("its turn");
        req.disconnect(pipe, afterwards);
        assert!(req.can_recv());
        assert_eq!(req.recv(), None);
        assert_eq!(req.pattern.may_recv(), Err(Refusal::PeerGone));
        assert_eq!(reply(&mut req), Some(Err(RequestFailed::PeerLost)));
        assert_eq!(req.pattern.may_recv(), Err(Refusal::OutOfTurn));
        req.send("y").expect("its turn");
    }
}

#[test]
fn a_failed_request_that_nobody_asks_about_does_not_block_the_next() {
    let mut req = req();
    let pipe = req.accept(1);
    req.accept(2);
    req.send("x").expect("its turn");
    req.detach(pipe);
    assert!(req.can_send());
    req.send("y").expect("its turn");
    assert_eq!(reply(&mut req), None);
}

#[test]
fn a_reply_that_came_before_the_peer_went_counts() {
    let mut req = req();
    let pipe = req.accept(1);
    req.send("x").expect("its turn");
    req.arrive(pipe, ["", "y"]);
    req.disconnect(pipe, Afterlife::Ends);
    req.detach(pipe);
    assert_eq!(reply(&mut req), Some(Ok("y".into())));
}

#[test]
fn the_going_of_another_peer_does_not_matter() {
    let mut req = req();
    let asked = req.accept(1);
    let other = req.accept(2);
    req.send("x").expect("its turn");
    req.disconnect(other, Afterlife::Ends);
    req.detach(other);
    assert_eq!(reply(&mut req), None);
    req.arrive(asked, ["", "y"]);
    assert_eq!(reply(&mut req), Some(Ok("y".into())));
}

#[test]
fn if_so_chosen_the_request_is_sent_again_to_the_next_peer() {
    let mut req = sending_again();
    let first = req.accept(1);
    let second = req.accept(2);
    req.send("x").expect("its turn");
    req.disconnect(first, Afterlife::Ends);
    assert_eq!(req.pipes.take(second), [Message::from(["", "x"])]);
    req.arrive(second, ["", "y"]);
    assert_eq!(reply(&mut req), Some(Ok("y".into())));
}

#[test]
fn a_request_that_peers_cut_off_too_often_fails_and_the_next_is_counted_anew() {
    for afterwards in [Afterlife::Ends, Afterlife::Reconnects] {
        let mut req = sending_again();
        req.pipes.most_cuts = Some(2);
        for round in 0..2 {
            let peers = [1, 2, 3].map(|peer| req.accept(10 * round + peer));
            req.send("x").expect("its turn");
            // An end that the network has caused does not count.
            req.pipes.most_cuts = None;
            req.disconnect(peers[0], afterwards);
            req.pipes.most_cuts = Some(2);
            req.disconnect(peers[1], afterwards);
            assert!(!req.can_recv());
            assert_eq!(req.pipes.given_up.len(), round as usize);
            req.disconnect(peers[2], afterwards);
            assert!(req.can_recv());
            assert_eq!(reply(&mut req), Some(Err(RequestFailed::CutOff)));
            assert_eq!(req.pipes.given_up.len(), round as usize + 1);
        }
    }
}

#[test]
fn a_reply_that_came_before_the_last_cut_counts() {
    let mut req = sending_again();
    req.pipes.most_cuts = Some(1);
    let pipe = req.accept(1);
    req.send("x").expect("its turn");
    req.arrive(pipe, [&b""[..], b"done"]);
    req.disconnect(pipe, Afterlife::Ends);
    assert_eq!(reply(&mut req), Some(Ok("done".into())));
    assert!(req.pipes.given_up.is_empty());
}

#[test]
fn if_no_other_peer_has_room_the_request_waits_for_one() {
    let mut req = sending_again();
    let first = req.accept(1);
    let second = req.accept(2);
    req.pipes.limit(second, 0);
    req.send("x").expect("its turn");
    req.detach(first);
    assert_eq!(reply(&mut req), None);
    assert_eq!(
        req.send("z").expect_err("one is out").reason,
        Refusal::OutOfTurn
    );
    req.pipes.limit(second, 1);
    assert_eq!(req.make_room(second), [] as [Message; 0]);
    assert_eq!(req.pipes.take(second), [Message::from(["", "x"])]);
    req.detach(second);
    let third = req.accept(3);
    assert_eq!(req.pipes.take(third), [Message::from(["", "x"])]);
    req.arrive(third, ["", "y"]);
    assert_eq!(reply(&mut req), Some(Ok("y".into())));
}

#[test]
fn a_probe_is_no_request() {
    let mut req = req_with(PatternOptions {
        probe: true,
        ..PatternOptions::default()
    });
    let pipe = req.accept(1);
    assert_eq!(req.pipes.take(pipe), [""]);
    assert_eq!(req.send("x"), Ok(Sent::ONE));
}

proptest! {
    #[test]
    fn no_frames_from_a_peer_make_it_panic(
        numbered in any::<bool>(),
        replies in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(0_u8..3, 0..5), 1..4),
            1..10,
        ),
    ) {
        let mut req = if numbered { correlated() } else { req() };
        let pipe = req.accept(1);
        for frames in replies {
            if req.can_send() {
                req.send("x").expect("its turn");
            }
            let arrived: Message = frames.into_iter().collect();
            let fits = !numbered && arrived.frame_count() > 1 && arrived.first().is_empty();
            req.arrive(pipe, arrived);
            prop_assert_eq!(req.recv().is_some(), fits);
        }
    }
}

#[test]
fn a_call_that_has_looked_enough_finds_no_reply_and_the_next_goes_on_there() {
    let mut bench = Bench::new(Pattern::new(SocketType::Req, &PatternOptions::default()));
    let asked = bench.accept(1);
    bench.send("?").expect("sent");
    for _ in 0..10 {
        bench.arrive(asked, "malformed");
    }
    bench.arrive(asked, ["", "reply"]);
    let mut calls = 0;
    let reply = loop {
        calls += 1;
        bench.pipes.looks = Some(3);
        if let Some(reply) = bench.recv() {
            break reply;
        }
    };
    assert_eq!(reply, "reply");
    assert_eq!(calls, 4);
}

#[test]
fn each_connection_is_told_hello_before_it_gets_a_request() {
    let mut req = req_with(PatternOptions {
        probe: true,
        ..PatternOptions::default()
    });
    let pipe = req.attach(1);
    req.send("x").expect("its turn");
    connect(&mut req, pipe);
    assert_eq!(req.pipes.take(pipe), [Message::EMPTY, ["", "x"].into()]);
    abandon(&mut req);
    req.send("y").expect("for the next connection");
    req.disconnect(pipe, Afterlife::Reconnects);
    connect(&mut req, pipe);
    assert_eq!(req.pipes.take(pipe), [Message::EMPTY, ["", "y"].into()]);
    req.disconnect(pipe, Afterlife::Reconnects);
    connect(&mut req, pipe);
    assert_eq!(req.pipes.take(pipe), [Message::EMPTY]);
}

//! RFC 28/REQREP, "The REP Socket Type".

use proptest::prelude::*;

use crate::testing::Bench;
use crate::{
    Afterlife, DropCause, Frame, Message, Pattern, PatternOptions, Refusal, Refused, ReturnPath,
    Sent, SocketType,
};

fn rep() -> Bench {
    Bench::new(Pattern::new(SocketType::Rep, &PatternOptions::default()))
}

fn recv_request(bench: &mut Bench) -> Option<(ReturnPath, Message)> {
    match &mut bench.pattern {
        Pattern::Rep(rep) => rep.recv_request(&mut bench.pipes),
        other => panic!("not a REP: {other:?}"),
    }
}

fn reply(bench: &mut Bench, path: &ReturnPath, message: &str) -> Result<Sent, Refused> {
    match &mut bench.pattern {
        Pattern::Rep(rep) => rep.reply(path, message.into(), &mut bench.pipes),
        other => panic!("not a REP: {other:?}"),
    }
}

/// "SHALL remove and store the address envelope, including the delimiter." "SHALL pass the remaining data frames to
/// its calling application." "SHALL prepend the address envelope and delimiter." "SHALL deliver this message back to
/// the originating peer."
#[test]
fn the_reply_goes_back_under_the_envelope_of_its_request() {
    let mut rep = rep();
    let other = rep.accept(1);
    let pipe = rep.accept(2);
    rep.arrive(pipe, ["hop 2", "hop 1", "", "question", "", "more"]);
    assert!(rep.can_recv());
    assert_eq!(rep.recv().expect("arrived"), ["question", "", "more"]);
    assert_eq!(rep.send(["answer", ""]), Ok(Sent::ONE));
    assert_eq!(
        rep.pipes.take(pipe),
        [Message::from(["hop 2", "hop 1", "", "answer", ""])]
    );
    assert!(rep.pipes.take(other).is_empty());
}

/// "SHALL receive and then send exactly one message at a time." "SHALL wait for a single reply message from its
/// calling application."
#[test]
fn the_untyped_calls_alternate() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    let refused = rep.send("unasked").expect_err("no request");
    assert_eq!(refused.reason, Refusal::OutOfTurn);
    assert_eq!(refused.message, "unasked");
    assert!(!rep.can_send());
    rep.arrive(pipe, ["", "1"]);
    rep.arrive(pipe, ["", "2"]);
    assert_eq!(rep.recv().expect("arrived"), "1");
    assert_eq!(rep.recv(), None);
    assert_eq!(rep.pattern.may_recv(), Err(Refusal::OutOfTurn));
    assert!(rep.can_send() && !rep.can_recv());
    rep.send("one").expect("there is room");
    assert!(!rep.can_send() && rep.can_recv());
    assert_eq!(rep.recv().expect("arrived"), "2");
}

/// "SHALL receive incoming messages from its peers using a fair-queuing strategy."
#[test]
fn requesters_are_served_in_turn() {
    let mut rep = rep();
    let a = rep.accept(1);
    let b = rep.accept(2);
    rep.arrive(a, ["", "a1"]);
    rep.arrive(a, ["", "a2"]);
    rep.arrive(b, ["", "b1"]);
    let bodies: Vec<_> = std::iter::from_fn(|| recv_request(&mut rep))
        .map(|(_, body)| body)
        .collect();
    assert_eq!(bodies, ["a1", "b1", "a2"]);
}

#[test]
fn several_requests_may_be_answered_in_any_order() {
    let mut rep = rep();
    let a = rep.accept(1);
    let b = rep.accept(2);
    rep.arrive(a, ["", "a"]);
    rep.arrive(b, ["id", "", "b"]);
    let (to_a, _) = recv_request(&mut rep).expect("arrived");
    let (to_b, _) = recv_request(&mut rep).expect("arrived");
    assert_eq!((to_a.pipe(), to_b.pipe()), (a, b));
    assert_eq!(to_b.addresses(), ["id"]);
    assert_eq!(reply(&mut rep, &to_b, "for b"), Ok(Sent::ONE));
    assert_eq!(reply(&mut rep, &to_a, "for a"), Ok(Sent::ONE));
    assert_eq!(rep.pipes.take(a), [Message::from(["", "for a"])]);
    assert_eq!(rep.pipes.take(b), [Message::from(["id", "", "for b"])]);
}

#[test]
fn a_way_back_may_go_to_another_thread() {
    fn is_send<T: Send + 'static>() {}
    is_send::<ReturnPath>();
}

#[test]
fn a_request_left_unanswered_is_counted() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    rep.arrive(pipe, ["", "question"]);
    let (path, _) = recv_request(&mut rep).expect("arrived");
    let Pattern::Rep(rules) = &mut rep.pattern else {
        panic!("not a REP")
    };
    rules.abandon(path, &mut rep.pipes);
    assert_eq!(rep.pipes.dropped, [(Some(pipe), DropCause::Unanswered)]);
}

#[test]
fn a_reply_has_room_for_the_addresses_of_its_request() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    rep.arrive(pipe, ["hop", "", "question"]);
    let (path, _) = recv_request(&mut rep).expect("arrived");
    let frames = |count| Message::from(vec![Frame::from(b"x"); count]);
    let Pattern::Rep(rules) = &mut rep.pattern else {
        panic!("not a REP");
    };
    let long = frames(Message::MAX_FRAMES - 1);
    let refused = rules.reply(&path, long.clone(), &mut rep.pipes);
    assert_eq!(refused, Err(Refusal::TooManyFrames.give_back(long)));
    let fits = frames(Message::MAX_FRAMES - 2);
    assert_eq!(rules.reply(&path, fits, &mut rep.pipes), Ok(Sent::ONE));
    assert_eq!(rep.pipes.take(pipe)[0].frame_count(), Message::MAX_FRAMES);
}

/// "SHALL silently discard the reply, or return an error, if the originating peer is no longer connected."
#[test]
fn a_reply_to_a_peer_that_has_gone_comes_back() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    rep.arrive(pipe, ["", "question"]);
    rep.arrive(pipe, ["", "read after the end"]);
    let (early, _) = recv_request(&mut rep).expect("arrived");
    rep.disconnect(pipe, Afterlife::Ends);
    let (late, body) = recv_request(&mut rep).expect("arrived");
    assert_eq!(body, "read after the end");
    for path in [early, late] {
        let refused = reply(&mut rep, &path, "answer").expect_err("gone");
        assert_eq!(refused.reason, Refusal::PeerGone);
        assert_eq!(refused.message, "answer");
    }
    rep.detach(pipe);
}

#[test]
fn a_reply_never_goes_to_a_later_connection() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    rep.arrive(pipe, ["", "question"]);
    let (path, _) = recv_request(&mut rep).expect("arrived");
    rep.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(rep.connect(pipe), crate::Admission::Accepted);
    let refused = reply(&mut rep, &path, "answer").expect_err("gone");
    assert_eq!(refused.reason, Refusal::PeerGone);
    rep.arrive(pipe, ["", "again"]);
    let (path, _) = recv_request(&mut rep).expect("arrived");
    assert_eq!(reply(&mut rep, &path, "answer"), Ok(Sent::ONE));
}

#[test]
fn replies_that_wait_when_the_connection_goes_are_for_nobody() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    rep.arrive(pipe, ["", "question"]);
    let (path, _) = recv_request(&mut rep).expect("arrived");
    assert_eq!(reply(&mut rep, &path, "answer"), Ok(Sent::ONE));
    rep.disconnect(pipe, Afterlife::Reconnects);
    assert_eq!(rep.connect(pipe), crate::Admission::Accepted);
    assert_eq!(rep.pipes.take(pipe), [] as [Message; 0]);
    assert_eq!(rep.pipes.pipe(pipe).discards, 1);
}

/// They came from one who has gone, though they are read when another is there.
#[test]
fn requests_that_were_not_read_before_the_connection_went_cannot_be_answered() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    for request in ["looked at", "1", "2"] {
        rep.arrive(pipe, ["", request]);
    }
    rep.arrive(pipe, "malformed");
    assert!(rep.can_recv());
    rep.disconnect(pipe, Afterlife::Reconnects);
    let (path, _) = recv_request(&mut rep).expect("arrived");
    let refused = reply(&mut rep, &path, "answer").expect_err("gone");
    assert_eq!(refused.reason, Refusal::PeerGone);
    assert_eq!(rep.connect(pipe), crate::Admission::Accepted);
    rep.arrive(pipe, ["", "of the next"]);
    for _ in 0..2 {
        let (path, _) = recv_request(&mut rep).expect("arrived");
        let refused = reply(&mut rep, &path, "answer").expect_err("gone");
        assert_eq!(refused.reason, Refusal::PeerGone);
    }
    assert!(rep.can_recv(), "behind a malformed one");
    let (path, request) = recv_request(&mut rep).expect("arrived");
    assert_eq!(request, "of the next");
    assert_eq!(reply(&mut rep, &path, "answer"), Ok(Sent::ONE));
}

/// "SHALL not block on sending": the typed call gives the reply back, the untyped one drops it, counted.
#[test]
fn a_reply_that_finds_no_room_is_refused_or_dropped() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    rep.pipes.limit(pipe, 0);
    rep.arrive(pipe, ["id", "", "1"]);
    rep.arrive(pipe, ["id", "", "2"]);
    let (path, _) = recv_request(&mut rep).expect("arrived");
    let refused = reply(&mut rep, &path, "answer").expect_err("full");
    assert_eq!(refused.reason, Refusal::Full);
    assert_eq!(refused.message, "answer");
    let Pattern::Rep(rules) = &rep.pattern else {
        panic!("not a REP")
    };
    assert_eq!(rules.can_reply(&path, &mut rep.pipes), Some(false));
    rep.pipes.pipe(pipe).closed = true;
    assert_eq!(rules.can_reply(&path, &mut rep.pipes), None);
    let refused = reply(&mut rep, &path, "answer").expect_err("just gone");
    assert_eq!(refused.reason, Refusal::PeerGone);
    assert_eq!(refused.message, "answer");
    rep.pipes.pipe(pipe).closed = false;
    assert_eq!(rep.recv().expect("arrived"), "2");
    assert_eq!(
        rep.send("answer"),
        Ok(Sent {
            sent: 0,
            dropped: 1
        })
    );
    assert_eq!(rep.pipes.dropped, [(Some(pipe), DropCause::NoRoom)]);
}

/// The untyped face, when the requester has gone: "SHALL silently discard the reply". Here it is counted.
#[test]
fn an_untyped_reply_to_nobody_is_dropped_and_counted() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    rep.arrive(pipe, ["", "question"]);
    rep.recv().expect("arrived");
    rep.detach(pipe);
    assert_eq!(
        rep.send("answer"),
        Ok(Sent {
            sent: 0,
            dropped: 1
        })
    );
    assert_eq!(rep.pipes.drops(DropCause::LateReply), 1);
    assert_eq!(rep.pattern.may_recv(), Ok(()));
}

#[test]
fn a_request_without_an_envelope_is_dropped_and_counted() {
    let mut rep = rep();
    let pipe = rep.accept(1);
    rep.arrive(pipe, "no delimiter");
    rep.arrive(pipe, ["no", "delimiter"]);
    rep.arrive(pipe, ["no body", ""]);
    assert!(!rep.can_recv());
    rep.arrive(pipe, "");
    assert_eq!(rep.recv(), None);
    assert_eq!(rep.pipes.drops(DropCause::Malformed), 4);
}

proptest! {
    #[test]
    fn no_frames_from_a_peer_make_it_panic_or_lose_an_envelope(
        messages in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3), 1..5),
            0..10,
        ),
    ) {
        let mut rep = rep();
        let pipe = rep.accept(1);
        for frames in messages {
            let request: Message = frames.into_iter().collect();
            rep.arrive(pipe, request.clone());
            let before = rep.pipes.drops(DropCause::Malformed);
            match rep.recv() {
                Some(body) => {
                    rep.send(body).expect("its turn");
                    prop_assert_eq!(rep.pipes.take(pipe), [request]);
                }
                None => prop_assert_eq!(rep.pipes.drops(DropCause::Malformed), before + 1),
            }
        }
    }
}

#[test]
fn a_call_that_has_looked_enough_finds_nothing_and_the_next_goes_on_there() {
    let mut bench = Bench::new(Pattern::new(SocketType::Rep, &PatternOptions::default()));
    let peer = bench.accept(1);
    for _ in 0..10 {
        bench.arrive(peer, "no envelope");
    }
    bench.arrive(peer, ["", "request"]);
    for _ in 0..2 {
        bench.pipes.looks = Some(3);
        assert!(bench.recv().is_none());
        bench.pipes.looks = Some(2);
        assert!(!bench.can_recv());
    }
    bench.pipes.looks = Some(3);
    assert_eq!(bench.recv(), Some("request".into()));
    assert_eq!(bench.pipes.drops(DropCause::Malformed), 10);
}

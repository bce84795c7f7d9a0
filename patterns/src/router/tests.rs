//! RFC 28/REQREP, "The ROUTER Socket Type".

mod twins;

use crate::testing::Bench;
use crate::{
    Admission, AdmissionRefusal, Afterlife, DropCause, DuplicateId, Message, Pattern,
    PatternOptions, Peer, PipeId, Refusal, Router, RoutingId, Sent, SocketType, Twin,
    Undeliverable,
};

const DUPLICATE: Admission = Admission::Refused(AdmissionRefusal::DuplicateRoutingId);

fn router_with(options: PatternOptions) -> Bench {
    Bench::new(Pattern::new(SocketType::Router, &options))
}

fn router() -> Bench {
    router_with(PatternOptions::default())
}

fn rules(bench: &mut Bench) -> &mut Router {
    match &mut bench.pattern {
        Pattern::Router(router) => router,
        other => panic!("not a ROUTER: {other:?}"),
    }
}

fn id(name: &str) -> RoutingId {
    RoutingId::new(name).expect("a valid id")
}

fn generated(number: u32) -> Vec<u8> {
    RoutingId::generated(number).as_bytes().to_vec()
}

/// "SHALL prefix each incoming message with a frame containing the identity of the originating double queue."
#[test]
fn a_message_comes_with_the_id_of_its_sender() {
    let mut router = router();
    let (pipe, admission) = router.accept_as(1, "alice");
    assert_eq!(admission, Admission::Accepted);
    router.arrive(pipe, ["", "hello"]);
    assert!(router.can_recv());
    assert_eq!(router.recv().expect("arrived"), ["alice", "", "hello"]);
}

/// "SHALL receive incoming messages from its peers using a fair-queuing strategy."
#[test]
fn peers_are_read_in_turn() {
    let mut router = router();
    let (a, _) = router.accept_as(1, "a");
    let (b, _) = router.accept_as(2, "b");
    router.arrive(a, "1");
    router.arrive(a, "2");
    router.arrive(b, "3");
    let read: Vec<_> = std::iter::from_fn(|| router.recv()).collect();
    assert_eq!(
        read,
        [["a", "1"], ["b", "3"], ["a", "2"]].map(Message::from)
    );
}

/// "SHALL identify each double queue using a unique "identity" binary string."
#[test]
fn a_peer_without_an_id_gets_one_of_five_bytes_counted_from_the_seed() {
    let mut router = router_with(PatternOptions {
        seed: 7,
        ..PatternOptions::default()
    });
    for (pipe, number) in [(1, 7), (2, 8)] {
        let pipe = router.accept(pipe);
        router.arrive(pipe, "x");
        let message = router.recv().expect("arrived");
        assert_eq!(message.first(), &generated(number));
    }
}

/// "SHALL remove the first frame from each outgoing message and use this as the identity of a double queue." "SHALL
/// route the message to the outgoing queue if that queue exists, and has space."
#[test]
fn a_message_goes_to_the_peer_named_by_its_first_frame() {
    let mut router = router();
    let (a, _) = router.accept_as(1, "a");
    let (b, _) = router.accept_as(2, "b");
    router.send(["b", "", "hello"]).expect("there is room");
    assert_eq!(router.pipes.take(b), [Message::from(["", "hello"])]);
    assert!(router.pipes.take(a).is_empty());
}

/// "SHALL either silently drop the message, or return an error, depending on configuration, if the queue does not
/// exist, or is full." Here: return an error. "SHALL NOT block on sending."
#[test]
fn what_cannot_be_delivered_comes_back_untouched() {
    let mut router = router();
    let (pipe, _) = router.accept_as(1, "a");
    router.pipes.limit(pipe, 0);
    let refused = router.send(["a", "x"]).expect_err("full");
    assert_eq!(refused.reason, Refusal::Full);
    assert_eq!(refused.message, ["a", "x"]);
    let refused = router.send(["b", "x"]).expect_err("unknown");
    assert_eq!(refused.reason, Refusal::NoRoute);
    assert_eq!(refused.message, ["b", "x"]);
    router.pipes.pipe(pipe).closed = true;
    let refused = router.send(["a", "x"]).expect_err("just gone");
    assert_eq!(refused.reason, Refusal::NoRoute);
    assert_eq!(refused.message, ["a", "x"]);
    let refused = router.send("a").expect_err("only an id");
    assert_eq!(refused.reason, Refusal::Malformed);
    assert_eq!(refused.message, "a");
    assert!(!router.can_send());
}

/// The same clause. Here: silently drop, but counted.
#[test]
fn what_cannot_be_delivered_is_dropped_and_counted_if_so_chosen() {
    let mut router = router_with(PatternOptions {
        undeliverable: Undeliverable::Drop,
        ..PatternOptions::default()
    });
    let (pipe, _) = router.accept_as(1, "a");
    router.pipes.limit(pipe, 0);
    for message in [&["a", "x"][..], &["b", "x"], &["a"]] {
        let message: Message = message.iter().copied().collect();
        assert_eq!(
            router.send(message),
            Ok(Sent {
                sent: 0,
                dropped: 1
            })
        );
    }
    assert_eq!(
        router.pipes.dropped,
        [
            (Some(pipe), DropCause::NoRoom),
            (None, DropCause::Unroutable),
            (Some(pipe), DropCause::Malformed),
        ]
    );
    assert!(router.can_send());
}

#[test]
fn the_typed_calls_keep_id_and_message_apart() {
    let mut router = router();
    let (pipe, _) = router.accept_as(1, "a");
    router.arrive(pipe, "ping");
    let Bench { pattern, pipes } = &mut router;
    let Pattern::Router(rules) = pattern else {
        panic!("not a ROUTER")
    };
    let (from, message) = rules.recv_from(pipes).expect("arrived");
    assert_eq!((&from, message), (&id("a"), "ping".into()));
    assert_eq!(rules.routing_id(pipe), Some(&from));
    let sent = rules.send_to(&from, &mut Message::from("pong"), pipes);
    assert_eq!(sent, Ok(Sent::ONE));
    let mut message = Message::from("x");
    let refused = rules.send_to(&id("b"), &mut message, pipes);
    assert_eq!(
        (refused, message),
        (Err(Refusal::NoRoute), Message::from("x"))
    );
    assert_eq!(router.pipes.take(pipe), ["pong"]);
}

/// A pipe is usable only after the peer's identity is known.
#[test]
fn before_its_peer_is_identified_a_pipe_has_no_id() {
    let mut router = router();
    let pipe = router.attach(1);
    let refused = router.send(["a", "x"]).expect_err("unknown");
    assert_eq!(refused.reason, Refusal::NoRoute);
    let announced = id("a");
    let peer = Peer {
        routing_id: Some(&announced),
        assigned_id: None,
        ..Peer::default()
    };
    let admission = router.pattern.connected(pipe, &peer, &mut router.pipes);
    assert_eq!(admission, Admission::Accepted);
    router.send(["a", "x"]).expect("known now");
}

fn connect_as(router: &mut Bench, pipe: PipeId, announced: Option<&str>) -> Admission {
    let announced = announced.map(id);
    let peer = Peer {
        routing_id: announced.as_ref(),
        assigned_id: None,
        ..Peer::default()
    };
    router.pattern.connected(pipe, &peer, &mut router.pipes)
}

#[test]
fn a_peer_that_comes_back_under_its_id_gets_what_waited_for_it() {
    let mut router = router();
    let (pipe, _) = router.accept_as(1, "a");
    router.disconnect(pipe, Afterlife::Reconnects);
    router.send(["a", "queued"]).expect("there is room");
    let admission = connect_as(&mut router, pipe, Some("a"));
    assert_eq!(admission, Admission::Accepted);
    router.send(["a", "x"]).expect("there is room");
    assert_eq!(router.pipes.take(pipe), ["queued", "x"]);
    assert_eq!(router.pipes.pipe(pipe).discards, 0);
}

/// A ROUTER that connects: who listens there now may be another one than before.
#[test]
fn whoever_comes_next_on_a_pipe_is_known_by_its_own_id_and_gets_nothing_of_the_former_one() {
    let mut router = router();
    let (pipe, _) = router.accept_as(1, "a");
    for (former, next) in [("a", Some("z")), ("z", None)] {
        router.disconnect(pipe, Afterlife::Reconnects);
        router.send([former, "queued"]).expect("there is room");
        let admission = connect_as(&mut router, pipe, next);
        assert_eq!(admission, Admission::Accepted);
        assert_eq!(router.pipes.take(pipe), [] as [Message; 0]);
        let refused = router.send([former, "x"]).expect_err("not here any more");
        assert_eq!(refused.reason, Refusal::NoRoute);
    }
    assert_eq!(router.pipes.pipe(pipe).discards, 2);
    router.arrive(pipe, "hello");
    let nameless = router.recv().expect("arrived").first().to_vec();
    router.disconnect(pipe, Afterlife::Reconnects);
    let _ = connect_as(&mut router, pipe, None);
    router.arrive(pipe, "hello");
    let another = router.recv().expect("arrived").first().to_vec();
    assert_ne!(nameless, another, "two without a name are two");
    router.disconnect(pipe, Afterlife::Reconnects);
    let _ = connect_as(&mut router, pipe, Some("a"));
    router.send(["a", "x"]).expect("it is back");
    assert_eq!(router.pipes.take(pipe), ["x"]);
}

#[test]
fn what_a_former_peer_has_sent_bears_its_id() {
    let mut router = router();
    let (pipe, _) = router.accept_as(1, "a");
    router.arrive(pipe, "1");
    router.arrive(pipe, "2");
    assert!(router.can_recv(), "looks at the first");
    router.disconnect(pipe, Afterlife::Reconnects);
    let _ = connect_as(&mut router, pipe, Some("b"));
    router.arrive(pipe, "3");
    assert_eq!(router.recv().expect("arrived"), ["a", "1"]);
    router.disconnect(pipe, Afterlife::Reconnects);
    let _ = connect_as(&mut router, pipe, Some("c"));
    router.arrive(pipe, "4");
    for expected in [["a", "2"], ["b", "3"], ["c", "4"]] {
        assert_eq!(router.recv().expect("arrived"), expected);
    }
    assert_eq!(router.recv(), None);
}

#[test]
fn an_id_that_another_peer_has_is_not_taken_over_by_a_reconnect() {
    let mut router = router();
    let (pipe, _) = router.accept_as(1, "a");
    let _ = router.accept_as(2, "b");
    router.disconnect(pipe, Afterlife::Reconnects);
    let admission = connect_as(&mut router, pipe, Some("b"));
    let refused = AdmissionRefusal::DuplicateRoutingId;
    assert_eq!(admission, Admission::Refused(refused));
    router.send(["a", "x"]).expect("it may come back");
    assert_eq!(
        connect_as(&mut router, pipe, Some("a")),
        Admission::Accepted
    );
    assert_eq!(router.pipes.take(pipe), ["x"]);
}

#[test]
fn the_id_of_a_peer_that_has_gone_is_for_whoever_has_it_now() {
    let mut router = router();
    let (gone, _) = router.accept_as(1, "a");
    router.disconnect(gone, Afterlife::Reconnects);
    router.send(["a", "waits"]).expect("it may come back");
    let (next, admission) = router.accept_as(2, "a");
    assert_eq!(admission, Admission::Accepted);
    router.send(["a", "x"]).expect("it is there");
    assert_eq!(router.pipes.take(next), ["x"]);
    assert_eq!(router.pipes.take(gone), Vec::<Message>::new());
    // The other way round.
    assert_eq!(connect_as(&mut router, gone, Some("a")), DUPLICATE);
    router.disconnect(next, Afterlife::Reconnects);
    let admission = connect_as(&mut router, gone, Some("a"));
    assert_eq!(admission, Admission::Accepted);
    router.send(["a", "y"]).expect("it is there");
    assert_eq!(router.pipes.take(gone), ["y"]);
}

#[test]
fn an_id_that_was_assigned_stays_whoever_comes() {
    let mut router = router();
    let pipe = router.attach(1);
    let assigned = id("mine");
    let Pattern::Router(rules) = &mut router.pattern else {
        unreachable!("it is a ROUTER");
    };
    assert_eq!(rules.assign(pipe, &assigned), Admission::Accepted);
    for announced in ["a", "b"] {
        let announced = id(announced);
        let peer = Peer {
            routing_id: Some(&announced),
            assigned_id: Some(&assigned),
            ..Peer::default()
        };
        router.send(["mine", "x"]).expect("there is room");
        let admission = router.pattern.connected(pipe, &peer, &mut router.pipes);
        assert_eq!(admission, Admission::Accepted);
        assert_eq!(router.pipes.take(pipe), ["x"]);
        router.disconnect(pipe, Afterlife::Reconnects);
    }
}

/// "If this peer disconnects, the ROUTER socket SHALL destroy its double queue": the inbound half once it is read.
#[test]
fn the_id_of_a_peer_that_ended_is_free_and_its_last_words_still_bear_it() {
    let mut router = router();
    let (old, _) = router.accept_as(1, "a");
    router.arrive(old, "last words");
    router.disconnect(old, Afterlife::Ends);
    let refused = router.send(["a", "x"]).expect_err("gone");
    assert_eq!(refused.reason, Refusal::NoRoute);
    let (new, admission) = router.accept_as(2, "a");
    assert_eq!(admission, Admission::Accepted);
    assert_eq!(router.recv().expect("arrived"), ["a", "last words"]);
    router.detach(old);
    router.send(["a", "x"]).expect("there is room");
    assert_eq!(router.pipes.take(new), ["x"]);
}

#[test]
fn a_duplicate_is_refused_and_ignored_in_both_directions() {
    let mut router = router();
    let (first, _) = router.accept_as(1, "a");
    let (second, admission) = router.accept_as(2, "a");
    assert_eq!(admission, DUPLICATE);
    router.arrive(second, "impostor");
    assert_eq!(router.recv(), None);
    router.send(["a", "x"]).expect("there is room");
    assert_eq!(router.pipes.take(first), ["x"]);
    router.disconnect(second, Afterlife::Ends);
    router.detach(second);
    router.send(["a", "y"]).expect("the first is still there");
}

#[test]
fn with_hand_over_the_new_peer_takes_the_id_and_the_old_one_is_ended() {
    let mut router = router_with(PatternOptions {
        duplicate_id: DuplicateId::HandOver,
        seed: 5,
        ..PatternOptions::default()
    });
    let (old, _) = router.accept_as(1, "a");
    router.arrive(old, "last words");
    let (new, admission) = router.accept_as(2, "a");
    assert_eq!(admission, Admission::Accepted);
    assert!(router.pipes.pipe(old).closed);
    router.send(["a", "x"]).expect("there is room");
    assert_eq!(router.pipes.take(new), ["x"]);
    let message = router.recv().expect("arrived");
    assert_eq!(message.first(), &generated(5));
    assert_eq!(&message[1], b"last words");
    let refused = router.send(Message::from("x").with_first(generated(5)));
    assert_eq!(refused.expect_err("ended").reason, Refusal::NoRoute);
    router.disconnect(old, Afterlife::Ends);
    router.detach(old);
    router.send(["a", "y"]).expect("there is room");
}

#[test]
fn an_assigned_id_prevails_and_may_be_used_before_the_connection() {
    let mut router = router();
    let pipe = router.attach(1);
    let given = id("server");
    assert_eq!(rules(&mut router).assign(pipe, &given), Admission::Accepted);
    router.send(["server", "early"]).expect("queued");
    let announced = id("other");
    let peer = Peer {
        routing_id: Some(&announced),
        assigned_id: Some(&given),
        ..Peer::default()
    };
    let admission = router.pattern.connected(pipe, &peer, &mut router.pipes);
    assert_eq!(admission, Admission::Accepted);
    router.arrive(pipe, "reply");
    assert_eq!(router.recv().expect("arrived"), ["server", "reply"]);
}

#[test]
fn an_assigned_id_must_be_free_even_if_duplicates_are_handed_over() {
    let mut router = router_with(PatternOptions {
        duplicate_id: DuplicateId::HandOver,
        ..PatternOptions::default()
    });
    let (first, _) = router.accept_as(1, "a");
    let pipe = router.attach(2);
    let taken = id("a");
    assert_eq!(rules(&mut router).assign(pipe, &taken), DUPLICATE);
    let peer = Peer {
        routing_id: None,
        assigned_id: Some(&taken),
        ..Peer::default()
    };
    let admission = router.pattern.connected(pipe, &peer, &mut router.pipes);
    assert_eq!(admission, DUPLICATE);
    assert!(!router.pipes.pipe(first).closed);
}

#[test]
fn a_generated_id_passes_over_one_that_a_peer_has_chosen() {
    let mut router = router();
    let pipe = router.attach(1);
    let chosen = RoutingId::generated(0);
    let peer = Peer {
        routing_id: Some(&chosen),
        assigned_id: None,
        ..Peer::default()
    };
    let admission = router.pattern.connected(pipe, &peer, &mut router.pipes);
    assert_eq!(admission, Admission::Accepted);
    router.accept(2);
    assert_eq!(
        rules(&mut router).routing_id(PipeId(2)),
        Some(&RoutingId::generated(1))
    );
}

/// ZMQ_PROBE_ROUTER between two ROUTERs: `[id, empty]` is what the other one receives.
#[test]
fn a_probe_is_an_empty_message_also_to_it() {
    let mut router = router_with(PatternOptions {
        probe: true,
        ..PatternOptions::default()
    });
    let (pipe, _) = router.accept_as(1, "a");
    assert_eq!(router.pipes.take(pipe), [""]);
    router.arrive(pipe, "");
    assert_eq!(router.recv().expect("arrived"), ["a", ""]);
}

/// Policies act on a socket at work.
#[test]
fn options_can_be_changed_later() {
    let mut router = router();
    router.pattern.reconfigure(&PatternOptions {
        undeliverable: Undeliverable::Drop,
        ..PatternOptions::default()
    });
    assert_eq!(
        router.send(["a", "x"]),
        Ok(Sent {
            sent: 0,
            dropped: 1
        })
    );
}

use highwater_patterns::{InvalidRoutingId, RoutingId, SocketType};

use super::*;
use crate::zmtp::error::FrameError;
use crate::zmtp::metadata::write_property;

fn greeting() -> Vec<u8> {
    let mut bytes = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL".to_vec();
    bytes.resize(64, 0);
    bytes
}

fn command(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![4, body.len() as u8];
    frame.extend_from_slice(body);
    frame
}

fn ready(properties: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in properties {
        write_property(name, value, &mut body);
    }
    command(&body)
}

/// Plays a peer's greeting and then `frames` to a PULL socket, at once and byte by byte.
fn outcome(frames: &[u8]) -> Result<Option<Peer>, ProtocolError> {
    let mut input = greeting();
    input.extend_from_slice(frames);
    let play = |step| {
        let mut handshake = Handshake::new(HandshakeConfig::new(SocketType::Pull));
        for chunk in input.chunks(step) {
            handshake.receive(chunk, Instant::now())?;
        }
        Ok(handshake.finish().map(|(peer, _)| peer))
    };
    let whole = play(input.len());
    assert_eq!(whole, play(1), "a cut changed the outcome");
    whole
}

/// Pumps bytes between two ends until neither has any left.
fn pump(a: &mut Handshake, b: &mut Handshake) {
    loop {
        let (from_a, from_b) = (a.poll_transmit(), b.poll_transmit());
        if from_a.is_none() && from_b.is_none() {
            return;
        }
        b.receive(&from_a.unwrap_or_default(), Instant::now())
            .expect("b is content");
        a.receive(&from_b.unwrap_or_default(), Instant::now())
            .expect("a is content");
    }
}

#[test]
fn a_step_is_what_is_whole() {
    let ready = ready(&[("Socket-Type", b"PUSH")]);
    let mut handshake = Handshake::new(HandshakeConfig::new(SocketType::Pull));
    for (bytes, before) in [(greeting(), 0), (ready, 1)] {
        let (last, front) = bytes.split_last().expect("there are some");
        for byte in front {
            handshake.receive(&[*byte], Instant::now()).expect("good");
            assert_eq!(handshake.steps(), before);
        }
        handshake.receive(&[*last], Instant::now()).expect("good");
        assert_eq!(handshake.steps(), before + 1);
    }
}

#[test]
fn two_of_us_come_to_terms() {
    let mut dealer = HandshakeConfig::new(SocketType::Dealer);
    dealer.routing_id = RoutingId::new("worker").ok();
    dealer.metadata = vec![("X-region".into(), bytes::Bytes::from_static(b"north"))];
    dealer.token = Some(7);
    let mut dealer = Handshake::new(dealer);
    let mut router = Handshake::new(HandshakeConfig::new(SocketType::Router));
    pump(&mut dealer, &mut router);

    let of_router = router.finish().map(|(peer, _)| peer).expect("done");
    assert_eq!(
        of_router,
        Peer {
            version: Version::V3_1,
            socket_type: Some(SocketType::Dealer),
            routing_id: RoutingId::new("worker").ok(),
            metadata: vec![("X-region".into(), Bytes::from_static(b"north"))],
            token: Some(7),
        }
    );
    let of_dealer = dealer.finish().map(|(peer, _)| peer).expect("done");
    assert_eq!(of_dealer.socket_type, Some(SocketType::Router));
    assert_eq!(of_dealer.routing_id, None);
}

#[test]
fn traffic_behind_the_handshake_is_left_alone() {
    let mut input = greeting();
    input.extend(ready(&[("Socket-Type", b"PUSH")]));
    let end = input.len();
    input.extend_from_slice(b"\x00\x05hello");
    let mut handshake = Handshake::new(HandshakeConfig::new(SocketType::Pull));
    assert_eq!(handshake.receive(&input, Instant::now()), Ok(end));
    assert_eq!(handshake.receive(&input[end..], Instant::now()), Ok(0));
    assert!(handshake.is_done());
}

#[test]
fn our_ready_goes_out_behind_our_greeting_without_waiting_for_the_peers() {
    let mut handshake = Handshake::new(HandshakeConfig::new(SocketType::Pull));
    let sent = handshake.poll_transmit().expect("greeting and READY");
    assert_eq!(sent[64..], ready(&[("Socket-Type", b"PULL")]));
    handshake
        .receive(&greeting(), Instant::now())
        .expect("a greeting");
    assert_eq!(handshake.poll_transmit(), None);
    assert!(!handshake.is_done());
}

#[test]
fn a_ready_that_is_held_back_goes_out_once_the_peer_is_admitted() {
    let mut input = greeting();
    input.extend(ready(&[("Socket-Type", b"PUSH")]));
    let end = input.len();
    input.extend_from_slice(b"\x00\x05hello");
    for early in [false, true] {
        let config = HandshakeConfig {
            holds_back: true,
            ..HandshakeConfig::new(SocketType::Pull)
        };
        let mut handshake = Handshake::new(config);
        assert_eq!(handshake.poll_transmit().map(|sent| sent.len()), Some(64));
        if early {
            handshake.go_on();
        }
        assert_eq!(handshake.receive(&input, Instant::now()), Ok(end));
        assert_eq!(handshake.is_done(), early);
        if !early {
            let peer = handshake.held().expect("it is ready");
            assert_eq!(peer.socket_type, Some(SocketType::Push));
            assert_eq!(handshake.poll_transmit(), None);
            handshake.go_on();
        }
        let sent = handshake.poll_transmit();
        assert_eq!(sent, Some(ready(&[("Socket-Type", b"PULL")])));
        handshake.go_on();
        assert_eq!(handshake.poll_transmit(), None);
        assert!(handshake.is_done() && handshake.held().is_none());
    }
}

/// An end that says what its payload is, beside its type.
fn says(payload: &'static str) -> HandshakeConfig {
    HandshakeConfig {
        metadata: vec![("X-Payload".to_owned(), payload.into())],
        listens_first: true,
        ..HandshakeConfig::new(SocketType::Pull)
    }
}

#[test]
fn who_has_another_payload_gets_no_ready_and_words_if_it_understands_them() {
    let theirs = [("Socket-Type", &b"PUSH"[..]), ("x-payload", b"cbor")];
    let token: [(&str, &[u8]); 1] = [("X-Highwater", &[0, 0, 0, 0, 0, 0, 0, 9])];
    for (token, words) in [
        (&token[..0], None),
        (
            &token[..],
            Some(&b"\x05ERROR\x2Fretry: the peer's payload is cbor, ours is json"[..]),
        ),
    ] {
        // The decision about the address may come before READY does.
        for goes_on in [None, Some(false), Some(true)] {
            let config = HandshakeConfig {
                holds_back: goes_on.is_some(),
                ..says("json")
            };
            let mut handshake = Handshake::new(config);
            let mut input = greeting();
            input.extend(ready(&[&theirs[..], token].concat()));
            assert_eq!(handshake.poll_transmit().map(|sent| sent.len()), Some(64));
            if goes_on == Some(true) {
                handshake.go_on();
                assert_eq!(handshake.poll_transmit(), None, "theirs comes first");
            }
            let error = ProtocolError::PayloadMismatch {
                theirs: "cbor".into(),
                ours: "json".into(),
            };
            assert_eq!(handshake.receive(&input, Instant::now()), Err(error));
            assert_eq!(handshake.poll_transmit(), words.map(command));
            handshake.go_on();
            assert!(!handshake.is_done() && handshake.poll_transmit().is_none());
        }
    }
}

#[test]
fn who_has_the_same_payload_or_tells_none_gets_our_ready_after_its_own() {
    for theirs in [
        &[("Socket-Type", &b"PUSH"[..]), ("X-Payload", b"json")][..],
        &[("Socket-Type", b"PUSH")],
    ] {
        for early in [None, Some(false), Some(true)] {
            let mut handshake = Handshake::new(HandshakeConfig {
                holds_back: early.is_some(),
                ..says("json")
            });
            let mut input = greeting();
            input.extend(ready(theirs));
            assert_eq!(handshake.poll_transmit().map(|sent| sent.len()), Some(64));
            if early == Some(true) {
                handshake.go_on();
            }
            assert_eq!(handshake.receive(&input, Instant::now()), Ok(input.len()));
            handshake.go_on();
            assert!(handshake.is_done());
            assert_eq!(
                handshake.poll_transmit(),
                Some(ready(&[("Socket-Type", b"PULL"), ("X-Payload", b"json")]))
            );
        }
    }
}

#[test]
fn who_is_refused_gets_no_ready() {
    let config = HandshakeConfig {
        holds_back: true,
        ..HandshakeConfig::new(SocketType::Pull)
    };
    let mut handshake = Handshake::new(config);
    let mut input = greeting();
    input.extend(ready(&[("Socket-Type", b"PUSH")]));
    assert_eq!(handshake.receive(&input, Instant::now()), Ok(input.len()));
    handshake.poll_transmit();
    handshake.refuse("no");
    assert_eq!(handshake.poll_transmit(), Some(command(b"\x05ERROR\x02no")));
    assert!(!handshake.is_done());
}

#[test]
fn names_of_properties_are_compared_without_case() {
    let peer = outcome(&ready(&[
        ("SOCKET-type", b"PUSH"),
        ("identity", b"id"),
        ("x-A", b"b"),
    ]));
    let peer = peer.expect("well formed").expect("done");
    assert_eq!(peer.socket_type, Some(SocketType::Push));
    assert_eq!(peer.routing_id, RoutingId::new("id").ok());
    assert_eq!(
        peer.metadata,
        [("x-A".to_owned(), Bytes::from_static(b"b"))]
    );
}

#[test]
fn a_peer_need_not_tell_its_type() {
    let peer = outcome(&ready(&[])).expect("accepted").expect("done");
    assert_eq!((peer.socket_type, peer.routing_id), (None, None));
}

#[test]
fn an_unknown_or_unfit_type_is_refused() {
    for theirs in ["PUB", "push", "SERVER", ""] {
        let error = ProtocolError::IncompatibleSocketType {
            theirs: theirs.into(),
            ours: SocketType::Pull,
        };
        assert_eq!(
            outcome(&ready(&[("Socket-Type", theirs.as_bytes())])),
            Err(error)
        );
    }
}

#[test]
fn a_peer_that_does_not_fit_is_told_so_before_we_close() {
    let mut handshake = Handshake::new(HandshakeConfig::new(SocketType::Pull));
    handshake
        .receive(&greeting(), Instant::now())
        .expect("a greeting");
    handshake.poll_transmit();
    let error = handshake.receive(&ready(&[("Socket-Type", b"PUB")]), Instant::now());
    assert!(error.is_err());
    let sent = handshake.poll_transmit().expect("an ERROR");
    assert_eq!(sent, command(b"\x05ERROR\x18incompatible socket type"));
    assert_eq!(
        handshake.receive(b"more", Instant::now()),
        Err(error.expect_err("just seen")),
        "stays failed"
    );
}

#[test]
fn a_routing_id_has_at_most_255_bytes_and_does_not_begin_with_zero() {
    let with_id = |id: &[u8]| outcome(&ready(&[("Identity", id)]));
    assert_eq!(
        with_id(b"")
            .expect("empty is none")
            .expect("done")
            .routing_id,
        None
    );
    let reserved = ProtocolError::InvalidRoutingId(InvalidRoutingId::Reserved);
    assert_eq!(with_id(b"\0id"), Err(reserved));

    let mut body = b"\x05READY".to_vec();
    write_property("Identity", &[b'x'; 256], &mut body);
    let mut frame = vec![6];
    frame.extend_from_slice(&(body.len() as u64).to_be_bytes());
    frame.extend_from_slice(&body);
    let too_long = ProtocolError::InvalidRoutingId(InvalidRoutingId::TooLong { len: 256 });
    assert_eq!(outcome(&frame), Err(too_long));
}

#[test]
fn an_error_of_the_peer_is_passed_on_in_its_words() {
    let refused = |reason: &str| {
        Err(ProtocolError::PeerError {
            reason: reason.into(),
        })
    };
    assert_eq!(outcome(&command(b"\x05ERROR\x03400")), refused("400"));
    assert_eq!(outcome(&command(b"\x05ERROR\x00")), refused(""));
    assert_eq!(
        outcome(&command(b"\x05ERROR")),
        Err(ProtocolError::MalformedCommand)
    );
    assert_eq!(
        outcome(&command(b"\x05ERROR\x04400")),
        Err(ProtocolError::MalformedCommand)
    );
}

#[test]
fn other_commands_have_no_place_in_the_handshake() {
    let unexpected = |name: &str| Err(ProtocolError::UnexpectedCommand { name: name.into() });
    assert_eq!(outcome(&command(b"\x05HELLO\x00\x00")), unexpected("HELLO"));
    assert_eq!(outcome(&command(b"\x09SUBSCRIBE")), unexpected("SUBSCRIBE"));
    assert_eq!(outcome(&command(b"\x05ready")), unexpected("ready"));
    assert_eq!(outcome(&command(b"")), Err(ProtocolError::MalformedCommand));
    assert_eq!(
        outcome(&command(b"\x09READY")),
        Err(ProtocolError::MalformedCommand)
    );
}

#[test]
fn a_message_is_too_early_before_its_body_has_come() {
    assert_eq!(outcome(b"\x00\x09"), Err(ProtocolError::EarlyMessage));
}

#[test]
fn a_stray_byte_behind_the_metadata_is_an_error() {
    let error = outcome(&command(b"\x05READY\x01a\x00\x00\x00\x00!"));
    assert_eq!(error, Err(ProtocolError::MalformedMetadata));
}

#[test]
fn a_command_over_the_bound_is_refused_by_its_header() {
    let max = 64 * 1024;
    let announced = |len: u64| {
        let mut frame = vec![6];
        frame.extend_from_slice(&len.to_be_bytes());
        outcome(&frame)
    };
    assert_eq!(announced(max as u64), Ok(None));
    let len = max as u64 + 1;
    assert_eq!(
        announced(len),
        Err(ProtocolError::CommandTooLong { len, max })
    );
    let impossible = FrameError::BodyTooLong { len: u64::MAX };
    assert_eq!(announced(u64::MAX), Err(ProtocolError::Frame(impossible)));
}

#[test]
fn memory_grows_with_what_has_come_and_not_with_what_was_announced() {
    let mut handshake = Handshake::new(HandshakeConfig::new(SocketType::Pull));
    handshake
        .receive(&greeting(), Instant::now())
        .expect("a greeting");
    handshake
        .receive(b"\x06\x00\x00\x00\x00\x00\x01\x00\x00", Instant::now())
        .expect("64 KiB are allowed");
    assert!(handshake.inbound.capacity() <= 64);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Bytes of a conversation, some of them changed or missing.
    fn conversation() -> impl Strategy<Value = Vec<u8>> {
        let mut whole = greeting();
        whole.extend(ready(&[
            ("Socket-Type", b"PUSH"),
            ("Identity", b"id"),
            ("X-a", b"b"),
        ]));
        let len = whole.len();
        let changes = prop::collection::vec((0..len, any::<u8>()), 0..3);
        (changes, 0..=len, prop::collection::vec(any::<u8>(), 0..100)).prop_map(
            move |(changes, end, tail)| {
                let mut bytes = whole.clone();
                changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
                bytes.truncate(end);
                bytes.extend(tail);
                bytes
            },
        )
    }

    /// How many bytes were taken, who the peer is, and what we sent; or the error. What was sent before an error
    /// depends on the cuts, since a greeting goes out in steps.
    fn play(input: &[u8], cuts: &[usize]) -> Result<(usize, Option<Peer>, Vec<u8>), ProtocolError> {
        let mut handshake = Handshake::new(HandshakeConfig::new(SocketType::Pull));
        let (mut taken, mut from) = (0, 0);
        for to in cuts.iter().copied().chain([input.len()]) {
            taken += handshake.receive(&input[from..to], Instant::now())?;
            from = to;
        }
        let sent = handshake.poll_transmit().unwrap_or_default();
        Ok((taken, handshake.finish().map(|(peer, _)| peer), sent))
    }

    proptest! {
        #[test]
        fn any_cut_of_any_bytes_comes_to_the_same(
            input in conversation(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
            cuts.sort_unstable();
            prop_assert_eq!(play(&input, &[]), play(&input, &cuts));
        }
    }
}

//! Peers that speak garbage, or too much, or not at all: their connection ends, with a reason; nothing else notices.

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::{
    Context, Endpoint, Event, EventKind, FrameError, LinkError, ProtocolError, Pull, Push,
    Transport,
};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use support::{
    PATIENCE, Place, RawPeer, command, frame, greeting, must_end, over_each_transport, peak_memory,
    ready, wait_for_event, wait_until,
};

over_each_transport!(
    strangers_are_refused_with_a_reason,
    old_versions_are_refused_with_a_reason,
    a_handshake_may_break_off_anywhere,
    a_handshake_may_come_byte_by_byte,
    silence_ends_with_the_handshake_timeout,
    a_handshake_that_trickles_ends_with_the_same_timeout,
    the_wrong_kind_of_socket_is_told_so,
    random_bytes_end_only_their_own_connection,
    a_message_over_the_limit_is_refused_before_it_is_read,
    an_announced_length_reserves_no_memory,
    a_flood_of_frames_is_cut_off,
    a_message_that_breaks_off_is_never_given,
    pings_without_end_are_answered_or_cut_off_within_bounds,
    random_traffic_harms_nobody,
);

/// A PULL with one good peer, whose connection must outlast everything that the bad ones do.
struct Scene {
    pull: Pull,
    at: Endpoint,
    events: Receiver<Event>,
    good: Push,
    proofs: usize,
}

impl Scene {
    fn new(place: &Place, pull: Pull, context: &Context) -> Self {
        let at = pull.bind(place.any()).expect("bound");
        let good = Push::new(context);
        good.connect(&at).expect("connecting");
        pull.wait_for_peers(1, PATIENCE).expect("connected");
        Self {
            events: pull.monitor(),
            pull,
            at,
            good,
            proofs: 0,
        }
    }

    fn usual(place: &Place) -> Self {
        let context = Context::new();
        Self::new(place, Pull::new(&context), &context)
    }

    /// Why the handshake of the last stranger failed.
    fn refusal(&self) -> LinkError {
        let event = wait_for_event(&self.events, "of a refusal", |kind| {
            assert!(!matches!(kind, EventKind::Disconnected { .. }), "{kind:?}");
            matches!(kind, EventKind::HandshakeFailed(_))
        });
        assert_eq!(event.endpoint.as_ref(), Some(&self.at));
        match event.kind {
            EventKind::HandshakeFailed(cause) => cause,
            _ => unreachable!("it was asked for"),
        }
    }

    /// Why the connection of the last bad peer ended.
    fn end(&self) -> LinkError {
        let event = wait_for_event(&self.events, "of the end", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
        match event.kind {
            EventKind::Disconnected { cause, lost: 0 } => cause,
            other => panic!("{other:?}"),
        }
    }

    fn protocol_error(&self) -> ProtocolError {
        match self.end() {
            LinkError::Protocol(error) => error,
            other => panic!("{other:?}"),
        }
    }

    /// The good peer has noticed nothing.
    fn prove(&mut self) {
        self.proofs += 1;
        let proof = format!("proof {}", self.proofs);
        self.good.send(&*proof).expect("sent");
        assert_eq!(self.pull.recv_timeout(PATIENCE).expect("received"), proof);
        let stats = self.good.stats();
        assert_eq!((stats.handshakes, stats.disconnects), (1, 0));
    }

    /// Only the good peer is left, and nothing came from the others.
    fn finish(mut self) {
        self.prove();
        wait_until("the bad peers are gone", || self.pull.peers().len() == 1);
        assert_eq!(self.pull.stats().messages_received, self.proofs as u64);
    }
}

fn strangers_are_refused_with_a_reason(place: &Place) {
    let mut scene = Scene::usual(place);
    let strangers: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\n",
    ];
    for stranger in strangers {
        let mut peer = RawPeer::connect(&scene.at);
        peer.send(stranger);
        // One that might yet become a greeting is ended by its own end.
        peer.finish();
        peer.wait_for_end();
        let cause = scene.refusal();
        assert!(
            matches!(
                cause,
                LinkError::Protocol(
                    ProtocolError::NotZmtp | ProtocolError::UnsupportedVersion { .. }
                ) | LinkError::PeerClosed
            ),
            "{stranger:?}: {cause:?}"
        );
        scene.prove();
    }
    assert_eq!(scene.pull.stats().handshakes_failed, 5);
    scene.finish();
}

fn old_versions_are_refused_with_a_reason(place: &Place) {
    let scene = Scene::usual(place);
    let mut second = greeting()[..10].to_vec();
    second.extend([1, 8, 0, 0]);
    let cases: [(&[u8], u8); 2] = [(b"\x01\0", 1), (&second, 2)];
    for (bytes, version) in cases {
        let mut peer = RawPeer::connect(&scene.at);
        peer.send(bytes);
        peer.wait_for_end();
        let cause = scene.refusal();
        assert!(
            matches!(cause, LinkError::Protocol(ProtocolError::UnsupportedVersion { major, .. }) if major == version),
            "{cause:?}"
        );
    }
    let mut other_mechanism = greeting();
    other_mechanism[12..17].copy_from_slice(b"PLAIN");
    let mut peer = RawPeer::connect(&scene.at);
    peer.send(&other_mechanism);
    peer.wait_for_end();
    let cause = scene.refusal();
    assert!(
        matches!(&cause, LinkError::Protocol(ProtocolError::MechanismMismatch { theirs, .. }) if theirs == "PLAIN"),
        "{cause:?}"
    );
    scene.finish();
}

fn a_handshake_may_break_off_anywhere(place: &Place) {
    let scene = Scene::usual(place);
    let whole = [greeting(), ready("PUSH")].concat();
    for end in 0..whole.len() {
        let mut peer = RawPeer::connect(&scene.at);
        peer.send(&whole[..end]);
        peer.finish();
        peer.wait_for_end();
        // A system may report the close of a peer that did not read everything as a reset.
        let cause = scene.refusal();
        assert!(
            matches!(cause, LinkError::PeerClosed | LinkError::Io { .. }),
            "{end}: {cause:?}"
        );
    }
    assert_eq!(scene.pull.stats().handshakes_failed, whole.len() as u64);
    scene.finish();
}

fn a_handshake_may_come_byte_by_byte(place: &Place) {
    let mut scene = Scene::usual(place);
    let mut peer = RawPeer::connect(&scene.at);
    for byte in [
        greeting(),
        ready("PUSH"),
        frame(b"slow", true),
        frame(b"but sure", false),
    ]
    .concat()
    {
        assert!(peer.send(&[byte]));
    }
    assert_eq!(
        scene.pull.recv_timeout(PATIENCE).expect("received"),
        ["slow", "but sure"]
    );
    drop(peer);
    scene.end();
    scene.proofs += 1;
    scene.finish();
}

fn silence_ends_with_the_handshake_timeout(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .handshake_timeout(Duration::from_millis(300))
        .build();
    let scene = Scene::new(place, pull, &context);
    let beginnings = [
        vec![],
        greeting()[..1].to_vec(),
        greeting()[..40].to_vec(),
        greeting(),
    ];
    for beginning in &beginnings {
        let mut peer = RawPeer::connect(&scene.at);
        peer.send(beginning);
        peer.wait_for_end();
        assert_eq!(scene.refusal(), LinkError::HandshakeTimeout);
    }
    scene.finish();
}

/// Each byte comes soon enough, and all of them would take longer than the handshake may.
fn a_handshake_that_trickles_ends_with_the_same_timeout(place: &Place) {
    const PEERS: usize = 20;
    let context = Context::new();
    let pull = Pull::builder(&context)
        .handshake_timeout(Duration::from_millis(300))
        .build();
    let mut scene = Scene::new(place, pull, &context);
    let mut peers: Vec<_> = (0..PEERS).map(|_| RawPeer::connect(&scene.at)).collect();
    for byte in [greeting(), ready("PUSH")].concat() {
        let mut listening = 0;
        for peer in &mut peers {
            listening += usize::from(peer.send(&[byte]));
        }
        if listening == 0 {
            break;
        }
        scene.prove();
        std::thread::sleep(Duration::from_millis(50)); // this is the trickle itself
    }
    for mut peer in peers {
        peer.wait_for_end();
        assert_eq!(scene.refusal(), LinkError::HandshakeTimeout);
    }
    assert_eq!(scene.pull.stats().handshakes_failed, PEERS as u64);
    scene.finish();
}

fn the_wrong_kind_of_socket_is_told_so(place: &Place) {
    let scene = Scene::usual(place);
    for wrong in ["PULL", "REQ", "NO-SUCH-TYPE", ""] {
        let mut peer = RawPeer::connect(&scene.at);
        peer.send(&greeting());
        peer.send(&ready(wrong));
        let mut theirs = [0; 64];
        peer.read_exact(&mut theirs).expect("a greeting");
        let (_, first) = peer.read_frame();
        assert!(first.starts_with(b"\x05READY"));
        let (_, second) = peer.read_frame();
        assert!(second.starts_with(b"\x05ERROR"), "{wrong}: {second:?}");
        peer.wait_for_end();
        let cause = scene.refusal();
        assert!(
            matches!(&cause, LinkError::Protocol(ProtocolError::IncompatibleSocketType { theirs, .. }) if theirs == wrong),
            "{cause:?}"
        );
    }
    scene.finish();
}

fn random_bytes_end_only_their_own_connection(place: &Place) {
    let mut scene = Scene::usual(place);
    let mut random = SmallRng::seed_from_u64(4);
    let handshake = [greeting(), ready("PUSH")].concat();
    for round in 0..150 {
        let mut noise = vec![0; random.random_range(1..300)];
        random.fill_bytes(&mut noise);
        let kept = random.random_range(0..handshake.len());
        let mut peer = RawPeer::connect(&scene.at);
        peer.send(&handshake[..kept]);
        peer.send(&noise);
        peer.finish();
        peer.wait_for_end();
        if round % 30 == 0 {
            scene.prove();
        }
    }
    let ended = || {
        let stats = scene.pull.stats();
        stats.handshakes_failed + stats.disconnects
    };
    wait_until("each has been told", || ended() == 150);
    scene.prove();
    wait_until("only the good peer is left", || {
        scene.pull.peers().len() == 1
    });
}

fn a_message_over_the_limit_is_refused_before_it_is_read(place: &Place) {
    const MOST: usize = 1000;
    let context = Context::new();
    let pull = Pull::builder(&context).max_message_size(MOST).build();
    let mut scene = Scene::new(place, pull, &context);
    let just = RawPeer::connect_as("PUSH", &scene.at).send(&frame(&[b'j'; MOST], false));
    assert!(just);
    assert_eq!(
        scene.pull.recv_timeout(PATIENCE).expect("received"),
        &[b'j'; MOST]
    );
    scene.proofs += 1;
    scene.end();

    let over = [
        (frame(&[0; MOST + 1], false)[..9].to_vec(), MOST + 1),
        (
            [frame(&[0; MOST], true), frame(b"x", false)].concat(),
            MOST + 1,
        ),
        (
            [vec![2], u64::to_be_bytes(1 << 40).to_vec()].concat(),
            1 << 40,
        ),
    ];
    for (bytes, told) in over {
        let mut peer = RawPeer::connect_as("PUSH", &scene.at);
        peer.send(&bytes);
        peer.wait_for_end();
        let expected = FrameError::MessageTooLarge {
            size: told as u64,
            max: MOST,
        };
        assert_eq!(scene.protocol_error(), ProtocolError::Frame(expected));
    }
    let mut peer = RawPeer::connect_as("PUSH", &scene.at);
    peer.send(&[2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    peer.wait_for_end();
    let expected = FrameError::BodyTooLong { len: u64::MAX };
    assert_eq!(scene.protocol_error(), ProtocolError::Frame(expected));
    scene.finish();
}

fn an_announced_length_reserves_no_memory(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context).max_message_size(None).build();
    let mut scene = Scene::new(place, pull, &context);
    let before = peak_memory();
    let peers: Vec<_> = (0..8)
        .map(|_| {
            let mut peer = RawPeer::connect_as("PUSH", &scene.at);
            peer.send(&[2]);
            peer.send(&(1u64 << 33).to_be_bytes());
            peer.send(&[7; 1000]);
            peer
        })
        .collect();
    scene.pull.wait_for_peers(9, PATIENCE).expect("connected");
    for _ in 0..20 {
        scene.prove();
    }
    if let (Some(before), Some(now)) = (before, peak_memory()) {
        // Other tests of this program use some meanwhile; eight times 8 GiB would show all the same.
        assert!(
            now < before + (256 << 20),
            "{} MiB more",
            (now - before) >> 20
        );
    }
    drop(peers);
    scene.finish();
}

fn a_flood_of_frames_is_cut_off(place: &Place) {
    let scene = Scene::usual(place);
    let mut peer = RawPeer::connect_as("PUSH", &scene.at);
    let many = frame(b"", true).repeat(10_000);
    while peer.send(&many) {}
    peer.wait_for_end();
    assert_eq!(
        scene.protocol_error(),
        ProtocolError::Frame(FrameError::TooManyFrames)
    );
    scene.finish();
}

fn a_message_that_breaks_off_is_never_given(place: &Place) {
    let scene = Scene::usual(place);
    let whole = [
        frame(b"first", true),
        frame(&[b'x'; 300], true),
        frame(b"last", false),
    ]
    .concat();
    for end in [1, 2, 4, 7, 8, 16, 200, whole.len() - 1] {
        let mut peer = RawPeer::connect_as("PUSH", &scene.at);
        peer.send(&whole[..end]);
        peer.finish();
        peer.wait_for_end();
        assert_eq!(scene.end(), LinkError::PeerClosed);
    }
    scene.finish();
}

#[test]
fn a_message_that_a_reset_cuts_is_never_given() {
    must_end("a message that a reset cuts is never given", || {
        let scene = Scene::usual(&Place::new(Transport::Tcp));
        let whole = [frame(&[b'x'; 300], true), frame(b"last", false)].concat();
        for end in [1, 2, 8, 200, whole.len() - 1] {
            let mut peer = RawPeer::connect_as("PUSH", &scene.at);
            peer.send(&whole[..end]);
            let RawPeer::Tcp(stream) = peer else {
                unreachable!("the place is one for tcp");
            };
            // A connection that is closed without lingering is reset.
            let lingers = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            lingers.expect("a live descriptor");
            drop(stream);
            let cause = scene.end();
            assert!(
                matches!(
                    cause,
                    LinkError::Io {
                        kind: std::io::ErrorKind::ConnectionReset,
                        ..
                    }
                ),
                "{cause:?}"
            );
        }
        scene.finish();
    });
}

/// The answers to PINGs wait for a peer that does not read them; there must be an end to that.
fn pings_without_end_are_answered_or_cut_off_within_bounds(place: &Place) {
    let mut scene = Scene::usual(place);
    let mut peer = RawPeer::connect_as("PUSH", &scene.at);
    peer.send(&command("PING", b"\0\0context"));
    let (flags, body) = peer.read_frame();
    assert_eq!((flags, &*body), (4, &b"\x04PONGcontext"[..]));

    match &peer {
        RawPeer::Tcp(stream) => stream.set_write_timeout(Some(support::MOMENT)),
        RawPeer::Unix(stream) => stream.set_write_timeout(Some(support::MOMENT)),
    }
    .expect("not zero");
    let before = peak_memory();
    let pings = command("PING", b"\0\0sixteen bytes!!!").repeat(4000);
    for _ in 0..1000 {
        if !peer.send(&pings) {
            break;
        }
    }
    scene.prove();
    if let (Some(before), Some(now)) = (before, peak_memory()) {
        assert!(
            now < before + (32 << 20),
            "{} MiB more",
            (now - before) >> 20
        );
    }
    drop(peer);
    scene.finish();
}

fn random_traffic_harms_nobody(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context).max_message_size(100_000).build();
    let scene = Scene::new(place, pull, &context);
    let mut random = SmallRng::seed_from_u64(7);
    for _ in 0..100 {
        let mut peer = RawPeer::connect_as("PUSH", &scene.at);
        for _ in 0..random.random_range(1..20) {
            let mut body = vec![0; random.random_range(0..2000)];
            random.fill_bytes(&mut body);
            let sent = match random.random_range(0..6) {
                0 => peer.send(&body),
                1 => peer.send(&command("PING", &body)),
                2 => peer.send(&command("PONG", &body)),
                3 => peer.send(&command("NONSENSE", &body)),
                4 => peer.send(&frame(&body, true)),
                _ => peer.send(&frame(&body, false)),
            };
            if !sent {
                break;
            }
        }
        peer.finish();
        peer.wait_for_end();
        while scene.pull.try_recv().is_ok() {}
    }
    wait_until("each has ended", || {
        while scene.pull.try_recv().is_ok() {}
        scene.pull.stats().disconnects == 100
    });
    while scene.pull.try_recv().is_ok() {}
    scene.good.send("proof").expect("sent");
    assert_eq!(
        scene.pull.recv_timeout(PATIENCE).expect("received"),
        "proof"
    );
    assert_eq!(scene.good.stats().disconnects, 0);
}

/// The other way round: what a PUSH that connects meets at the other end.
#[test]
fn a_listener_that_speaks_garbage_is_tried_again() {
    must_end("a listener that speaks garbage is tried again", || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let push = Push::builder(&Context::new())
            .reconnect_interval(Duration::from_millis(10))
            .build();
        let events = push.monitor();
        push.connect(format!("tcp://127.0.0.1:{port}"))
            .expect("connecting");
        for garbage in [
            &b"220 smtp.example.org ESMTP\r\n"[..],
            b"",
            &greeting()[..30],
        ] {
            let mut peer = RawPeer::from(listener.accept().expect("it connects").0);
            peer.send(garbage);
            peer.finish();
            peer.wait_for_end();
            wait_for_event(&events, "of a failed handshake", |kind| {
                matches!(kind, EventKind::HandshakeFailed(_))
            });
            wait_for_event(&events, "of a retry", |kind| {
                matches!(kind, EventKind::Retrying { .. })
            });
        }
        let mut peer = RawPeer::from(listener.accept().expect("it connects").0);
        peer.shake_hands("PULL");
        push.send("to a peer at last").expect("sent");
        assert_eq!(peer.read_frame(), (0, b"to a peer at last".to_vec()));
    });
}

/// A PULL does not send, so that whatever a peer of a PUSH sends is thrown away, without an end to the connection.
#[test]
fn what_a_pull_sends_to_a_push_is_dropped() {
    must_end("what a pull sends to a push is dropped", || {
        let push = Push::new(&Context::new());
        let at = push.bind("tcp://127.0.0.1:0").expect("bound");
        let mut peer = RawPeer::connect_as("PULL", &at);
        push.wait_for_peers(1, PATIENCE).expect("connected");
        for _ in 0..3000 {
            assert!(peer.send(&frame(&[b'x'; 1000], false)));
        }
        push.send("still").expect("sent");
        assert_eq!(peer.read_frame(), (0, b"still".to_vec()));
        assert_eq!(push.stats().disconnects, 0);
        wait_until("they are counted", || {
            push.stats().dropped.unexpected == 3000
        });
    });
}

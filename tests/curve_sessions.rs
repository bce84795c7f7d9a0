//! What a peer with good keys may send after its handshake, sealed: without end, too long, too many, or not to the end. Beside it,
//! an honest peer is served.
#![cfg(all(feature = "curve", not(highwater_curve_everywhere)))]

mod support;

use std::os::unix::net::UnixStream;
use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::security::{Keypair, Security};
use highwater::{
    Context, Endpoint, Event, EventKind, FrameError, LinkError, Message, ProtocolError, Pub, Pull,
    Push, Sub, Transport,
};
use support::{
    MOMENT, PATIENCE, Place, SealedPeer, over_each_transport, peak_memory, wait_for_event,
    wait_until,
};

over_each_transport!(
    pings_without_end_are_answered_or_cut_off_within_bounds,
    subscriptions_without_end_are_kept_within_bounds,
    a_message_over_the_limit_ends_its_connection_alone,
    a_message_may_have_as_many_frames_as_we_send_and_no_more,
    a_message_that_breaks_off_is_never_given,
);

const MOST: usize = 100_000;
const MORE: u8 = 1;

/// A PULL of CURVE, and an honest PUSH at it.
struct Scene {
    keys: Keypair,
    pull: Pull,
    events: Receiver<Event>,
    at: Endpoint,
    honest: Push,
    proved: usize,
}

impl Scene {
    fn new(place: &Place) -> Self {
        Self::with_limit(place, MOST)
    }

    fn with_limit(place: &Place, most: usize) -> Self {
        let context = Context::new();
        let keys = Keypair::generate();
        let pull = Pull::builder(&context)
            .security(Security::curve_server(&keys).anyone())
            .max_message_size(most)
            .build();
        let events = pull.monitor();
        let at = pull.bind(place.any()).expect("bound");
        let honest = Push::builder(&context).security(client(&keys)).build();
        honest.connect(&at).expect("connects");
        honest.wait_for_peers(1, PATIENCE).expect("let in");
        Self {
            keys,
            pull,
            events,
            at,
            honest,
            proved: 0,
        }
    }

    fn peer(&self) -> SealedPeer {
        SealedPeer::connect_as("PUSH", &self.at, &Keypair::generate(), self.keys.public())
    }

    /// The honest peer is served, and nothing else has come.
    fn prove(&mut self) {
        self.proved += 1;
        self.honest.send(self.proved.to_string()).expect("sent");
        let message = self.pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, self.proved.to_string());
    }

    /// Why the next connection has ended.
    fn end(&self) -> LinkError {
        let event = wait_for_event(&self.events, "of the end", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
        match event.kind {
            EventKind::Disconnected { cause, .. } => cause,
            other => panic!("{other:?}"),
        }
    }
}

fn client(server: &Keypair) -> Security {
    Security::curve_client(&Keypair::generate(), server.public())
}

fn memory_stays(before: Option<usize>, most: usize) {
    if let (Some(before), Some(now)) = (before, peak_memory()) {
        assert!(now < before + most, "{} MiB more", (now - before) >> 20);
    }
}

fn pings_without_end_are_answered_or_cut_off_within_bounds(place: &Place) {
    let mut scene = Scene::new(place);
    let mut peer = scene.peer();
    peer.write_within(MOMENT);
    let before = peak_memory();
    // None of the answers is read.
    for _ in 0..100_000 {
        if !peer.try_command("PING", b"\0\0sixteen bytes!!!") {
            break;
        }
    }
    scene.prove();
    memory_stays(before, 64 << 20);
}

fn subscriptions_without_end_are_kept_within_bounds(place: &Place) {
    let context = Context::new();
    let keys = Keypair::generate();
    let publisher = Pub::builder(&context)
        .security(Security::curve_server(&keys).anyone())
        .topic_bytes_per_peer(100_000_usize)
        .build();
    let at = publisher.bind(place.any()).expect("bound");
    let honest = Sub::builder(&context).security(client(&keys)).build();
    honest.subscribe("news").expect("subscribed");
    honest.connect(&at).expect("connects");
    publisher
        .wait_for_subscription("news", 1, PATIENCE)
        .expect("subscribed");
    let mut peer = SealedPeer::connect_as("SUB", &at, &Keypair::generate(), keys.public());
    let mut number = 0;
    wait_until("the rest is dropped", || {
        for _ in 0..1000 {
            number += 1;
            let topic = format!("another topic {number}");
            assert!(peer.try_command("SUBSCRIBE", topic.as_bytes()));
        }
        publisher.stats().dropped.too_many_topics > 1000
    });
    assert!(publisher.topic_count() < 1000);
    publisher.send("news of today").expect("sent");
    let message = honest.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "news of today");
}

fn a_message_over_the_limit_ends_its_connection_alone(place: &Place) {
    let mut scene = Scene::new(place);
    let too_large = |size| {
        let error = FrameError::MessageTooLarge { size, max: MOST };
        LinkError::Protocol(ProtocolError::Frame(error))
    };
    let mut peer = scene.peer();
    assert!(peer.send(&vec![1; MOST]));
    let message = scene.pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, vec![1; MOST]);
    peer.send(&vec![2; MOST + 1]);
    assert_eq!(scene.end(), too_large(MOST as u64 + 1));
    // In two frames, of which each is short enough.
    let mut peer = scene.peer();
    peer.send_frame(MORE, &vec![3; MOST]);
    peer.send_frame(0, &[3]);
    assert_eq!(scene.end(), too_large(MOST as u64 + 1));
    scene.prove();
}

fn a_message_may_have_as_many_frames_as_we_send_and_no_more(place: &Place) {
    // The memory of each frame counts.
    let mut scene = Scene::with_limit(place, 64 << 20);
    let mut peer = scene.peer();
    for _ in 1..Message::MAX_FRAMES {
        peer.send_frame(MORE, b"");
    }
    peer.send_frame(0, b"");
    let message = scene.pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message.frame_count(), Message::MAX_FRAMES);
    for _ in 0..=Message::MAX_FRAMES {
        // It may have been closed before the last.
        peer.send_frame(MORE, b"");
    }
    let too_many = LinkError::Protocol(ProtocolError::Frame(FrameError::TooManyFrames));
    assert_eq!(scene.end(), too_many);
    scene.prove();
}

fn a_message_that_breaks_off_is_never_given(place: &Place) {
    let mut scene = Scene::new(place);
    for frames in 1..3 {
        let mut peer = scene.peer();
        for _ in 0..frames {
            peer.send_frame(MORE, b"a part");
        }
        drop(peer);
        assert_eq!(scene.end(), LinkError::PeerClosed);
    }
    // In the midst of a box.
    for bytes in [1, 2, 3, 10, 18, 30] {
        let mut peer = scene.peer();
        peer.send_frame(MORE, b"a part");
        peer.send_part(b"the rest of it", bytes);
        drop(peer);
        assert_eq!(scene.end(), LinkError::PeerClosed, "{bytes} bytes");
    }
    scene.prove();
    assert!(scene.pull.try_recv().is_err());
}

#[test]
fn a_connection_that_was_handed_in_is_sealed() {
    let context = Context::new();
    let keys = Keypair::generate();
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&keys).anyone())
        .build();
    let push = Push::builder(&context).security(client(&keys)).build();
    let (here, there) = UnixStream::pair().expect("a pair");
    let at = push.connect_fd(here.into()).expect("it is connected");
    assert_eq!(at.transport(), Transport::Fd);
    push.send("through a pair").expect("queued");
    pull.connect_fd(there.into()).expect("it is connected");
    let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!(
        (peer.mechanism, message),
        ("CURVE", "through a pair".into())
    );
    push.wait_until_ready(&at, PATIENCE).expect("it is");
    assert_eq!(push.peers()[0].key, Some(keys.public()));

    // Whoever has another key does not get in, and there is no way to try again.
    let (here, there) = UnixStream::pair().expect("a pair");
    let strange = Push::builder(&context)
        .security(client(&Keypair::generate()))
        .handshake_timeout(Some(Duration::from_secs(30)))
        .build();
    let events = strange.monitor();
    strange.connect_fd(here.into()).expect("it is connected");
    pull.connect_fd(there.into()).expect("it is connected");
    wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::GaveUp(LinkError::NoWelcome))
    });
}

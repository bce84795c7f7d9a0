//! Peers that have gone: what they left unread is bounded, counted if it is lost, and nobody else waits for it.

mod support;

use std::time::{Duration, Instant};

use highwater::{Context, Pair, Pull, Push, Router};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, allow_open_files, command, frame, greeting,
    over_each_transport, over_every_transport, wait_until,
};

over_every_transport!(a_second_peer_of_a_pair_is_forgotten);
over_each_transport!(
    refused_peers_of_a_pair_are_forgotten,
    refused_peers_of_a_router_are_forgotten,
    what_the_gone_left_is_bounded_and_all_of_it_arrives,
    a_socket_answers_while_many_peers_leave,
);

/// READY with a routing id.
fn ready_as(socket_type: &str, id: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in [("Socket-Type", socket_type.as_bytes()), ("Identity", id)] {
        body.push(name.len() as u8);
        body.extend(name.as_bytes());
        body.extend((value.len() as u32).to_be_bytes());
        body.extend(value);
    }
    command("READY", &body)
}

/// A peer that says at once all it has to say, eight messages with it, and stays until it is turned away.
fn intrude(at: &highwater::Endpoint, socket_type: &str, id: &[u8]) {
    let mut peer = RawPeer::connect(at);
    let messages = frame(&[7; 8000], false).repeat(8);
    peer.send(&[greeting(), ready_as(socket_type, id), messages].concat());
    peer.wait_for_end();
}

fn refused_peers_of_a_pair_are_forgotten(place: &Place) {
    let context = Context::new();
    let pair = Pair::new(&context);
    let at = pair.bind(place.any()).expect("bound");
    let first = Pair::new(&context);
    first.connect(&at).expect("connecting");
    pair.wait_for_peers(1, PATIENCE).expect("connected");
    first.wait_for_peers(1, PATIENCE).expect("connected");
    for _ in 0..50 {
        intrude(&at, "PAIR", b"");
    }
    wait_until("nothing of the refused is left", || {
        pair.stats().queued_to_receive == 0 && pair.stats().peers.len() == 1
    });
    first.send("of the one peer").expect("sent");
    assert_eq!(
        pair.recv_timeout(PATIENCE).expect("received"),
        "of the one peer"
    );
}

fn refused_peers_of_a_router_are_forgotten(place: &Place) {
    let router = Router::new(&Context::new());
    let at = router.bind(place.any()).expect("bound");
    let mut first = RawPeer::connect(&at);
    first.send(&[greeting(), ready_as("DEALER", b"worker")].concat());
    router.wait_for_peers(1, PATIENCE).expect("connected");
    for _ in 0..50 {
        intrude(&at, "DEALER", b"worker");
    }
    wait_until("nothing of the refused is left", || {
        router.stats().queued_to_receive == 0 && router.stats().peers.len() == 1
    });
    first.send(&frame(b"of the first", false));
    let (id, message) = router.recv_timeout(PATIENCE).expect("received");
    assert_eq!(id.as_bytes(), b"worker");
    assert_eq!(message, "of the first");
}

/// One that gets in between sends, too; what it had sent is told as lost at one of the two ends, and no call goes round
/// and round for it.
fn a_second_peer_of_a_pair_is_forgotten(place: &Place) {
    let context = Context::new();
    let pair = Pair::new(&context);
    let at = pair.bind(place.any()).expect("bound");
    let first = Pair::new(&context);
    first.connect(&at).expect("connecting");
    pair.wait_for_peers(1, PATIENCE).expect("connected");
    first.wait_for_peers(1, PATIENCE).expect("connected");
    let second = Pair::new(&context);
    second.connect(&at).expect("connecting");
    let sent = (0..3).filter(|_| second.try_send("x").is_ok()).count();
    let begun = Instant::now();
    while begun.elapsed() < 2 * MOMENT {
        assert!(pair.try_recv().is_err(), "it is not the peer");
        assert!(pair.recv_timeout(Duration::from_millis(1)).is_err());
    }
    assert_eq!(pair.stats().queued_to_receive, 0);
    first.send("of the one peer").expect("sent");
    assert_eq!(
        pair.recv_timeout(PATIENCE).expect("received"),
        "of the one peer"
    );
    let waits = second.stats().queued_to_send;
    assert!(waits <= sent, "{waits} of {sent}");
    let _ = second.close(Duration::ZERO);
}

fn what_the_gone_left_is_bounded_and_all_of_it_arrives(place: &Place) {
    const BODY: usize = 4096;
    const EACH: usize = 1024;
    /// What is kept of the gone, and what one more had sent when that was reached.
    const MOST_KEPT: usize = (64 << 20) / BODY + 2 * EACH;
    let pull = Pull::builder(&Context::new())
        .receive_high_water_mark(None)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let all = frame(&[7; BODY], false).repeat(EACH);
    let come_and_go = |at: &highwater::Endpoint| {
        let mut peer = RawPeer::connect_as("PUSH", at);
        assert!(peer.send(&all));
        // One that closes with something unread, such as a PING, takes back what is under way.
        peer.finish();
        peer.wait_for_end();
    };
    let mut peers = 0;
    while pull.stats().queued_to_receive < (64 << 20) / BODY {
        come_and_go(&at);
        peers += 1;
        wait_until("it has gone", || pull.stats().disconnects as usize == peers);
    }
    std::thread::scope(|threads| {
        let late: Vec<_> = (0..8).map(|_| threads.spawn(|| come_and_go(&at))).collect();
        peers += late.len();
        wait_until("all are connected", || {
            pull.stats().handshakes as usize == peers
        });
        std::thread::sleep(MOMENT);
        let queued = pull.stats().queued_to_receive;
        assert!(queued <= MOST_KEPT, "{queued} messages");
        for n in 0..peers * EACH {
            let message = pull.recv_timeout(PATIENCE);
            let message = message.unwrap_or_else(|error| panic!("{n}: {error}"));
            assert_eq!(message.first().len(), BODY);
        }
    });
    wait_until("all have gone", || {
        pull.stats().disconnects as usize == peers
    });
    assert_eq!(pull.stats().dropped.unread, 0);
    // The bound is over those who have gone, not for ever.
    let push = Push::new(&Context::new());
    push.connect(&at).expect("connecting");
    push.send("x").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "x");
}

fn a_socket_answers_while_many_peers_leave(place: &Place) {
    const PEERS: usize = 1000;
    allow_open_files(2 * PEERS as u64 + 200);
    let router = Router::new(&Context::new());
    let at = router.bind(place.any()).expect("bound");
    let hello = [greeting(), ready_as("DEALER", b""), frame(b"hello", false)].concat();
    let peers: Vec<_> = (0..PEERS)
        .map(|_| {
            let mut peer = RawPeer::connect(&at);
            assert!(peer.send(&hello));
            peer
        })
        .collect();
    router.wait_for_peers(PEERS, PATIENCE).expect("connected");
    wait_until("all have said hello", || {
        router.stats().queued_to_receive == PEERS
    });
    let leaving = std::thread::spawn(move || drop(peers));
    wait_until("all have gone", || router.stats().peers.is_empty());
    leaving.join().expect("they go");
    for _ in 0..PEERS {
        router.recv_timeout(PATIENCE).expect("what they said stays");
    }
    assert!(router.try_recv().is_err());
    assert_eq!(router.stats().dropped.unread, 0);
}

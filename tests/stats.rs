//! The counters of a socket and of each of its peers, by what they are to count.

mod support;

use std::time::Duration;

use highwater::{
    Context, Dealer, Dropped, PeerStats, Pull, Push, Rep, Stats, Transport, TrySendError,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, over_each_transport, over_every_transport, wait_until,
};

over_every_transport!(
    each_peer_has_counters_of_its_own,
    time_without_room_is_counted,
    what_a_peer_sends_in_vain_is_counted_with_it,
);

over_each_transport!(
    connections_made_again_are_counted,
    connections_made_again_are_counted_without_a_lasting_pipe,
    the_round_trip_of_a_heartbeat_is_measured,
    time_without_room_ends_when_the_peer_takes_something,
);

fn only_peer(stats: Stats) -> PeerStats {
    let [peer]: [PeerStats; 1] = stats.peers.try_into().expect("one peer");
    peer
}

fn each_peer_has_counters_of_its_own(place: &Place) {
    const SIZES: [usize; 2] = [10, 1000];
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    let pushes = SIZES.map(|size| {
        let push = Push::new(&context);
        push.connect(&at).expect("connecting");
        push.wait_for_peers(1, PATIENCE).expect("connected");
        for _ in 0..50 {
            push.send(vec![b'x'; size]).expect("sent");
        }
        push
    });
    for _ in 0..100 {
        pull.recv_timeout(PATIENCE).expect("received");
    }
    let expected = SIZES.map(|size| match place.transport() {
        Transport::Inproc => 0,
        _ => 50 * (size as u64 + if size < 256 { 2 } else { 9 }),
    });
    for (push, expected) in pushes.iter().zip(expected) {
        wait_until("the last write is booked", || {
            push.stats().bytes_sent == expected
        });
        let peer = only_peer(push.stats());
        assert_eq!((peer.messages_sent, peer.bytes_sent), (50, expected));
        assert_eq!((peer.messages_received, peer.bytes_received), (0, 0));
    }
    let stats = pull.stats();
    let mut received: Vec<_> = stats.peers.iter().map(|peer| peer.bytes_received).collect();
    received.sort_unstable();
    assert_eq!(received, expected);
    assert_eq!(stats.bytes_received, received.iter().sum::<u64>());
    for peer in &stats.peers {
        assert_eq!((peer.messages_received, peer.queued_to_receive), (50, 0));
        assert_eq!((peer.dropped, peer.reconnects), (Dropped::default(), 0));
        assert_eq!(peer.time_muted, Duration::ZERO);
    }
}

fn time_without_room_is_counted(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(1).build();
    let pull = Pull::builder(&context).receive_high_water_mark(1).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let body = vec![b'x'; 1 << 20];
    // On a busy machine the kernel may take more after any while.
    wait_until("it has been mute for a while", || {
        push.send_timeout(body.clone(), MOMENT).is_err()
            && push.stats().time_muted > MOMENT * 2
            && only_peer(push.stats()).time_muted > MOMENT * 2
    });
    let receiver = std::thread::spawn(move || while pull.recv_timeout(MOMENT * 5).is_ok() {});
    push.send_timeout(body, PATIENCE).expect("there is room");
    support::joined(receiver);
    let stats = push.stats();
    assert!(stats.time_muted > MOMENT * 2);
    assert_eq!(push.stats().time_muted, stats.time_muted, "it is over");
}

fn time_without_room_ends_when_the_peer_takes_something(place: &Place) {
    let push = Push::builder(&Context::new())
        .send_high_water_mark(1)
        .build();
    let at = push.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect_as("PULL", &at);
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let body = vec![b'x'; 1 << 20];
    let mut sent = 0;
    wait_until("it is full", || match push.try_send(body.clone()) {
        Ok(()) => {
            sent += 1;
            false
        }
        refused => matches!(refused, Err(TrySendError::Full(_))),
    });
    wait_until("time passes", || {
        only_peer(push.stats()).time_muted > MOMENT
    });
    for _ in 0..sent {
        raw.read_frame();
    }
    wait_until("it has room", || {
        let before = only_peer(push.stats()).time_muted;
        std::thread::sleep(Duration::from_millis(2));
        before == only_peer(push.stats()).time_muted
    });
}

fn what_a_peer_sends_in_vain_is_counted_with_it(place: &Place) {
    let context = Context::new();
    let rep = Rep::new(&context);
    let at = rep.bind(place.any()).expect("bound");
    let dealers = [(); 2].map(|()| {
        let dealer = Dealer::new(&context);
        dealer.connect(&at).expect("connecting");
        dealer
    });
    rep.wait_for_peers(2, PATIENCE).expect("connected");
    for _ in 0..3 {
        dealers[0].send("no envelope").expect("sent");
    }
    dealers[1].send(["", "a request"]).expect("sent");
    drop(rep.recv_timeout(PATIENCE).expect("asked"));
    wait_until("all has been looked at", || {
        let _ = rep.try_recv();
        rep.stats().dropped.malformed == 3
    });
    let stats = rep.stats();
    let mut dropped: Vec<_> = stats
        .peers
        .iter()
        .map(|peer| (peer.dropped.malformed, peer.dropped.unanswered))
        .collect();
    dropped.sort_unstable();
    assert_eq!(dropped, [(0, 1), (3, 0)]);
    assert_eq!(stats.dropped.unanswered, 1);
}

fn reconnect_twice(push: &Push, place: &Place) {
    let pull = Pull::new(&Context::new());
    let at = place.vacant();
    push.connect(&*at).expect("connecting");
    for before in 0..3 {
        let bound = pull.bind(&*at).expect("bound");
        wait_until("it is connected", || !push.stats().peers.is_empty());
        let stats = push.stats();
        assert_eq!((stats.reconnects, stats.handshakes), (before, before + 1));
        assert_eq!(only_peer(stats).reconnects, before);
        assert_eq!(pull.stats().reconnects, 0);
        pull.unbind(&bound).expect("it is bound");
        wait_until("it is lost", || push.peers().is_empty());
    }
    assert!(push.stats().retries >= 2);
}

fn connections_made_again_are_counted(place: &Place) {
    let push = Push::builder(&Context::new())
        .reconnect_interval(Duration::from_millis(5))
        .build();
    reconnect_twice(&push, place);
}

fn connections_made_again_are_counted_without_a_lasting_pipe(place: &Place) {
    let push = Push::builder(&Context::new())
        .reconnect_interval(Duration::from_millis(5))
        .immediate(true)
        .build();
    reconnect_twice(&push, place);
}

fn the_round_trip_of_a_heartbeat_is_measured(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context)
        .heartbeat_interval(Duration::from_millis(5))
        .build();
    let pull = Pull::builder(&context).heartbeat_interval(None).build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    wait_until("a heartbeat is answered", || {
        only_peer(push.stats())
            .round_trip
            .is_some_and(|took| took > Duration::ZERO && took < PATIENCE)
    });
    assert_eq!(only_peer(pull.stats()).round_trip, None);
}

//! Heartbeats, whoever reads the link at the moment: a peer that lives is kept, and one that is gone is noticed.

mod support;

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use highwater::{Context, EventKind, LinkError, Pull, Push, RecvError};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, command, frame, joined_soon, knows_round_trips, must_end,
    number, over_each_transport, wait_for_event, wait_until,
};

over_each_transport!(
    a_lent_link_answers_heartbeats_while_a_receiver_waits,
    a_link_answers_heartbeats_after_its_receiver_went_away,
    idle_links_with_short_heartbeats_stay,
    a_reader_that_stops_for_longer_than_the_heartbeat_timeout_keeps_its_link,
    who_reads_a_large_message_slowly_is_kept,
    who_reads_nothing_for_a_while_is_kept_and_gets_all,
    who_reads_nothing_any_more_is_given_up_in_the_end,
    who_said_how_long_to_wait_for_it_is_given_up_then,
    who_is_not_read_hears_of_us_as_often_as_it_asks,
    who_asks_for_no_sign_gets_none_while_it_is_not_read,
);

/// Answers must come while the application sits in `recv`, on its own thread.
fn a_lent_link_answers_heartbeats_while_a_receiver_waits(place: &Place) {
    let pull = Pull::new(&Context::new());
    let at = pull.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("PUSH", &at);
    let receiver = std::thread::spawn(move || pull.recv_timeout(PATIENCE));
    for _ in 0..20 {
        peer.send(&command("PING", b"\0\0here"));
        assert_eq!(peer.read_frame(), (4, b"\x04PONGhere".to_vec()));
        std::thread::sleep(Duration::from_millis(5));
    }
    peer.send(&frame(b"done", false));
    assert_eq!(
        joined_soon("recv returns", receiver).expect("received"),
        "done"
    );
}

/// The link is lent when the receiver turns to other things; the I/O thread must come to look after it.
fn a_link_answers_heartbeats_after_its_receiver_went_away(place: &Place) {
    let pull = Pull::new(&Context::new());
    let at = pull.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("PUSH", &at);
    for _ in 0..20 {
        peer.send(&frame(b"work", false));
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "work");
        peer.send(&command("PING", b"\0\0away"));
        assert_eq!(peer.read_frame(), (4, b"\x04PONGaway".to_vec()));
    }
}

fn idle_links_with_short_heartbeats_stay(place: &Place) {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let context = Context::new();
    let push = Push::builder(&context)
        .heartbeat_interval(Duration::from_millis(50))
        .heartbeat_timeout(TIMEOUT)
        .heartbeat_ttl(TIMEOUT)
        .build();
    let pull = Pull::builder(&context)
        .heartbeat_interval(Duration::from_millis(50))
        .heartbeat_timeout(TIMEOUT)
        .heartbeat_ttl(TIMEOUT)
        .build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.send("a").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "a");
    // The application does nothing, then sits in `recv`, each for longer than a silent peer is allowed.
    std::thread::sleep(TIMEOUT * 2);
    assert_eq!(pull.recv_timeout(TIMEOUT * 2), Err(RecvError::Timeout));
    push.send("b").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "b");
    assert_eq!((push.stats().disconnects, pull.stats().disconnects), (0, 0));
}

/// A PULL at its mark does not read, so that it does not see the PUSH's answers; that is no silence of the PUSH.
fn a_reader_that_stops_for_longer_than_the_heartbeat_timeout_keeps_its_link(place: &Place) {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let context = Context::new();
    let push = Push::builder(&context)
        .send_high_water_mark(5)
        .heartbeat_interval(Duration::from_millis(50))
        .heartbeat_timeout(TIMEOUT)
        .build();
    let pull = Pull::builder(&context)
        .receive_high_water_mark(5)
        .heartbeat_interval(Duration::from_millis(50))
        .heartbeat_timeout(TIMEOUT)
        .build();
    push.connect(pull.bind(place.any()).expect("bound"))
        .expect("connecting");
    push.wait_for_peers(1, PATIENCE).expect("connected");
    // Each has learnt that the other answers.
    std::thread::sleep(TIMEOUT / 2);
    let mut sent = 0;
    let numbered = |n: usize| {
        let mut body = n.to_string().into_bytes();
        body.resize(10_000, b' ');
        body
    };
    let stopped = Instant::now();
    while stopped.elapsed() < TIMEOUT * 4 {
        if push.send_timeout(numbered(sent), TIMEOUT).is_ok() {
            sent += 1;
        }
    }
    for expected in 0..sent {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert!(message == numbered(expected), "message {expected}");
    }
    assert_eq!((push.stats().disconnects, pull.stats().disconnects), (0, 0));
}

const SHORT: Duration = Duration::from_millis(800);

/// A PUSH with short heartbeats and a raw PULL that has answered one of them, and answers no more.
fn push_to_one_that_answered(place: &Place) -> (Push, RawPeer) {
    let push = Push::builder(&Context::new())
        .heartbeat_interval(Duration::from_millis(100))
        .heartbeat_timeout(SHORT)
        .send_buffer(65_536)
        .build();
    let at = push.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("PULL", &at);
    let (_, ping) = peer.read_frame();
    assert!(ping.starts_with(b"\x04PING"), "{ping:?}");
    peer.send(&command("PONG", &ping[7..]));
    wait_until("the answer is known", || knows_round_trips(&push.stats()));
    (push, peer)
}

/// The next message of one frame; commands before it are of no matter.
fn read_message(peer: &mut RawPeer) -> Vec<u8> {
    loop {
        let (flags, body) = peer.read_frame();
        if flags & 4 == 0 {
            return body;
        }
    }
}

/// The PINGs wait behind the message, and nobody can answer what has not left.
fn who_reads_a_large_message_slowly_is_kept(place: &Place) {
    const SIZE: usize = 6_000_000;
    let (push, mut peer) = push_to_one_that_answered(place);
    push.send(vec![7; SIZE]).expect("sent");
    let mut read = 0;
    let mut buffer = vec![0; 64 * 1024];
    let begun = Instant::now();
    while read < SIZE {
        match peer.read(&mut buffer).expect("the connection stays") {
            0 => panic!("closed after {read} bytes and {:?}", begun.elapsed()),
            more => read += more,
        }
        std::thread::sleep(Duration::from_millis(30)); // this is the slowness itself
    }
    assert!(begun.elapsed() > SHORT * 2, "that was not slow");
    assert_eq!(push.stats().disconnects, 0);
}

/// As a libzmq peer at its mark: what it has not read includes our PINGs. Large messages, and so small ones that all of
/// them are with the kernel.
fn who_reads_nothing_for_a_while_is_kept_and_gets_all(place: &Place) {
    for (count, size) in [(40, 100_000), (3, 10)] {
        let (push, mut peer) = push_to_one_that_answered(place);
        for n in 0..count {
            push.send(vec![n; size]).expect("sent");
        }
        std::thread::sleep(SHORT * 5); // as long as it reads nothing
        for n in 0..count {
            assert!(read_message(&mut peer) == vec![n; size], "message {n}");
        }
        assert_eq!(push.stats().disconnects, 0);
    }
}

fn who_reads_nothing_any_more_is_given_up_in_the_end(place: &Place) {
    let (push, _peer) = push_to_one_that_answered(place);
    let events = push.monitor();
    for n in 0..40 {
        push.send(vec![n; 100_000]).expect("sent");
    }
    let event = wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::Disconnected { .. })
    });
    let EventKind::Disconnected { cause, lost } = event.kind else {
        unreachable!("it was asked for");
    };
    assert_eq!(cause, LinkError::HeartbeatTimeout);
    assert_eq!(push.stats().dropped.unsent, lost as u64);
}

/// A PING with a TTL, and then nothing: whoever reads the link, and whether or not there are heartbeats of our own.
fn who_said_how_long_to_wait_for_it_is_given_up_then(place: &Place) {
    for (interval, is_lent) in [
        (Some(50), false),
        (Some(50), true),
        (None, false),
        (None, true),
    ] {
        let pull = Pull::builder(&Context::new())
            .heartbeat_interval(interval.map(Duration::from_millis))
            .build();
        let events = pull.monitor();
        let at = pull.bind(place.any()).expect("bound");
        let mut peer = RawPeer::connect_as("PUSH", &at);
        let pull = Arc::new(pull);
        let (received, is_received) = channel();
        let receiver = Arc::clone(&pull);
        let receiver = std::thread::spawn(move || {
            while is_lent && let Ok(message) = receiver.recv() {
                if received.send(message).is_err() {
                    break;
                }
            }
        });
        if is_lent {
            peer.send(&frame(b"first", false));
            let first = is_received.recv_timeout(PATIENCE).expect("in time");
            assert_eq!(first, "first");
        }
        peer.send(&command("PING", b"\0\x05"));
        let event = wait_for_event(&events, "of the end", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
        let silent = EventKind::Disconnected {
            cause: LinkError::HeartbeatTimeout,
            lost: 0,
        };
        assert_eq!(event.kind, silent, "{interval:?}, lent: {is_lent}");
        drop(is_received);
        let mut last = RawPeer::connect_as("PUSH", &at);
        last.send(&frame(b"last", false));
        joined_soon("recv returns", receiver);
    }
}

/// It has closed the connection behind what it sent: each byte that comes back would destroy what is not read.
fn who_asks_for_no_sign_gets_none_while_it_is_not_read(place: &Place) {
    let pull = Pull::builder(&Context::new())
        .receive_high_water_mark(2)
        .heartbeat_interval(None)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect_as("PUSH", &at);
    let body = vec![7; 1_000_000];
    let sender = std::thread::spawn(move || {
        for _ in 0..10 {
            peer.send(&frame(&body, false));
        }
        let mut byte = [0];
        peer.set_nonblocking(true);
        let read = peer.read(&mut byte);
        assert!(read.is_err(), "nothing has come: {read:?}");
    });
    std::thread::sleep(SHORT * 2); // as long as it is at its mark
    for _ in 0..10 {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message[0].len(), 1_000_000);
    }
    joined_soon("all is sent", sender);
}

/// A PULL at its mark sees no PING; a libzmq peer gives up who is silent for as long as its interval.
fn who_is_not_read_hears_of_us_as_often_as_it_asks(place: &Place) {
    const ITS_INTERVAL: Duration = Duration::from_millis(400);
    let pull = Pull::builder(&Context::new())
        .receive_high_water_mark(2)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let mut peers = Vec::new();
    for asks_before in [0, 3] {
        let mut peer = RawPeer::connect_as("PUSH", &at);
        for _ in 0..asks_before {
            std::thread::sleep(ITS_INTERVAL); // this is its pace
            peer.send(&command("PING", b"\0\0"));
            assert_eq!(peer.read_frame(), (4, b"\x04PONG".to_vec()));
        }
        for n in 0..10u8 {
            peer.send(&frame(&[n], false));
        }
        wait_until("it is at its mark", || pull.stats().queued_to_receive >= 2);
        for _ in 0..8 {
            peer.send(&command("PING", b"\0\0"));
            let asked = Instant::now();
            let (_, sign) = peer.read_frame();
            assert!(sign.starts_with(b"\x04PING"), "{sign:?}");
            // Every 200 ms at most are meant; this machine may be busy.
            assert!(
                asked.elapsed() < Duration::from_secs(5),
                "hardly a sign of life"
            );
        }
        for n in 0..10u8 {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message[0], [n]);
        }
        let mut answers = 0;
        while answers < 8 {
            answers += usize::from(peer.read_frame().1.starts_with(b"\x04PONG"));
        }
        assert_eq!(pull.stats().disconnects, 0);
        peers.push(peer);
    }
}

#[test]
fn a_silent_peer_that_used_to_answer_is_given_up() {
    must_end("a silent peer that used to answer is given up", || {
        let pull = Pull::builder(&Context::new())
            .heartbeat_interval(Duration::from_millis(50))
            .heartbeat_timeout(Duration::from_millis(500))
            .build();
        let events = pull.monitor();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let mut mute = RawPeer::connect_as("PUSH", &at);
        let mut once = RawPeer::connect_as("PUSH", &at);
        let (_, ping) = once.read_frame();
        assert!(ping.starts_with(b"\x04PING"), "{ping:?}");
        once.send(&command("PONG", &ping[7..]));
        let event = wait_for_event(&events, "of the end", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
        let EventKind::Disconnected { cause, .. } = event.kind else {
            unreachable!("it was asked for");
        };
        assert_eq!(cause, LinkError::HeartbeatTimeout);
        mute.send(&frame(b"I never answered any", false));
        assert_eq!(
            pull.recv_timeout(PATIENCE).expect("received"),
            "I never answered any"
        );
    });
}

/// The connection is given up while its messages are being read, slowly, from the link that the receiver has borrowed.
#[test]
fn what_a_silent_peer_had_sent_is_received() {
    must_end("what a silent peer had sent is received", || {
        const COUNT: usize = 18;
        let pull = Pull::builder(&Context::new())
            .heartbeat_interval(Duration::from_millis(50))
            .heartbeat_timeout(Duration::from_millis(100))
            .build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let mut peer = RawPeer::connect_as("PUSH", &at);
        let (_, ping) = peer.read_frame();
        let numbered = |n: usize| {
            let mut body = format!("{n} ").into_bytes();
            // Small ones and large ones, two frames and one, all within one read.
            body.resize([10, 9000, 300][n % 3], b' ');
            body
        };
        let receiver = std::thread::spawn(move || {
            for expected in 0..COUNT {
                let message = pull.recv_timeout(PATIENCE).expect("received");
                assert!(message[0] == numbered(expected), "message {expected}");
                assert_eq!(message.frames().len(), 1 + expected % 2);
                // Long enough that the peer is given up before the last; too short would only test less.
                std::thread::sleep(Duration::from_millis(8));
            }
            wait_until("the peer is given up", || pull.stats().disconnects == 1);
            assert_eq!(pull.stats().dropped.unread, 0);
        });
        // By now the receiver waits on the link itself.
        std::thread::sleep(MOMENT);
        let mut sent = command("PONG", &ping[7..]);
        for n in 0..COUNT {
            sent.extend(frame(&numbered(n), n % 2 == 1));
            if n % 2 == 1 {
                sent.extend(frame(b"", false));
            }
        }
        assert!(peer.send(&sent));
        joined_soon("everything is received", receiver);
    });
}

/// While messages that were read already keep a receiver busy, nobody reads; that is no silence of the peer.
#[test]
fn a_peer_that_answers_is_not_given_up_while_its_messages_are_read_slowly() {
    const COUNT: usize = 2000;
    let context = Context::new();
    let push = Push::builder(&context).send_high_water_mark(COUNT).build();
    let pull = Pull::builder(&context)
        .heartbeat_interval(Duration::from_millis(20))
        .heartbeat_timeout(Duration::from_millis(500))
        .build();
    push.connect(pull.bind("tcp://127.0.0.1:0").expect("bound"))
        .expect("connecting");
    let receiver = std::thread::spawn(move || {
        for expected in 0..COUNT {
            assert_eq!(
                number(&pull.recv_timeout(PATIENCE).expect("received")),
                expected
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        pull
    });
    // By now the receiver waits on the link itself, and the peer has answered.
    std::thread::sleep(MOMENT);
    push.send_many((0..COUNT).map(|n| n.to_string()))
        .expect("sent");
    let pull = joined_soon("everything is received", receiver);
    assert_eq!((push.stats().disconnects, pull.stats().disconnects), (0, 0));
}

//! CURVE and all that a connection goes through: each message is delivered, in order and once, or counted.
#![cfg(feature = "curve")]

mod support;

use std::time::Duration;

use highwater::security::{AllowKeys, Keypair, SecretKey, Security};
use highwater::{Context, Dropped, Event, EventKind, Linger, LinkError, Message, Pull, Push};
use support::{
    Child, MOMENT, PATIENCE, Place, SealedPeer, arrives_over_a_path_that_is_cut, joined,
    joined_soon, must_end, over_each_transport, pattern, play_child, wait_for_event, wait_until,
};

over_each_transport!(
    a_stream_to_a_killed_server_goes_on_at_its_successor,
    a_retired_server_hands_a_stream_over,
    what_lingers_is_delivered_and_what_is_discarded_is_counted,
    what_was_sent_to_a_server_that_refuses_waits_and_is_counted,
    heartbeats_are_answered_whoever_reads,
    who_answered_once_and_is_silent_is_given_up,
    who_is_not_read_hears_of_us_all_the_same,
);

fn server(pair: &Keypair) -> Security {
    Security::curve_server(pair).anyone()
}

fn client(server: &Keypair) -> Security {
    Security::curve_client(&Keypair::generate(), server.public())
}

/// The keys of the server that is a process of its own.
fn known() -> Keypair {
    Keypair::from_secret(SecretKey::from_bytes([7; 32]))
}

/// Not a test: the peer that the tests start as a process of its own.
#[test]
#[ignore = "the other tests run it"]
fn child_process() {
    play_child(|role, say, _| match *role {
        ["pull-at", at] => {
            let pull = Pull::builder(&Context::new())
                .security(server(&known()))
                .build();
            pull.bind(at).expect("bound");
            say("ready");
            while let Ok(message) = pull.recv() {
                say(&number_of(&message).to_string());
            }
        }
        _ => panic!("an unknown role: {role:?}"),
    });
}

/// A message that is known by its number, of one of several lengths.
fn numbered(number: usize) -> Message {
    let lengths = [10, 100, 1000, 9000];
    let body = pattern(lengths[number % lengths.len()], number);
    [number.to_string().into_bytes(), body]
        .into_iter()
        .collect()
}

/// Of a message that has come whole.
fn number_of(message: &Message) -> usize {
    let text = message[0].to_str().expect("text was sent");
    let number = text.parse().expect("a number was sent");
    assert!(
        *message == numbered(number),
        "{number} is not as it was sent"
    );
    number
}

fn is_disconnected(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Disconnected { .. })
}

fn a_stream_to_a_killed_server_goes_on_at_its_successor(place: &Place) {
    const ALL: usize = 3000;
    let at = place.vacant();
    let push = Push::builder(&Context::new())
        .security(client(&known()))
        .reconnect_interval(Duration::from_millis(10))
        .reconnect_interval_max(Duration::from_millis(50))
        .build();
    let events = push.monitor();
    push.connect(&*at).expect("connects");
    let mut first = Child::start(&format!("pull-at {at}"));
    assert_eq!(first.hear(), "ready");
    let sender = std::thread::spawn(move || {
        for number in 0..ALL {
            push.send_timeout(numbered(number), PATIENCE)
                .expect("room comes");
        }
        push
    });
    for expected in 0..100 {
        assert_eq!(first.hear(), expected.to_string());
    }
    first.kill();
    let event = wait_for_event(&events, "of the death", is_disconnected);
    assert!(
        matches!(event.kind, EventKind::Disconnected { lost: 0, .. }),
        "what waits is kept: {event:?}"
    );
    let mut next = 100;
    while let Some(line) = first.hear_within(Duration::ZERO) {
        assert_eq!(line, next.to_string());
        next += 1;
    }
    let successor = Child::start(&format!("pull-at {at}"));
    assert_eq!(successor.hear(), "ready");
    // What the first had read, or its kernel, and what ours had for it, is lost with it: never the end, and nothing within.
    let begin: usize = successor.hear().parse().expect("a number");
    assert!((next..ALL).contains(&begin), "{begin} after {next}");
    for expected in begin + 1..ALL {
        assert_eq!(successor.hear(), expected.to_string());
    }
    let push = joined_soon("all is sent", sender);
    let stats = push.stats();
    assert_eq!(stats.messages_sent, ALL as u64);
    assert_eq!((stats.dropped, stats.handshakes), (Dropped::default(), 2));
}

fn a_retired_server_hands_a_stream_over(place: &Place) {
    let context = Context::new();
    let pair = Keypair::generate();
    let build = || Pull::builder(&context).security(server(&pair)).build();
    let old = build();
    let at = old.bind(place.any()).expect("bound");
    let push = Push::builder(&context)
        .security(client(&pair))
        .reconnect_interval(Duration::from_millis(5))
        .reconnect_interval_max(Duration::from_millis(20))
        .build();
    push.connect(&at).expect("connects");
    let (stop, is_over) = crossbeam_channel::bounded::<()>(0);
    let sender = std::thread::spawn(move || {
        let mut sent = 0;
        while is_over.try_recv() == Err(crossbeam_channel::TryRecvError::Empty) {
            push.send_timeout(numbered(sent), PATIENCE)
                .expect("room comes");
            sent += 1;
        }
        (sent, push)
    });
    let mut next = 0;
    while next < 200 {
        take(&old.recv_timeout(PATIENCE).expect("received"), &mut next);
    }
    old.stop_accepting(&at).expect("it listens");
    let new = build();
    new.bind(&at).expect("the address is free");
    let retirement = old.retire(PATIENCE);
    while let Ok(message) = old.recv() {
        take(&message, &mut next);
    }
    assert!(retirement.is_over());
    assert_eq!(retirement.report().parted, 1);
    let handed_over = next;
    while next < handed_over + 200 {
        take(&new.recv_timeout(PATIENCE).expect("received"), &mut next);
    }
    drop(stop);
    wait_until("the sender has stopped", || {
        while let Ok(message) = new.try_recv() {
            take(&message, &mut next);
        }
        sender.is_finished()
    });
    let (sent, push) = joined(sender);
    while next < sent {
        take(&new.recv_timeout(PATIENCE).expect("received"), &mut next);
    }
    let [push, old, new] = [push.stats(), old.stats(), new.stats()];
    assert_eq!(push.messages_sent, sent as u64);
    assert_eq!(old.messages_received, handed_over as u64);
    assert_eq!(new.messages_received, (sent - handed_over) as u64);
    for stats in [push, old, new] {
        assert_eq!(stats.dropped, Dropped::default());
    }
}

/// The message is the next one.
fn take(message: &Message, next: &mut usize) {
    assert_eq!(number_of(message), *next);
    *next += 1;
}

fn what_lingers_is_delivered_and_what_is_discarded_is_counted(place: &Place) {
    const ALL: usize = 500;
    let context = Context::new();
    let pair = Keypair::generate();
    let at = place.vacant();
    let push_as = |linger: Linger| {
        let push = Push::builder(&context)
            .security(client(&pair))
            .linger(linger)
            .build();
        push.connect(&*at).expect("connects");
        for number in 0..ALL {
            push.send(numbered(number)).expect("there is room");
        }
        push
    };
    let discarding = push_as(Linger::Discard);
    discarding.disconnect(&*at).expect("it is connected there");
    wait_until("the loss is counted", || {
        discarding.stats().dropped.unsent == ALL as u64
    });
    let report = push_as(Linger::Forever).close(MOMENT);
    assert_eq!((report.sent, report.lost), (0, ALL));

    let lingering = push_as(Linger::Forever);
    let closing = std::thread::spawn(move || lingering.close(PATIENCE));
    let pull = Pull::builder(&context)
        .security(server(&pair))
        .receive_high_water_mark(2)
        .build();
    pull.bind(&*at).expect("bound");
    for expected in 0..ALL {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number_of(&message), expected);
    }
    let report = joined_soon("close returns", closing);
    assert_eq!(report.lost, 0);
    assert_eq!(pull.stats().dropped, Dropped::default());
}

fn what_was_sent_to_a_server_that_refuses_waits_and_is_counted(place: &Place) {
    const ALL: usize = 50;
    let context = Context::new();
    let [pair, anna, eve] = [(); 3].map(|()| Keypair::generate());
    let allowed = AllowKeys::default();
    let security = Security::curve_server(&pair).only(allowed.clone());
    let (pull, events, at) = support::guarded_pull(&context, security, place);
    let push_as = |keys: &Keypair, retries: bool| {
        let push = Push::builder(&context)
            .security(Security::curve_client(keys, pair.public()))
            .retry_refused(retries)
            .reconnect_interval(Duration::from_millis(5))
            .build();
        push.connect(&at).expect("connects");
        push
    };
    let is_denied = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::HandshakeFailed(LinkError::Denied {
                mechanism: "CURVE",
                ..
            })
        )
    };
    let annas = push_as(&anna, true);
    for number in 0..ALL {
        annas.send(numbered(number)).expect("there is room");
    }
    wait_for_event(&events, "of the first refusal", is_denied);
    wait_for_event(&events, "of the second", is_denied);
    allowed.add(anna.public());
    for expected in 0..ALL {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(number_of(&message), expected);
    }
    assert_eq!(annas.stats().dropped, Dropped::default());

    let eves = push_as(&eve, false);
    // Once she has given up, nothing more is taken.
    let sent = (0..)
        .take_while(|number| eves.send_timeout(numbered(*number), PATIENCE).is_ok())
        .count();
    wait_until("what waited for nobody is counted", || {
        eves.stats().dropped.unsent == sent as u64
    });
    assert_eq!(eves.stats().messages_sent, sent as u64);
    assert!(pull.try_recv().is_err());
    let stats = pull.stats();
    assert_eq!(stats.messages_received, ALL as u64);
    assert_eq!(stats.handshakes_failed, stats.denied);
}

#[test]
fn over_a_path_that_is_cut_each_message_arrives_once_or_is_counted() {
    must_end("a path that is cut", || {
        let context = Context::new();
        let pair = Keypair::generate();
        let pull = Pull::builder(&context).security(server(&pair)).build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let push = Push::builder(&context).security(client(&pair));
        arrives_over_a_path_that_is_cut(&pull, &at, push, numbered, number_of);
    });
}

/// A PULL with a client of our making.
fn with_a_peer(
    place: &Place,
    build: impl FnOnce(highwater::Builder<Pull>) -> highwater::Builder<Pull>,
) -> (Pull, crossbeam_channel::Receiver<Event>, SealedPeer) {
    let pair = Keypair::generate();
    let builder = Pull::builder(&Context::new()).security(server(&pair));
    let pull = build(builder).build();
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let peer = SealedPeer::connect_as("PUSH", &at, &Keypair::generate(), pair.public());
    (pull, events, peer)
}

const COMMAND: u8 = 2;

fn heartbeats_are_answered_whoever_reads(place: &Place) {
    let (pull, _, mut peer) = with_a_peer(place, |pull| pull);
    let receiver = std::thread::spawn(move || {
        let message = pull.recv_timeout(PATIENCE);
        (pull, message)
    });
    for _ in 0..20 {
        peer.command("PING", b"\0\0here");
        assert_eq!(peer.read_frame(), (COMMAND, b"\x04PONGhere".to_vec()));
    }
    peer.send(b"done");
    let (pull, message) = joined_soon("recv returns", receiver);
    assert_eq!(message.expect("received"), "done");
    // The receiver has turned to other things.
    for _ in 0..20 {
        peer.command("PING", b"\0\0away");
        assert_eq!(peer.read_frame(), (COMMAND, b"\x04PONGaway".to_vec()));
        peer.send(b"work");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "work");
    }
    assert_eq!(pull.stats().disconnects, 0);
}

fn who_answered_once_and_is_silent_is_given_up(place: &Place) {
    let (pull, events, mut peer) = with_a_peer(place, |pull| {
        pull.heartbeat_interval(Duration::from_millis(50))
            .heartbeat_timeout(Duration::from_millis(500))
    });
    let (flags, ping) = peer.read_frame();
    assert!(
        flags == COMMAND && ping.starts_with(b"\x04PING"),
        "{ping:?}"
    );
    peer.send(b"before");
    peer.command("PONG", &ping[7..]);
    let event = wait_for_event(&events, "of the end", is_disconnected);
    let silent = EventKind::Disconnected {
        cause: LinkError::HeartbeatTimeout,
        lost: 0,
    };
    assert_eq!(event.kind, silent);
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "before");
}

/// A PULL at its mark opens nothing, and so sees no PING; who waits for a sign of it gets one.
fn who_is_not_read_hears_of_us_all_the_same(place: &Place) {
    let (pull, _, mut peer) = with_a_peer(place, |pull| {
        pull.receive_high_water_mark(2)
            .heartbeat_interval(Duration::from_millis(200))
    });
    for number in 0..10_u8 {
        peer.send(&[number]);
    }
    wait_until("it is at its mark", || pull.stats().queued_to_receive >= 2);
    for _ in 0..5 {
        let (flags, sign) = peer.read_frame();
        assert!(
            flags == COMMAND && sign.starts_with(b"\x04PING"),
            "{sign:?}"
        );
    }
    for number in 0..10_u8 {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message[0], [number]);
    }
    assert_eq!(pull.stats().disconnects, 0);
}

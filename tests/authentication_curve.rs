//! Who may come in with CURVE: keys, folders of certificates, and what a client learns.
#![cfg(feature = "curve")]

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Receiver;
use highwater::security::{
    AllowKeys, Certificate, FileNames, KeyFolder, Keypair, PublicKey, Security,
};
use highwater::{Context, Endpoint, Event, EventKind, LinkError, ProtocolError, Pull, Push, Rep};
use support::{
    PATIENCE, Place, RawPeer, command, frame, greeting, guarded_pull, joined_soon,
    over_each_transport, wait_for_event, wait_until,
};

over_each_transport!(
    a_key_on_the_list_comes_in_and_is_told,
    a_key_that_is_revoked_is_out_at_once,
    a_key_that_is_not_on_the_list_is_told_so,
    anyone_may_be_said,
    a_folder_lets_in_by_its_files_and_tells_of_bad_ones,
    a_certificate_that_is_replaced_under_load_lets_in_the_new_key_alone,
    a_list_that_changes_during_handshakes_has_the_last_word,
    a_wrong_server_key_is_told_as_far_as_it_can_be_known,
    a_zap_handler_is_asked_about_the_key,
    nonsense_at_each_step_ends_the_connection_and_touches_nothing_else,
);

fn push_as(context: &Context, keys: &Keypair, server: PublicKey, at: &Endpoint) -> Push {
    watched_push_as(context, keys, server, at).0
}

/// With all of its events.
fn watched_push_as(
    context: &Context,
    keys: &Keypair,
    server: PublicKey,
    at: &Endpoint,
) -> (Push, Receiver<Event>) {
    let push = Push::builder(context)
        .security(Security::curve_client(keys, server))
        .reconnect_interval(Duration::from_millis(5))
        .build();
    let events = push.monitor();
    push.connect(at).expect("connects");
    (push, events)
}

/// The reason for which a key was refused.
fn denied(kind: &EventKind) -> Option<(&str, &str)> {
    match kind {
        EventKind::HandshakeFailed(LinkError::Denied {
            mechanism: "CURVE",
            who,
            reason,
        }) => Some((who, reason)),
        _ => None,
    }
}

fn is_revoked(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Disconnected {
            cause: LinkError::Revoked,
            ..
        }
    )
}

fn a_key_on_the_list_comes_in_and_is_told(place: &Place) {
    let context = Context::new();
    let (server, anna) = (Keypair::generate(), Keypair::generate());
    let allowed = AllowKeys::new([anna.public()]);
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&server).only(allowed))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let push = push_as(&context, &anna, server.public(), &at);
    push.send("hello").expect("sent");
    let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!(message, "hello");
    assert_eq!((peer.mechanism, peer.key), ("CURVE", Some(anna.public())));
    assert_eq!(peer.user, anna.public().to_string());
    let there = push.peers();
    assert_eq!(
        (there[0].mechanism, there[0].key),
        ("CURVE", Some(server.public()))
    );
}

fn a_key_that_is_revoked_is_out_at_once(place: &Place) {
    let context = Context::new();
    let server = Keypair::generate();
    let [anna, bert] = [(); 2].map(|()| Keypair::generate());
    let allowed = AllowKeys::new([anna.public(), bert.public()]);
    let (pull, events, at) = guarded_pull(
        &context,
        Security::curve_server(&server).only(allowed.clone()),
        place,
    );
    let annas = push_as(&context, &anna, server.public(), &at);
    let berts = push_as(&context, &bert, server.public(), &at);
    let told = annas.monitor();
    pull.wait_for_peers(2, PATIENCE).expect("both come");
    assert!(allowed.revoke(&anna.public()));
    wait_for_event(&events, "of the end", is_revoked);
    wait_for_event(&told, "of the refusal", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    wait_until("one is left", || pull.peers().len() == 1);
    berts.send("still here").expect("sent");
    let (peer, _) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!(peer.key, Some(bert.public()));
}

fn a_key_that_is_not_on_the_list_is_told_so(place: &Place) {
    let context = Context::new();
    let (server, eve) = (Keypair::generate(), Keypair::generate());
    let (pull, events, at) = guarded_pull(
        &context,
        Security::curve_server(&server).only(AllowKeys::default()),
        place,
    );
    let (_push, told) = watched_push_as(&context, &eve, server.public(), &at);
    let event = wait_for_event(&events, "of the refusal", |kind| denied(kind).is_some());
    let key = eve.public().to_string();
    assert_eq!(denied(&event.kind), Some((&*key, "400")));
    let event = wait_for_event(&told, "of the end", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    let refused = LinkError::Protocol(ProtocolError::PeerError {
        reason: "400".to_owned(),
    });
    assert_eq!(event.kind, EventKind::GaveUp(refused));
    assert_eq!((pull.stats().handshakes, pull.stats().denied), (0, 1));
}

fn anyone_may_be_said(place: &Place) {
    let context = Context::new();
    let (server, client) = (Keypair::generate(), Keypair::generate());
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&server).anyone())
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let push = push_as(&context, &client, server.public(), &at);
    push.send("hello").expect("sent");
    let (peer, _) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!(peer.key, Some(client.public()));
}

fn a_folder_lets_in_by_its_files_and_tells_of_bad_ones(place: &Place) {
    let context = Context::new();
    let (server, anna) = (Keypair::generate(), Keypair::generate());
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("bad.key"), "no certificate").expect("written");
    let allowed = KeyFolder::open(folder.path()).expect("it is there");
    let (pull, events, at) = guarded_pull(
        &context,
        Security::curve_server(&server).only(allowed),
        place,
    );
    let push = Push::builder(&context)
        .security(Security::curve_client(&anna, server.public()))
        .reconnect_interval(Duration::from_millis(5))
        .retry_refused(true)
        .build();
    push.connect(&at).expect("connects");
    wait_for_event(&events, "of the refusal", |kind| denied(kind).is_some());
    Certificate::public_only(anna.public())
        .with("role", "reader")
        .expect("good metadata")
        .save(folder.path().join("anna"), FileNames::Pyzmq)
        .expect("saved");
    fs::write(folder.path().join("worse.key"), "no certificate").expect("written");
    push.send("hello").expect("sent");
    let (peer, _) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!(peer.grant("role").map(AsRef::as_ref), Some(&b"reader"[..]));
    wait_for_event(
        &events,
        "of the bad file",
        |kind| matches!(kind, EventKind::KeyFile { path, .. } if path.ends_with("worse.key")),
    );
    fs::remove_file(folder.path().join("anna.key")).expect("it is there");
    wait_for_event(&events, "of the end", is_revoked);
    wait_for_event(&events, "of the refusal", |kind| denied(kind).is_some());
}

/// A client that tries again, and sends its name without end until it is told to stop.
fn sends_without_end(
    context: &Context,
    keys: &Keypair,
    server: PublicKey,
    at: &Endpoint,
    stops: &Arc<AtomicBool>,
) -> JoinHandle<()> {
    let push = Push::builder(context)
        .security(Security::curve_client(keys, server))
        .reconnect_interval(Duration::from_millis(1))
        .reconnect_interval_max(Duration::from_millis(20))
        .retry_refused(true)
        .send_high_water_mark(10)
        .build();
    push.connect(at).expect("connects");
    let stops = Arc::clone(stops);
    std::thread::spawn(move || {
        while !stops.load(Ordering::Relaxed) {
            let _ = push.send_timeout("x", Duration::from_millis(10));
        }
    })
}

fn a_certificate_that_is_replaced_under_load_lets_in_the_new_key_alone(place: &Place) {
    let context = Context::new();
    let server = Keypair::generate();
    let clients = [(); 2].map(|()| Keypair::generate());
    let folder = tempfile::tempdir().expect("a folder");
    let allowed = KeyFolder::open(folder.path()).expect("it is there");
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&server).only(allowed.clone()))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let stops = Arc::new(AtomicBool::new(false));
    let senders = clients
        .each_ref()
        .map(|keys| sends_without_end(&context, keys, server.public(), &at, &stops));
    let half_written = folder.path().join("half.key");
    for round in 0..20 {
        let now = clients[round % 2].public();
        Certificate::public_only(now)
            .save(folder.path().join("one"), FileNames::Pyzmq)
            .expect("saved");
        fs::write(&half_written, "metadata\ncurve\n    public-k").expect("written");
        allowed.look().expect("it is there");
        for _ in 0..50 {
            let (peer, _) = pull.recv_from_timeout(PATIENCE).expect("received");
            assert_eq!(peer.key, Some(now), "round {round}");
        }
    }
    stops.store(true, Ordering::Relaxed);
    for sender in senders {
        joined_soon("a sender", sender);
    }
}

fn a_list_that_changes_during_handshakes_has_the_last_word(place: &Place) {
    let context = Context::new();
    let (server, client) = (Keypair::generate(), Keypair::generate());
    let allowed = AllowKeys::default();
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&server).only(allowed.clone()))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let stops = Arc::new(AtomicBool::new(false));
    let sender = sends_without_end(&context, &client, server.public(), &at, &stops);
    for round in 0..300 {
        // Handshakes are at each of their steps when it changes.
        match round % 3 {
            0 => assert!(allowed.add(client.public())),
            1 => assert!(allowed.revoke(&client.public())),
            _ => {
                allowed.add(client.public());
                allowed.revoke(&client.public());
            }
        }
        if !allowed.has(&client.public()) {
            assert!(pull.try_recv().is_err(), "round {round}");
            assert!(pull.peers().is_empty(), "round {round}");
        } else if round % 4 == 0 {
            pull.recv_timeout(PATIENCE).expect("received");
        }
    }
    allowed.add(client.public());
    pull.recv_timeout(PATIENCE).expect("received");
    stops.store(true, Ordering::Relaxed);
    joined_soon("the sender", sender);
}

fn a_wrong_server_key_is_told_as_far_as_it_can_be_known(place: &Place) {
    let context = Context::new();
    let [server, other, client] = [(); 3].map(|()| Keypair::generate());
    let (_pull, events, at) =
        guarded_pull(&context, Security::curve_server(&server).anyone(), place);
    let (_push, told) = watched_push_as(&context, &client, other.public(), &at);
    wait_for_event(&events, "of the box", |kind| {
        *kind
            == EventKind::HandshakeFailed(LinkError::Protocol(ProtocolError::BoxRefused {
                name: "HELLO",
            }))
    });
    wait_for_event(&told, "of the wrong key", |kind| {
        *kind == EventKind::HandshakeFailed(LinkError::NoWelcome)
    });
    // The server may get the right key yet.
    wait_for_event(&told, "of the next attempt", |kind| {
        matches!(kind, EventKind::Retrying { .. })
    });
}

fn a_zap_handler_is_asked_about_the_key(place: &Place) {
    let context = Context::new();
    let (server, anna) = (Keypair::generate(), Keypair::generate());
    let handler = Rep::new(&context);
    handler
        .bind("inproc://zeromq.zap.01")
        .expect("nobody has it");
    let key = anna.public();
    let thread = std::thread::spawn(move || {
        while let Ok(request) = handler.recv() {
            let frames = request.message().frames().to_vec();
            assert_eq!(frames[5], "CURVE");
            let status = if frames[6] == key.as_bytes() {
                "200"
            } else {
                "400"
            };
            let _ = request.reply(["1.0", "1", status, "", "anna", ""]);
        }
    });
    let (pull, events, at) = guarded_pull(
        &context,
        Security::curve_server(&server).only(Security::zap(&context, "test")),
        place,
    );
    let eves = push_as(&context, &Keypair::generate(), server.public(), &at);
    wait_for_event(&events, "of the refusal", |kind| denied(kind).is_some());
    drop(eves);
    let push = push_as(&context, &anna, server.public(), &at);
    push.send("hello").expect("sent");
    let (peer, _) = pull.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!((&*peer.user, peer.key), ("anna", Some(anna.public())));
    context.shutdown();
    joined_soon("the handler", thread);
}

fn nonsense_at_each_step_ends_the_connection_and_touches_nothing_else(place: &Place) {
    let context = Context::new();
    let (server, client) = (Keypair::generate(), Keypair::generate());
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&server).anyone())
        .handshake_timeout(Some(Duration::from_secs(2)))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let mut named = greeting();
    named[12..32].fill(0);
    named[12..17].copy_from_slice(b"CURVE");
    // As long as a true one, with the right version, and a box that opens for nobody.
    let mut hello = vec![7; 194];
    hello[..74].fill(0);
    hello[0] = 1;
    let mut low_order = hello.clone();
    low_order[74..106].fill(0);
    let mut peers = Vec::new();
    for wrong in [
        vec![0xff; 300],
        frame(b"a message", false),
        command("READY", &[0; 100]),
        command("INITIATE", &[0; 400]),
        command("HELLO", &hello),
        command("HELLO", &low_order),
        command("HELLO", &hello[..193]),
        command("HELLO", &[2; 194]),
        command("HELLO", &[0; 2000]),
        command("ERROR", b"\x03400"),
    ] {
        let mut peer = RawPeer::connect(&at);
        peer.send(&named);
        peer.send(&wrong);
        peers.push(peer);
    }
    for mut peer in peers {
        peer.wait_for_end();
    }
    assert_eq!(pull.stats().handshakes, 0);
    let push = push_as(&context, &client, server.public(), &at);
    push.send("hello").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
}

//! CURVE on a network that cuts, changes, repeats and floods; and at the bounds of its sockets.
#![cfg(feature = "curve")]

mod support;

use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use highwater::security::{AllowKeys, Keypair, Security};
use highwater::{
    Context, Dealer, Endpoint, EventKind, LinkError, ProtocolError, Proxy, Pull, Push, Rep, Req,
    Router,
};
use highwater_curve::SharedKey;
use support::{
    Harm, PATIENCE, Place, RawPeer, command, curve_greeting, forge, frame, hello, joined, must_end,
    number, over_each_transport, relay, wait_for_event, wait_until,
};

over_each_transport!(
    a_flood_of_hellos_keeps_nobody_out,
    a_message_of_exactly_the_limit_comes_through,
    of_what_a_revoked_peer_sends_a_part_without_gaps_comes,
    large_messages_go_both_ways,
    a_proxy_joins_sealed_and_clear,
    the_latest_message_is_kept,
    a_context_dropped_first_sends_what_waits,
);

fn server(pair: &Keypair) -> Security {
    Security::curve_server(pair).anyone()
}

fn client(server: &Keypair) -> Security {
    Security::curve_client(&Keypair::generate(), server.public())
}

/// A HELLO that opens.
fn good_hello(server: &Keypair) -> Vec<u8> {
    let transient = Keypair::generate();
    let shared = SharedKey::new(transient.secret(), &server.public()).expect("good keys");
    hello(&transient, &shared)
}

/// The same HELLO, again and again, from as many connections as come in.
fn a_flood_of_hellos_keeps_nobody_out(place: &Place) {
    const FLOODERS: usize = 3;
    let context = Context::new();
    let pair = Keypair::generate();
    let rep = Rep::builder(&context)
        .security(server(&pair))
        .handshake_limit(Some(400))
        .handshake_timeout(Some(Duration::from_secs(2)))
        .build();
    let at = rep.bind(place.any()).expect("bound");
    let asks = |at: &Endpoint| {
        let mut req = Req::builder(&context).security(client(&pair)).build();
        req.connect(at).expect("connects");
        assert_eq!(req.request("who?").expect("answered"), "who?");
        req
    };
    let service = thread::spawn(move || {
        while let Ok(request) = rep.recv() {
            let again = request.message().clone();
            let _ = request.reply(again);
        }
    });
    let mut old = asks(&at);
    let ends = Arc::new(AtomicBool::new(false));
    let welcomes = Arc::new(AtomicUsize::new(0));
    let said = [curve_greeting(), good_hello(&pair)].concat();
    let flood: Vec<_> = (0..FLOODERS)
        .map(|_| {
            let (at, said) = (at.clone(), said.clone());
            let (ends, welcomes) = (Arc::clone(&ends), Arc::clone(&welcomes));
            thread::spawn(move || {
                let mut peers = std::collections::VecDeque::new();
                while !ends.load(Ordering::SeqCst) {
                    let Some(mut peer) = RawPeer::try_connect(&at) else {
                        continue;
                    };
                    peer.send(&said);
                    peers.push_back(peer);
                    if peers.len() == 40 {
                        let mut peer: RawPeer = peers.pop_front().expect("there are some");
                        let mut theirs = [0; 64 + 2];
                        if peer.read_exact(&mut theirs).is_ok() {
                            welcomes.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            })
        })
        .collect();
    wait_until("the flood", || welcomes.load(Ordering::SeqCst) > 100);
    for _ in 0..10 {
        assert_eq!(old.request("still?").expect("answered"), "still?");
        drop(asks(&at));
    }
    ends.store(true, Ordering::SeqCst);
    flood.into_iter().for_each(joined);
    context.shutdown();
    joined(service);
}

fn a_message_of_exactly_the_limit_comes_through(place: &Place) {
    let context = Context::new();
    let pair = Keypair::generate();
    for limit in [1, 221, 222, 255, 256, 8192, 8193, 65_535, 65_536, 1 << 20] {
        let pull = Pull::builder(&context)
            .security(server(&pair))
            .max_message_size(Some(limit))
            .build();
        let at = pull.bind(place.any()).expect("bound");
        let push = Push::builder(&context)
            .security(client(&pair))
            .send_attempts(1)
            .reconnect_interval(Duration::from_millis(5))
            .build();
        push.connect(&at).expect("connects");
        // What is sent before the sender has seen the end may be lost with the connection.
        let events = push.monitor();
        let parts = [&vec![1; limit / 2][..], &vec![2; limit - limit / 2]];
        for _ in 0..3 {
            push.send(vec![7; limit]).expect("sent");
            push.send(parts).expect("sent");
        }
        for _ in 0..3 {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, vec![7; limit]);
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message, parts);
        }
        push.send(vec![8; limit + 1]).expect("sent");
        wait_for_event(&events, "of the end", |kind| {
            matches!(kind, EventKind::Disconnected { .. })
        });
        push.send("z").expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "z");
    }
}

fn of_what_a_revoked_peer_sends_a_part_without_gaps_comes(place: &Place) {
    let context = Context::new();
    let [pair, anna, bert] = [(); 3].map(|()| Keypair::generate());
    let allowed = AllowKeys::new([anna.public(), bert.public()]);
    let pull = Pull::builder(&context)
        .security(Security::curve_server(&pair).only(allowed.clone()))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let pushes = [&anna, &bert].map(|keys| {
        let push = Push::builder(&context)
            .security(Security::curve_client(keys, pair.public()))
            .reconnect_interval(Duration::from_millis(5))
            .build();
        push.connect(&at).expect("connects");
        push
    });
    pull.wait_for_peers(2, PATIENCE).expect("both come");
    let senders = pushes.map(|push| {
        thread::spawn(move || {
            let all = (0..20_000).take_while(|number: &usize| {
                push.send_timeout(number.to_string(), PATIENCE).is_ok()
            });
            (all.count(), push)
        })
    });
    let mut next = [0, 0];
    while next[1] < 20_000 {
        let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
        let which = usize::from(peer.key == Some(bert.public()));
        assert_eq!(number(&message), next[which]);
        next[which] += 1;
        assert!(next[0] <= 500, "nothing once she is revoked");
        if next[0] == 500 && which == 0 {
            assert!(allowed.revoke(&anna.public()));
        }
    }
    let [annas, berts] = senders.map(joined);
    assert_eq!(berts.0, 20_000);
    let (sent, push) = annas;
    assert!(next[0] <= sent, "{} of {sent}", next[0]);
    assert_eq!(pull.peers().len(), 1);
    drop(push);
}

fn large_messages_go_both_ways(place: &Place) {
    let context = Context::new();
    let pair = Keypair::generate();
    let ends = [server(&pair), client(&pair)].map(|security| {
        Dealer::builder(&context)
            .security(security)
            .send_high_water_mark(2)
            .receive_high_water_mark(2)
            .build()
    });
    let [there, here] = ends;
    let at = there.bind(place.any()).expect("bound");
    here.connect(&at).expect("connects");
    let lengths = [1 << 20, (8 << 20) + 1, 32 << 20, 1000, (3 << 20) - 9];
    let echo = thread::spawn(move || {
        for _ in lengths {
            let message = there.recv_timeout(PATIENCE).expect("received");
            there.send(message).expect("sent");
        }
        there
    });
    for (at, length) in lengths.into_iter().enumerate() {
        here.send(vec![at as u8; length]).expect("sent");
    }
    for (at, length) in lengths.into_iter().enumerate() {
        let message = here.recv_timeout(PATIENCE).expect("received");
        assert!(message == vec![at as u8; length], "that of {length} bytes");
    }
    joined(echo);
}

fn a_proxy_joins_sealed_and_clear(place: &Place) {
    let context = Context::new();
    let pair = Keypair::generate();
    let front = Router::builder(&context).security(server(&pair)).build();
    let back = Dealer::new(&context);
    let outside = front.bind(place.any()).expect("bound");
    let inside = back.bind(place.any()).expect("bound");
    let proxy = Proxy::new(&front, &back);
    let passing = thread::spawn(move || proxy.run());
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let rep = Rep::new(&context);
            rep.connect(&inside).expect("connects");
            thread::spawn(move || {
                while let Ok(request) = rep.recv() {
                    let again = request.message().clone();
                    let _ = request.reply(again);
                }
            })
        })
        .collect();
    let clients: Vec<_> = (0..3)
        .map(|client_number| {
            let mut req = Req::builder(&context).security(client(&pair)).build();
            req.connect(&outside).expect("connects");
            thread::spawn(move || {
                for round in 0..200_usize {
                    let asked = vec![client_number; round * 100];
                    assert_eq!(req.request(&asked[..]).expect("answered"), asked);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(joined);
    context.shutdown();
    workers.into_iter().for_each(joined);
    let _ = joined(passing);
}

fn the_latest_message_is_kept(place: &Place) {
    let context = Context::new();
    let pair = Keypair::generate();
    let pull = Pull::builder(&context)
        .security(server(&pair))
        .conflate(true)
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let push = Push::builder(&context).security(client(&pair)).build();
    push.connect(&at).expect("connects");
    push.wait_for_peers(1, PATIENCE).expect("a peer");
    let mut last = 0;
    for number in 0..20_000_usize {
        push.send(number.to_string()).expect("sent");
    }
    while last != 19_999 {
        let message = pull.recv_timeout(PATIENCE).expect("received");
        let next = number(&message);
        assert!(last == 0 || next > last, "{next} after {last}");
        last = next;
    }
}

fn a_context_dropped_first_sends_what_waits(place: &Place) {
    const ALL: usize = 3000;
    let receiving = Context::builder().io_threads(3).build();
    let pair = Keypair::generate();
    let pulls: Vec<_> = (0..4)
        .map(|_| {
            Pull::builder(&receiving)
                .security(server(&pair))
                .receive_high_water_mark(5)
                .build()
        })
        .collect();
    let senders: Vec<_> = pulls
        .iter()
        .map(|pull| {
            let at = pull.bind(place.any()).expect("bound");
            let security = client(&pair);
            thread::spawn(move || {
                let context = Context::builder().io_threads(2).build();
                let push = Push::builder(&context)
                    .security(security)
                    .send_high_water_mark(None)
                    .build();
                drop(context);
                push.connect(&at).expect("connects");
                for number in 0..ALL {
                    push.send(number.to_string()).expect("sent");
                }
            })
        })
        .collect();
    for pull in &pulls {
        for expected in 0..ALL {
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(number(&message), expected);
        }
    }
    senders.into_iter().for_each(joined);
}

/// Whatever one byte on the way suffers, nothing is received that was not sent, nothing out of order, and all that is not told
/// of as lost arrives over the next connection.
#[test]
fn one_byte_is_harmed() {
    must_end("one byte", || {
        let context = Context::new();
        let pair = Keypair::generate();
        let rep = Rep::builder(&context)
            .security(server(&pair))
            .handshake_timeout(Some(Duration::from_millis(500)))
            .heartbeat_interval(Some(Duration::from_millis(50)))
            .build();
        let at = rep.bind("tcp://127.0.0.1:0").expect("bound");
        let to = SocketAddr::new(at.ip().expect("an address"), at.port().expect("a port"));
        let wrong = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&wrong);
        let service = thread::spawn(move || {
            while let Ok(request) = rep.recv() {
                let text = request.message().to_str();
                if !text.is_ok_and(|text| text.starts_with("a question")) {
                    seen.lock()
                        .expect("no panic")
                        .push(request.message().clone());
                }
                let answer = request.message().clone();
                let _ = request.reply(answer);
            }
        });
        // Every 29th byte meets each command, and takes a few seconds.
        let step = 29;
        for harm in [Harm::Cut, Harm::Flip, Harm::Repeat, Harm::LeaveOut] {
            for to_server in [true, false] {
                for byte in (0..900).step_by(step) {
                    let through = relay(to, to_server, byte, harm);
                    let mut req = Req::builder(&context)
                        .security(client(&pair))
                        .heartbeat_interval(Some(Duration::from_millis(50)))
                        .handshake_timeout(Some(Duration::from_millis(300)))
                        .reconnect_interval(Duration::from_millis(1))
                        .build();
                    req.connect(format!("tcp://{through}")).expect("connects");
                    for round in 0..5 {
                        let asked = format!("a question {round}");
                        match req.request(&asked) {
                            Ok(answer) => assert_eq!(answer, *asked),
                            Err(highwater::RequestError::PeerGone) => {}
                            Err(other) => panic!("{harm:?} at {byte}: {other}"),
                        }
                    }
                }
            }
        }
        context.shutdown();
        joined(service);
        assert!(wrong.lock().expect("no panic").is_empty());
    });
}

/// Where the greeting names the mechanism.
const MECHANISM: std::ops::Range<usize> = 12..32;

/// A client of CURVE behind `through`, after its first connection has failed; gives why.
fn fails_once(context: &Context, server: &Keypair, through: SocketAddr) -> (Push, LinkError) {
    let push = Push::builder(context)
        .security(client(server))
        .reconnect_interval(Duration::from_millis(5))
        .build();
    let events = push.monitor();
    push.connect(format!("tcp://{through}")).expect("connects");
    let event = wait_for_event(&events, "of the next attempt", |kind| {
        matches!(kind, EventKind::Retrying { .. })
    });
    match event.kind {
        EventKind::Retrying { cause, .. } => (push, cause),
        other => panic!("{other:?}"),
    }
}

/// What is in clear anybody on the path can have written, at each step and in the place of each end: the client tries again, and
/// counts that.
#[test]
fn nobody_on_the_path_stops_a_client_for_ever() {
    must_end("nobody on the path", || {
        let context = Context::new();
        let pair = Keypair::generate();
        let pull = Pull::builder(&context).security(server(&pair)).build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let to = SocketAddr::new(at.ip().expect("an address"), at.port().expect("a port"));
        let goes_on = |push: &Push, what: &str| {
            push.send("after all").expect("sent");
            assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "after all");
            assert_eq!(push.stats().retries, 1, "{what}");
        };
        for byte in MECHANISM {
            let (push, cause) = fails_once(&context, &pair, relay(to, false, byte, Harm::Flip));
            assert!(matches!(
                cause,
                LinkError::Protocol(ProtocolError::MechanismMismatch { .. })
            ));
            goes_on(&push, "a changed mechanism");
        }
        let seal = [&b"\x03400"[..], &[7; 19]].concat();
        let words = [
            command("ERROR", b"\x03400"),
            command("ERROR", b"\x03300"),
            command("ERROR", b"\x18incompatible socket type"),
            command("ERROR", b"\x26another peer has the same routing id [1]"),
            command("ERROR", &seal),
            command("ERROR", b""),
            command("READY", b""),
            frame(b"a message", false),
        ];
        // Behind the greeting, behind the first command and behind the second, which ends the handshake of the client.
        for units in 1..=3 {
            for to_server in [false, true] {
                for said in &words {
                    let what = format!("{said:?} behind {units}, to the server: {to_server}");
                    let through = forge(to, to_server, units, said.clone());
                    let (push, cause) = fails_once(&context, &pair, through);
                    if units < 3 && !to_server && said.starts_with(b"\x04\x0a\x05ERROR\x03") {
                        assert!(
                            matches!(cause, LinkError::Refused { .. }),
                            "{what}: {cause}"
                        );
                    }
                    goes_on(&push, &what);
                }
            }
        }
        assert!(pull.try_recv().is_err());
    });
}

/// Likewise a server of CURVE that connects.
#[test]
fn nobody_on_the_path_stops_a_server_that_connects() {
    must_end("a server that connects", || {
        let context = Context::new();
        let pair = Keypair::generate();
        let pull = Pull::builder(&context).security(client(&pair)).build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let to = SocketAddr::new(at.ip().expect("an address"), at.port().expect("a port"));
        for units in 1..=2 {
            let push = Push::builder(&context)
                .security(server(&pair))
                .reconnect_interval(Duration::from_millis(5))
                .build();
            let through = forge(to, false, units, command("ERROR", b"\x03400"));
            push.connect(format!("tcp://{through}")).expect("connects");
            push.send("after all").expect("sent");
            assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "after all");
            assert_eq!(push.stats().retries, 1);
        }
    });
}

//! Who may come in: decisions, what they come to at both ends, and what is revoked.

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::bounded;
use highwater::security::{Addresses, Candidate, Passwords, Proof, Security, Verdict};
use highwater::{
    Context, Dealer, EndpointState, Event, EventKind, Interest, LinkError, Pair, Poll,
    ProtocolError, Pub, Pull, Push, Rep, Req, Router, RoutingId, Sub,
};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, command, greeting, guarded_pull, over_each_transport,
    wait_for_event, wait_until,
};

over_each_transport!(
    a_user_is_let_in_and_told_with_each_message,
    what_the_verdict_grants_is_told_apart_from_what_the_peer_says,
    who_is_denied_learns_it_and_stops,
    who_is_denied_may_try_again_by_option,
    later_is_told_by_nobody_and_the_peer_comes_again,
    a_decision_that_panics_is_a_refusal_and_others_go_on,
    a_decision_that_does_not_return_is_a_refusal_at_its_deadline_and_others_go_on,
    a_peer_that_has_gone_while_it_was_decided_about_changes_nothing,
    a_user_that_is_taken_out_is_out_at_once,
    of_a_revoked_peer_nothing_is_received_once_that_returns,
    to_a_revoked_peer_nothing_is_sent_once_that_returns,
    what_is_revoked_while_a_handshake_is_under_way_counts,
    peers_are_revoked_by_what_is_known_of_them,
    a_socket_that_asks_for_a_place_asks_for_leave_first,
    without_credentials_it_is_decided_by_the_address,
    the_end_that_connects_may_decide_too,
);

fn plain(user: &'static str, password: &'static str) -> Security {
    Security::plain_client(user, password).expect("short")
}

/// Why the peer was not let in.
fn denied(event: &EventKind) -> Option<(&str, &str, &str)> {
    match event {
        EventKind::HandshakeFailed(LinkError::Denied {
            mechanism,
            who,
            reason,
        }) => Some((mechanism, who, reason)),
        _ => None,
    }
}

fn wait_for_denied(events: &crossbeam_channel::Receiver<Event>) -> Event {
    wait_for_event(events, "of the refusal", |kind| denied(kind).is_some())
}

fn a_user_is_let_in_and_told_with_each_message(place: &Place) {
    let context = Context::new();
    let users = Passwords::from([("anna", "secret"), ("bert", "other")]);
    let pull = Pull::builder(&context)
        .security(Security::plain_server(users))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let senders = [("anna", "secret"), ("bert", "other")].map(|(user, password)| {
        let push = Push::builder(&context)
            .security(plain(user, password))
            .build();
        push.connect(&at).expect("connects");
        push.send(user).expect("sent");
        push
    });
    for _ in &senders {
        let (peer, message) = pull.recv_from_timeout(PATIENCE).expect("received");
        assert_eq!(
            (peer.mechanism, message),
            ("PLAIN", peer.user.as_str().into())
        );
    }
    for push in &senders {
        let peers = push.peers();
        assert_eq!(peers.len(), 1);
        assert_eq!((peers[0].mechanism, &*peers[0].user), ("PLAIN", ""));
    }
    assert_eq!((pull.stats().handshakes, pull.stats().denied), (2, 0));
}

fn what_the_verdict_grants_is_told_apart_from_what_the_peer_says(place: &Place) {
    let context = Context::new();
    let decide = |who: &Candidate| match &who.proof {
        Proof::Plain { user, password } if user == "anna" && password.is_empty() => {
            Verdict::Allow {
                user: "Anna".to_owned(),
                metadata: vec![("X-Role".to_owned(), "reader".into())],
            }
        }
        _ => Verdict::deny(),
    };
    let rep = Rep::builder(&context)
        .security(Security::plain_server(decide))
        .build();
    let at = rep.bind(place.any()).expect("bound");
    let mut req = Req::builder(&context)
        .security(plain("anna", ""))
        .metadata("X-Role", "owner")
        .expect("a name")
        .build();
    req.connect(&at).expect("connects");
    let pending = req.send("who am I?").expect("sent");
    let request = rep.recv_timeout(PATIENCE).expect("received");
    let peer = request.peer().expect("somebody");
    assert_eq!(peer.user, "Anna");
    assert_eq!(
        peer.grant("x-role").map(AsRef::as_ref),
        Some(&b"reader"[..])
    );
    assert_eq!(
        peer.property("x-role").map(AsRef::as_ref),
        Some(&b"owner"[..])
    );
    request.reply("a reader").expect("sent");
    assert_eq!(pending.recv().expect("an answer"), "a reader");
}

fn who_is_denied_learns_it_and_stops(place: &Place) {
    let context = Context::new();
    let users = Passwords::from([("anna", "secret")]);
    let (pull, events, at) = guarded_pull(&context, Security::plain_server(users), place);
    let push = Push::builder(&context)
        .security(plain("anna\u{1b}", "secret"))
        .build();
    let told = push.monitor();
    push.connect(&at).expect("connects");
    let event = wait_for_denied(&events);
    assert_eq!(
        denied(&event.kind),
        Some(("PLAIN", "anna\\x1b", "400")),
        "{event}"
    );
    assert!(event.peer.is_some());
    let gave_up = wait_for_event(&told, "of the end", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    let refused = LinkError::Protocol(ProtocolError::PeerError {
        reason: "400".to_owned(),
    });
    assert_eq!(gave_up.kind, EventKind::GaveUp(refused));
    let stats = pull.stats();
    assert_eq!((stats.handshakes_failed, stats.denied), (1, 1));
    assert_eq!(pull.stats().handshakes, 0);
}

fn who_is_denied_may_try_again_by_option(place: &Place) {
    let context = Context::new();
    let users = Passwords::default();
    let (pull, events, at) = guarded_pull(&context, Security::plain_server(users.clone()), place);
    let push = Push::builder(&context)
        .security(plain("anna", "secret"))
        .retry_refused(true)
        .reconnect_interval(Duration::from_millis(5))
        .build();
    push.connect(&at).expect("connects");
    wait_for_denied(&events);
    wait_for_denied(&events);
    users.set("anna", "secret");
    push.send("let in").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "let in");
}

fn later_is_told_by_nobody_and_the_peer_comes_again(place: &Place) {
    let context = Context::new();
    let is_open = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&is_open);
    let decide = move |_: &Candidate| match open.load(Ordering::Relaxed) {
        true => Verdict::allow("anna"),
        false => Verdict::Later,
    };
    let (pull, events, at) = guarded_pull(&context, Security::plain_server(decide), place);
    let push = Push::builder(&context)
        .security(plain("anna", "secret"))
        .reconnect_interval(Duration::from_millis(5))
        .build();
    push.connect(&at).expect("connects");
    push.send("at last").expect("sent");
    for _ in 0..3 {
        let event = wait_for_denied(&events);
        assert_eq!(denied(&event.kind), Some(("PLAIN", "anna", "not now")));
    }
    is_open.store(true, Ordering::Relaxed);
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "at last");
}

fn a_decision_that_panics_is_a_refusal_and_others_go_on(place: &Place) {
    let context = Context::new();
    let decide = |who: &Candidate| match &who.proof {
        Proof::Plain { user, .. } if user == "bad" => panic!("on purpose"),
        _ => Verdict::allow("good"),
    };
    let (pull, events, at) = guarded_pull(&context, Security::plain_server(decide), place);
    let bad = Push::builder(&context).security(plain("bad", "")).build();
    bad.connect(&at).expect("connects");
    for _ in 0..6 {
        let event = wait_for_denied(&events);
        assert_eq!(
            denied(&event.kind),
            Some(("PLAIN", "bad", "the decision panicked"))
        );
        bad.disconnect(&at).expect("it is there");
        bad.connect(&at).expect("connects");
    }
    let good = Push::builder(&context).security(plain("good", "")).build();
    good.connect(&at).expect("connects");
    good.send("hello").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
}

fn a_decision_that_does_not_return_is_a_refusal_at_its_deadline_and_others_go_on(place: &Place) {
    let context = Context::new();
    let (release, held) = bounded::<()>(0);
    let decide = move |who: &Candidate| {
        if let Proof::Plain { user, .. } = &who.proof
            && user == "slow"
        {
            // Ends with the test.
            let _ = held.recv();
        }
        Verdict::allow("anyone")
    };
    let security = Security::plain_server(decide).deadline(Duration::from_millis(50));
    let (pull, events, at) = guarded_pull(&context, security, place);
    // Two of the four threads are held up; the third attempt is not made.
    let slow = Push::builder(&context)
        .security(plain("slow", ""))
        .reconnect_attempts(Some(1))
        .reconnect_interval(Duration::from_millis(5))
        .build();
    slow.connect(&at).expect("connects");
    for _ in 0..2 {
        let event = wait_for_denied(&events);
        assert_eq!(
            denied(&event.kind),
            Some(("PLAIN", "slow", "the decision has taken too long"))
        );
    }
    for _ in 0..10 {
        let good = Push::builder(&context)
            .security(plain("good", ""))
            .reconnect_interval(Duration::from_millis(5))
            .build();
        good.connect(&at).expect("connects");
        good.send("hello").expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
    }
    assert!(pull.peers().iter().all(|peer| peer.user == "anyone"));
    drop(release);
}

/// A peer of PLAIN that has said HELLO.
fn says_hello(at: &highwater::Endpoint) -> RawPeer {
    let mut peer = RawPeer::connect(at);
    let mut hello = greeting();
    hello[12..32].copy_from_slice(b"PLAIN\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    peer.send(&hello);
    peer.send(&command("HELLO", b"\x04anna\x06secret"));
    peer
}

fn a_peer_that_has_gone_while_it_was_decided_about_changes_nothing(place: &Place) {
    let context = Context::new();
    let (asked, is_asked) = bounded(10);
    let (release, held) = bounded::<()>(0);
    let decide = move |_: &Candidate| {
        asked.send(()).expect("it is counted");
        let _ = held.recv();
        Verdict::allow("gone")
    };
    let (pull, events, at) = guarded_pull(&context, Security::plain_server(decide), place);
    for _ in 0..3 {
        let peer = says_hello(&at);
        is_asked.recv_timeout(PATIENCE).expect("it is asked");
        peer.reset();
        drop(peer);
        release.send(()).expect("it waits");
        wait_for_event(&events, "of the end", |kind| {
            matches!(kind, EventKind::HandshakeFailed(_))
        });
    }
    drop(release);
    let good = Push::builder(&context).security(plain("good", "")).build();
    good.connect(&at).expect("connects");
    good.send("hello").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
    assert_eq!(pull.stats().handshakes, 1);
}

fn a_user_that_is_taken_out_is_out_at_once(place: &Place) {
    let context = Context::new();
    let users = Passwords::from([("anna", ""), ("bert", "")]);
    let router = Router::builder(&context)
        .security(Security::plain_server(users.clone()))
        .build();
    let events = router.monitor();
    let at = router.bind(place.any()).expect("bound");
    let dealers = ["anna", "bert"].map(|user| {
        let dealer = Dealer::builder(&context).security(plain(user, "")).build();
        dealer.connect(&at).expect("connects");
        dealer
    });
    let told = dealers[0].monitor();
    router.wait_for_peers(2, PATIENCE).expect("both come");
    assert!(users.remove("anna"));
    wait_for_event(&events, "of the end", |kind| {
        matches!(
            kind,
            EventKind::Disconnected {
                cause: LinkError::Revoked,
                ..
            }
        )
    });
    // It comes again, and is told that it may not.
    wait_for_event(&told, "of the refusal", |kind| {
        matches!(kind, EventKind::GaveUp(_))
    });
    wait_until("one is left", || router.peers().len() == 1);
    dealers[1].send("still here").expect("sent");
    let (peer, _, message) = router.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!((&*peer.user, message), ("bert", "still here".into()));
}

fn of_a_revoked_peer_nothing_is_received_once_that_returns(place: &Place) {
    const ALL: usize = 100;
    let context = Context::new();
    for (is_looked_at, is_lent) in [(false, false), (true, false), (false, true)] {
        let users = Passwords::from([("anna", ""), ("bert", "")]);
        let (pull, _, at) = guarded_pull(&context, Security::plain_server(users.clone()), place);
        let [anna, bert] = ["anna", "bert"].map(|user| {
            let push = Push::builder(&context).security(plain(user, "")).build();
            push.connect(&at).expect("connects");
            push.wait_for_peers(1, PATIENCE).expect("let in");
            push
        });
        for number in 0..ALL {
            anna.send(number.to_string()).expect("sent");
        }
        let received = if is_lent {
            // The readers of both links are borrowed by this call.
            let (peer, _) = pull.recv_from_timeout(PATIENCE).expect("received");
            assert_eq!(peer.user, "anna");
            1
        } else {
            wait_until("all have come", || pull.stats().queued_to_receive == ALL);
            0
        };
        let mut poll = Poll::new().expect("descriptors");
        if is_looked_at {
            poll.add(&pull, Interest::READABLE);
            assert_eq!(poll.wait(Some(PATIENCE)).expect("polled").len(), 1);
        }
        assert!(users.remove("anna"));
        assert!(pull.peers().iter().all(|peer| peer.user == "bert"));
        assert!(pull.try_recv().is_err());
        let stats = pull.stats();
        assert_eq!(stats.messages_received, received);
        if !is_lent {
            // Of what lies in the borrowed reader or the kernel, it is not known how many messages it is.
            assert_eq!(stats.dropped.unread, ALL as u64);
        }
        bert.send("still here").expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "still here");
        drop(anna);
    }
}

fn to_a_revoked_peer_nothing_is_sent_once_that_returns(place: &Place) {
    let context = Context::new();
    let users = Passwords::from([("anna", ""), ("bert", "")]);
    let publisher = Pub::builder(&context)
        .security(Security::plain_server(users.clone()))
        .build();
    let router = Router::builder(&context)
        .security(Security::plain_server(users.clone()))
        .build();
    let [published, routed] = [publisher.bind(place.any()), router.bind(place.any())];
    let (published, routed) = (published.expect("bound"), routed.expect("bound"));
    let peers = ["anna", "bert"].map(|user| {
        let sub = Sub::builder(&context).security(plain(user, "")).build();
        sub.subscribe("").expect("subscribed");
        sub.connect(&published).expect("connects");
        let dealer = Dealer::builder(&context)
            .security(plain(user, ""))
            .routing_id(RoutingId::new(user).expect("a good id"))
            .build();
        dealer.connect(&routed).expect("connects");
        (sub, dealer)
    });
    router.wait_for_peers(2, PATIENCE).expect("both come");
    wait_until("both subscribe", || publisher.subscription_count("") == 2);
    assert!(users.remove("anna"));
    assert_eq!(publisher.send("news").expect("sent").sent, 1);
    let anna = RoutingId::new("anna").expect("a good id");
    assert!(router.send_to(&anna, "to anna").is_err());
    let bert = RoutingId::new("bert").expect("a good id");
    router.send_to(&bert, "to bert").expect("sent");
    let [(annas_sub, annas_dealer), (berts_sub, berts_dealer)] = peers;
    assert_eq!(berts_sub.recv_timeout(PATIENCE).expect("received"), "news");
    assert_eq!(
        berts_dealer.recv_timeout(PATIENCE).expect("received"),
        "to bert"
    );
    // She hears that she is out, and before that nothing else.
    let is_refused =
        |state: Result<EndpointState, _>| matches!(state, Ok(EndpointState::GivenUp(_)));
    wait_until("the refusal", || {
        is_refused(annas_sub.endpoint_state(&published))
            && is_refused(annas_dealer.endpoint_state(&routed))
    });
    assert!(annas_sub.try_recv().is_err() && annas_dealer.try_recv().is_err());
}

fn what_is_revoked_while_a_handshake_is_under_way_counts(place: &Place) {
    let context = Context::new();
    let (asked, is_asked) = bounded(10);
    let (answer, answers) = bounded::<Verdict>(0);
    let decide = move |_: &Candidate| {
        asked.send(()).expect("it is counted");
        answers.recv().unwrap_or(Verdict::Later)
    };
    let (pull, events, at) = guarded_pull(
        &context,
        Security::plain_server(decide).deadline(PATIENCE),
        place,
    );
    let push = Push::builder(&context)
        .security(plain("anna", ""))
        .reconnect_interval(Duration::from_millis(5))
        .build();
    push.connect(&at).expect("connects");
    is_asked.recv_timeout(PATIENCE).expect("it is asked");
    // She is being let in, and is to be out.
    assert_eq!(pull.revoke_peers(|peer| peer.user == "anna"), 0);
    answer.send(Verdict::allow("anna")).expect("it waits");
    wait_for_event(&events, "of the end", |kind| {
        matches!(
            kind,
            EventKind::Disconnected {
                cause: LinkError::Revoked,
                ..
            }
        )
    });
    is_asked.recv_timeout(PATIENCE).expect("it is asked again");
    assert!(pull.peers().is_empty());
    answer.send(Verdict::allow("anna")).expect("it waits");
    push.send("let in after all").expect("sent");
    let message = pull.recv_timeout(PATIENCE).expect("received");
    assert_eq!(message, "let in after all");
}

fn peers_are_revoked_by_what_is_known_of_them(place: &Place) {
    let context = Context::new();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    let senders: Vec<Push> = (0..3)
        .map(|number| {
            let push = Push::builder(&context)
                .metadata("X-Number", number.to_string())
                .expect("a name")
                .reconnect_interval(PATIENCE)
                .build();
            push.connect(&at).expect("connects");
            push
        })
        .collect();
    pull.wait_for_peers(3, PATIENCE).expect("all come");
    let is_second = |peer: &highwater::PeerInfo| {
        peer.property("X-Number")
            .is_some_and(|number| number == "1")
    };
    assert_eq!(pull.revoke_peers(is_second), 1);
    wait_until("it is out", || pull.peers().len() == 2);
    assert!(!pull.peers().iter().any(is_second));
    assert_eq!(pull.revoke_peers(|_| true), 2);
    wait_until("all are out", || pull.peers().is_empty());
    drop(senders);
}

fn a_socket_that_asks_for_a_place_asks_for_leave_first(place: &Place) {
    let context = Context::new();
    let users = Passwords::from([("anna", "")]);
    let here = Pair::builder(&context)
        .security(Security::plain_server(users))
        .build();
    let events = here.monitor();
    let at = here.bind(place.any()).expect("bound");
    let stranger = Pair::builder(&context).security(plain("eve", "")).build();
    stranger.connect(&at).expect("connects");
    wait_for_denied(&events);
    let anna = Pair::builder(&context).security(plain("anna", "")).build();
    anna.connect(&at).expect("connects");
    anna.send("hello").expect("sent");
    let (peer, message) = here.recv_from_timeout(PATIENCE).expect("received");
    assert_eq!((&*peer.user, message), ("anna", "hello".into()));
    here.send("welcome").expect("sent");
    assert_eq!(anna.recv_timeout(PATIENCE).expect("received"), "welcome");
    // There is a peer already.
    let second = Pair::builder(&context).security(plain("anna", "")).build();
    second.connect(&at).expect("connects");
    wait_for_event(&events, "of the second", |kind| {
        *kind == EventKind::HandshakeFailed(LinkError::AlreadyPaired)
    });
}

fn without_credentials_it_is_decided_by_the_address(place: &Place) {
    let context = Context::new();
    let is_tcp = place.transport() == highwater::Transport::Tcp;
    for (networks, comes_in) in [
        (["127.0.0.0/8", "::1"], true),
        (["192.0.2.0/24", "2001:db8::/32"], !is_tcp),
    ] {
        let allowed = Addresses::allow(networks).expect("networks");
        for of_pairs in [false, true] {
            let security = Security::null().only(allowed.clone());
            if of_pairs {
                let here = Pair::builder(&context).security(security).build();
                let at = here.bind(place.any()).expect("bound");
                let there = Pair::new(&context);
                let told = there.monitor();
                there.connect(&at).expect("connects");
                decided(&told, comes_in);
            } else {
                let pull = Pull::builder(&context).security(security).build();
                let at = pull.bind(place.any()).expect("bound");
                let push = Push::new(&context);
                let told = push.monitor();
                push.connect(&at).expect("connects");
                decided(&told, comes_in);
            }
        }
    }

    fn decided(there: &crossbeam_channel::Receiver<Event>, comes_in: bool) {
        let event = wait_for_event(there, "of the decision", |kind| {
            matches!(
                kind,
                EventKind::HandshakeSucceeded | EventKind::HandshakeFailed(_)
            )
        });
        let expected = match comes_in {
            true => EventKind::HandshakeSucceeded,
            false => EventKind::HandshakeFailed(LinkError::Protocol(ProtocolError::PeerError {
                reason: "400".to_owned(),
            })),
        };
        assert_eq!(event.kind, expected);
    }
}

fn the_end_that_connects_may_decide_too(place: &Place) {
    let context = Context::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let security = || {
        let (asked, seen) = (Arc::clone(&asked), Arc::clone(&seen));
        Security::null().only(move |who: &Candidate| {
            asked.fetch_add(1, Ordering::Relaxed);
            seen.lock().expect("whole").push(who.address);
            Verdict::allow("known")
        })
    };
    // Both ends decide, and neither waits for the other's READY to do so.
    let here = Pair::builder(&context).security(security()).build();
    let at = here.bind(place.any()).expect("bound");
    let there = Pair::builder(&context).security(security()).build();
    there.connect(&at).expect("connects");
    there.send("hello").expect("sent");
    assert_eq!(here.recv_timeout(PATIENCE).expect("received"), "hello");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(here.peers()[0].user, "known");
    let nobody = Security::null().only(|_: &Candidate| Verdict::deny());
    let refusing = Push::builder(&context).security(nobody).build();
    let events = refusing.monitor();
    let pull = Pull::new(&context);
    let at = pull.bind(place.any()).expect("bound");
    refusing.connect(&at).expect("connects");
    let event = wait_for_denied(&events);
    assert_eq!(denied(&event.kind), Some(("NULL", "", "400")));
    std::thread::sleep(MOMENT);
    assert_eq!(pull.stats().handshakes, 0);
}

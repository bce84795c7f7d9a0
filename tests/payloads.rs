//! What two ends say of their payload is compared in the handshake: `X-Payload`.
#![cfg(not(highwater_curve_everywhere))]

mod support;

use std::time::Duration;

use highwater::security::{Addresses, Passwords, Security};
use highwater::{
    AsSocket, Builder, Context, Dealer, Endpoint, EndpointState, Event, EventKind, LinkError, Pair,
    ProtocolError, Pub, Pull, Push, Rep, Req, Router, Socket, SocketRef, Sub, Transport,
};
use support::{
    MOMENT, PATIENCE, Place, Python, number, over_each_transport, over_every_transport,
    wait_for_event, wait_until,
};

over_every_transport!(
    ends_that_differ_are_refused_with_words_and_keep_their_messages,
    ends_that_agree_and_ends_that_say_nothing_talk,
    each_type_of_socket_compares,
);
over_each_transport!(what_libzmq_says_is_compared, libzmq_sees_what_is_said);

/// A mechanism: its name, and the security of the server and of the client.
type Mechanism = (&'static str, Security, Security);

/// All that there are over this transport.
fn mechanisms(place: &Place) -> Vec<Mechanism> {
    let mut all = vec![("NULL", Security::default(), Security::default())];
    if place.transport() == Transport::Inproc {
        return all;
    }
    let anybody = Addresses::allow(["127.0.0.0/8"]).expect("a network");
    let judging = Security::null().only(anybody);
    if place.transport() == Transport::Tcp {
        all.push(("NULL, with a decision", judging, Security::default()));
    }
    let client = Security::plain_client("anna", "secret").expect("short");
    let server = Security::plain_server(Passwords::from([("anna", "secret")]));
    all.push(("PLAIN", server, client));
    #[cfg(feature = "curve")]
    {
        use highwater::security::Keypair;
        let (server, client) = (Keypair::generate(), Keypair::generate());
        let to_server = Security::curve_client(&client, server.public());
        let server = Security::curve_server(&server).anyone();
        all.push(("CURVE", server, to_server));
    }
    all
}

/// A socket with pauses so short that a test need not wait for them.
fn made<S>(builder: Builder<S>, security: &Security, payload: Option<&str>) -> S {
    let builder = builder
        .security(security.clone())
        .reconnect_interval(Duration::from_millis(5))
        .reconnect_interval_max(Duration::from_millis(40));
    match payload {
        None => builder.build(),
        Some(payload) => builder
            .metadata("X-Payload", payload.to_owned())
            .expect("a property")
            .build(),
    }
}

fn differ(theirs: &str, ours: &str) -> LinkError {
    LinkError::Protocol(ProtocolError::PayloadMismatch {
        theirs: theirs.to_owned(),
        ours: ours.to_owned(),
    })
}

fn failed_for(cause: &LinkError) -> impl Fn(&EventKind) -> bool {
    move |kind| matches!(kind, EventKind::HandshakeFailed(told) if told == cause)
}

/// Connects one to the other, either before or after that one binds; gives the endpoint.
fn meet(binds: &SocketRef, connects: &SocketRef, place: &Place, connects_first: bool) -> Endpoint {
    if connects_first {
        let at = place.vacant();
        connects.connect(at.as_str()).expect("connecting");
        binds.bind(at.as_str()).expect("bound")
    } else {
        let at = binds.bind(place.any()).expect("bound");
        connects.connect(&at).expect("connecting");
        at
    }
}

fn ends_that_differ_are_refused_with_words_and_keep_their_messages(place: &Place) {
    for (name, server, client) in mechanisms(place) {
        for (sender_serves, sender_binds, connects_first) in [
            (false, false, false),
            (false, false, true),
            (false, true, false),
            (true, false, false),
            (true, true, true),
        ] {
            println!(
                "{name}, the sender serves: {sender_serves}, binds: {sender_binds}, connects first: {connects_first}"
            );
            let context = Context::new();
            let (to_sender, to_receiver) = if sender_serves {
                (&server, &client)
            } else {
                (&client, &server)
            };
            let push = made(Push::builder(&context), to_sender, Some("job/1+json"));
            let pull = made(Pull::builder(&context), to_receiver, Some("job/2+json"));
            let (sender, receiver) = (push.as_socket(), pull.as_socket());
            let (told_sender, told_receiver) = (push.monitor(), pull.monitor());
            let at = if sender_binds {
                meet(&sender, &receiver, place, connects_first)
            } else {
                meet(&receiver, &sender, place, connects_first)
            };
            if !sender_binds {
                for count in 0..50 {
                    push.send(count.to_string()).expect("queued");
                }
            }
            let (here, there) = (
                differ("job/2+json", "job/1+json"),
                differ("job/1+json", "job/2+json"),
            );
            wait_for_event(&told_sender, "of the refusal", failed_for(&here));
            wait_for_event(&told_receiver, "of the refusal", failed_for(&there));
            if place.transport() != Transport::Inproc {
                let (connects, told, cause) = if sender_binds {
                    (&receiver, &told_receiver, &there)
                } else {
                    (&sender, &told_sender, &here)
                };
                comes_back_ever_more_slowly(told, cause);
                wait_until("the state tells", || {
                    matches!(
                        connects.endpoint_state(&at),
                        Ok(EndpointState::Retrying { cause: told, .. }) if told == *cause
                    )
                });
            }
            for stats in [push.stats(), pull.stats()] {
                assert_eq!((stats.handshakes, stats.dropped), (0, Default::default()));
                assert!(stats.handshakes_failed >= 1);
            }
            assert!(push.peers().is_empty() && pull.peers().is_empty());
            assert!(pull.try_recv().is_err());

            if sender_binds {
                continue;
            }
            // One that agrees takes the place.
            assert_eq!(push.stats().queued_to_send, 50);
            receiver.unbind(&at).expect("it was bound");
            let pull = made(Pull::builder(&context), to_receiver, Some("job/1+json"));
            pull.bind(&at).expect("bound");
            for count in 0..50 {
                let message = pull.recv_timeout(PATIENCE).expect("received");
                assert_eq!(number(&message), count);
            }
            assert_eq!(push.stats().handshakes, 1);
        }
    }
}

/// The pauses between attempts grow up to the longest.
fn comes_back_ever_more_slowly(events: &crossbeam_channel::Receiver<Event>, refused: &LinkError) {
    wait_for_event(
        events,
        "of a longer pause",
        |kind| matches!(kind, EventKind::Retrying { delay, cause } if cause == refused && *delay >= Duration::from_millis(20)),
    );
}

fn ends_that_agree_and_ends_that_say_nothing_talk(place: &Place) {
    for (name, server, client) in mechanisms(place) {
        for sender_binds in [false, true] {
            for (ours, theirs) in [
                (Some("job/1+json"), Some("job/1+json")),
                (Some("job/1+json"), None),
                (None, Some("job/1+json")),
            ] {
                println!("{name}, the sender binds: {sender_binds}, {ours:?} with {theirs:?}");
                let context = Context::new();
                let push = made(Push::builder(&context), &client, ours);
                let pull = made(Pull::builder(&context), &server, theirs);
                let (sender, receiver) = (push.as_socket(), pull.as_socket());
                if sender_binds {
                    meet(&sender, &receiver, place, false);
                } else {
                    meet(&receiver, &sender, place, false);
                }
                push.send("one").expect("sent");
                assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "one");
                for (socket, said) in [(&sender, theirs), (&receiver, ours)] {
                    let peers = socket.peers();
                    let property = peers[0].property("x-payload");
                    assert_eq!(property.map(|value| &value[..]), said.map(str::as_bytes));
                    assert_eq!(socket.stats().handshakes_failed, 0);
                }
            }
        }
    }
}

/// Also the types that ask whether a peer has a place, and hold READY back for that.
fn each_type_of_socket_compares(place: &Place) {
    let (one, other) = ("one", "other");
    let none = Security::default();
    macro_rules! each {
        ($($first:ident with $second:ident),+ $(,)?) => {$(
            for (first_says, second_says) in [(one, one), (one, other)] {
                for first_binds in [true, false] {
                    println!("{first_says} {second_says}, {} binds: {first_binds}", stringify!($first));
                    let context = Context::new();
                    let first = made($first::builder(&context), &none, Some(first_says));
                    let second = made($second::builder(&context), &none, Some(second_says));
                    let (first, second) = (first.as_socket(), second.as_socket());
                    let told = [first.monitor(), second.monitor()];
                    let (binds, connects) = if first_binds {
                        (&first, &second)
                    } else {
                        (&second, &first)
                    };
                    meet(binds, connects, place, false);
                    if first_says == second_says {
                        first.wait_for_peers(1, PATIENCE).expect("they agree");
                        second.wait_for_peers(1, PATIENCE).expect("they agree");
                    } else {
                        let causes = [differ(other, one), differ(one, other)];
                        for (told, cause) in told.iter().zip(&causes) {
                            wait_for_event(told, "of the refusal", failed_for(cause));
                        }
                        assert!(first.peers().is_empty() && second.peers().is_empty());
                    }
                }
            }
        )+};
    }
    each!(
        Push with Pull,
        Pub with Sub,
        Req with Rep,
        Dealer with Router,
        Router with Router,
        Pair with Pair,
    );
}

/// libzmq compares nothing. It is refused by us, gets no ERROR, after which it would not come again, and keeps what it has to
/// send where it is the end that connects.
fn what_libzmq_says_is_compared(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let context = Context::new();
    let none = Security::default();
    let pull = made(Pull::builder(&context), &none, Some("cbor"));
    let told = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    python.ask("new push PUSH");
    python.ask("set push METADATA :X-Payload:json");
    python.ask("set push RECONNECT_IVL 10");
    python.ask(&format!("connect push {at}"));
    python.ask("send_numbers push 0 50");
    for _ in 0..3 {
        wait_for_event(&told, "of the refusal", failed_for(&differ("json", "cbor")));
    }
    assert_eq!(pull.stats().handshakes, 0);
    pull.unbind(&at).expect("it was bound");
    let agrees = made(Pull::builder(&context), &none, Some("json"));
    agrees.bind(&at).expect("bound");
    for count in 0..50 {
        assert_eq!(
            number(&agrees.recv_timeout(PATIENCE).expect("received")),
            count
        );
    }
    let peers = agrees.peers();
    assert_eq!(peers[0].property("X-Payload").expect("said"), "json");

    // The other way around: they bind.
    python.ask("new pull PULL");
    python.ask("set pull METADATA :X-Payload:json");
    let there = match place.transport() {
        Transport::Tcp => python.ask("bind pull tcp://127.0.0.1:*"),
        _ => python.ask(&format!("bind pull {}", place.vacant())),
    };
    let push = made(Push::builder(&context), &none, Some("cbor"));
    let told = push.monitor();
    push.connect(there.as_str()).expect("connecting");
    push.send("kept").expect("queued");
    wait_for_event(&told, "of the refusal", failed_for(&differ("json", "cbor")));
    comes_back_ever_more_slowly(&told, &differ("json", "cbor"));
    assert_eq!(push.stats().queued_to_send, 1);
    assert_eq!(push.close(Duration::ZERO).lost, 1);
    let push = made(Push::builder(&context), &none, Some("json"));
    push.connect(there.as_str()).expect("connecting");
    push.send("good").expect("queued");
    assert_eq!(python.recv("pull"), "good");
}

fn libzmq_sees_what_is_said(place: &Place) {
    let Some(mut python) = Python::start() else {
        return;
    };
    let context = Context::new();
    for (name, server, client) in mechanisms(place) {
        // Only ends without a mechanism need nothing set at the other.
        if name != "NULL" {
            continue;
        }
        for (we_bind, security) in [(true, server), (false, client)] {
            let push = made(Push::builder(&context), &security, Some("job/1+json"));
            python.ask("new pull PULL");
            if we_bind {
                let at = push.bind(place.any()).expect("bound");
                python.ask(&format!("connect pull {at}"));
            } else {
                let at = match place.transport() {
                    Transport::Tcp => python.ask("bind pull tcp://127.0.0.1:*"),
                    _ => python.ask(&format!("bind pull {}", place.vacant())),
                };
                push.connect(at.as_str()).expect("connecting");
            }
            push.send("one").expect("sent");
            assert_eq!(python.ask("recv_property pull X-Payload"), "job/1+json");
            python.ask("close pull");
        }
    }
}

/// Within a process nobody connects again: the connection waits, and is told of once for each socket that refuses it.
#[test]
fn within_the_process_a_connection_waits_for_one_that_agrees() {
    let context = Context::new();
    let none = Security::default();
    let push = made(Push::builder(&context), &none, Some("json"));
    let told = push.monitor();
    push.connect("inproc://jobs").expect("connecting");
    push.send("kept").expect("queued");
    for payload in ["cbor", "postcard"] {
        let pull = made(Pull::builder(&context), &none, Some(payload));
        pull.bind("inproc://jobs").expect("bound");
        wait_for_event(
            &told,
            "of the refusal",
            failed_for(&differ(payload, "json")),
        );
        pull.pause_accepting("inproc://jobs").expect("bound");
        pull.resume_accepting("inproc://jobs").expect("bound");
        assert_eq!(pull.stats().handshakes_failed, 1, "told once");
        let again = told.recv_timeout(MOMENT);
        assert!(
            !again.is_ok_and(|event| matches!(event.kind, EventKind::HandshakeFailed(_))),
            "told once"
        );
    }
    let pull = made(Pull::builder(&context), &none, Some("json"));
    pull.bind("inproc://jobs").expect("bound");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "kept");
    assert_eq!(push.stats().handshakes_failed, 2);
}

//! Handshakes under way are bounded, in all and for each address, and an unprotected address is told of.

mod support;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use highwater::security::{Passwords, Security};
use highwater::{AcceptFilter, Context, EventKind, LinkError, Pull, Push};
use socket2::{Domain, Socket, Type};
use support::{
    MOMENT, PATIENCE, Place, RawPeer, must_end, over_each_transport, wait_for_event, wait_until,
};

over_each_transport!(beyond_the_limit_connections_wait_and_come_in_later);

fn beyond_the_limit_connections_wait_and_come_in_later(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context).handshake_limit(Some(5)).build();
    let at = pull.bind(place.any()).expect("bound");
    let events = pull.monitor();
    let silent: Vec<RawPeer> = (0..5).map(|_| RawPeer::connect(&at)).collect();
    for _ in &silent {
        wait_for_event(&events, "of one accepted", |kind| {
            *kind == EventKind::Accepted
        });
    }
    let push = Push::new(&context);
    push.connect(&at).expect("connects");
    push.send("let me in").expect("sent");
    assert!(pull.recv_timeout(MOMENT).is_err(), "there is no room");
    drop(silent);
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "let me in");
    // Connections whose handshake is done are not counted.
    let more: Vec<Push> = (0..20)
        .map(|_| {
            let push = Push::new(&context);
            push.connect(&at).expect("connects");
            push
        })
        .collect();
    pull.wait_for_peers(21, PATIENCE).expect("all come in");
    assert_eq!(pull.stats().accepts_failed, 0);
    drop(more);
}

/// A connection from an address of this machine's own, of which it has millions.
#[cfg(target_os = "linux")]
fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from(([127, 0, 77, last], 0));
    socket.bind(&from.into()).expect("an address of ours");
    socket.connect(&to.into()).expect("somebody listens");
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("it is not zero");
    stream
}

#[cfg(target_os = "linux")]
#[test]
fn a_flood_from_one_address_keeps_no_other_out() {
    must_end("a flood from one address", || {
        let context = Context::new();
        let users = Passwords::from([("anna", "")]);
        let pull = Pull::builder(&context)
            .security(Security::plain_server(users))
            .handshake_limit_per_address(Some(10))
            .build();
        let events = pull.monitor();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let to = SocketAddr::new(at.ip().expect("an address"), at.port().expect("a port"));
        let flood: Vec<TcpStream> = (0..200).map(|_| connect_from(1, to)).collect();
        wait_until("those beyond the limit are closed", || {
            pull.stats().refused_handshakes == 190
        });
        wait_for_event(&events, "of one closed", |kind| {
            *kind == EventKind::AcceptFailed(LinkError::TooManyHandshakes)
        });
        assert_eq!(pull.stats().accepts_failed, 190);
        // From 127.0.0.1.
        let anna = Security::plain_client("anna", "").expect("short");
        let push = Push::builder(&context).security(anna).build();
        push.connect(&at).expect("connects");
        push.send("hello").expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
        drop(flood);
        // The address is no longer known once its connections have gone.
        wait_until("all have failed", || pull.stats().handshakes_failed == 10);
        let again: Vec<TcpStream> = (0..10).map(|_| connect_from(1, to)).collect();
        for _ in &again {
            wait_for_event(&events, "of one accepted", |kind| {
                *kind == EventKind::Accepted
            });
        }
        assert_eq!(pull.stats().refused_handshakes, 190);
    });
}

/// As many as the defaults take, from as many addresses as that needs, each behind its greeting: an honest client comes in.
#[cfg(target_os = "linux")]
#[test]
fn thousands_that_stop_in_their_handshake_keep_no_honest_client_out() {
    must_end("thousands of halves", || {
        // Both ends of each are here.
        support::allow_open_files(10_000);
        let context = Context::new();
        let users = Passwords::from([("anna", "")]);
        let pull = Pull::builder(&context)
            .security(Security::plain_server(users))
            .handshake_timeout(Some(Duration::from_secs(600)))
            .build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let to = SocketAddr::new(at.ip().expect("an address"), at.port().expect("a port"));
        let mut hello = support::greeting();
        hello[12..32].copy_from_slice(b"PLAIN\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let halves: Vec<TcpStream> = (0..4096_u32)
            .map(|number| {
                let mut half = connect_from(u8::try_from(number / 1024).expect("4") + 1, to);
                half.write_all(&hello).expect("it is taken");
                half
            })
            .collect();
        let anna = Security::plain_client("anna", "").expect("short");
        let push = Push::builder(&context).security(anna).build();
        push.connect(&at).expect("connects");
        push.send("hello").expect("sent");
        assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
        let stats = pull.stats();
        assert_eq!((stats.handshakes, stats.refused_handshakes), (1, 0));
        assert!(stats.handshakes_failed > 0, "silence has made room");
        drop(halves);
    });
}

#[test]
fn in_a_crowd_silence_ends_sooner() {
    for (in_all, of_address) in [(Some(8), None), (Some(1000), Some(8)), (None, Some(8))] {
        silence_ends_sooner(in_all, of_address);
    }
}

fn silence_ends_sooner(in_all: Option<usize>, of_address: Option<usize>) {
    must_end("silence in a crowd", move || {
        let context = Context::new();
        let pull = Pull::builder(&context)
            .handshake_limit(in_all)
            .handshake_limit_per_address(of_address)
            .handshake_timeout(Some(Duration::from_secs(600)))
            .build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let _silent: Vec<RawPeer> = (0..8).map(|_| RawPeer::connect(&at)).collect();
        let push = Push::new(&context);
        push.connect(&at).expect("connects");
        push.send("let me in").expect("sent");
        let message = pull.recv_timeout(PATIENCE).expect("received");
        assert_eq!(message, "let me in");
    });
}

#[test]
fn an_address_that_others_can_reach_is_told_of_unless_it_is_said_to_be_meant() {
    let context = Context::new();
    let warns = |pull: &Pull, at: &str| {
        let events = pull.monitor();
        pull.bind(at).expect("bound");
        events
            .try_iter()
            .filter(|event| event.kind == EventKind::Unprotected)
            .count()
    };
    let pull = Pull::new(&context);
    assert_eq!(warns(&pull, "tcp://0.0.0.0:0"), 1);
    assert_eq!(warns(&pull, "tcp://127.0.0.1:0"), 0);
    assert_eq!(warns(&pull, "ipc://*"), 0);
    assert_eq!(warns(&pull, "inproc://unprotected"), 0);
    let meant = Security::null().anyone();
    let pull = Pull::builder(&context).security(meant).build();
    assert_eq!(warns(&pull, "tcp://0.0.0.0:0"), 0);
    let filter = AcceptFilter::default().network([10, 0, 0, 0], 8);
    let pull = Pull::builder(&context).accept_filter(filter).build();
    assert_eq!(warns(&pull, "tcp://0.0.0.0:0"), 0);
}

//! Peers that stop, or send nonsense, at each step of a handshake in which they would have to show who they are.

mod support;

use std::time::Duration;

use highwater::security::{Passwords, Security};
use highwater::{Context, EventKind, LinkError, Pull, Push};
use support::{
    Harm, PATIENCE, Place, RawPeer, command, frame, greeting, must_end, over_each_transport, ready,
    relay, wait_for_event,
};

over_each_transport!(
    silence_at_each_step_ends_with_the_handshake_timeout,
    nonsense_at_each_step_ends_the_connection_and_touches_nothing_else,
    before_a_client_has_shown_who_it_is_its_commands_are_short,
);

/// A greeting that names this mechanism.
fn greeting_of(mechanism: &str) -> Vec<u8> {
    let mut bytes = greeting();
    bytes[12..32].fill(0);
    bytes[12..12 + mechanism.len()].copy_from_slice(mechanism.as_bytes());
    bytes
}

fn hello() -> Vec<u8> {
    command("HELLO", b"\x04anna\x06secret")
}

fn initiate() -> Vec<u8> {
    command("INITIATE", b"\x0bSocket-Type\0\0\0\x04PUSH")
}

fn users() -> Security {
    Security::plain_server(Passwords::from([("anna", "secret")]))
}

/// Somebody who knows the password is served.
fn serves(context: &Context, pull: &Pull, at: &highwater::Endpoint) {
    let anna = Security::plain_client("anna", "secret").expect("short");
    let push = Push::builder(context).security(anna).build();
    push.connect(at).expect("connects");
    push.send("hello").expect("sent");
    assert_eq!(pull.recv_timeout(PATIENCE).expect("received"), "hello");
}

fn silence_at_each_step_ends_with_the_handshake_timeout(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .security(users())
        .handshake_timeout(Some(Duration::from_millis(300)))
        .build();
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let whole = [greeting_of("PLAIN"), hello(), initiate()].concat();
    let steps = [
        0,
        1,
        11,
        63,
        64,
        65,
        70,
        64 + hello().len(),
        whole.len() - 1,
    ];
    let silent: Vec<RawPeer> = steps
        .iter()
        .map(|said| {
            let mut peer = RawPeer::connect(&at);
            peer.send(&whole[..*said]);
            peer
        })
        .collect();
    serves(&context, &pull, &at);
    for _ in &silent {
        wait_for_event(&events, "of the end", |kind| {
            *kind == EventKind::HandshakeFailed(LinkError::HandshakeTimeout)
        });
    }
    for mut peer in silent {
        peer.wait_for_end();
    }
    assert_eq!(pull.stats().handshakes, 1);
}

/// Ways to go wrong, whatever is to come next.
fn nonsense() -> Vec<Vec<u8>> {
    let mut all = vec![
        vec![0xff; 100],
        vec![0; 100],
        frame(b"a message", false),
        frame(b"", true),
        command("", b""),
        command("READY", b""),
        command("WELCOME", b""),
        command("PING", b"\0\0"),
        command("SUBSCRIBE", b""),
        command("HELLO", b""),
        command("HELLO", b"\x05anna"),
        command("HELLO", b"\x04anna\x06secret!"),
        command("HELLO", &[255; 511]),
        command("INITIATE", b"\x0bSocket-Type\xff\xff\xff\xffPUSH"),
        command("ERROR", b""),
        // A length that is never followed by so many bytes.
        b"\x06\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\x06\0\0\0\0\0\x01\0\x01".to_vec(),
    ];
    // Something like random numbers, the same in each run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for length in [1, 7, 64, 300, 5000] {
        let bytes = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Its first byte is no size that could be waited for.
            state.to_be_bytes()[0] | 0x80
        });
        all.push(bytes.take(length).collect());
    }
    all
}

fn nonsense_at_each_step_ends_the_connection_and_touches_nothing_else(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .security(users())
        .handshake_timeout(Some(Duration::from_secs(2)))
        .build();
    let at = pull.bind(place.any()).expect("bound");
    let mut peers = Vec::new();
    for before in [
        Vec::new(),
        greeting_of("PLAIN"),
        greeting_of("NULL"),
        greeting_of("CURVE"),
        [greeting_of("PLAIN"), hello()].concat(),
    ] {
        for wrong in nonsense() {
            let mut peer = RawPeer::connect(&at);
            peer.send(&before);
            if before.len() > 64 {
                // It is let in, and told so.
                let mut theirs = [0; 64];
                std::io::Read::read_exact(&mut peer, &mut theirs).expect("a greeting");
                assert_eq!(peer.read_frame().1, b"\x07WELCOME");
            }
            peer.send(&wrong);
            peers.push(peer);
        }
        serves(&context, &pull, &at);
    }
    for mut peer in peers {
        peer.wait_for_end();
    }
    assert_eq!(pull.stats().handshakes, 5);
    serves(&context, &pull, &at);
}

fn before_a_client_has_shown_who_it_is_its_commands_are_short(place: &Place) {
    let context = Context::new();
    let pull = Pull::builder(&context)
        .security(users())
        .handshake_timeout(None)
        .build();
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let mut peer = RawPeer::connect(&at);
    peer.send(&greeting_of("PLAIN"));
    // It is refused by the length that is announced, before any of it has come.
    peer.send(b"\x06\0\0\0\0\0\0\x04\x01");
    peer.wait_for_end();
    wait_for_event(&events, "of the end", |kind| {
        matches!(
            kind,
            EventKind::HandshakeFailed(LinkError::Protocol(
                highwater::ProtocolError::CommandTooLong { max: 1024, .. }
            ))
        )
    });
    serves(&context, &pull, &at);
}

/// Whichever end hears no more behind any byte of the handshake, its next connection is good, and all that was sent arrives.
#[test]
fn plain_is_cut_at_each_byte() {
    must_end("PLAIN, cut at each byte", || {
        let context = Context::new();
        let pull = Pull::builder(&context)
            .security(users())
            .handshake_timeout(Some(Duration::from_secs(5)))
            .build();
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let to = (at.ip().expect("an address"), at.port().expect("a port")).into();
        let from_client = 64 + hello().len() + initiate().len();
        let from_server = 64 + command("WELCOME", b"").len() + ready("PULL").len();
        for (to_server, bytes) in [(true, from_client), (false, from_server)] {
            for byte in 0..bytes {
                let through = relay(to, to_server, byte, Harm::Cut);
                let anna = Security::plain_client("anna", "secret").expect("short");
                let push = Push::builder(&context)
                    .security(anna)
                    .reconnect_interval(Duration::from_millis(1))
                    .build();
                push.connect(format!("tcp://{through}")).expect("connects");
                push.send(byte.to_string()).expect("sent");
                let message = pull.recv_timeout(PATIENCE).expect("received");
                assert_eq!(message, byte.to_string());
                let stats = push.stats();
                assert_eq!((stats.retries, stats.dropped.unsent), (1, 0), "{byte}");
            }
        }
    });
}

use super::*;
use crate::zmtp::handshake::{Handshake, HandshakeConfig, Peer};
use crate::zmtp::mechanism::Mechanism;
use highwater_patterns::SocketType;
use std::time::Instant;

fn client() -> Mechanism {
    Mechanism::PlainClient(PlainClient::new(
        Bytes::from_static(b"admin"),
        Bytes::from_static(b"secret"),
    ))
}

fn server() -> Mechanism {
    Mechanism::PlainServer(PlainServer::default())
}

fn handshake(kind: SocketType, mechanism: Mechanism) -> Handshake {
    Handshake::with_mechanism(HandshakeConfig::new(kind), mechanism)
}

fn greeting(version: [u8; 2], mechanism: &str, is_server: bool) -> Vec<u8> {
    let mut bytes = b"\xff\0\0\0\0\0\0\0\x01\x7f".to_vec();
    bytes.extend(version);
    bytes.extend(mechanism.as_bytes());
    bytes.resize(32, 0);
    bytes.push(is_server.into());
    bytes.resize(64, 0);
    bytes
}

fn command(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![4, body.len() as u8];
    frame.extend_from_slice(body);
    frame
}

fn hello() -> Vec<u8> {
    command(b"\x05HELLO\x05admin\x06secret")
}

const PUSH: &[u8] = b"\x08INITIATE\x0bSocket-Type\x00\x00\x00\x04PUSH";

/// Plays a greeting of 3.1 and `commands` to a PULL server that lets everyone in, at once and byte by byte.
fn at_server(commands: &[Vec<u8>]) -> Result<Option<Peer>, ProtocolError> {
    at_server_of([3, 1], commands)
}

fn at_server_of(version: [u8; 2], commands: &[Vec<u8>]) -> Result<Option<Peer>, ProtocolError> {
    let play = |step| {
        let mut server = handshake(SocketType::Pull, server());
        let begin = greeting(version, "PLAIN", false);
        for piece in [&begin].into_iter().chain(commands) {
            for chunk in piece.chunks(step) {
                server.receive(chunk, Instant::now())?;
            }
            server.allow()?;
        }
        Ok(server.finish().map(|(peer, sealing)| {
            assert!(sealing.is_none(), "PLAIN seals nothing");
            peer
        }))
    };
    let whole = play(usize::MAX);
    assert_eq!(whole, play(1), "a cut changed the outcome");
    whole
}

/// Plays a greeting and `commands` to a PUSH client, at once and byte by byte.
fn at_client(commands: &[Vec<u8>]) -> Result<Option<Peer>, ProtocolError> {
    let input = [greeting([3, 1], "PLAIN", true), commands.concat()].concat();
    let play = |step| {
        let mut client = handshake(SocketType::Push, client());
        for chunk in input.chunks(step) {
            client.receive(chunk, Instant::now())?;
        }
        Ok(client.finish().map(|(peer, _)| peer))
    };
    let whole = play(usize::MAX);
    assert_eq!(whole, play(1), "a cut changed the outcome");
    whole
}

/// Pumps bytes between two ends, letting in whoever asks, until neither has any left.
fn pump(a: &mut Handshake, b: &mut Handshake) -> Result<(), ProtocolError> {
    loop {
        let (from_a, from_b) = (a.poll_transmit(), b.poll_transmit());
        if from_a.is_none() && from_b.is_none() {
            return Ok(());
        }
        b.receive(&from_a.unwrap_or_default(), Instant::now())?;
        a.receive(&from_b.unwrap_or_default(), Instant::now())?;
        a.allow()?;
        b.allow()?;
    }
}

#[test]
fn a_client_and_a_server_come_to_terms() {
    let mut client = handshake(SocketType::Push, client());
    let mut server = handshake(SocketType::Pull, server());
    pump(&mut client, &mut server).expect("both are content");
    let peer = server.peer().expect("the client is known");
    assert_eq!(peer.socket_type, Some(SocketType::Push));
    let peer = client.peer().expect("the server is known");
    assert_eq!(peer.socket_type, Some(SocketType::Pull));
}

#[test]
fn the_password_waits_for_a_greeting_that_names_plain() {
    let mut end = handshake(SocketType::Push, client());
    let sent = end.poll_transmit().expect("a greeting");
    assert_eq!(sent, greeting([3, 1], "PLAIN", false));
    let theirs = greeting([3, 1], "NULL", false);
    let refused = end.receive(&theirs, Instant::now());
    assert!(matches!(
        refused,
        Err(ProtocolError::MechanismMismatch { .. })
    ));
    assert_eq!(end.poll_transmit(), None, "nothing for a stranger");
}

#[test]
fn a_server_takes_no_other_mechanism() {
    for other in ["NULL", "CURVE", "PLAINS", ""] {
        let mut end = handshake(SocketType::Pull, server());
        let refused = end.receive(&greeting([3, 1], other, false), Instant::now());
        assert!(
            matches!(refused, Err(ProtocolError::MechanismMismatch { .. })),
            "{other}"
        );
    }
}

#[test]
fn nothing_is_answered_before_it_was_decided() {
    let mut end = handshake(SocketType::Pull, server());
    let _ = end.poll_transmit();
    let input = [greeting([3, 0], "PLAIN", false), hello()].concat();
    end.receive(&input, Instant::now()).expect("a good HELLO");
    assert_eq!(end.poll_transmit(), None);
    let credentials = end.credentials().expect("it asks").clone();
    let Credentials::Plain { user, password } = &credentials else {
        panic!("PLAIN, not {credentials:?}");
    };
    assert_eq!((&user[..], &password[..]), (&b"admin"[..], &b"secret"[..]));
    assert!(!format!("{credentials:?} {end:?}").contains("secret"));
    let early = end.receive(&command(PUSH), Instant::now());
    let name = "INITIATE".to_owned();
    assert_eq!(early, Err(ProtocolError::UnexpectedCommand { name }));
}

#[test]
fn who_is_refused_is_told_the_reason() {
    let mut end = handshake(SocketType::Pull, server());
    let _ = end.poll_transmit();
    let input = [greeting([3, 1], "PLAIN", false), hello()].concat();
    end.receive(&input, Instant::now()).expect("a good HELLO");
    end.refuse("400");
    assert_eq!(end.poll_transmit(), Some(command(b"\x05ERROR\x03400")));
    let refused = Err(ProtocolError::PeerError {
        reason: "400".to_owned(),
    });
    assert_eq!(at_client(&[command(b"\x05ERROR\x03400")]), refused);
    assert_eq!(at_client(&[command(b"^RROR\x03400")]), refused);
    let welcome = command(b"\x07WELCOME");
    assert_eq!(
        at_client(&[welcome.clone(), command(b"\x05ERROR\x03400")]),
        refused
    );
    let unnamed = Err(ProtocolError::MalformedCommand);
    assert_eq!(at_client(&[command(b"^RROR\x04400")]), unnamed);
    assert_eq!(at_client(&[welcome, command(b"^RROR\x03400")]), unnamed);
}

#[test]
fn metadata_is_judged_before_the_peer_hears_that_it_is_ready() {
    let mut end = handshake(SocketType::Pull, server());
    let mut play = |bytes: &[u8]| {
        let result = end.receive(bytes, Instant::now());
        end.allow().expect("nothing to judge");
        (result.map(drop), end.poll_transmit())
    };
    let _ = play(&greeting([3, 1], "PLAIN", false));
    assert_eq!(play(&hello()), (Ok(()), Some(command(b"\x07WELCOME"))));
    let other = b"\x08INITIATE\x0bSocket-Type\x00\x00\x00\x03PUB";
    let (result, sent) = play(&command(other));
    assert!(matches!(
        result,
        Err(ProtocolError::IncompatibleSocketType { .. })
    ));
    assert_eq!(
        sent,
        Some(command(b"\x05ERROR\x18incompatible socket type"))
    );
}

#[test]
fn a_peer_that_is_held_back_hears_nothing_until_it_is_admitted() {
    let mut config = HandshakeConfig::new(SocketType::Pull);
    config.holds_back = true;
    let mut server = Handshake::with_mechanism(config, server());
    let mut client = handshake(SocketType::Push, client());
    pump(&mut client, &mut server).expect("both are content");
    assert!(server.held().is_some() && !client.is_done());
    server.go_on();
    pump(&mut client, &mut server).expect("both are content");
    assert!(server.is_done() && client.is_done());
}

#[test]
fn two_ends_of_one_role_part() {
    let name = "HELLO".to_owned();
    let unexpected = Err(ProtocolError::UnexpectedCommand { name });
    assert_eq!(at_client(&[hello()]), unexpected);
    let mut end = handshake(SocketType::Pull, server());
    let refused = end.receive(&greeting([3, 1], "PLAIN", true), Instant::now());
    assert_eq!(refused, Err(ProtocolError::TwoServers));
}

#[test]
fn a_server_names_each_command_that_is_malformed_or_comes_out_of_turn() {
    let malformed = |command| Err(ProtocolError::Malformed { command });
    let unexpected = |name: &str| Err(ProtocolError::UnexpectedCommand { name: name.into() });
    for body in [
        &b"\x05HELLO"[..],
        b"\x05HELLO\x05admin",
        b"\x05HELLO\x05admi",
        b"\x05HELLO\x05admin\x07secret",
        b"\x05HELLO\x05admin\x05secret",
        b"\x05HELLO\x00",
    ] {
        assert_eq!(at_server(&[command(body)]), malformed("HELLO"), "{body:?}");
    }
    assert_eq!(at_server(&[command(b"\x05HELLO\x00\x00")]), Ok(None));
    assert_eq!(at_server(&[command(PUSH)]), unexpected("INITIATE"));
    assert_eq!(at_server(&[hello(), hello()]), unexpected("HELLO"));
    for name in ["WELCOME", "READY", "MESSAGE"] {
        let mut body = vec![name.len() as u8];
        body.extend(name.as_bytes());
        assert_eq!(at_server(&[command(&body)]), unexpected(name));
        assert_eq!(at_server(&[hello(), command(&body)]), unexpected(name));
    }
    let cut = command(&PUSH[..PUSH.len() - 1]);
    assert_eq!(
        at_server(&[hello(), cut]),
        Err(ProtocolError::MalformedMetadata)
    );
    let refused = Err(ProtocolError::PeerError {
        reason: "no".into(),
    });
    assert_eq!(at_server(&[command(b"\x05ERROR\x02no")]), refused);
    assert_eq!(
        at_server(&[command(b"")]),
        Err(ProtocolError::MalformedCommand)
    );
    for version in [[3, 0], [3, 1]] {
        let peer = at_server_of(version, &[hello(), command(PUSH)]).expect("a good client");
        assert!(peer.is_some());
    }
}

#[test]
fn a_client_names_each_command_that_is_malformed_or_comes_out_of_turn() {
    let unexpected = |name: &str| Err(ProtocolError::UnexpectedCommand { name: name.into() });
    let welcome = command(b"\x07WELCOME");
    let longer = Err(ProtocolError::Malformed { command: "WELCOME" });
    assert_eq!(at_client(&[command(b"\x07WELCOME!")]), longer);
    assert_eq!(at_client(&[command(b"\x05READY")]), unexpected("READY"));
    assert_eq!(
        at_client(&[welcome.clone(), welcome.clone()]),
        unexpected("WELCOME")
    );
    let bad = command(b"\x05READY!");
    assert_eq!(
        at_client(&[welcome, bad]),
        Err(ProtocolError::MalformedMetadata)
    );
}

#[test]
#[should_panic(expected = "at most 255 bytes")]
fn a_password_of_256_bytes_is_no_password() {
    PlainClient::new(Bytes::new(), vec![b'x'; 256].into());
}

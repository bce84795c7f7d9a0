use super::*;
use crate::zmtp::frame::FrameHeader;
use crate::zmtp::handshake::{Handshake, HandshakeConfig};
use crate::zmtp::mechanism::{Credentials, Mechanism};
use crate::zmtp::sealing::Sealing;
use highwater_curve::{Keypair, SecretKey};
use highwater_patterns::SocketType;
use proptest::prelude::*;
use std::time::{Duration, Instant};

mod initiate;
mod refusal;
mod traffic;

const LIMITS: CurveLimits = CurveLimits {
    max_frame: Some(100_000),
    allows_gaps: false,
};

fn pair(seed: u8) -> Keypair {
    Keypair::from_secret(SecretKey::from_bytes([seed; 32]))
}

const CLIENT: u8 = 1;
const SERVER: u8 = 2;

fn client_of(server: u8) -> Handshake {
    client_as(HandshakeConfig::new(SocketType::Push), server)
}

fn client_as(config: HandshakeConfig, server: u8) -> Handshake {
    let seeds = ClientSeeds {
        transient: [3; 32],
        vouch: [4; 16],
    };
    let client = CurveClient::new(pair(CLIENT), pair(server).public(), &seeds, LIMITS);
    let mechanism = Mechanism::CurveClient(Box::new(client));
    Handshake::with_mechanism(config, mechanism)
}

fn server_with(cookie_key: u8, transient: u8, config: HandshakeConfig) -> Handshake {
    let seeds = ServerSeeds {
        transient: [transient; 32],
        welcome: [6; 16],
        cookie: [7; 16],
    };
    let key = SharedKey::from_bytes([cookie_key; 32]);
    let server = CurveServer::new(pair(SERVER), key, seeds, LIMITS);
    Handshake::with_mechanism(config, Mechanism::CurveServer(Box::new(server)))
}

fn client() -> Handshake {
    client_of(SERVER)
}

fn server() -> Handshake {
    server_with(8, 5, HandshakeConfig::new(SocketType::Pull))
}

/// What an end has to say.
fn said(end: &mut Handshake) -> Vec<u8> {
    end.poll_transmit().unwrap_or_default()
}

/// What an end answers to some bytes; whoever asks is let in.
fn answer(end: &mut Handshake, bytes: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let result = end.receive(bytes, Instant::now());
    if end.credentials().is_some() {
        end.allow()?;
    }
    result.map(|_| said(end))
}

/// The commands of a good handshake, in frames.
struct Commands {
    greeting_of_client: Vec<u8>,
    greeting_of_server: Vec<u8>,
    hello: Vec<u8>,
    welcome: Vec<u8>,
    initiate: Vec<u8>,
    ready: Vec<u8>,
}

fn commands() -> Commands {
    let (mut client, mut server) = (client(), server());
    let greeting_of_client = said(&mut client);
    let greeting_of_server = said(&mut server);
    let hello = answer(&mut client, &greeting_of_server).expect("good");
    answer(&mut server, &greeting_of_client).expect("good");
    let welcome = answer(&mut server, &hello).expect("good");
    let initiate = answer(&mut client, &welcome).expect("good");
    let ready = answer(&mut server, &initiate).expect("good");
    assert_eq!(answer(&mut client, &ready), Ok(vec![]));
    assert!(client.is_done() && server.is_done());
    assert_eq!(hello.len(), 2 + 200);
    assert_eq!(welcome.len(), 2 + 168);
    Commands {
        greeting_of_client,
        greeting_of_server,
        hello,
        welcome,
        initiate,
        ready,
    }
}

/// The body of a frame.
fn body(frame: &[u8]) -> Vec<u8> {
    let (_, header_len) = FrameHeader::decode(frame).expect("good").expect("whole");
    frame[header_len..].to_vec()
}

/// A command frame with this body.
fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = match u8::try_from(body.len()) {
        Ok(len) => vec![4, len],
        Err(_) => [&[6][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    frame.extend_from_slice(body);
    frame
}

/// What a fresh server comes to after these pieces, at once and byte by byte.
fn at_server(pieces: &[&[u8]]) -> Result<bool, ProtocolError> {
    judged(server, &commands().greeting_of_client, pieces)
}

fn at_client(pieces: &[&[u8]]) -> Result<bool, ProtocolError> {
    judged(client, &commands().greeting_of_server, pieces)
}

fn judged(
    end: impl Fn() -> Handshake,
    greeting: &[u8],
    pieces: &[&[u8]],
) -> Result<bool, ProtocolError> {
    let play = |step| {
        let mut end = end();
        for piece in [greeting].iter().chain(pieces) {
            for chunk in piece.chunks(step) {
                answer(&mut end, chunk)?;
            }
        }
        Ok(end.is_done())
    };
    let whole = play(usize::MAX);
    assert_eq!(whole, play(1), "a cut changed the outcome");
    whole
}

/// Both ends of a connection, ready for traffic.
fn connected() -> (Sealing, Sealing) {
    let all = commands();
    let (mut client, mut server) = (client(), server());
    for piece in [&all.greeting_of_client, &all.hello, &all.initiate] {
        answer(&mut server, piece).expect("good");
    }
    for piece in [&all.greeting_of_server, &all.welcome, &all.ready] {
        answer(&mut client, piece).expect("good");
    }
    let sealing = |end: Handshake| end.finish().and_then(|(_, sealing)| sealing);
    (
        sealing(client).expect("it is done"),
        sealing(server).expect("it is done"),
    )
}

fn malformed(command: &'static str) -> Result<bool, ProtocolError> {
    Err(ProtocolError::Malformed { command })
}

fn refused(name: &'static str) -> Result<bool, ProtocolError> {
    Err(ProtocolError::BoxRefused { name })
}

#[test]
fn who_is_asked_about_is_the_owner_of_the_key() {
    let all = commands();
    let mut server = server();
    for piece in [&all.greeting_of_client, &all.hello] {
        answer(&mut server, piece).expect("good");
        assert_eq!(server.credentials(), None);
    }
    server.receive(&all.initiate, Instant::now()).expect("good");
    let key = *pair(CLIENT).public().as_bytes();
    assert_eq!(server.credentials(), Some(&Credentials::Curve { key }));
    assert_eq!(
        said(&mut server),
        b"",
        "nothing is said before it is decided"
    );
    let early = server.receive(&all.initiate, Instant::now());
    let name = "INITIATE".to_owned();
    assert_eq!(early, Err(ProtocolError::UnexpectedCommand { name }));
}

#[test]
fn a_peer_that_is_held_back_hears_nothing_until_it_is_admitted() {
    let all = commands();
    let mut config = HandshakeConfig::new(SocketType::Pull);
    config.holds_back = true;
    let mut server = server_with(8, 5, config);
    for piece in [&all.greeting_of_client, &all.hello, &all.initiate] {
        answer(&mut server, piece).expect("good");
    }
    assert!(server.held().is_some());
    assert_eq!(said(&mut server), b"");
    server.go_on();
    assert_eq!(said(&mut server), all.ready);
    assert!(server.is_done());
}

#[test]
fn no_other_mechanism_is_spoken() {
    for end in [client, server] {
        for other in ["NULL", "PLAIN", "CURVE2", "curve", ""] {
            let mut end = end();
            let ours = said(&mut end);
            let mut theirs = ours.clone();
            theirs[12..32].fill(0);
            theirs[12..12 + other.len()].copy_from_slice(other.as_bytes());
            theirs[32] = 0;
            let result = end.receive(&theirs, Instant::now());
            assert!(
                matches!(result, Err(ProtocolError::MechanismMismatch { .. })),
                "{other}: {result:?}"
            );
            assert_eq!(said(&mut end), b"", "nothing for a stranger");
        }
    }
    let all = commands();
    let mut server = server();
    let two = server.receive(&all.greeting_of_server, Instant::now());
    assert_eq!(two, Err(ProtocolError::TwoServers));
    // Two clients: both say HELLO.
    let hello = Err(ProtocolError::UnexpectedCommand {
        name: "HELLO".to_owned(),
    });
    assert_eq!(at_client(&[&all.hello]), hello);
}

#[test]
fn each_command_out_of_turn_is_named() {
    let all = commands();
    let unexpected = |name: &str| Err(ProtocolError::UnexpectedCommand { name: name.into() });
    let message = frame(b"\x07MESSAGE");
    for (piece, name) in [
        (&all.welcome, "WELCOME"),
        (&all.initiate, "INITIATE"),
        (&all.ready, "READY"),
        (&message, "MESSAGE"),
    ] {
        assert_eq!(at_server(&[piece]), unexpected(name));
        if name != "INITIATE" {
            assert_eq!(at_server(&[&all.hello, piece]), unexpected(name));
        }
    }
    assert_eq!(at_server(&[&all.hello, &all.hello]), unexpected("HELLO"));
    for (piece, name) in [
        (&all.hello, "HELLO"),
        (&all.initiate, "INITIATE"),
        (&all.ready, "READY"),
        (&message, "MESSAGE"),
    ] {
        assert_eq!(at_client(&[piece]), unexpected(name));
        if name != "READY" {
            assert_eq!(at_client(&[&all.welcome, piece]), unexpected(name));
        }
    }
    assert_eq!(
        at_client(&[&all.welcome, &all.welcome]),
        unexpected("WELCOME")
    );
    // READY of NULL, in clear.
    let clear = frame(b"\x05READY\x0bSocket-Type\x00\x00\x00\x04PULL");
    assert_eq!(at_client(&[&clear]), unexpected("READY"));
    assert_eq!(at_client(&[&all.welcome, &clear]), malformed("READY"));
    let early = Err(ProtocolError::EarlyMessage);
    assert_eq!(at_client(&[&all.welcome, b"\x00\x01x"]), early);
}

#[test]
fn each_length_of_each_command_but_its_own_is_malformed() {
    let all = commands();
    for (name, good, before, least) in [
        ("HELLO", &all.hello, None, body(&all.hello).len()),
        ("INITIATE", &all.initiate, Some(&all.hello), 257),
        ("WELCOME", &all.welcome, None, body(&all.welcome).len()),
        ("READY", &all.ready, Some(&all.welcome), 30),
    ] {
        let is_clients = ["HELLO", "INITIATE"].contains(&name);
        for len in 1 + name.len()..least {
            let cut = frame(&body(good)[..len]);
            let pieces: Vec<&[u8]> = before
                .into_iter()
                .map(Vec::as_slice)
                .chain([&cut[..]])
                .collect();
            let outcome = if is_clients {
                at_server_whole(&pieces)
            } else {
                whole(client(), &all.greeting_of_server, &pieces)
            };
            assert_eq!(outcome, malformed(name), "{len}");
        }
    }
    let longer = |command: &[u8]| frame(&[&body(command)[..], b"!"].concat());
    assert_eq!(at_server(&[&longer(&all.hello)]), malformed("HELLO"));
    assert_eq!(at_client(&[&longer(&all.welcome)]), malformed("WELCOME"));
    // Where metadata follows, more is another box.
    assert_eq!(
        at_server(&[&all.hello, &longer(&all.initiate)]),
        refused("INITIATE")
    );
    assert_eq!(
        at_client(&[&all.welcome, &longer(&all.ready)]),
        refused("READY")
    );
}

fn at_server_whole(pieces: &[&[u8]]) -> Result<bool, ProtocolError> {
    whole(server(), &said(&mut client()), pieces)
}

/// Whether `end` is done after these pieces, each of which comes at once.
fn whole(mut end: Handshake, greeting: &[u8], pieces: &[&[u8]]) -> Result<bool, ProtocolError> {
    [greeting]
        .iter()
        .chain(pieces)
        .try_for_each(|piece| answer(&mut end, piece).map(drop))
        .map(|()| end.is_done())
}

/// All bytes of all commands are looked at, but the padding of HELLO.
#[test]
fn a_changed_byte_anywhere_ends_the_handshake() {
    let all = commands();
    let changed = |command: &[u8], at: usize| {
        let mut body = body(command);
        body[at] ^= 0x10;
        frame(&body)
    };
    for at in (6..8).chain(80..200) {
        let error = at_server_whole(&[&changed(&all.hello, at)]).expect_err("it was changed");
        let version = ProtocolError::UnsupportedCurveVersion {
            major: if at == 6 { 0x11 } else { 1 },
            minor: if at == 7 { 0x10 } else { 0 },
        };
        let expected = if at < 8 {
            version
        } else {
            ProtocolError::BoxRefused { name: "HELLO" }
        };
        assert_eq!(error, expected, "byte {at}");
    }
    let initiate_len = body(&all.initiate).len();
    for at in 9..initiate_len {
        let pieces = [&all.hello[..], &changed(&all.initiate, at)];
        let expected = if at < 9 + COOKIE {
            "cookie"
        } else {
            "INITIATE"
        };
        assert_eq!(at_server_whole(&pieces), refused(expected), "byte {at}");
    }
    for (command, before, name, from) in [
        (&all.welcome, None, "WELCOME", 8),
        (&all.ready, Some(&all.welcome), "READY", 6),
    ] {
        for at in from..body(command).len() {
            let mut end = client();
            answer(&mut end, &all.greeting_of_server).expect("good");
            if let Some(before) = before {
                answer(&mut end, before).expect("good");
            }
            let error = answer(&mut end, &changed(command, at)).expect_err("it was changed");
            assert_eq!(error, ProtocolError::BoxRefused { name }, "byte {at}");
        }
    }
}

#[test]
fn a_transient_key_of_low_order_is_refused() {
    let all = commands();
    let mut hello = body(&all.hello);
    hello[80..112].fill(0);
    assert_eq!(
        at_server(&[&frame(&hello)]),
        Err(ProtocolError::LowOrderKey)
    );
}

#[test]
fn a_client_with_the_key_of_another_server_is_told_as_one() {
    let all = commands();
    let mut stranger = client_of(9);
    said(&mut stranger);
    let hello = answer(&mut stranger, &all.greeting_of_server).expect("good");
    let error = at_server(&[&hello]).expect_err("it was sealed for another");
    assert!(error.to_string().contains("another server key"), "{error}");
}

#[test]
fn nothing_secret_is_shown() {
    let (mut client, mut server) = (client(), server());
    let shown = format!("{client:?} {server:?}");
    let all = commands();
    for piece in [&all.greeting_of_client, &all.hello, &all.initiate] {
        answer(&mut server, piece).expect("good");
    }
    for piece in [&all.greeting_of_server, &all.welcome, &all.ready] {
        answer(&mut client, piece).expect("good");
    }
    let shown = format!("{shown} {client:?} {server:?} {:?}", connected());
    for seed in [CLIENT, SERVER, 3, 5] {
        let secret = pair(seed).secret().to_text();
        assert!(!shown.contains(secret.as_str()));
        assert!(!shown.contains(&format!("{:?}", [seed; 32])));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_behind_a_greeting_come_to_an_end(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        choice in 0..6_usize,
    ) {
        let all = commands();
        let good = [&all.hello, &all.initiate, &all.welcome, &all.ready][choice % 4];
        let mut piece = good.clone();
        piece.truncate(bytes.len() * 2);
        piece.extend(&bytes);
        let mut end = if choice % 4 < 2 { server() } else { client() };
        let greeting = if choice % 4 < 2 { &all.greeting_of_client } else { &all.greeting_of_server };
        answer(&mut end, greeting).expect("good");
        let _ = answer(&mut end, &piece);
    }
}

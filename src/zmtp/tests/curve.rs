//! The conversations of CURVE: with the recorded secrets we take the place of a side, and say what it said.
//!
//! Of a connection between two libzmq sockets the transient secrets are not known. There we find out what is to be found
//! out without them: that the right command is read, and the next one refused.

use std::fs;
use std::time::Instant;

use highwater_curve::{Keypair, PublicKey, SecretKey, SharedKey};

use super::description::config;
use super::recording::{self, Recording, Stream, hex, recording, unhex};
use super::*;
use crate::zmtp::mechanism::{
    ClientSeeds, Credentials, CurveClient, CurveLimits, CurveServer, Mechanism, ServerSeeds,
};
use crate::zmtp::sealing::Sealing;

/// The secrets of a session, by the names in its manifest.
struct Secrets(String);

impl Secrets {
    fn of(name: &str) -> Self {
        let path = recording::folder().join(name).join("manifest.json");
        Self(fs::read_to_string(path).expect("each session has one"))
    }

    fn get<const N: usize>(&self, field: &str) -> [u8; N] {
        let (_, rest) = self
            .0
            .split_once(&format!("\"{field}\": \""))
            .unwrap_or_else(|| panic!("no {field}"));
        let (digits, _) = rest.split_once('"').expect("a string");
        unhex(digits).try_into().expect("as long as it is to be")
    }

    fn secret(&self, field: &str) -> SecretKey {
        SecretKey::from_bytes(self.get(field))
    }

    fn public(&self, field: &str) -> PublicKey {
        PublicKey::from_bytes(self.get(field)).expect("a good key")
    }

    fn pair(&self, who: &str) -> Keypair {
        let public = self.public(&format!("{who}_public"));
        Keypair::new(public, self.secret(&format!("{who}_secret"))).expect("a pair")
    }
}

const LIMITS: CurveLimits = CurveLimits {
    max_frame: None,
    allows_gaps: false,
};

fn opened(key: &SharedKey, prefix: &[u8], rest: &[u8], boxed: &[u8]) -> Vec<u8> {
    let nonce = [prefix, rest].concat().try_into().expect("24 bytes");
    let mut boxed = boxed.to_vec();
    key.open(&nonce, &mut boxed).expect("the secrets are right");
    boxed.split_off(highwater_curve::TAG)
}

/// Our client in the place of one whose transient key is known: it draws what that drew.
fn client_as_recorded(secrets: &Secrets, ours: &Stream, theirs: &Stream) -> CurveClient {
    let transient = secrets.secret("client_transient_secret");
    let server = secrets.public("server_public");
    let key = SharedKey::new(&transient, &server).expect("a good key");
    let welcome = theirs.body(&theirs.lines[1]);
    let text = opened(&key, b"WELCOME-", &welcome[8..24], &welcome[24..]);
    let session = PublicKey::from_bytes(text[..32].try_into().expect("a key")).expect("good");
    let key = SharedKey::new(&transient, &session).expect("a good key");
    let initiate = ours.body(&ours.lines[2]);
    let text = opened(
        &key,
        b"CurveZMQINITIATE",
        &initiate[105..113],
        &initiate[113..],
    );
    let seeds = ClientSeeds {
        transient: *transient.expose(),
        vouch: text[32..48].try_into().expect("a nonce"),
    };
    CurveClient::new(secrets.pair("client"), server, &seeds, LIMITS)
}

/// Likewise our server.
fn server_as_recorded(secrets: &Secrets, ours: &Stream, theirs: &Stream) -> CurveServer {
    let hello = theirs.body(&theirs.lines[1]);
    let client = PublicKey::from_bytes(hello[80..112].try_into().expect("a key")).expect("good");
    let key = SharedKey::new(&secrets.secret("server_secret"), &client).expect("a good key");
    let welcome = ours.body(&ours.lines[1]);
    let text = opened(&key, b"WELCOME-", &welcome[8..24], &welcome[24..]);
    let seeds = ServerSeeds {
        transient: secrets.get("server_transient_secret"),
        welcome: welcome[8..24].try_into().expect("a nonce"),
        cookie: text[32..48].try_into().expect("a nonce"),
    };
    let cookie_key = SharedKey::from_bytes(secrets.get("cookie_key"));
    CurveServer::new(secrets.pair("server"), cookie_key, seeds, LIMITS)
}

/// A server of this session with transient secrets of its own.
fn any_server(secrets: &Secrets) -> Mechanism {
    let seeds = ServerSeeds {
        transient: [1; 32],
        welcome: [2; 16],
        cookie: [3; 16],
    };
    let key = SharedKey::from_bytes([4; 32]);
    Mechanism::CurveServer(Box::new(CurveServer::new(
        secrets.pair("server"),
        key,
        seeds,
        LIMITS,
    )))
}

/// Who was asked about, who the peer is, and what is behind the handshake.
struct Shaken {
    outcome: Outcome,
    credentials: Option<Credentials>,
    sealing: Option<Sealing>,
    /// How many bytes of the stream are the handshake.
    taken: usize,
}

/// Plays a stream up to the end of the handshake.
fn shake(config: HandshakeConfig, mechanism: Mechanism, theirs: &[u8], step: usize) -> Shaken {
    let mut outcome = Outcome::default();
    let mut handshake = Handshake::with_mechanism(config, mechanism);
    let mut credentials = None;
    let mut taken = 0;
    for chunk in theirs.chunks(step) {
        let result = handshake.receive(chunk, Instant::now());
        if let Some(asks) = handshake.credentials() {
            credentials = Some(asks.clone());
            handshake.allow().expect("good metadata");
        }
        outcome
            .sent
            .extend(handshake.poll_transmit().unwrap_or_default());
        match result {
            Ok(some) => taken += some,
            Err(error) => {
                outcome.error = Some(error);
                break;
            }
        }
        if handshake.is_done() {
            break;
        }
    }
    outcome.peer = handshake.peer().cloned();
    Shaken {
        outcome,
        credentials,
        taken,
        sealing: handshake.finish().and_then(|(_, sealing)| sealing),
    }
}

/// The frames in the sealed `bytes`, which come `step` at a time, and what ended them.
fn open(sealing: &mut Sealing, bytes: &[u8], step: usize) -> (Vec<u8>, Option<ProtocolError>) {
    let (mut pending, mut frames) = (Vec::new(), Vec::new());
    for chunk in bytes.chunks(step) {
        pending.extend_from_slice(chunk);
        match sealing.open.open(&pending, &mut frames) {
            Ok(taken) => drop(pending.drain(..taken)),
            Err(error) => return (frames, Some(error)),
        }
    }
    assert!(pending.is_empty(), "whole frames");
    (frames, None)
}

/// Each frame with its flags and its body.
fn split(mut frames: &[u8]) -> Vec<(FrameHeader, &[u8])> {
    let mut found = Vec::new();
    while let Some((header, header_len)) = FrameHeader::decode(frames).expect("our own") {
        let (body, rest) = frames[header_len..].split_at(header.body_len as usize);
        found.push((header, body));
        frames = rest;
    }
    found
}

/// A frame in the words of `frames.txt`, as far as these show it.
fn words((header, body): &(FrameHeader, &[u8])) -> String {
    let flags = u8::from(header.more) | u8::from(header.command) << 1;
    let text = match body {
        [] => "-".to_owned(),
        [len, rest @ ..] if header.command => {
            let (name, data) = rest.split_at(usize::from(*len));
            let name = std::str::from_utf8(name).expect("ascii");
            match name {
                "PING" => {
                    let ttl = u16::from_be_bytes([data[0], data[1]]);
                    format!("PING ttl={ttl} context={}", shown(&data[2..]))
                }
                "PONG" => format!("PONG context={}", shown(data)),
                _ => format!("{name} {}", shown(data)),
            }
        }
        _ if body.len() > 200 => format!("len={}", body.len()),
        _ => hex(body),
    };
    format!("inner-flags={flags:02x} inner={text}")
}

fn shown(data: &[u8]) -> String {
    if data.is_empty() {
        "-".to_owned()
    } else {
        hex(data)
    }
}

/// What `frames.txt` has for the traffic of a stream.
fn recorded_words(stream: &Stream) -> Vec<String> {
    let inner = |line: &recording::Line| {
        let (_, words) = line.text.split_once("inner-flags=")?;
        let (words, _) = words.split_once(" sha256=").unwrap_or((words, ""));
        Some(format!("inner-flags={words}"))
    };
    stream.lines.iter().filter_map(inner).collect()
}

fn connections(session: &Recording) -> impl Iterator<Item = (&Stream, &Stream)> {
    let clients = session.streams.iter().filter(|stream| stream.side == 'C');
    clients.map(|client| (client, session.opposite(client).expect("both sides")))
}

/// Where the traffic of a stream begins.
fn traffic_at(stream: &Stream) -> usize {
    // Behind the greeting are two commands of each side.
    let line = stream.lines.get(3);
    line.map_or(stream.bytes.len(), |line| line.offset)
}

/// The handshake of a stream, with what libzmq writes in its greeting for 1.0 peers and does not say of its role.
fn handshake_of(stream: &Stream, is_server: bool) -> Vec<u8> {
    let mut bytes = stream.bytes[..traffic_at(stream)].to_vec();
    bytes[8] = 1;
    bytes[32] = is_server.into();
    bytes
}

const STEPS: [usize; 3] = [1, 7, usize::MAX];

#[test]
fn our_client_says_what_the_recorded_one_said_and_opens_what_it_was_told() {
    let mut replayed = 0;
    for name in recording::names_of("curve-") {
        let secrets = Secrets::of(&name);
        let session = recording(&name);
        let (client, server) = (session.stream(0, 'C'), session.stream(0, 'B'));
        if !client
            .lines
            .get(3)
            .is_some_and(|line| line.text.contains("inner"))
        {
            continue;
        }
        if name.starts_with("curve-open-server") {
            // The hand-made end is the other one.
            continue;
        }
        for step in STEPS {
            let mechanism = client_as_recorded(&secrets, client, server);
            let mechanism = Mechanism::CurveClient(Box::new(mechanism));
            let config = config(client, SocketType::Push);
            let shaken = shake(config, mechanism, &server.bytes, step);
            assert_eq!(shaken.outcome.error, None, "{name}");
            assert_eq!(shaken.outcome.sent, handshake_of(client, false), "{name}");
            let peer = shaken.outcome.peer.as_ref().expect("READY was read");
            assert_eq!(peer.socket_type, server.socket_type(), "{name}");
            let mut sealing = shaken.sealing.expect("CURVE seals");
            let (frames, error) = open(&mut sealing, &server.bytes[shaken.taken..], step);
            assert_eq!(error, None, "{name}");
            let read: Vec<String> = split(&frames).iter().map(words).collect();
            assert_eq!(read, recorded_words(server), "{name}");
        }
        replayed += 1;
    }
    assert_eq!(replayed, 5);
}

#[test]
fn our_server_says_what_the_recorded_one_said_and_opens_what_it_was_told() {
    for name in ["curve-open-server", "curve-open-server-3.0"] {
        let secrets = Secrets::of(name);
        let session = recording(name);
        let (client, server) = (session.stream(0, 'C'), session.stream(0, 'B'));
        for step in STEPS {
            let mechanism = server_as_recorded(&secrets, server, client);
            let mechanism = Mechanism::CurveServer(Box::new(mechanism));
            // What follows INITIATE is not taken while the server asks.
            let until = traffic_at(client);
            let config = config(server, SocketType::Pub);
            let shaken = shake(config, mechanism, &client.bytes[..until], step);
            assert_eq!(shaken.outcome.error, None, "{name}");
            let key = secrets.get("client_public");
            assert_eq!(
                shaken.credentials,
                Some(Credentials::Curve { key }),
                "{name}"
            );
            let mut sent = shaken.outcome.sent;
            // The hand-made server announces 3.0 in one of the two.
            sent[11] = server.bytes[11];
            assert_eq!(sent, handshake_of(server, true), "{name}");
            let mut sealing = shaken.sealing.expect("CURVE seals");
            let (frames, error) = open(&mut sealing, &client.bytes[until..], step);
            assert_eq!(error, None, "{name}");
            let read: Vec<String> = split(&frames).iter().map(words).collect();
            assert_eq!(read, recorded_words(client), "{name}");
            // What the recorded server sealed, we seal to the same bytes.
            let recorded = &server.bytes[traffic_at(server)..];
            let mut sealed = Vec::new();
            if name == "curve-open-server" {
                sealing.seal.seal(b"\x00\x0atopic news", &mut sealed);
            }
            assert_eq!(sealed, recorded, "{name}");
        }
    }
}

/// The traffic of hand-made clients, read with the key that both transients give.
fn traffic_to_server(name: &str, allows_gaps: bool) -> (Vec<String>, Option<ProtocolError>) {
    let secrets = Secrets::of(name);
    let session = recording(name);
    let (client, server) = (session.stream(0, 'C'), session.stream(0, 'B'));
    let transient = secrets.secret("client_transient_secret");
    let key = SharedKey::new(&transient, &secrets.public("server_public")).expect("good");
    let welcome = server.body(&server.lines[1]);
    let text = opened(&key, b"WELCOME-", &welcome[8..24], &welcome[24..]);
    let theirs = PublicKey::from_bytes(text[..32].try_into().expect("a key")).expect("good");
    let shared = SharedKey::new(&transient, &theirs).expect("good");
    let limits = CurveLimits {
        allows_gaps,
        ..LIMITS
    };
    let mut results = STEPS.map(|step| {
        let mut sealing = crate::zmtp::mechanism::server_sealing(&shared, 1, 2, limits);
        let (frames, error) = open(&mut sealing, &client.bytes[traffic_at(client)..], step);
        (split(&frames).iter().map(words).collect::<Vec<_>>(), error)
    });
    assert!(results.iter().all(|result| *result == results[0]), "{name}");
    std::mem::take(&mut results[0])
}

#[test]
fn a_message_in_a_command_frame_is_read_as_one_in_a_message_frame() {
    let session = recording("curve-message-as-command");
    let (read, error) = traffic_to_server("curve-message-as-command", false);
    assert_eq!(
        (read, error),
        (recorded_words(session.stream(0, 'C')), None)
    );
}

#[test]
fn a_repeated_message_ends_the_connection() {
    for name in ["curve-replayed-nonce", "curve-replayed-nonce-unmonitored"] {
        let (read, error) = traffic_to_server(name, true);
        let session = recording(name);
        let message = session
            .stream(0, 'C')
            .body(&session.stream(0, 'C').lines[3]);
        let nonce = u64::from_be_bytes(message[8..16].try_into().expect("a counter"));
        assert_eq!(read, recorded_words(session.stream(0, 'C'))[..1], "{name}");
        let repeated = ProtocolError::NonceNotRising { nonce, last: nonce };
        assert_eq!(error, Some(repeated), "{name}");
    }
}

#[test]
fn a_dropped_message_ends_the_connection_unless_gaps_are_allowed() {
    let session = recording("curve-nonce-gap");
    let skipped = ProtocolError::NonceSkipped {
        nonce: 1000,
        last: 2,
    };
    assert_eq!(
        traffic_to_server("curve-nonce-gap", false),
        (vec![], Some(skipped))
    );
    let all = recorded_words(session.stream(0, 'C'));
    assert_eq!(traffic_to_server("curve-nonce-gap", true), (all, None));
}

#[test]
fn hello_of_each_recorded_client_opens_unless_it_has_another_server_key() {
    let mut replayed = 0;
    for name in recording::names_of("curve-") {
        let secrets = Secrets::of(&name);
        for (client, server) in connections(&recording(&name)) {
            for step in STEPS {
                let config = config(server, SocketType::Pull);
                let shaken = shake(config, any_server(&secrets), &client.bytes, step);
                // INITIATE has a cookie of the server that was recorded.
                let refused = if name == "curve-wrong-server-key" {
                    "HELLO"
                } else {
                    "cookie"
                };
                let refused = ProtocolError::BoxRefused { name: refused };
                assert_eq!(shaken.outcome.error, Some(refused), "{name}");
                assert!(shaken.credentials.is_none() && shaken.sealing.is_none());
            }
            replayed += 1;
        }
    }
    assert!(replayed > 10, "only {replayed} connections were found");
}

#[test]
fn a_client_with_another_transient_key_cannot_be_told_anything() {
    for name in recording::names_of("curve-") {
        if name == "curve-wrong-server-key" {
            continue;
        }
        let secrets = Secrets::of(&name);
        let session = recording(&name);
        let (client, server) = (session.stream(0, 'C'), session.stream(0, 'B'));
        for step in STEPS {
            let seeds = ClientSeeds {
                transient: [5; 32],
                vouch: [6; 16],
            };
            let key = secrets.public("server_public");
            let mechanism = CurveClient::new(secrets.pair("client"), key, &seeds, LIMITS);
            let mechanism = Mechanism::CurveClient(Box::new(mechanism));
            let shaken = shake(
                config(client, SocketType::Push),
                mechanism,
                &server.bytes,
                step,
            );
            let refused = ProtocolError::BoxRefused { name: "WELCOME" };
            assert_eq!(shaken.outcome.error, Some(refused), "{name}");
        }
    }
}

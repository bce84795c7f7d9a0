//! The conversations of PLAIN: we take the place of either side, and say what it said.

use super::description::{actual_traffic, config, expected_traffic};
use super::recording::{self, Recording, Stream, recording};
use super::*;
use crate::zmtp::mechanism::{Credentials, Mechanism, PlainClient, PlainServer};
use bytes::Bytes;
use std::time::Instant;

/// What `stream` said in the handshake, as we say it: libzmq tells the length of its routing id to 1.0 peers, does not tell
/// that it is the server, and spells ERROR wrongly.
fn recorded(stream: &Stream, is_server: bool) -> Vec<u8> {
    let is_traffic = |line: &&recording::Line| line.text.starts_with("message");
    let end = stream.lines.iter().find(is_traffic);
    let end = end.map_or(stream.bytes.len(), |line| line.offset);
    let mut bytes = stream.bytes[..end].to_vec();
    bytes[8] = 1;
    bytes[32] = is_server.into();
    if bytes[64..].starts_with(b"\x04\x09^RROR") {
        bytes.splice(64..71, *b"\x04\x0a\x05ERROR");
    }
    bytes
}

/// What came of it, with everything that we said.
fn play_server(ours: &Stream, theirs: &Stream, step: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let kind = SocketType::Pull;
    let mechanism = Mechanism::PlainServer(PlainServer::default());
    let mut handshake = Handshake::with_mechanism(config(ours, kind), mechanism);
    let mut decoder = Decoder::new(None);
    let ends = theirs.lines.iter().skip(1).map(|line| line.offset);
    let mut from = 0;
    for to in ends.chain([theirs.bytes.len()]) {
        // A frame of the traffic is handed over whole.
        let step = if handshake.is_done() {
            usize::MAX
        } else {
            step
        };
        for chunk in theirs.bytes[from..to].chunks(step) {
            let taken = if handshake.is_done() {
                0
            } else {
                match handshake.receive(chunk, Instant::now()) {
                    Ok(taken) => taken,
                    Err(error) => {
                        outcome.error = Some(error);
                        return outcome;
                    }
                }
            };
            decode(&mut decoder, &chunk[taken..], &mut outcome.items);
        }
        from = to;
        if let Some(credentials) = handshake.credentials() {
            let hello = &theirs.lines[1].text;
            let Credentials::Plain { user, password } = credentials else {
                panic!("PLAIN, not {credentials:?}");
            };
            let (user, password) = (text(user), text(password));
            assert!(hello.ends_with(&format!("username={user} password={password}")));
            match ours.lines.get(1).map(|line| &*line.text) {
                Some(said) if said.ends_with(" WELCOME") => handshake.allow().expect("as recorded"),
                Some(said) => {
                    let (_, reason) = said.split_once("reason=").expect("an ERROR");
                    handshake.refuse(reason);
                }
                None => {}
            }
        }
        outcome
            .sent
            .extend(handshake.poll_transmit().unwrap_or_default());
    }
    outcome.peer = handshake.peer().cloned();
    outcome
}

fn play_client(ours: &Stream, theirs: &Stream, step: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let hello = &ours.lines[1].text;
    let (_, said) = hello.split_once("username=").expect("a HELLO");
    let (user, password) = said.split_once(" password=").expect("a HELLO");
    let own = |text: &str| Bytes::from(text.to_owned());
    let mechanism = Mechanism::PlainClient(PlainClient::new(own(user), own(password)));
    let mut handshake = Handshake::with_mechanism(config(ours, SocketType::Push), mechanism);
    let mut decoder = Decoder::new(None);
    for chunk in theirs.bytes.chunks(step) {
        let mut taken = 0;
        if !handshake.is_done() {
            let result = handshake.receive(chunk, Instant::now());
            outcome
                .sent
                .extend(handshake.poll_transmit().unwrap_or_default());
            match result {
                Ok(some) => taken = some,
                Err(error) => {
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        decode(&mut decoder, &chunk[taken..], &mut outcome.items);
    }
    outcome.peer = handshake.peer().cloned();
    outcome
}

/// The traffic of these conversations comes in frames of a few bytes, each decoded once it is whole.
fn decode(decoder: &mut Decoder, bytes: &[u8], items: &mut Vec<Item>) {
    let mut at = 0;
    while let Some(item) = {
        let (taken, item) = decoder.decode(&bytes[at..]).expect("good frames");
        at += taken;
        item
    } {
        items.push(item);
    }
    assert_eq!(at, bytes.len(), "whole frames");
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("ascii")
}

fn connections(session: &Recording) -> impl Iterator<Item = (&Stream, &Stream)> {
    let clients = session.streams.iter().filter(|stream| stream.side == 'C');
    clients.map(|client| (client, session.opposite(client).expect("both sides")))
}

#[test]
fn our_server_says_what_libzmqs_said() {
    let mut replayed = 0;
    for name in recording::names_of("plain-") {
        if name == "plain-two-clients" {
            continue;
        }
        let session = recording(&name);
        for (client, server) in connections(&session) {
            for step in [1, 7, usize::MAX] {
                let outcome = play_server(server, client, step);
                assert_eq!(outcome.error, None, "{name}");
                assert_eq!(outcome.sent, recorded(server, true), "{name}");
                let succeeded = server
                    .lines
                    .iter()
                    .any(|line| line.text.contains(" READY "));
                assert_eq!(outcome.peer.is_some(), succeeded, "{name}");
                if let Some(peer) = &outcome.peer {
                    check_peer(client, peer, &name);
                    assert_eq!(
                        actual_traffic(&outcome.items),
                        expected_traffic(client),
                        "{name}"
                    );
                }
            }
            replayed += 1;
        }
    }
    assert!(replayed > 10, "only {replayed} connections were found");
}

#[test]
fn our_client_says_what_libzmqs_said() {
    for name in recording::names_of("plain-") {
        let session = recording(&name);
        for (client, server) in connections(&session) {
            for step in [1, 7, usize::MAX] {
                let outcome = play_client(client, server, step);
                let said = server.lines.get(1).map(|line| &*line.text);
                let expected = said.and_then(|said| said.split_once("reason="));
                let error = match (expected, &*name) {
                    (Some((_, reason)), _) => Some(ProtocolError::PeerError {
                        reason: reason.to_owned(),
                    }),
                    (None, "plain-two-clients") => Some(ProtocolError::UnexpectedCommand {
                        name: "HELLO".to_owned(),
                    }),
                    (None, _) => None,
                };
                assert_eq!(outcome.error, error, "{name}");
                assert_eq!(outcome.sent, recorded(client, false), "{name}");
                let succeeded = server
                    .lines
                    .iter()
                    .any(|line| line.text.contains(" READY "));
                assert_eq!(outcome.peer.is_some(), succeeded, "{name}");
                if let Some(peer) = &outcome.peer {
                    check_peer(server, peer, &name);
                }
            }
        }
    }
}

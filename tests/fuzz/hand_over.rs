//! The ways in which the targets hand bytes over: each gives a decoder or a handshake its bytes in pieces of a given length, and
//! what came of that as one value, so that two ways of cutting the same bytes can be compared.
//!
//! Owns: handing over to a handshake (`shake`, `converse`), to what opens sealed traffic (`opened`), to the decoder (`decode`) and
//! to the client of a SOCKS proxy (`ask_proxy`).
//! Always true: bytes that were not taken are handed over again with the next piece; what has failed is asked once more, and
//! has to fail alike.

use std::time::Instant;

use crate::socks5::{Socks5, SocksCredentials, SocksError, SocksTarget};
use crate::zmtp::{
    BodyRoom, Credentials, Decoder, FrameError, FrameHeader, Handshake, HandshakeConfig, Item,
    Open, Peer, ProtocolError,
};

/// What came of a handshake in which one end may ask about the other.
#[derive(Debug, PartialEq)]
pub(super) struct Conversed {
    pub(super) error: Option<ProtocolError>,
    pub(super) credentials: Option<Credentials>,
    pub(super) peer: Option<Peer>,
    pub(super) sent: Vec<u8>,
    /// The frames of the traffic, how many bytes of it are no whole frame, and what ended it; if it is sealed.
    pub(super) sealed: Option<(Vec<u8>, usize, Option<ProtocolError>)>,
}

/// Hands over a good greeting and then `rest`, frame by frame, each in pieces of `cut` bytes; whoever asks is let in behind
/// the frame with which it does.
pub(super) fn converse(mut end: Handshake, mechanism: &str, rest: &[u8], cut: usize) -> Conversed {
    let mut greeting = GREETING.to_vec();
    greeting[12..32].fill(0);
    greeting[12..12 + mechanism.len()].copy_from_slice(mechanism.as_bytes());
    end.receive(&greeting, Instant::now()).expect("a good one");
    let mut sent = end.poll_transmit().unwrap_or_default();
    let (mut at, mut credentials, mut error) = (0, None, None);
    'frames: while at < rest.len() && !end.is_done() {
        let len = match FrameHeader::decode(&rest[at..]) {
            Ok(Some((header, header_len))) => usize::try_from(header.body_len)
                .map_or(usize::MAX, |len| len.saturating_add(header_len)),
            _ => usize::MAX,
        };
        let frame = &rest[at..at.saturating_add(len).min(rest.len())];
        for piece in frame.chunks(cut) {
            match end.receive(piece, Instant::now()) {
                Ok(taken) => {
                    at += taken;
                    assert_eq!(taken, piece.len(), "bytes were left lying");
                }
                Err(failed) => {
                    let again = end.receive(b"more", Instant::now());
                    assert_eq!(again, Err(failed.clone()), "what has failed stays so");
                    error = Some(failed);
                    break 'frames;
                }
            }
            sent.extend(end.poll_transmit().unwrap_or_default());
        }
        if let Some(asks) = end.credentials() {
            assert!(credentials.is_none(), "asked twice");
            credentials = Some(asks.clone());
            if let Err(failed) = end.allow() {
                error = Some(failed);
                break;
            }
        }
        if end.held().is_some() {
            end.go_on();
            assert!(end.is_done(), "it was held back by us alone");
        }
        sent.extend(end.poll_transmit().unwrap_or_default());
    }
    sent.extend(end.poll_transmit().unwrap_or_default());
    assert!(sent.len() < 1024, "a handshake is short");
    let (peer, sealing) = end
        .finish()
        .map_or((None, None), |(peer, sealing)| (Some(peer), sealing));
    let sealed = sealing.map(|mut sealing| opened(&mut *sealing.open, &rest[at..], cut));
    Conversed {
        error,
        credentials,
        peer,
        sent,
        sealed,
    }
}

/// The frames that are in sealed traffic, how many bytes of it are no whole frame, and what ended it.
pub(super) fn opened(
    open: &mut dyn Open,
    traffic: &[u8],
    cut: usize,
) -> (Vec<u8>, usize, Option<ProtocolError>) {
    let (mut frames, mut pending, mut failed) = (Vec::new(), Vec::new(), None);
    for piece in traffic.chunks(cut) {
        pending.extend_from_slice(piece);
        match open.open(&pending, &mut frames) {
            Ok(taken) => drop(pending.drain(..taken)),
            Err(error) => {
                failed = Some(error);
                pending.clear();
                break;
            }
        }
    }
    let decoded = decode(None, &frames, usize::MAX, false);
    assert!(decoded.error.is_some() || decoded.left == 0, "whole frames");
    (frames, pending.len(), failed)
}

/// What came of a handshake.
#[derive(Debug, PartialEq)]
pub(super) struct Shaken {
    /// How many bytes were taken.
    pub(super) result: Result<usize, ProtocolError>,
    pub(super) peer: Option<Peer>,
    pub(super) sent: Vec<u8>,
}

pub(super) fn shake(config: HandshakeConfig, input: &[u8], cut: usize) -> Shaken {
    let mut handshake = Handshake::new(config);
    let (mut at, mut sent) = (0_usize, Vec::new());
    let mut result = Ok(());
    while at < input.len() && !handshake.is_done() && handshake.held().is_none() {
        let end = at.saturating_add(cut).min(input.len());
        match handshake.receive(&input[at..end], Instant::now()) {
            Ok(taken) => {
                at += taken;
                let ended = handshake.is_done() || handshake.held().is_some();
                assert!(at == end || ended, "bytes were left lying");
            }
            Err(error) => {
                let again = handshake.receive(b"more", Instant::now());
                assert_eq!(again, Err(error.clone()), "what has failed stays so");
                result = Err(error);
                break;
            }
        }
        sent.extend(handshake.poll_transmit().unwrap_or_default());
    }
    if handshake.held().is_some() {
        handshake.go_on();
        assert!(handshake.is_done(), "it was held back by us alone");
    }
    sent.extend(handshake.poll_transmit().unwrap_or_default());
    assert_eq!(handshake.poll_transmit(), None);
    assert!(sent.len() < 1024, "a handshake is short");
    Shaken {
        result: result.map(|()| at),
        peer: handshake.finish().map(|(peer, _)| peer),
        sent,
    }
}

/// What came of some traffic.
#[derive(Debug, PartialEq)]
pub(super) struct Decoded {
    pub(super) items: Vec<Item>,
    /// How many bytes of a frame that is not whole were not taken; 0 after an error, which leaves any number.
    pub(super) left: usize,
    pub(super) error: Option<FrameError>,
}

/// Hands `input` over in pieces of `cut` bytes, keeping what is not taken, as a connection does; large bodies go straight
/// where they are to be, if `straight`.
pub(super) fn decode(max: Option<usize>, input: &[u8], cut: usize, straight: bool) -> Decoded {
    let mut decoder = Decoder::new(max);
    let (mut items, mut pending, mut at) = (Vec::new(), Vec::new(), 0_usize);
    loop {
        let end = at.saturating_add(cut).min(input.len());
        pending.extend_from_slice(&input[at..end]);
        at = end;
        let mut taken = 0;
        loop {
            match decoder.decode(&pending[taken..]) {
                Ok((some, item)) => {
                    taken += some;
                    match item {
                        Some(item) => items.push(item),
                        None => break,
                    }
                }
                Err(error) => {
                    let error = Some(error);
                    return Decoded {
                        items,
                        left: 0,
                        error,
                    };
                }
            }
        }
        pending.drain(..taken);
        assert!(
            pending.len() <= 8 * 1024 + 9,
            "a small frame was left lying"
        );
        if straight
            && pending.is_empty()
            && let Some(BodyRoom::New(buffer, missing)) = decoder.large_body()
        {
            let spare = buffer.capacity() - buffer.len();
            let some = missing.min(spare).min(input.len() - at);
            buffer.extend_from_slice(&input[at..at + some]);
            at += some;
            if some > 0 {
                continue;
            }
        }
        if at == input.len() {
            let left = pending.len();
            let error = None;
            return Decoded { items, left, error };
        }
    }
}

/// What came of asking a proxy: how many bytes of its answers were taken, whether the stream leads to the target, and what was
/// said to it.
pub(super) type Asked = (Result<usize, SocksError>, bool, Vec<u8>);

pub(super) fn ask_proxy(
    choice: u8,
    answers: &[u8],
    mut cut: impl FnMut(&Socks5) -> usize,
) -> Asked {
    let credentials = (choice & 1 != 0).then(|| SocksCredentials {
        user: "user".to_owned(),
        password: "password".to_owned(),
    });
    let target = SocksTarget::Name {
        host: "target".to_owned(),
        port: 5555,
    };
    let mut socks = Socks5::new(&target, credentials.as_ref()).expect("short names");
    let (mut at, mut said) = (0_usize, Vec::new());
    socks.poll_transmit(&mut said);
    while at < answers.len() && !socks.is_done() {
        // The longest answer has four bytes, a name of 255 with its length, and a port.
        assert!((1..=4 + 1 + 255 + 2).contains(&socks.wanted()));
        let end = at.saturating_add(cut(&socks)).min(answers.len());
        match socks.receive(&answers[at..end]) {
            Ok(taken) => {
                at += taken;
                assert!(at == end || socks.is_done(), "bytes were left lying");
            }
            Err(error) => {
                assert_eq!(socks.receive(b"more"), Err(SocksError::Failed));
                socks.poll_transmit(&mut said);
                return (Err(error), socks.is_done(), said);
            }
        }
        socks.poll_transmit(&mut said);
    }
    (Ok(at), socks.is_done(), said)
}

/// That of a 3.0 peer with the mechanism NULL.
pub(super) const GREETING: [u8; 64] = {
    let mut greeting = [0; 64];
    let beginning = b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\0NULL";
    let mut at = 0;
    while at < beginning.len() {
        greeting[at] = beginning[at];
        at += 1;
    }
    greeting
};

/// Has an end say what its payload is.
pub(super) fn announce(config: &mut HandshakeConfig, says: bool) {
    if says {
        config.metadata = vec![("X-Payload".to_owned(), "json".into())];
    }
}

/// Nobody comes in whose payload is another.
pub(super) fn agrees(ours: &HandshakeConfig, peer: &Peer) {
    let says = |(name, _): &&(String, bytes::Bytes)| name.eq_ignore_ascii_case("X-Payload");
    if let (Some((_, ours)), Some((_, theirs))) = (
        ours.metadata.iter().find(says),
        peer.metadata.iter().find(says),
    ) {
        assert_eq!(ours, theirs, "a payload that differs");
    }
}

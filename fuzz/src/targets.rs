//! What is done with any bytes at all: a panic is a fault.
//!
//! Each target does with its bytes what the library does with those of a stranger, and asserts what is promised for them:
//! that the outcome does not depend on how they are cut, that what reads back reads back the same, that nothing is taken
//! beyond its end, and that what has failed stays failed.

#[cfg(feature = "curve")]
#[path = "sealed.rs"]
pub mod sealed;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use highwater_patterns::{Message, Received, RoutingId, SocketType};

use crate::endpoint::Endpoint;
use crate::socks5::{Socks5, SocksCredentials, SocksError, SocksTarget};
use crate::zmtp::{
    BodyRoom, Command, Credentials, Decoder, FrameError, FrameHeader, Handshake, HandshakeConfig,
    Item, Open, OwnedCommand, Peer, PingContext, ProtocolError, Stop, Version, as_subscription,
    encode_cancel, encode_error, encode_message, encode_ping, encode_pong, encode_subscribe,
    error_reason,
};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("greeting", greeting),
    ("handshake", handshake),
    ("decoder", decoder),
    ("commands", commands),
    ("endpoint", endpoint),
    ("socks", socks),
    ("plain", plain),
    #[cfg(feature = "curve")]
    ("curve", sealed::curve),
    #[cfg(feature = "curve")]
    ("messages", sealed::messages),
    #[cfg(feature = "curve")]
    ("insider", sealed::insider),
    #[cfg(feature = "curve")]
    ("boxes", sealed::boxes),
    #[cfg(feature = "curve")]
    ("keys", sealed::keys),
    #[cfg(feature = "curve")]
    ("certificate", sealed::certificate),
];

/// How the inputs of the targets that are handshakes or sealed traffic have ended, in this process.
#[derive(Debug, Default)]
pub struct Ends {
    /// The handshake was completed, or all of the traffic was opened.
    pub good: AtomicU64,
    /// It ended with an error.
    pub refused: AtomicU64,
    /// It waits for more bytes.
    pub unfinished: AtomicU64,
}

impl Ends {
    fn count(&self, is_good: bool, is_refused: bool) {
        let end = match (is_refused, is_good) {
            (true, _) => &self.refused,
            (false, true) => &self.good,
            (false, false) => &self.unfinished,
        };
        end.fetch_add(1, Ordering::Relaxed);
    }
}

/// Of all inputs so far.
pub static ENDS: Ends = Ends {
    good: AtomicU64::new(0),
    refused: AtomicU64::new(0),
    unfinished: AtomicU64::new(0),
};

/// The first bytes of a peer, from the greeting on.
pub fn greeting(data: &[u8]) {
    let config = || HandshakeConfig::new(SocketType::Dealer);
    let whole = shake(config(), data, usize::MAX);
    assert_eq!(whole, shake(config(), data, 1), "a cut changed the outcome");
    assert_eq!(
        whole,
        shake(config(), data, 10),
        "a cut changed the outcome"
    );
}

/// What follows a good greeting: the first byte says who we are, the second how the rest is cut and which version the
/// peer has.
pub fn handshake(data: &[u8]) {
    let &[choice, cut, ref rest @ ..] = data else {
        return;
    };
    let config = || {
        let mut config = HandshakeConfig::new(TYPES[usize::from(choice) % TYPES.len()]);
        config.holds_back = choice & 0x80 != 0;
        config.token = (choice & 0x40 != 0).then_some(7);
        config.routing_id = RoutingId::new(&rest[..rest.len().min(9)]).ok();
        config
    };
    let mut input = GREETING.to_vec();
    input[11] = cut >> 7;
    input.extend_from_slice(rest);
    let whole = shake(config(), &input, usize::MAX);
    ENDS.count(whole.peer.is_some(), whole.result.is_err());
    let cut = usize::from(cut & 0x7F).max(1);
    assert_eq!(
        whole,
        shake(config(), &input, cut),
        "a cut changed the outcome"
    );
    if let Some(peer) = &whole.peer {
        let ours = config().socket_type;
        assert!(
            peer.socket_type
                .is_none_or(|theirs| ours.is_compatible(theirs)),
            "{ours} talks to {peer:?}"
        );
        // What we have said is a handshake, too.
        let partner = TYPES.into_iter().find(|theirs| ours.is_compatible(*theirs));
        let partner = partner.expect("each type can talk to one");
        let mirrored = shake(HandshakeConfig::new(partner), &whole.sent, cut);
        let seen = mirrored.peer.expect("our own handshake is good");
        assert_eq!(seen.socket_type, Some(ours));
        assert_eq!(
            mirrored.result,
            Ok(whole.sent.len()),
            "more than a handshake"
        );
    }
}

/// The traffic of a peer: the first byte says how large a message may be, the second how the rest is cut.
pub fn decoder(data: &[u8]) {
    let &[limit, cut, ref input @ ..] = data else {
        return;
    };
    let max = (limit & 0xF0 != 0).then(|| (usize::from(limit & 0x0F) + 1) << (limit >> 5));
    let straight = limit & 0x10 != 0;
    let whole = decode(max, input, usize::MAX, false);
    let in_pieces = decode(max, input, usize::from(cut).max(1), straight);
    assert_eq!(whole, in_pieces, "a cut changed the outcome");
    survey(max, input, &whole);

    let messages: Vec<&Message> = whole.items.iter().filter_map(message_of).collect();
    let mut again = Vec::new();
    for message in &messages {
        encode_message(*message, &mut again);
    }
    let decoded = decode(None, &again, usize::MAX, false);
    assert!(decoded.error.is_none() && decoded.left == 0);
    let decoded: Vec<&Message> = decoded.items.iter().filter_map(message_of).collect();
    assert_eq!(decoded, messages, "encoded and decoded");
}

/// The body of a command frame, and of a message that may be a subscription.
pub fn commands(data: &[u8]) {
    let mut frame = Vec::new();
    match Command::parse(data) {
        Command::Ping { ttl, context } => {
            encode_ping(ttl, &mut frame);
            let context_sent = PingContext::new(b"");
            let ttl_only = Command::Ping {
                ttl,
                context: context_sent,
            };
            assert_eq!(command_in(&frame), ttl_only);
            pong(context);
        }
        Command::Pong { context } => pong(context),
        Command::Subscribe(topic) => {
            subscription(
                topic,
                encode_subscribe,
                |found| matches!(found, Received::Subscribe(found) if found == topic),
            );
            encode_subscribe(topic, Version::V3_1, &mut frame);
            assert_eq!(command_in(&frame), Command::Subscribe(topic));
        }
        Command::Cancel(topic) => {
            subscription(
                topic,
                encode_cancel,
                |found| matches!(found, Received::Cancel(found) if found == topic),
            );
            encode_cancel(topic, Version::V3_1, &mut frame);
            assert_eq!(command_in(&frame), Command::Cancel(topic));
        }
        Command::Error(said) => {
            let Some(reason) = error_reason(said) else {
                return;
            };
            assert!(!reason.chars().any(char::is_control), "{reason:?}");
            encode_error(&reason, &mut frame);
            let Command::Error(said) = command_in(&frame) else {
                panic!("an ERROR is one");
            };
            error_reason(said).expect("it has a reason");
        }
        Command::Ready(_) | Command::Unknown { .. } | Command::Malformed => {}
    }
    let _ = as_subscription(&Message::from(data));
}

/// Text that may be an endpoint: the first byte says what stands before the rest.
pub fn endpoint(data: &[u8]) {
    const BEGINNINGS: [&str; 6] = ["", "tcp://", "tcp://[", "ipc://", "inproc://", "fd://"];
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let beginning = BEGINNINGS[usize::from(choice) % BEGINNINGS.len()];
    let text = format!("{beginning}{}", String::from_utf8_lossy(rest));
    let endpoint: Endpoint = match text.parse() {
        Ok(endpoint) => endpoint,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let shown = endpoint.to_string();
    assert_eq!(shown.parse().as_ref(), Ok(&endpoint), "{text}");
    assert!(endpoint.check_connect().is_err() || !endpoint.is_wildcard());
    assert_ne!(endpoint.port(), Some(0));
    let _ = (endpoint.transport(), endpoint.ip(), endpoint.path());
    if let Some(target) = SocksTarget::of(&endpoint) {
        assert!(Socks5::new(&target, None).is_ok(), "{shown}");
    }
}

/// What a proxy answers: the first byte says whether there is a login, the second how the rest is cut.
pub fn socks(data: &[u8]) {
    let &[choice, cut, ref answers @ ..] = data else {
        return;
    };
    let whole = ask_proxy(choice, answers, |_| usize::MAX);
    let cut = usize::from(cut).max(1);
    let in_pieces = ask_proxy(choice, answers, |_| cut);
    assert_eq!(whole, in_pieces, "a cut changed the outcome");
    // As the library reads: never more than the proxy is sure to send.
    let careful = ask_proxy(choice, answers, Socks5::wanted);
    assert_eq!(whole, careful, "a cut changed the outcome");
    if let (Ok(taken), true, _) = whole {
        // The choice of a method, the answer to a login, and the answer with an address of one of three lengths.
        let before = if answers[1] == 2 { 4 } else { 2 };
        let answer = &answers[before..taken];
        let address = match answer[3] {
            1 => 4,
            3 => 1 + usize::from(answer[4]),
            4 => 16,
            other => panic!("there are no addresses of type {other}"),
        };
        assert_eq!(answer.len(), 4 + address + 2);
        assert_eq!((answer[0], answer[1]), (5, 0));
    }
}

/// What follows a good greeting of PLAIN: the first byte says who we are and whether our socket may refuse the peer, the
/// second how the rest is cut.
pub fn plain(data: &[u8]) {
    let &[choice, cut, ref rest @ ..] = data else {
        return;
    };
    let is_client = choice & 1 != 0;
    let end = || {
        let mut config = HandshakeConfig::new(SocketType::Dealer);
        config.holds_back = choice & 2 != 0;
        if is_client {
            Handshake::plain_client(config, "admin".into(), "secret".into())
        } else {
            Handshake::plain_server(config)
        }
    };
    let whole = converse(end(), "PLAIN", rest, usize::MAX);
    whole.count();
    let in_pieces = converse(end(), "PLAIN", rest, usize::from(cut).max(1));
    assert_eq!(whole, in_pieces, "a cut changed the outcome");
    assert!(whole.sealed.is_none(), "PLAIN seals nothing");
    if whole.peer.is_some() && !is_client {
        let credentials = whole.credentials.expect("nobody comes in unasked");
        assert!(matches!(credentials, Credentials::Plain { .. }));
    }
}

/// What came of a handshake in which one end may ask about the other.
#[derive(Debug, PartialEq)]
struct Conversed {
    error: Option<ProtocolError>,
    credentials: Option<Credentials>,
    peer: Option<Peer>,
    sent: Vec<u8>,
    /// The frames of the traffic, how many bytes of it are no whole frame, and what ended it; if it is sealed.
    sealed: Option<(Vec<u8>, usize, Option<ProtocolError>)>,
}

impl Conversed {
    /// Counts how it has ended, once for each input.
    fn count(&self) {
        ENDS.count(self.peer.is_some(), self.error.is_some());
    }
}

/// Hands over a good greeting and then `rest`, frame by frame, each in pieces of `cut` bytes; whoever asks is let in behind
/// the frame with which it does.
fn converse(mut end: Handshake, mechanism: &str, rest: &[u8], cut: usize) -> Conversed {
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
fn opened(
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
struct Shaken {
    /// How many bytes were taken.
    result: Result<usize, ProtocolError>,
    peer: Option<Peer>,
    sent: Vec<u8>,
}

fn shake(config: HandshakeConfig, input: &[u8], cut: usize) -> Shaken {
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
struct Decoded {
    items: Vec<Item>,
    /// How many bytes of a frame that is not whole were not taken; 0 after an error, which leaves any number.
    left: usize,
    error: Option<FrameError>,
}

/// Hands `input` over in pieces of `cut` bytes, keeping what is not taken, as a connection does; large bodies go straight
/// where they are to be, if `straight`.
fn decode(max: Option<usize>, input: &[u8], cut: usize, straight: bool) -> Decoded {
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

/// What a survey says of `input` is what becomes of it.
fn survey(max: Option<usize>, input: &[u8], whole: &Decoded) {
    let mut meant = 0;
    let survey = Decoder::new(max).survey(input, usize::MAX, |command| {
        meant += usize::from(match command {
            Command::Error(said) => error_reason(said).is_some(),
            Command::Ready(_) | Command::Unknown { .. } | Command::Malformed => false,
            _ => true,
        });
    });
    let surveyed = decode(max, &input[..survey.octets], usize::MAX, false);
    assert!(surveyed.error.is_none() && surveyed.left == 0);
    assert!(whole.items.starts_with(&surveyed.items));
    let count = |is_it: fn(&Item) -> bool| surveyed.items.iter().filter(|item| is_it(item)).count();
    assert_eq!(count(|item| message_of(item).is_some()), survey.messages);
    assert_eq!(count(|item| message_of(item).is_none()), meant);
    let about_topics = count(|item| {
        matches!(
            item,
            Item::Command(OwnedCommand::Subscribe(_) | OwnedCommand::Cancel(_))
        )
    });
    assert_eq!(about_topics, survey.subscriptions);
    match survey.stop {
        Stop::Failed(error) => assert_eq!(whole.error, Some(error)),
        Stop::NeedMore => {
            let messages = whole.items.iter().filter_map(message_of).count();
            assert_eq!((messages, whole.error), (survey.messages, None));
        }
        Stop::Limit => panic!("there was none"),
        Stop::Decode => {}
    }
}

fn message_of(item: &Item) -> Option<&Message> {
    match item {
        Item::Message(message) => Some(message),
        Item::Command(_) => None,
    }
}

/// The command that `frame` is.
fn command_in(frame: &[u8]) -> Command<'_> {
    let (header, header_len) = FrameHeader::decode(frame)
        .expect("a good length")
        .expect("a whole header");
    assert!(header.command && !header.more);
    let body = &frame[header_len..];
    assert_eq!(body.len() as u64, header.body_len);
    Command::parse(body)
}

fn pong(context: PingContext) {
    let mut frame = Vec::new();
    encode_pong(context, &mut frame);
    assert_eq!(command_in(&frame), Command::Pong { context });
}

/// In the older form, a subscription is a message.
fn subscription(
    topic: &[u8],
    encode: fn(&[u8], Version, &mut Vec<u8>),
    is_it: impl Fn(&Received) -> bool,
) {
    let mut frame = Vec::new();
    encode(topic, Version::V3_0, &mut frame);
    let mut decoded = decode(None, &frame, usize::MAX, false);
    let Some(Item::Message(message)) = decoded.items.pop() else {
        panic!("a subscription is a message");
    };
    let found = as_subscription(&message).expect("it is one");
    assert!(is_it(&found) && decoded.items.is_empty() && decoded.left == 0);
}

/// How many bytes of the answers were taken, whether the stream leads to the target, and what was said.
type Asked = (Result<usize, SocksError>, bool, Vec<u8>);

fn ask_proxy(choice: u8, answers: &[u8], mut cut: impl FnMut(&Socks5) -> usize) -> Asked {
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

const TYPES: [SocketType; 11] = [
    SocketType::Pair,
    SocketType::Pub,
    SocketType::Sub,
    SocketType::Req,
    SocketType::Rep,
    SocketType::Dealer,
    SocketType::Router,
    SocketType::Pull,
    SocketType::Push,
    SocketType::XPub,
    SocketType::XSub,
];

/// That of a 3.0 peer with the mechanism NULL.
const GREETING: [u8; 64] = {
    let mut greeting = [0; 64];
    let beginning = b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\0NULL";
    let mut at = 0;
    while at < beginning.len() {
        greeting[at] = beginning[at];
        at += 1;
    }
    greeting
};

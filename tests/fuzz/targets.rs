//! What is done with any bytes at all: a panic is a fault.
//!
//! Each target does with its bytes what the library does with those of a stranger, and asserts what is promised for them:
//! that the outcome does not depend on how they are cut, that what reads back reads back the same, that nothing is taken
//! beyond its end, and that what has failed stays failed.

#[path = "hand_over.rs"]
mod hand_over;
#[cfg(feature = "curve")]
#[path = "sealed.rs"]
pub mod sealed;

use std::sync::atomic::{AtomicU64, Ordering};

use highwater_patterns::{Message, Received, RoutingId, SocketType};

use crate::endpoint::Endpoint;
use crate::socks5::{Socks5, SocksTarget};
use crate::zmtp::{
    Command, Credentials, Decoder, FrameHeader, Handshake, HandshakeConfig, Item, OwnedCommand,
    PingContext, Stop, Version, as_subscription, encode_cancel, encode_error, encode_message,
    encode_ping, encode_pong, encode_subscribe, error_reason,
};
#[cfg(feature = "curve")]
use hand_over::opened;
use hand_over::{
    Conversed, Decoded, GREETING, agrees, announce, ask_proxy, converse, decode, shake,
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

    /// Counts how a handshake of [`converse`] has ended, once for each input.
    fn count_conversation(&self, whole: &Conversed) {
        self.count(whole.peer.is_some(), whole.error.is_some());
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
        announce(&mut config, choice & 0x20 != 0);
        config.listens_first = choice & 0x10 != 0;
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
        agrees(&config(), peer);
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
        config.token = (choice & 8 != 0).then_some(7);
        announce(&mut config, choice & 4 != 0);
        if is_client {
            Handshake::plain_client(config, "admin".into(), "secret".into())
        } else {
            Handshake::plain_server(config)
        }
    };
    let whole = converse(end(), "PLAIN", rest, usize::MAX);
    ENDS.count_conversation(&whole);
    let in_pieces = converse(end(), "PLAIN", rest, usize::from(cut).max(1));
    assert_eq!(whole, in_pieces, "a cut changed the outcome");
    assert!(whole.sealed.is_none(), "PLAIN seals nothing");
    if let (Some(peer), true) = (&whole.peer, choice & 4 != 0) {
        let mut config = HandshakeConfig::new(SocketType::Dealer);
        announce(&mut config, true);
        agrees(&config, peer);
    }
    if whole.peer.is_some() && !is_client {
        let credentials = whole.credentials.expect("nobody comes in unasked");
        assert!(matches!(credentials, Credentials::Plain { .. }));
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

//! Traffic in words, to compare what we read with what another parser read.

use highwater_patterns::{Frame, RoutingId, SocketType};

use super::recording::{Line, Stream, hex};
use crate::zmtp::command::PingContext;
use crate::zmtp::{HandshakeConfig, Item, OwnedCommand};

/// What one end was configured with, as it tells in its metadata; of type `kind` where it tells none.
pub(super) fn config(ours: &Stream, kind: SocketType) -> HandshakeConfig {
    let mut config = HandshakeConfig::new(ours.socket_type().unwrap_or(kind));
    config.routing_id = ours
        .property("Identity")
        .and_then(|id| RoutingId::new(id).ok());
    config
}

/// The traffic of a stream in the words of `frames.txt`, without what we drop.
pub(super) fn expected_traffic(stream: &Stream) -> Vec<String> {
    stream
        .lines
        .iter()
        .skip(2)
        .filter_map(|line| traffic_text(stream, line))
        .collect()
}

/// One frame in those words; `None` for a command that means nothing in traffic.
pub(super) fn traffic_text(stream: &Stream, line: &Line) -> Option<String> {
    let body = stream.body(line);
    let mut words = line.text.split(' ');
    let (kind, flags) = (words.next()?, words.next()?);
    let (_len, content) = (words.next()?, words.next()?);
    if kind == "message" {
        let more = u8::from_str_radix(flags.strip_prefix("flags=")?, 16).ok()? & 1;
        let shown = hex(body);
        assert!(content.starts_with("len=") || content == "-" || content == shown);
        return Some(format!("message more={more} {shown}"));
    }
    match content {
        "PING" => {
            let (ttl, context) = (words.next()?, words.next()?.strip_prefix("context=")?);
            let cut = context
                .trim_matches('-')
                .chars()
                .take(2 * PingContext::MAX_LEN);
            Some(format!("PING {ttl} context={}", cut.collect::<String>()))
        }
        "PONG" => Some(format!("PONG context={}", hex(&body[5..]))),
        "SUBSCRIBE" => Some(format!("SUBSCRIBE {}", hex(&body[10..]))),
        "CANCEL" => Some(format!("CANCEL {}", hex(&body[7..]))),
        _ => None,
    }
}

/// What we read, in the same words.
pub(super) fn actual_traffic(items: &[Item]) -> Vec<String> {
    items.iter().flat_map(item_texts).collect()
}

fn item_texts(item: &Item) -> Vec<String> {
    match item {
        Item::Message(message) => {
            let last = message.frame_count() - 1;
            let text = |(index, frame): (usize, &Frame)| {
                let more = u8::from(index < last);
                format!("message more={more} {}", hex(frame))
            };
            message.frames().iter().enumerate().map(text).collect()
        }
        Item::Command(command) => vec![match command {
            OwnedCommand::Ping { ttl, context } => {
                format!("PING ttl={ttl} context={}", hex(context.as_bytes()))
            }
            OwnedCommand::Pong { context } => {
                format!("PONG context={}", hex(context.as_bytes()))
            }
            OwnedCommand::Subscribe(topic) => format!("SUBSCRIBE {}", hex(topic)),
            OwnedCommand::Cancel(topic) => format!("CANCEL {}", hex(topic)),
            OwnedCommand::Error(reason) => format!("ERROR reason={reason}"),
        }],
    }
}

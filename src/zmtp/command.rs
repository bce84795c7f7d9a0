//! Commands: frames by which the two ends talk about the connection.
//!
//! Owns: the layout of each command, and the two forms in which subscriptions travel.
//! Always true: reading never fails; what cannot be read is [`Command::Malformed`] or [`Command::Unknown`].
//! Must not know: which command may come when, or what follows from it.
//! Source: RFC 37/ZMTP 3.1, "Commands", and for PING, PONG, SUBSCRIBE and CANCEL its "Traffic" grammar.

use bytes::Bytes;
use highwater_patterns::{MAX_TOPIC, Message, Received};

use super::Version;
use super::error::printable;
use super::frame::{COMMAND, write_header};

/// A command as it lies in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// The sender is ready for traffic; the data depends on the mechanism.
    Ready(&'a [u8]),
    /// The sender refuses the connection; the data is the reason, with its length before it.
    Error(&'a [u8]),
    /// Asks for a PONG with the same context.
    Ping {
        /// After how many tenths of a second of silence the receiver is to give the sender up; 0 for never.
        ttl: u16,
        /// To be echoed.
        context: PingContext,
    },
    /// Answers a PING.
    Pong {
        /// What the PING said.
        context: PingContext,
    },
    /// The sender wants messages whose first frame begins with this topic.
    Subscribe(&'a [u8]),
    /// The sender no longer wants messages whose first frame begins with this topic.
    Cancel(&'a [u8]),
    /// Any other name.
    Unknown {
        /// The name, 1 to 255 bytes of any kind.
        name: &'a [u8],
    },
    /// No name, or not even its announced length; or a PING without a TTL.
    Malformed,
}

impl<'a> Command<'a> {
    /// Reads the body of a command frame.
    pub(crate) fn parse(body: &'a [u8]) -> Self {
        let Some((name, data)) = split_name(body) else {
            return Self::Malformed;
        };
        match name {
            READY => Self::Ready(data),
            ERROR => Self::Error(data),
            PING => match data.split_first_chunk() {
                Some((ttl, context)) => Self::Ping {
                    ttl: u16::from_be_bytes(*ttl),
                    context: PingContext::new(context),
                },
                None => Self::Malformed,
            },
            PONG => Self::Pong {
                context: PingContext::new(data),
            },
            SUBSCRIBE => Self::Subscribe(data),
            CANCEL => Self::Cancel(data),
            _ => Self::Unknown { name },
        }
    }
}

/// The reason in the data of an ERROR, made printable. The data is a length of one byte and that many bytes of text.
pub(crate) fn error_reason(data: &[u8]) -> Option<String> {
    let (&len, text) = data.split_first()?;
    text.get(..usize::from(len)).map(printable)
}

/// A command of the traffic that means something to us, free of the buffer it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnedCommand {
    /// See [`Command::Ping`].
    Ping {
        /// In tenths of a second.
        ttl: u16,
        /// To be echoed.
        context: PingContext,
    },
    /// See [`Command::Pong`].
    Pong {
        /// What the PING said.
        context: PingContext,
    },
    /// See [`Command::Subscribe`].
    Subscribe(Bytes),
    /// See [`Command::Cancel`].
    Cancel(Bytes),
    /// The peer is about to close the connection, for this reason.
    Error(String),
}

impl OwnedCommand {
    /// A copy of `command`, or `None` if it means nothing once the handshake is over.
    ///
    /// libzmq drops unknown and malformed commands, READY and ERROR then, without closing. So do we, save that an ERROR
    /// explains the end of the connection, which its sender is to bring about.
    pub(super) fn from_traffic(command: Command<'_>) -> Option<Self> {
        match command {
            Command::Ping { ttl, context } => Some(Self::Ping { ttl, context }),
            Command::Pong { context } => Some(Self::Pong { context }),
            Command::Subscribe(topic) => Some(Self::Subscribe(Bytes::copy_from_slice(topic))),
            Command::Cancel(topic) => Some(Self::Cancel(Bytes::copy_from_slice(topic))),
            Command::Error(data) => error_reason(data).map(Self::Error),
            Command::Ready(_) | Command::Unknown { .. } | Command::Malformed => None,
        }
    }
}

/// What a PING carries and its PONG echoes: 0 to 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PingContext {
    len: u8,
    /// Zero behind `len`.
    data: [u8; Self::MAX_LEN],
}

impl PingContext {
    /// The most bytes a context has.
    pub(crate) const MAX_LEN: usize = 16;

    /// The first 16 bytes of `bytes`; a longer context is cut, as libzmq does.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let len = bytes.len().min(Self::MAX_LEN);
        let mut data = [0; Self::MAX_LEN];
        data[..len].copy_from_slice(&bytes[..len]);
        Self {
            len: len as u8,
            data,
        }
    }

    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.data[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for PingContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PingContext(\"{}\")", self.as_bytes().escape_ascii())
    }
}

/// The subscription that `message` is, if it is one: a single frame that begins with 1 or 0, then the topic.
///
/// 3.0 peers always subscribe like this and 3.1 peers may; so may an application on an XSUB socket. libzmq also takes
/// the frames of longer messages for subscriptions; we do not.
///
/// Source: RFC 23/ZMTP 3.0, "Publish-Subscribe Pattern".
pub(crate) fn as_subscription(message: &Message) -> Option<Received> {
    let (kind, topic) = message.single()?.split_first()?;
    match kind {
        1 => Some(Received::Subscribe(Bytes::copy_from_slice(topic))),
        0 => Some(Received::Cancel(Bytes::copy_from_slice(topic))),
        _ => None,
    }
}

/// Writes a PING. It asks the peer to give us up after `ttl` tenths of a second of silence, or never if that is 0.
pub(crate) fn encode_ping(ttl: u16, out: &mut Vec<u8>) {
    write_command(PING, &ttl.to_be_bytes(), out);
}

/// Writes the answer to a PING that carried `context`.
pub(crate) fn encode_pong(context: PingContext, out: &mut Vec<u8>) {
    write_command(PONG, context.as_bytes(), out);
}

/// Writes a subscription to `topic`, in the form of the peer's version: a command, or a message in ZMTP 3.0.
pub(crate) fn encode_subscribe(topic: &[u8], version: Version, out: &mut Vec<u8>) {
    match version {
        Version::V3_1 => write_command(SUBSCRIBE, topic, out),
        Version::V3_0 => write_subscription_message(1, topic, out),
    }
}

/// Writes the cancel of a subscription to `topic`, in the form of the peer's version.
pub(crate) fn encode_cancel(topic: &[u8], version: Version, out: &mut Vec<u8>) {
    match version {
        Version::V3_1 => write_command(CANCEL, topic, out),
        Version::V3_0 => write_subscription_message(0, topic, out),
    }
}

/// Writes READY with `metadata`, which is encoded already.
pub(super) fn encode_ready(metadata: &[u8], out: &mut Vec<u8>) {
    write_command(READY, metadata, out);
}

/// Writes ERROR with a reason of at most 255 bytes; a longer one is cut.
pub(crate) fn encode_error(reason: &str, out: &mut Vec<u8>) {
    let reason = error_text(reason);
    write_command_of(ERROR, &[&[reason.len() as u8], reason], out);
}

/// As much of a reason as an ERROR has room for.
pub(super) fn error_text(reason: &str) -> &[u8] {
    &reason.as_bytes()[..reason.len().min(usize::from(u8::MAX))]
}

/// The name in front of a command's body and the data behind it.
pub(super) fn split_name(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = body.split_first()?;
    if len == 0 {
        None
    } else {
        rest.split_at_checked(usize::from(len))
    }
}

/// Whether a command whose body begins with `bytes` is a SUBSCRIBE or a CANCEL; `None` if `bytes` are too few to tell.
pub(super) fn is_about_topics(bytes: &[u8]) -> Option<bool> {
    let mut may_be = false;
    for name in [SUBSCRIBE, CANCEL] {
        let (len, rest) = match bytes.split_first() {
            Some((len, rest)) => (usize::from(*len), rest),
            None => return None,
        };
        if len == name.len() && rest.starts_with(name) {
            return Some(true);
        }
        may_be |= len == name.len() && name.starts_with(rest);
    }
    (!may_be).then_some(false)
}

/// Writes a command.
pub(super) fn write_command(name: &[u8], data: &[u8], out: &mut Vec<u8>) {
    write_command_of(name, &[data], out);
}

/// Writes a command whose data is in pieces.
pub(super) fn write_command_of(name: &[u8], data: &[&[u8]], out: &mut Vec<u8>) {
    let data_len: usize = data.iter().map(|part| part.len()).sum();
    write_header(COMMAND, 1 + name.len() + data_len, out);
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    data.iter().for_each(|part| out.extend_from_slice(part));
}

/// Writes a subscription in the form of ZMTP 3.0: a message whose only frame is `kind` and the topic.
///
/// With a topic of exactly 255 bytes the body has 256 and needs the long form. libzmq writes a frame then that cannot be parsed.
fn write_subscription_message(kind: u8, topic: &[u8], out: &mut Vec<u8>) {
    write_header(0, 1 + topic.len(), out);
    out.push(kind);
    out.extend_from_slice(topic);
}

/// The longest body of a SUBSCRIBE: the name, and a topic of the greatest length that is taken.
pub(super) const LONGEST_SUBSCRIBE: usize = 1 + SUBSCRIBE.len() + MAX_TOPIC;

const READY: &[u8] = b"READY";
const ERROR: &[u8] = b"ERROR";
/// How the body of a PING begins.
pub(crate) const PING_NAME: &[u8] = b"\x04PING";

const PING: &[u8] = b"PING";
const PONG: &[u8] = b"PONG";
const SUBSCRIBE: &[u8] = b"SUBSCRIBE";
const CANCEL: &[u8] = b"CANCEL";

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn each_command_is_written_as_libzmq_writes_it() {
        let context = PingContext::new(b"A");
        assert_eq!(
            written(|out| encode_ping(10, out)),
            b"\x04\x07\x04PING\x00\x0a"
        );
        assert_eq!(
            written(|out| encode_pong(context, out)),
            b"\x04\x06\x04PONGA"
        );
        assert_eq!(
            written(|out| encode_error("400", out)),
            b"\x04\x0a\x05ERROR\x03400"
        );
        assert_eq!(
            written(|out| encode_subscribe(b"t", Version::V3_1, out)),
            b"\x04\x0b\x09SUBSCRIBEt"
        );
        assert_eq!(
            written(|out| encode_cancel(b"t", Version::V3_1, out)),
            b"\x04\x08\x06CANCELt"
        );
        assert_eq!(
            written(|out| encode_subscribe(b"t", Version::V3_0, out)),
            b"\x00\x02\x01t"
        );
        assert_eq!(
            written(|out| encode_cancel(b"t", Version::V3_0, out)),
            b"\x00\x02\x00t"
        );
    }

    #[test]
    fn a_subscription_of_256_bytes_has_a_long_header() {
        let message = written(|out| encode_subscribe(&[b't'; 255], Version::V3_0, out));
        assert_eq!(message[..11], [2, 0, 0, 0, 0, 0, 0, 1, 0, 1, b't']);
        assert_eq!(
            written(|out| encode_subscribe(&[b't'; 245], Version::V3_1, out))[0],
            4
        );
        assert_eq!(
            written(|out| encode_subscribe(&[b't'; 246], Version::V3_1, out))[0],
            6
        );
    }

    #[test]
    fn short_commands_are_malformed_and_never_panic() {
        for body in [
            &b""[..],
            b"\x00",
            b"\x00data",
            b"\x05PING",
            b"\x04PING",
            b"\x04PING\x00",
        ] {
            assert_eq!(Command::parse(body), Command::Malformed, "{body:?}");
        }
    }

    #[test]
    fn a_context_is_cut_to_16_bytes() {
        let body = b"\x04PING\x00\x03ABCDEFGHIJKLMNOPQRST";
        let context = PingContext::new(b"ABCDEFGHIJKLMNOP");
        assert_eq!(Command::parse(body), Command::Ping { ttl: 3, context });
        assert_eq!(context.as_bytes(), b"ABCDEFGHIJKLMNOP");
    }

    #[test]
    fn names_are_compared_exactly() {
        assert_eq!(
            Command::parse(b"\x04ping\x00\x00"),
            Command::Unknown { name: b"ping" }
        );
    }

    #[test]
    fn a_message_of_one_frame_that_begins_with_0_or_1_is_a_subscription() {
        let topic = Bytes::from_static(b"topic");
        let subscribe = as_subscription(&Message::from("\x01topic"));
        assert_eq!(subscribe, Some(Received::Subscribe(topic.clone())));
        assert_eq!(
            as_subscription(&Message::from("\x00topic")),
            Some(Received::Cancel(topic))
        );
        assert_eq!(as_subscription(&Message::from("\x02topic")), None);
        assert_eq!(as_subscription(&Message::EMPTY), None);
        assert_eq!(as_subscription(&Message::from(["\x01topic", "more"])), None);
    }
}

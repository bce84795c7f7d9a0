//! A look at traffic without decoding it: where messages end, and which commands stand between them.
//!
//! Owns: the walk over headers, for a thread that hands undecoded chunks to another.
//! Always true: a chunk that was surveyed holds whole messages and commands, within all bounds; decoding it gives just
//! as many, without a [`FrameError`]. No body is touched except a command's.
//! Must not know: to whom the chunk goes.

use super::Decoder;
use crate::zmtp::command::{Command, is_about_topics};
use crate::zmtp::error::FrameError;
use crate::zmtp::frame::{FrameHeader, KNOWN_FLAGS, LARGE_BODY, LONG_HEADER, SHORT_HEADER};

/// What stands at the front of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Survey {
    /// How many bytes are whole messages and commands.
    pub(crate) octets: usize,
    /// How many messages these are.
    pub(crate) messages: usize,
    /// How many SUBSCRIBE and CANCEL commands are among them.
    pub(crate) subscriptions: usize,
    /// How many of the bytes are commands that stand between messages.
    pub(crate) commands: usize,
    /// Why the survey went no further.
    pub(crate) stop: Stop,
}

/// Why a survey ended where it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The input ends here, or within a message of which it has at most 16 KiB. Survey again when more has come.
    NeedMore,
    /// The next message is to be decoded: it has a large body, or is long and not yet complete, or `decode` has begun it. Survey
    /// again when the decoder is between messages.
    Decode,
    /// The next message would be one more than allowed.
    Limit,
    /// What comes next breaks a bound; fatal to the connection.
    Failed(FrameError),
}

impl Decoder {
    /// Surveys the front of `input`, of at most `limit` messages, and shows `on_command` each command in it.
    ///
    /// Nothing is taken: the receiver of the chunk decodes it with a decoder of its own, and skips all commands in it but
    /// SUBSCRIBE and CANCEL. Each command is shown once, since only those of the surveyed bytes are.
    pub(crate) fn survey(
        &self,
        input: &[u8],
        limit: usize,
        mut on_command: impl FnMut(Command<'_>),
    ) -> Survey {
        let mut survey = Survey {
            octets: 0,
            messages: 0,
            subscriptions: 0,
            commands: 0,
            stop: Stop::Decode,
        };
        if !self.is_between_messages() {
            return survey;
        }
        loop {
            let rest = &input[survey.octets..];
            if let [flags, len, body @ ..] = rest
                && flags & KNOWN_FLAGS == 0
                && usize::from(*len) <= body.len().min(self.max_message_size)
                && survey.messages < limit
            {
                survey.octets += SHORT_HEADER + usize::from(*len);
                survey.messages += 1;
                continue;
            }
            let span = match self.walk(rest, survey.messages < limit) {
                Ok(span) => span,
                Err(stop) => return Survey { stop, ..survey },
            };
            if span.has_commands {
                for_each_command(&rest[..span.octets], |command| {
                    let about_topics =
                        matches!(command, Command::Subscribe(_) | Command::Cancel(_));
                    survey.subscriptions += usize::from(about_topics);
                    on_command(command);
                });
            }
            survey.octets += span.octets;
            survey.messages += usize::from(span.is_message);
            if !span.is_message {
                survey.commands += span.octets;
            }
        }
    }

    /// Walks over the message or command at the front of `input`; commands within a message belong to its span.
    fn walk(&self, input: &[u8], may_be_message: bool) -> Result<Span, Stop> {
        let (mut at, mut frames, mut size) = (0, 0, 0);
        let mut has_commands = false;
        loop {
            let header = FrameHeader::decode(&input[at..]).map_err(Stop::Failed)?;
            let Some((header, header_len)) = header else {
                return Err(incomplete(input));
            };
            if !header.command && !may_be_message {
                return Err(Stop::Limit);
            }
            let body_len = match self.admit(header, frames, size) {
                Ok(body_len) => body_len,
                Err(error @ FrameError::CommandTooLong { .. }) => {
                    return Err(match is_about_topics(&input[at + header_len..]) {
                        Some(true) => Stop::Decode,
                        Some(false) => Stop::Failed(error),
                        None => incomplete(input),
                    });
                }
                Err(error) => return Err(Stop::Failed(error)),
            };
            if body_len > LARGE_BODY {
                return Err(Stop::Decode);
            }
            at += header_len;
            if input.len() - at < body_len {
                return Err(incomplete(input));
            }
            at += body_len;
            if header.command {
                has_commands = true;
                if frames == 0 {
                    return Ok(Span {
                        octets: at,
                        is_message: false,
                        has_commands,
                    });
                }
                continue;
            }
            frames += 1;
            size += body_len;
            if !header.more {
                return Ok(Span {
                    octets: at,
                    is_message: true,
                    has_commands,
                });
            }
        }
    }
}

/// One message with what stands between its frames, or one command.
struct Span {
    octets: usize,
    is_message: bool,
    has_commands: bool,
}

/// How to go on with a message that is not complete. A long one is decoded as it arrives: otherwise each survey would walk over
/// its beginning again, and the caller's buffer would have to hold it whole.
fn incomplete(input: &[u8]) -> Stop {
    if input.len() > LONGEST_WAIT {
        Stop::Decode
    } else {
        Stop::NeedMore
    }
}

/// Shows each command among `frames`, which are whole.
fn for_each_command<'a>(mut frames: &'a [u8], mut show: impl FnMut(Command<'a>)) {
    while let Ok(Some((header, header_len))) = FrameHeader::decode(frames) {
        let (frame, rest) = frames.split_at(header_len + header.body_len as usize);
        if header.command {
            show(Command::parse(&frame[header_len..]));
        }
        frames = rest;
    }
}

/// With more bytes than this, an incomplete message is decoded. Any frame whose body is not large is shorter.
const LONGEST_WAIT: usize = 2 * LARGE_BODY;
const _: () = assert!(LONGEST_WAIT >= LARGE_BODY + LONG_HEADER);

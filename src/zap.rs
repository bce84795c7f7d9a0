//! ZAP: a decision that is asked of a handler within the context, by messages.
//!
//! Owns: the words of a question and of its answer.
//! Always true: what is no good answer lets nobody in, and says why. A question ends at its deadline.
//! Must not know: who answers; for which socket it asks.
//! Source: RFC 27/ZAP.

use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::Bytes;
use highwater_patterns::{Frame, Message, PatternOptions, SocketType};

use crate::Context;
use crate::context::Hub;
use crate::endpoint::Endpoint;
use crate::options::{Linger, Options};
use crate::security::{Authenticate, Candidate, Proof, Security, Verdict};
use crate::socket::{Core, Wait};
use crate::zmtp;

/// Asks the ZAP handler of a context who may come in: whichever REP or ROUTER is bound to `inproc://zeromq.zap.01` there.
/// Made by [`Security::zap`].
///
/// A question has the frames of RFC 27: the version `1.0`, a request id, the domain, the peer's address without its port
/// (for ipc on Linux `localhost:UID:GID:PID`), an empty identity, the mechanism, and its credentials: nothing for NULL,
/// name and password for PLAIN, the 32 bytes of the public key for CURVE. The answer has the version, the request id, a
/// status, a text, the user id and metadata:
///
/// | status | what it means |
/// |---|---|
/// | `200` | the peer may come in, known by the user id, with the metadata |
/// | `300` | not now: the connection ends, and the peer tries again after a pause |
/// | `400`, `500` | the peer may not, and is told the status by an ERROR |
///
/// The text is in the event at this end ([`Denied`](crate::LinkError::Denied)), with the status: `400: no such user`, or
/// `ZAP: 300: busy`. The peer is not told it.
///
/// Without a handler, after another answer, or after none by the [deadline](Security::deadline), the peer may not come in,
/// and the event says why; it is told nothing, and tries again.
#[derive(Debug, Clone)]
pub struct Zap {
    /// No owner: a socket that has this would keep its own context waiting.
    hub: Weak<Hub>,
    domain: Bytes,
}

impl Security {
    /// A decision for [`only`](crate::security::Undecided::only) and [`plain_server`](Self::plain_server): that of the ZAP
    /// handler of `context`, which is told `domain`.
    ///
    /// ```
    /// use highwater::security::Security;
    /// use highwater::{Context, Pull, Rep};
    ///
    /// let context = Context::new();
    /// let handler = Rep::new(&context);
    /// handler.bind("inproc://zeromq.zap.01")?;
    /// let pull = Pull::builder(&context)
    ///     .security(Security::plain_server(Security::zap(&context, "global")))
    ///     .build();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Source: RFC 27/ZAP.
    pub fn zap(context: &Context, domain: impl Into<Bytes>) -> Zap {
        Zap {
            hub: Arc::downgrade(context.hub()),
            domain: Bytes::copy_from_slice(&domain.into()),
        }
    }
}

impl Authenticate for Zap {
    fn check(&self, who: &Candidate) -> Verdict {
        match self.ask(who) {
            Ok(verdict) => verdict,
            Err(why) => Verdict::Failed {
                why: format!("ZAP: {why}"),
            },
        }
    }
}

impl Zap {
    fn ask(&self, who: &Candidate) -> Result<Verdict, String> {
        let hub = self.hub.upgrade().ok_or("the context has ended")?;
        let mut options = Options::default();
        options.linger = Linger::Discard;
        // One for each question: answers cannot be confused, and nothing is shared between the threads that ask.
        let core = Core::new(&hub, SocketType::Req, options, &PatternOptions::default());
        let answer = converse(&core, question(&self.domain, who), who.until);
        core.close(None);
        read_answer(&answer?)
    }
}

/// Asks, and gives the answer.
fn converse(core: &Core, mut question: Message, until: Instant) -> Result<Message, String> {
    let handler: Endpoint = HANDLER.parse().expect("it is an endpoint");
    core.connect(&handler, None)
        .map_err(|error| error.to_string())?;
    if core.peers().is_empty() {
        return Err(format!("nobody answers at {HANDLER}"));
    }
    let time_left = || Wait::AtMost(until.saturating_duration_since(Instant::now()));
    core.ask(time_left(), &mut question)
        .map_err(|_| "the handler takes no question".to_owned())?;
    match core.reply(time_left()) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err("the handler has gone without an answer".to_owned()),
        Err(_) => Err("the handler has not answered in time".to_owned()),
    }
}

fn question(domain: &Bytes, who: &Candidate) -> Message {
    let mut frames: Vec<Frame> = vec![
        VERSION.into(),
        REQUEST_ID.into(),
        domain.clone().into(),
        address(who).into(),
        // Of the peer it is not known yet, since metadata comes later.
        Frame::default(),
        who.proof.mechanism().into(),
    ];
    match &who.proof {
        Proof::Null => {}
        Proof::Plain { user, password } => {
            frames.extend([user.clone().into(), password.clone().into()]);
        }
        #[cfg(feature = "curve")]
        Proof::Curve { key } => frames.push(Frame::from(&key.as_bytes()[..])),
    }
    frames.into()
}

/// As libzmq tells it.
fn address(who: &Candidate) -> String {
    match (who.address, who.credentials) {
        (Some(ip), _) => ip.to_string(),
        (None, Some(known)) => {
            let process = known.pid.unwrap_or_default();
            format!("localhost:{}:{}:{process}", known.uid, known.gid)
        }
        (None, None) => String::new(),
    }
}

fn read_answer(answer: &Message) -> Result<Verdict, String> {
    let frames: Vec<&[u8]> = answer.frames().iter().map(|frame| &**frame).collect();
    let [version, id, status, text, user, metadata] = frames[..] else {
        return Err(format!(
            "the handler's answer has {} frames instead of 6",
            frames.len()
        ));
    };
    if version != VERSION.as_bytes() {
        return Err("the handler's answer has another version than 1.0".to_owned());
    }
    if id != REQUEST_ID.as_bytes() {
        return Err("the handler's answer has another request id than its question".to_owned());
    }
    match status {
        b"200" => {
            let metadata = zmtp::parse_metadata(Bytes::copy_from_slice(metadata))
                .map_err(|_| "the metadata in the handler's answer is malformed")?;
            Ok(Verdict::Allow {
                user: String::from_utf8_lossy(user).into_owned(),
                metadata,
            })
        }
        b"300" => Err(format!("300: {}", shown(text))),
        b"400" | b"500" => Ok(Verdict::Deny {
            reason: shown(status),
            why: shown(text),
        }),
        _ => Err("the status in the handler's answer is none of 200, 300, 400, 500".to_owned()),
    }
}

/// Of a frame that is for people: its first 255 bytes.
fn shown(frame: &[u8]) -> String {
    String::from_utf8_lossy(&frame[..frame.len().min(255)]).into_owned()
}

/// Where a handler is bound.
const HANDLER: &str = "inproc://zeromq.zap.01";
const VERSION: &str = "1.0";
/// As libzmq's. Each question has a socket of its own, so that nothing depends on it.
const REQUEST_ID: &str = "1";

#[cfg(test)]
mod tests;

//! The server's end of CURVE: the client knows its public key beforehand.
//!
//! Owns: the writing of WELCOME and READY, and the reading of HELLO and INITIATE.
//! Always true: it is decided about a client only after that has proved three things: it has the secret key to its long-term
//! public one, it has the transient key of this connection, and it meant this server. READY is sent only after the decision.
//! Must not know: how it is decided.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use highwater_curve::{Keypair, PublicKey, SecretKey, SharedKey};

use super::super::{Credentials, Progress, unexpected};
use super::{
    COMMAND_HELLO, COMMAND_INITIATE, COMMAND_READY, COMMAND_WELCOME, COOKIE, CurveLimits,
    HELLO_PADDING, HELLO_TEXT, NONCE_CLIENT, NONCE_HELLO, NONCE_INITIATE, NONCE_READY,
    NONCE_SERVER, NONCE_VOUCH, NONCE_WELCOME, TAG, VERSION, VOUCH, agree, cookie, counted_nonce,
    open, public_key, random_nonce, seal, sealing, take, write_sealed_error,
};
use crate::zmtp::command::{encode_error, split_name, write_command_of};
use crate::zmtp::error::ProtocolError;
use crate::zmtp::metadata::{self, TOKEN};
use crate::zmtp::sealing::Sealing;

/// The server of one connection.
pub(crate) struct CurveServer {
    pair: Keypair,
    /// The public key to it is computed after HELLO has shown that the client knows our public key: a multiplication.
    transient: SecretKey,
    cookie_key: SharedKey,
    seeds: ServerSeeds,
    limits: CurveLimits,
    /// Our metadata, encoded.
    metadata: Vec<u8>,
    step: Step,
}

/// Random bytes for one connection; they must not be used for another.
pub(crate) struct ServerSeeds {
    /// The secret transient key.
    pub(crate) transient: [u8; 32],
    /// For the nonce of WELCOME.
    pub(crate) welcome: [u8; 16],
    /// For the nonce of the cookie.
    pub(crate) cookie: [u8; 16],
}

enum Step {
    /// HELLO comes next.
    Hello,
    /// INITIATE comes next.
    Initiate {
        /// The client's transient public key.
        client: PublicKey,
        /// The counter of HELLO.
        received: u64,
        /// When HELLO came.
        since: Instant,
    },
    /// It is being decided about the client.
    Asking {
        credentials: Credentials,
        metadata: Bytes,
        session: Session,
    },
    /// The client is allowed, and READY comes next, from us.
    Introduced(Session),
    /// READY was written.
    Done(Session),
    Failed,
}

/// What the seal of the traffic is made of.
struct Session {
    /// The shared key of both transient keys.
    shared: SharedKey,
    /// The counter of INITIATE.
    received: u64,
    /// Whether the client is a socket of this library, which knows the seal of an ERROR.
    knows_seals: bool,
}

impl CurveServer {
    /// `cookie_key` comes from [`CookieJar::key`](super::CookieJar::key).
    pub(crate) fn new(
        pair: Keypair,
        cookie_key: SharedKey,
        seeds: ServerSeeds,
        limits: CurveLimits,
    ) -> Self {
        Self {
            pair,
            transient: SecretKey::from_bytes(seeds.transient),
            cookie_key,
            seeds,
            limits,
            metadata: Vec::new(),
            step: Step::Hello,
        }
    }

    pub(in super::super) fn start(&mut self, metadata: Vec<u8>) {
        self.metadata = metadata;
    }

    pub(in super::super) fn receive(
        &mut self,
        command: &Bytes,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match (&self.step, split_name(command)) {
            (Step::Hello, Some((COMMAND_HELLO, data))) => {
                let (client, received, key) = self.read_hello(data)?;
                self.write_welcome(&client, &key, out);
                self.step = Step::Initiate {
                    client,
                    received,
                    since: now,
                };
                Ok(Progress::Going)
            }
            (
                Step::Initiate {
                    client,
                    received,
                    since,
                },
                Some((COMMAND_INITIATE, data)),
            ) => {
                self.step = self.read_initiate(client, *received, *since, now, data)?;
                Ok(Progress::Asks)
            }
            _ => Err(unexpected(command)),
        }
    }

    pub(in super::super) fn credentials(&self) -> Option<&Credentials> {
        match &self.step {
            Step::Asking { credentials, .. } => Some(credentials),
            _ => None,
        }
    }

    pub(in super::super) fn awaits_hello(&self) -> bool {
        matches!(self.step, Step::Hello)
    }

    pub(in super::super) fn allow(&mut self) -> Progress {
        match std::mem::replace(&mut self.step, Step::Failed) {
            Step::Asking {
                metadata, session, ..
            } => {
                self.step = Step::Introduced(session);
                Progress::Introduced(metadata)
            }
            other => {
                self.step = other;
                Progress::Going
            }
        }
    }

    pub(in super::super) fn admit(&mut self, out: &mut Vec<u8>) {
        self.step = match std::mem::replace(&mut self.step, Step::Failed) {
            Step::Introduced(session) => {
                let nonce = counted_nonce(NONCE_READY, READY_COUNTER);
                let boxed = seal(&session.shared, &nonce, &[&self.metadata]);
                let data = [&READY_COUNTER.to_be_bytes()[..], &boxed];
                write_command_of(COMMAND_READY, &data, out);
                Step::Done(session)
            }
            other => other,
        };
    }

    /// Appends an ERROR with this `reason`: with our seal, if the client has got as far as to share a key with us and knows what
    /// a seal is. No further command follows.
    pub(in super::super) fn refuse(&mut self, reason: &str, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.step, Step::Failed) {
            Step::Asking { session, .. } | Step::Introduced(session) if session.knows_seals => {
                write_sealed_error(&session.shared, reason, out);
            }
            _ => encode_error(reason, out),
        }
    }

    pub(in super::super) fn finish(self) -> Option<Sealing> {
        match self.step {
            Step::Done(session) => Some(sealing(
                &session.shared,
                NONCE_SERVER,
                NONCE_CLIENT,
                READY_COUNTER,
                session.received,
                self.limits,
            )),
            _ => None,
        }
    }

    /// The client's transient key, the counter, and the shared key of that transient key and our long-term key, from HELLO.
    fn read_hello(&self, mut data: &[u8]) -> Result<(PublicKey, u64, SharedKey), ProtocolError> {
        const MALFORMED: ProtocolError = ProtocolError::Malformed { command: "HELLO" };
        let version = *take(&mut data).ok_or(MALFORMED)?;
        if version != VERSION {
            let [major, minor] = version;
            return Err(ProtocolError::UnsupportedCurveVersion { major, minor });
        }
        take::<HELLO_PADDING>(&mut data).ok_or(MALFORMED)?;
        let client = take(&mut data).ok_or(MALFORMED)?;
        let counter = u64::from_be_bytes(*take(&mut data).ok_or(MALFORMED)?);
        if data.len() != TAG + HELLO_TEXT {
            return Err(MALFORMED);
        }
        let client = public_key(client)?;
        let key = agree(self.pair.secret(), &client)?;
        let text = open(&key, &counted_nonce(NONCE_HELLO, counter), data, "HELLO")?;
        if text != [0; HELLO_TEXT] {
            return Err(MALFORMED);
        }
        Ok((client, counter, key))
    }

    fn write_welcome(&self, client: &PublicKey, key: &SharedKey, out: &mut Vec<u8>) {
        let secret = &self.transient;
        let cookie = cookie::bake(&self.cookie_key, &self.seeds.cookie, client, secret);
        let nonce = random_nonce(NONCE_WELCOME, &self.seeds.welcome);
        let boxed = seal(key, &nonce, &[self.transient.public().as_bytes(), &cookie]);
        write_command_of(COMMAND_WELCOME, &[&self.seeds.welcome, &boxed], out);
    }

    fn read_initiate(
        &self,
        client: &PublicKey,
        last: u64,
        since: Instant,
        now: Instant,
        mut data: &[u8],
    ) -> Result<Step, ProtocolError> {
        const MALFORMED: ProtocolError = ProtocolError::Malformed {
            command: "INITIATE",
        };
        let baked: &[u8; COOKIE] = take(&mut data).ok_or(MALFORMED)?;
        let received = u64::from_be_bytes(*take(&mut data).ok_or(MALFORMED)?);
        if data.len() < TAG + 32 + 16 + VOUCH {
            return Err(MALFORMED);
        }
        let ours = &self.transient;
        cookie::check(&self.cookie_key, baked, client, ours, since, now)?;
        if received <= last {
            return Err(ProtocolError::NonceNotRising {
                nonce: received,
                last,
            });
        }
        let shared = agree(ours, client)?;
        let nonce = counted_nonce(NONCE_INITIATE, received);
        let text = Bytes::from(open(&shared, &nonce, data, "INITIATE")?);
        let mut rest = &text[..];
        let known_by = public_key(take(&mut rest).expect("the length was checked"))?;
        let vouch_nonce = take(&mut rest).expect("the length was checked");
        let vouch: &[u8; VOUCH] = take(&mut rest).expect("the length was checked");
        self.check_vouch(client, &known_by, vouch_nonce, vouch)?;
        let metadata = text.slice_ref(rest);
        let knows_seals = metadata::has(&metadata, TOKEN);
        Ok(Step::Asking {
            credentials: Credentials::Curve {
                key: *known_by.as_bytes(),
            },
            metadata,
            session: Session {
                shared,
                received,
                knows_seals,
            },
        })
    }

    /// Checks the vouch: the owner of the long-term key `known_by` has sealed the transient key `client` and our public key.
    fn check_vouch(
        &self,
        client: &PublicKey,
        known_by: &PublicKey,
        random: &[u8; 16],
        vouch: &[u8; VOUCH],
    ) -> Result<(), ProtocolError> {
        let key = agree(&self.transient, known_by)?;
        let text = open(&key, &random_nonce(NONCE_VOUCH, random), vouch, "vouch")?;
        let mut text = &text[..];
        let mut next = || PublicKey::from_bytes(*take(&mut text).expect("two keys"));
        // Both comparisons take constant time. libzmq does not check the second key.
        if next() != Ok(*client) || next() != Ok(self.pair.public()) {
            return Err(ProtocolError::BoxRefused { name: "vouch" });
        }
        Ok(())
    }
}

impl fmt::Debug for CurveServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Hello => "Hello",
            Step::Initiate { .. } => "Initiate",
            Step::Asking { .. } => "Asking",
            Step::Introduced(_) => "Introduced",
            Step::Done(_) => "Done",
            Step::Failed => "Failed",
        };
        f.debug_struct("CurveServer")
            .field("public", &self.pair.public())
            .field("step", &step)
            .finish_non_exhaustive()
    }
}

/// The counter of READY, a server's first. Its first MESSAGE has the next.
const READY_COUNTER: u64 = 1;

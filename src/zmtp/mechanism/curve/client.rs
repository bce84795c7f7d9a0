//! The client's end of CURVE: it knows the server's public key beforehand.
//!
//! Owns: the writing of HELLO and INITIATE, and the reading of WELCOME and READY.
//! Always true: the long-term public key of this end is sent inside a box that only the owner of the server's key can open.
//! Must not know: how the server decides.

use std::fmt;

use bytes::Bytes;
use highwater_curve::{Keypair, PublicKey, SecretKey, SharedKey};

use super::super::{Progress, unexpected};
use super::{
    COMMAND_ERROR, COMMAND_HELLO, COMMAND_INITIATE, COMMAND_READY, COMMAND_WELCOME, COOKIE,
    CurveLimits, HELLO_PADDING, HELLO_TEXT, NONCE_CLIENT, NONCE_HELLO, NONCE_INITIATE, NONCE_READY,
    NONCE_SERVER, NONCE_VOUCH, NONCE_WELCOME, TAG, VERSION, agree, counted_nonce, is_sealed_error,
    open, public_key, random_nonce, seal, sealing, take,
};
use crate::zmtp::command::{split_name, write_command_of};
use crate::zmtp::error::ProtocolError;
use crate::zmtp::sealing::Sealing;

/// The client of one connection.
pub(crate) struct CurveClient {
    pair: Keypair,
    server: PublicKey,
    transient: Keypair,
    vouch_nonce: [u8; 16],
    limits: CurveLimits,
    /// Our metadata, encoded.
    metadata: Vec<u8>,
    step: Step,
}

/// Random bytes for one connection; they must not be used for another.
pub(crate) struct ClientSeeds {
    /// The secret transient key.
    pub(crate) transient: [u8; 32],
    /// For the nonce of the vouch.
    pub(crate) vouch: [u8; 16],
}

enum Step {
    /// The greeting of the server comes next.
    Greeting,
    /// WELCOME comes next; with the shared key of our transient key and the server's long-term key.
    Welcome(SharedKey),
    /// READY comes next; with the shared key of both transient keys.
    Ready(SharedKey),
    /// READY has come; with the same shared key, and the counter of READY.
    Done(SharedKey, u64),
    /// The server has refused us, by an ERROR with its seal.
    Refused,
}

impl CurveClient {
    pub(crate) fn new(
        pair: Keypair,
        server: PublicKey,
        seeds: &ClientSeeds,
        limits: CurveLimits,
    ) -> Self {
        Self {
            pair,
            server,
            transient: Keypair::from_secret(SecretKey::from_bytes(seeds.transient)),
            vouch_nonce: seeds.vouch,
            limits,
            metadata: Vec::new(),
            step: Step::Greeting,
        }
    }

    pub(in super::super) fn start(&mut self, metadata: Vec<u8>) {
        self.metadata = metadata;
    }

    pub(in super::super) fn greeted(&mut self, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        let key = agree(self.transient.secret(), &self.server)?;
        let nonce = counted_nonce(NONCE_HELLO, HELLO_COUNTER);
        let boxed = seal(&key, &nonce, &[&[0; HELLO_TEXT]]);
        let transient = self.transient.public();
        let data = [
            &VERSION[..],
            &[0; HELLO_PADDING],
            transient.as_bytes(),
            &HELLO_COUNTER.to_be_bytes(),
            &boxed,
        ];
        write_command_of(COMMAND_HELLO, &data, out);
        self.step = Step::Welcome(key);
        Ok(())
    }

    pub(in super::super) fn receive(
        &mut self,
        command: &Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match (&self.step, split_name(command)) {
            (Step::Welcome(key), Some((COMMAND_WELCOME, data))) => {
                let (server, cookie) = read_welcome(key, data)?;
                let shared = agree(self.transient.secret(), &server)?;
                self.write_initiate(&server, &cookie, &shared, out)?;
                self.step = Step::Ready(shared);
                Ok(Progress::Going)
            }
            (Step::Ready(shared), Some((COMMAND_READY, data))) => {
                let (counter, metadata) = read_ready(shared, data)?;
                self.step = Step::Done(shared.clone(), counter);
                Ok(Progress::Introduced(metadata))
            }
            (Step::Ready(shared), Some((COMMAND_ERROR, data))) => {
                if is_sealed_error(shared, data) {
                    self.step = Step::Refused;
                }
                Err(unexpected(command))
            }
            _ => Err(unexpected(command)),
        }
    }

    fn write_initiate(
        &self,
        server: &PublicKey,
        cookie: &[u8; COOKIE],
        shared: &SharedKey,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        let vouch = seal(
            &agree(self.pair.secret(), server)?,
            &random_nonce(NONCE_VOUCH, &self.vouch_nonce),
            &[self.transient.public().as_bytes(), self.server.as_bytes()],
        );
        let public = self.pair.public();
        let text = [
            &public.as_bytes()[..],
            &self.vouch_nonce,
            &vouch,
            &self.metadata,
        ];
        let nonce = counted_nonce(NONCE_INITIATE, INITIATE_COUNTER);
        let boxed = seal(shared, &nonce, &text);
        let data = [&cookie[..], &INITIATE_COUNTER.to_be_bytes(), &boxed];
        write_command_of(COMMAND_INITIATE, &data, out);
        Ok(())
    }

    pub(in super::super) fn awaits_welcome(&self) -> bool {
        matches!(self.step, Step::Welcome(_))
    }

    pub(in super::super) fn is_refused(&self) -> bool {
        matches!(self.step, Step::Refused)
    }

    pub(in super::super) fn finish(self) -> Option<Sealing> {
        match self.step {
            Step::Done(shared, received) => Some(sealing(
                &shared,
                NONCE_CLIENT,
                NONCE_SERVER,
                INITIATE_COUNTER,
                received,
                self.limits,
            )),
            _ => None,
        }
    }
}

impl fmt::Debug for CurveClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Greeting => "Greeting",
            Step::Welcome(_) => "Welcome",
            Step::Ready(_) => "Ready",
            Step::Done(..) => "Done",
            Step::Refused => "Refused",
        };
        f.debug_struct("CurveClient")
            .field("public", &self.pair.public())
            .field("server", &self.server)
            .field("step", &step)
            .finish_non_exhaustive()
    }
}

/// The transient key of the server and the cookie, from WELCOME.
fn read_welcome(
    key: &SharedKey,
    mut data: &[u8],
) -> Result<(PublicKey, [u8; COOKIE]), ProtocolError> {
    const MALFORMED: ProtocolError = ProtocolError::Malformed { command: "WELCOME" };
    let random = take(&mut data).ok_or(MALFORMED)?;
    if data.len() != TAG + 32 + COOKIE {
        return Err(MALFORMED);
    }
    let text = open(key, &random_nonce(NONCE_WELCOME, random), data, "WELCOME")?;
    let mut text = &text[..];
    let server = take(&mut text).expect("the length was checked");
    let cookie = take(&mut text).expect("the length was checked");
    Ok((public_key(server)?, *cookie))
}

/// The counter and the server's metadata, from READY.
fn read_ready(shared: &SharedKey, mut data: &[u8]) -> Result<(u64, Bytes), ProtocolError> {
    const MALFORMED: ProtocolError = ProtocolError::Malformed { command: "READY" };
    let counter = u64::from_be_bytes(*take(&mut data).ok_or(MALFORMED)?);
    if data.len() < TAG {
        return Err(MALFORMED);
    }
    let text = open(shared, &counted_nonce(NONCE_READY, counter), data, "READY")?;
    Ok((counter, text.into()))
}

/// A client counts its commands, and goes on counting with its MESSAGEs.
const HELLO_COUNTER: u64 = 1;
const INITIATE_COUNTER: u64 = 2;

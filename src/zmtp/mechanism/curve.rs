//! CURVE: both ends prove that they have the secret keys they are known by, and everything behind is sealed.
//!
//! Owns: the commands of this mechanism, their boxes and nonces, and the form of the traffic behind them.
//! Always true: nothing in clear is believed. A command or MESSAGE whose box does not open, whose nonce does not rise, or
//! that is not the one to come next ends the connection, with an error that names it. The traffic begins with the READY of
//! the server, and a frame behind it that is no MESSAGE is an error: there is no way back to clear text. Nothing secret is
//! shown by `Debug`.
//! Must not know: whose key may come in; clocks and randomness, which are arguments.
//! Source: RFC 26/CurveZMQ. As libzmq does, a MESSAGE travels in a message frame and holds commands as well.
//!
//! ```text
//! client: HELLO ->             INITIATE ->                 <- READY   MESSAGE <->
//! server:         <- WELCOME               Asks, allow, admit
//! ```

mod client;
mod cookie;
mod server;
mod traffic;

pub(crate) use self::client::{ClientSeeds, CurveClient};
pub(crate) use self::cookie::CookieJar;
pub(crate) use self::server::{CurveServer, ServerSeeds};

use highwater_curve::{PublicKey, SharedKey};

use self::traffic::{Counted, CurveOpen, CurveSeal};
use crate::zmtp::error::ProtocolError;
use crate::zmtp::sealing::Sealing;

/// How the traffic is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CurveLimits {
    /// The longest body of a frame, in bytes; `None` for no bound. A command may be longer.
    pub(crate) max_frame: Option<usize>,
    /// A MESSAGE may skip nonces. No peer does that by itself, so skipped nonces are messages that somebody has dropped on
    /// the way; RFC 26 and libzmq take no notice.
    pub(crate) allows_gaps: bool,
}

/// Both directions of the traffic between the transient keys.
///
/// `sent` and `received` are the last counters that were in use.
fn sealing(
    shared: &SharedKey,
    ours: &[u8; 16],
    theirs: &[u8; 16],
    sent: u64,
    received: u64,
    limits: CurveLimits,
) -> Sealing {
    Sealing {
        seal: Box::new(CurveSeal::new(shared.for_nonces(ours), sent)),
        open: Box::new(CurveOpen::new(
            shared.for_nonces(theirs),
            Counted::new(received),
            limits,
        )),
    }
}

/// As a server has it, for tests and the fuzzer.
#[allow(dead_code, reason = "a server's own comes of its handshake")]
pub(crate) fn server_sealing(
    shared: &SharedKey,
    sent: u64,
    received: u64,
    limits: CurveLimits,
) -> Sealing {
    sealing(shared, NONCE_SERVER, NONCE_CLIENT, sent, received, limits)
}

/// A nonce of a command that counts.
fn counted_nonce(prefix: &[u8; 16], counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// A nonce that is random but for its beginning.
fn random_nonce(prefix: &[u8; 8], random: &[u8; 16]) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(prefix);
    nonce[8..].copy_from_slice(random);
    nonce
}

/// Seals `text` in a box of its own.
fn seal(key: &SharedKey, nonce: &[u8; 24], text: &[&[u8]]) -> Vec<u8> {
    let len: usize = text.iter().map(|piece| piece.len()).sum();
    let mut boxed = Vec::with_capacity(TAG + len);
    boxed.extend_from_slice(&[0; TAG]);
    text.iter().for_each(|piece| boxed.extend_from_slice(piece));
    key.seal(nonce, &mut boxed);
    boxed
}

/// What is in the box at `data`, which is that of `name`.
fn open(
    key: &SharedKey,
    nonce: &[u8; 24],
    data: &[u8],
    name: &'static str,
) -> Result<Vec<u8>, ProtocolError> {
    let mut boxed = data.to_vec();
    match key.open(nonce, &mut boxed) {
        Ok(_) => Ok(boxed.split_off(TAG)),
        Err(_) => Err(ProtocolError::BoxRefused { name }),
    }
}

/// The key that two ends share.
fn agree(
    ours: &highwater_curve::SecretKey,
    theirs: &PublicKey,
) -> Result<SharedKey, ProtocolError> {
    SharedKey::new(ours, theirs).map_err(|_| ProtocolError::LowOrderKey)
}

fn public_key(bytes: &[u8; 32]) -> Result<PublicKey, ProtocolError> {
    PublicKey::from_bytes(*bytes).map_err(|_| ProtocolError::LowOrderKey)
}

/// Takes `N` bytes from the front of `data`; `None` if there are fewer.
fn take<'a, const N: usize>(data: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = data.split_first_chunk()?;
    *data = rest;
    Some(taken)
}

/// By how many bytes a box is longer than what is in it.
const TAG: usize = highwater_curve::TAG;

const COMMAND_HELLO: &[u8] = b"HELLO";
const COMMAND_WELCOME: &[u8] = b"WELCOME";
const COMMAND_INITIATE: &[u8] = b"INITIATE";
const COMMAND_READY: &[u8] = b"READY";

/// The version in HELLO.
const VERSION: [u8; 2] = [1, 0];
/// Makes HELLO longer than its answer, so that a server is of no use for flooding others.
const HELLO_PADDING: usize = 72;
/// HELLO seals as many zeros.
const HELLO_TEXT: usize = 64;
/// The length of a cookie: a nonce, and a box of two keys.
const COOKIE: usize = 16 + TAG + 2 * 32;
/// The length of a vouch: a box of two keys.
const VOUCH: usize = TAG + 2 * 32;

const NONCE_HELLO: &[u8; 16] = b"CurveZMQHELLO---";
const NONCE_WELCOME: &[u8; 8] = b"WELCOME-";
const NONCE_COOKIE: &[u8; 8] = b"COOKIE--";
const NONCE_INITIATE: &[u8; 16] = b"CurveZMQINITIATE";
const NONCE_VOUCH: &[u8; 8] = b"VOUCH---";
const NONCE_READY: &[u8; 16] = b"CurveZMQREADY---";
const NONCE_CLIENT: &[u8; 16] = b"CurveZMQMESSAGEC";
const NONCE_SERVER: &[u8; 16] = b"CurveZMQMESSAGES";

#[cfg(test)]
mod tests;

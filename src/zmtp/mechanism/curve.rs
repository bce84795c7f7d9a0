//! CURVE: each end proves that it has the secret key to its public one, and all traffic after the handshake is sealed.
//!
//! Owns: the commands of this mechanism, their boxes and nonces, and the form of the traffic after them.
//! Always true: nothing that comes in clear is trusted. A command or MESSAGE ends the connection, with an error that names it,
//! if its box does not open, if its nonce is not higher than the last, or if it comes out of order. The traffic begins after
//! the READY of the server. A frame after it that is not a MESSAGE is an error: there is no way back to clear text. `Debug`
//! shows nothing secret.
//! Must not know: which keys are allowed; clocks and randomness, which are arguments.
//! Source: RFC 26/CurveZMQ. As in libzmq, a MESSAGE is sent in a message frame, and also encloses commands.
//!
//! ```text
//! client: HELLO ->             INITIATE ->                 <- READY   MESSAGE <->
//! server:         <- WELCOME               Asks, allow, admit
//! ```
//!
//! An ERROR in the place of WELCOME or READY is in clear, so anybody on the path can have written it. A client believes one that
//! has the seal of the server behind its reason (`write_sealed_error`), and takes any other for a failed attempt.

mod client;
mod cookie;
mod server;
mod traffic;

pub(crate) use self::client::{ClientSeeds, CurveClient};
pub(crate) use self::cookie::CookieJar;
pub(crate) use self::server::{CurveServer, ServerSeeds};

use highwater_curve::{PublicKey, SharedKey};

use self::traffic::{Counted, CurveOpen, CurveSeal};
use crate::zmtp::command::{error_text, write_command_of};
use crate::zmtp::error::ProtocolError;
use crate::zmtp::sealing::Sealing;

/// The limits of the traffic that is received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CurveLimits {
    /// The longest body of a frame, in bytes; `None` for no bound. A command may be longer.
    pub(crate) max_frame: Option<usize>,
    /// Whether the nonce of a MESSAGE may be more than one above the last. No peer skips a nonce, so a gap means that an
    /// attacker has removed a MESSAGE on the way. RFC 26 and libzmq accept gaps.
    pub(crate) allows_gaps: bool,
}

/// Seal and opener of the traffic, both with the key that the transient keys share.
///
/// `sent` and `received` are the last counters of the handshake.
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

/// [`sealing`] of a server, for tests and the fuzzer.
#[allow(dead_code, reason = "a server's own comes of its handshake")]
pub(crate) fn server_sealing(
    shared: &SharedKey,
    sent: u64,
    received: u64,
    limits: CurveLimits,
) -> Sealing {
    sealing(shared, NONCE_SERVER, NONCE_CLIENT, sent, received, limits)
}

/// A nonce of a prefix and a counter.
fn counted_nonce(prefix: &[u8; 16], counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// A nonce of a prefix and random bytes.
fn random_nonce(prefix: &[u8; 8], random: &[u8; 16]) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(prefix);
    nonce[8..].copy_from_slice(random);
    nonce
}

/// A new box around `text`, whose pieces are joined.
fn seal(key: &SharedKey, nonce: &[u8; 24], text: &[&[u8]]) -> Vec<u8> {
    let len: usize = text.iter().map(|piece| piece.len()).sum();
    let mut boxed = Vec::with_capacity(TAG + len);
    boxed.extend_from_slice(&[0; TAG]);
    text.iter().for_each(|piece| boxed.extend_from_slice(piece));
    key.seal(nonce, &mut boxed);
    boxed
}

/// The text of the box `data`. Its error names the command `name`.
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

/// Appends an ERROR to `out`: the `reason` in clear, as in any ERROR, and behind it a box around the same text, which shows that
/// the server has written it. A key seals one ERROR at most.
///
/// The box is of this library. It is sent only to a client of this library; libzmq takes no notice of bytes behind the reason.
fn write_sealed_error(key: &SharedKey, reason: &str, out: &mut Vec<u8>) {
    let reason = error_text(reason);
    let boxed = seal(key, &counted_nonce(NONCE_ERROR, ERROR_COUNTER), &[reason]);
    write_command_of(COMMAND_ERROR, &[&[reason.len() as u8], reason, &boxed], out);
}

/// Whether the `data` of an ERROR have the box of [`write_sealed_error`], and in it the reason that they give.
fn is_sealed_error(key: &SharedKey, data: &[u8]) -> bool {
    let Some((&len, rest)) = data.split_first() else {
        return false;
    };
    let Some((reason, boxed)) = rest.split_at_checked(usize::from(len)) else {
        return false;
    };
    let nonce = counted_nonce(NONCE_ERROR, ERROR_COUNTER);
    boxed.len() >= TAG && open(key, &nonce, boxed, "ERROR").is_ok_and(|text| text == reason)
}

/// The key that the owners of both keys share.
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

/// A box is longer than its text by the authentication tag, in bytes.
const TAG: usize = highwater_curve::TAG;

const COMMAND_ERROR: &[u8] = b"ERROR";
const COMMAND_HELLO: &[u8] = b"HELLO";
const COMMAND_WELCOME: &[u8] = b"WELCOME";
const COMMAND_INITIATE: &[u8] = b"INITIATE";
const COMMAND_READY: &[u8] = b"READY";

/// The counter of the only ERROR that a server seals.
const ERROR_COUNTER: u64 = 1;
/// The version in HELLO.
const VERSION: [u8; 2] = [1, 0];
/// Padding that makes HELLO longer than WELCOME, so that a server cannot be used to amplify an attack on others.
const HELLO_PADDING: usize = 72;
/// The number of zeros in the box of HELLO.
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
const NONCE_ERROR: &[u8; 16] = b"CurveZMQERROR---";
const NONCE_CLIENT: &[u8; 16] = b"CurveZMQMESSAGEC";
const NONCE_SERVER: &[u8; 16] = b"CurveZMQMESSAGES";

#[cfg(test)]
mod tests;

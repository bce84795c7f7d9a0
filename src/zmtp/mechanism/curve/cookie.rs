//! The cookie: sealed bytes that a server sends in WELCOME and gets back in INITIATE.
//!
//! Owns: the key that seals cookies, and the time for which a key and a cookie are valid.
//! Always true: a cookie opens only with the key that was valid when it was made. It contains the transient keys of both ends,
//! so it is valid for one connection alone. [`CookieJar::key`] replaces a key that is a minute old.
//! Must not know: where time and randomness come from.
//! Source: RFC 26/CurveZMQ, "The WELCOME Command". With a cookie a server need not keep state between WELCOME and INITIATE.
//! This server keeps the state, as libzmq's does, and compares the cookie with it.

use std::time::{Duration, Instant};

use highwater_curve::{PublicKey, SecretKey, SharedKey};

use super::{COOKIE, NONCE_COOKIE, TAG, random_nonce, seal};
use crate::zmtp::error::ProtocolError;

/// The cookie key of a server, replaced once a minute.
pub(crate) struct CookieJar {
    key: SharedKey,
    since: Instant,
}

impl CookieJar {
    pub(crate) fn new(random: [u8; 32], now: Instant) -> Self {
        Self {
            key: SharedKey::from_bytes(random),
            since: now,
        }
    }

    /// The key for a connection that begins now. If the last one is a minute old, a new one is made of `random`.
    pub(crate) fn key(&mut self, now: Instant, random: impl FnOnce() -> [u8; 32]) -> SharedKey {
        if now.saturating_duration_since(self.since) >= LIFETIME {
            *self = Self::new(random(), now);
        }
        self.key.clone()
    }
}

impl std::fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CookieJar")
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// A cookie for the connection with the transient keys `client` and `ours`.
pub(super) fn bake(
    key: &SharedKey,
    random: &[u8; 16],
    client: &PublicKey,
    ours: &SecretKey,
) -> [u8; COOKIE] {
    let nonce = random_nonce(NONCE_COOKIE, random);
    let boxed = seal(key, &nonce, &[client.as_bytes(), ours.expose()]);
    let mut cookie = [0; COOKIE];
    cookie[..16].copy_from_slice(random);
    cookie[16..].copy_from_slice(&boxed);
    cookie
}

/// Checks that `cookie` is the one that was made for this connection, at `since`.
///
/// # Errors
///
/// [`ProtocolError::BoxRefused`] if it is another, [`ProtocolError::CookieExpired`] if it is a minute old.
pub(super) fn check(
    key: &SharedKey,
    cookie: &[u8; COOKIE],
    client: &PublicKey,
    ours: &SecretKey,
    since: Instant,
    now: Instant,
) -> Result<(), ProtocolError> {
    let refused = ProtocolError::BoxRefused { name: "cookie" };
    let mut cookie = *cookie;
    let (random, boxed) = cookie.split_first_chunk_mut().expect("a cookie is longer");
    let text = key.open(&random_nonce(NONCE_COOKIE, random), boxed);
    let text: &[u8; COOKIE - 16 - TAG] = match &text {
        Ok(text) => (&**text).try_into().expect("two keys"),
        Err(_) => return Err(refused),
    };
    let (theirs, secret) = text.split_at(32);
    let secret = SecretKey::from_bytes(secret.try_into().expect("a key"));
    let theirs = PublicKey::from_bytes(theirs.try_into().expect("a key"));
    // Both comparisons are made in constant time.
    if theirs != Ok(*client) || secret != *ours {
        return Err(refused);
    }
    if now.saturating_duration_since(since) >= LIFETIME {
        return Err(ProtocolError::CookieExpired);
    }
    Ok(())
}

/// For how long a key is in use, and a cookie is good.
const LIFETIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(key: &SharedKey) -> Vec<u8> {
        seal(key, &[0; 24], &[b"told apart by what they seal"])
    }

    #[test]
    fn a_key_is_replaced_once_a_minute() {
        let start = Instant::now();
        let mut jar = CookieJar::new([1; 32], start);
        let first = bytes_of(&SharedKey::from_bytes([1; 32]));
        let second = bytes_of(&SharedKey::from_bytes([2; 32]));
        let at = |seconds| start + Duration::from_secs(seconds);
        let never = || panic!("none is needed");
        assert_eq!(bytes_of(&jar.key(at(59), never)), first);
        assert_eq!(bytes_of(&jar.key(at(60), || [2; 32])), second);
        assert_eq!(bytes_of(&jar.key(at(119), never)), second);
        assert!(!format!("{jar:?}").contains("key"));
    }

    #[test]
    fn a_cookie_is_good_for_its_connection_and_its_time() {
        let secret = |seed| SecretKey::from_bytes([seed; 32]);
        let public = |seed| secret(seed).public();
        let key = SharedKey::from_bytes([9; 32]);
        let since = Instant::now();
        let cookie = bake(&key, &[8; 16], &public(1), &secret(2));
        let judge = |key: &SharedKey, cookie: &_, client, ours, age| {
            let now = since + Duration::from_secs(age);
            check(key, cookie, &public(client), &secret(ours), since, now)
        };
        let refused = Err(ProtocolError::BoxRefused { name: "cookie" });
        assert_eq!(judge(&key, &cookie, 1, 2, 59), Ok(()));
        assert_eq!(
            judge(&key, &cookie, 1, 2, 60),
            Err(ProtocolError::CookieExpired)
        );
        assert_eq!(judge(&key, &cookie, 3, 2, 0), refused);
        assert_eq!(judge(&key, &cookie, 1, 3, 0), refused);
        let other = SharedKey::from_bytes([7; 32]);
        assert_eq!(judge(&other, &cookie, 1, 2, 0), refused);
        for at in 0..COOKIE {
            let mut changed = cookie;
            changed[at] ^= 1;
            assert_eq!(judge(&key, &changed, 1, 2, 0), refused, "byte {at}");
        }
    }
}

//! X25519 keys.
//!
//! Owns: the three types of key, and the agreement of two ends on a secret.
//! Always true: a [`PublicKey`] is no point of low order, so a secret that two ends share depends on both of them. A
//! secret is wiped when dropped, is never part of an error, and has neither `Debug` nor `Display`.
//! Must not know: what keys are used for.
//! Source: RFC 7748 for X25519; RFC 32/Z85 for the text.

mod low_order;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use curve25519_dalek::montgomery::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::random::{NoRandomness, random_bytes};
use crate::z85;
use low_order::LOW_ORDER;
pub use text::KeyError;
use text::{TEXT_LEN, parse};

/// The public half of a [`Keypair`]: names its owner, and may be told to everyone.
///
/// `Display` and `FromStr` are Z85, 40 characters.
#[derive(Clone, Copy)]
pub struct PublicKey([u8; LEN]);

impl PublicKey {
    /// The length of a key, in bytes.
    pub const LEN: usize = LEN;

    /// The key with these bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::LowOrder`] for the few keys with which every secret gives the same result, so that everyone could
    /// read what is sealed with it.
    pub fn from_bytes(bytes: [u8; LEN]) -> Result<Self, KeyError> {
        // The highest bit is ignored by X25519.
        let mut point = bytes;
        point[LEN - 1] &= 0x7F;
        if LOW_ORDER.contains(&point) {
            return Err(KeyError::LowOrder);
        }
        Ok(Self(bytes))
    }

    /// The bytes of the key.
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TEXT_LEN];
        z85::encode(&self.0, &mut text);
        f.pad(std::str::from_utf8(&text).expect("Z85 is ASCII"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(parse(text)?)
    }
}

/// The secret half of a [`Keypair`]: wiped when dropped. It has neither `Debug` nor `Display`.
///
/// `FromStr` reads Z85, 40 characters; [`to_text`](Self::to_text) writes it.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "a secret must not come into a log"
)]
pub struct SecretKey(Zeroizing<[u8; LEN]>);

impl SecretKey {
    /// The key with these bytes; each 32 bytes are one.
    pub fn from_bytes(bytes: [u8; LEN]) -> Self {
        Self(bytes.into())
    }

    /// The bytes of the key. Who copies them has to wipe the copy.
    pub fn expose(&self) -> &[u8; LEN] {
        &self.0
    }

    /// The key as Z85, for a file or an environment of the user's.
    pub fn to_text(&self) -> SecretText {
        let mut text = SecretText([0; TEXT_LEN].into());
        z85::encode(&self.0[..], &mut text.0[..]);
        text
    }

    /// The public key that belongs to this secret one. Takes some 15 µs.
    pub fn public(&self) -> PublicKey {
        // A multiple of the base point by a clamped number is of the large prime order, so it is not of a low one.
        PublicKey(MontgomeryPoint::mul_base_clamped(*self.0).0)
    }

    /// X25519 with this key and `theirs`, or `None` if the result is zero and so no secret.
    pub(crate) fn agree(&self, theirs: &PublicKey) -> Option<Zeroizing<[u8; LEN]>> {
        let agreed = Zeroizing::new(MontgomeryPoint(theirs.0).mul_clamped(*self.0).0);
        let is_zero: bool = agreed.ct_eq(&[0; LEN]).into();
        (!is_zero).then_some(agreed)
    }
}

/// In constant time.
impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for SecretKey {}

/// From Z85. The errors tell lengths and positions, never what the text holds.
impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        parse(text).map(Self::from_bytes)
    }
}

/// A secret key as Z85; wiped when dropped.
#[expect(
    missing_debug_implementations,
    reason = "a secret must not come into a log"
)]
pub struct SecretText(Zeroizing<[u8; TEXT_LEN]>);

impl SecretText {
    /// The 40 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0[..]).expect("Z85 is ASCII")
    }
}

/// A secret key and the public key that belongs to it. `Debug` shows the public one alone.
#[derive(Clone)]
pub struct Keypair {
    secret: SecretKey,
    public: PublicKey,
}

impl Keypair {
    /// A new pair, from randomness of the system.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] if the system gives none.
    pub fn try_generate() -> Result<Self, NoRandomness> {
        random_bytes().map(|bytes| Self::from_secret(SecretKey::from_bytes(bytes)))
    }

    /// A new pair, from randomness of the system.
    ///
    /// # Panics
    ///
    /// If the system gives no random bytes: see [`try_generate`](Self::try_generate).
    pub fn generate() -> Self {
        Self::try_generate().expect("the system gives random bytes")
    }

    /// The pair of which this is the secret key.
    pub fn from_secret(secret: SecretKey) -> Self {
        let public = secret.public();
        Self { secret, public }
    }

    /// The pair of these two keys, as they stand in a configuration.
    ///
    /// # Errors
    ///
    /// [`KeyError::NoPair`] if they do not belong together.
    pub fn new(public: PublicKey, secret: SecretKey) -> Result<Self, KeyError> {
        let pair = Self::from_secret(secret);
        if pair.public == public {
            Ok(pair)
        } else {
            Err(KeyError::NoPair)
        }
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The secret key.
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keypair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// The length of a key, in bytes.
const LEN: usize = 32;

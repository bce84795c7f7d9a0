//! X25519 keys and their text forms.
//!
//! Owns: what a key is, which ones are refused, and what is wrong with a text that is none.
//! Always true: a [`PublicKey`] is no point of low order, so a secret that two ends share depends on both of them. A
//! secret is wiped when dropped, is never part of an error, and has neither `Debug` nor `Display`.
//! Must not know: what keys are used for.
//! Source: RFC 7748 for X25519; RFC 32/Z85 for the text.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use curve25519_dalek::montgomery::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::random::{NoRandomness, random_bytes};
use crate::z85::{self, Z85Error};

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

/// The secret half of a [`Keypair`]: wiped when dropped, and shown nowhere.
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

/// Why a key is refused.
///
/// Positions and lengths are told, and nothing of what the text holds: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is 64 hexadecimal digits.
    Hex,
    /// The text is the base64 of 32 bytes.
    Base64,
    /// The text begins or ends with a blank, a line break or a NUL.
    Blank,
    /// The text does not have 40 characters.
    Length {
        /// Its length, in bytes.
        len: usize,
    },
    /// The text has 40 characters, of which one is none of Z85, or five mean more than four bytes hold.
    Z85(Z85Error),
    /// With this public key every secret gives the same result.
    LowOrder,
    /// The public key does not belong to the secret one.
    NoPair,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hex => f.write_str("the key is in hexadecimal; Z85 is expected, 40 characters"),
            Self::Base64 => f.write_str("the key is in base64; Z85 is expected, 40 characters"),
            Self::Blank => f.write_str("the key has a blank, a line break or a NUL at its ends"),
            Self::Length { len } => {
                write!(f, "the key has {len} characters; in Z85 it has {TEXT_LEN}")
            }
            Self::Z85(error) => write!(f, "the key is no Z85: {error}"),
            Self::LowOrder => {
                f.write_str("the public key is a point of low order, which protects nothing")
            }
            Self::NoPair => f.write_str("the public key does not belong to the secret key"),
        }
    }
}

impl std::error::Error for KeyError {}

/// The bytes of a key in Z85, or what the text looks like instead.
fn parse(text: &str) -> Result<[u8; LEN], KeyError> {
    let mut bytes = [0; LEN];
    match z85::decode(text.as_bytes(), &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            bytes.zeroize();
            Err(diagnose(text, error))
        }
    }
}

fn diagnose(text: &str, error: Z85Error) -> KeyError {
    let is_blank = |c: char| c.is_whitespace() || c == '\0';
    let trimmed = text.trim_matches(is_blank);
    let len = trimmed.len();
    let digits = trimmed.trim_end_matches('=');
    let in_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    if len == 2 * LEN && trimmed.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        KeyError::Hex
    } else if digits.len() == 43 && matches!(len, 43 | 44) && digits.bytes().all(in_base64) {
        KeyError::Base64
    } else if trimmed.len() != text.len() {
        KeyError::Blank
    } else if len == TEXT_LEN {
        KeyError::Z85(error)
    } else {
        KeyError::Length { len }
    }
}

/// The length of a key, in bytes.
const LEN: usize = 32;
/// The length of a key as Z85, in characters.
const TEXT_LEN: usize = 40;

/// The points of order 1, 2, 4 and 8 on the curve and its twist, in every form with the highest bit clear.
/// Source: <https://cr.yp.to/ecdh.html#validate>, and 2^255-19+1 beside 1 and so on.
const LOW_ORDER: [[u8; LEN]; 7] = [
    [0; LEN],
    small(1, 0),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    small(0xec, 0xff),
    small(0xed, 0xff),
    small(0xee, 0xff),
];

/// `first`, then `rest` to the end, with the highest bit clear.
const fn small(first: u8, rest: u8) -> [u8; LEN] {
    let mut bytes = [rest; LEN];
    bytes[0] = first;
    bytes[LEN - 1] &= 0x7F;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use dryoc::classic::crypto_core::{crypto_scalarmult, crypto_scalarmult_base};

    fn pair(seed: u8) -> Keypair {
        Keypair::from_secret(SecretKey::from_bytes([seed; LEN]))
    }

    #[test]
    fn two_ends_agree_as_another_implementation_does() {
        let (a, b) = (pair(1), pair(2));
        let one = a.secret.agree(&b.public).expect("a secret");
        let other = b.secret.agree(&a.public).expect("a secret");
        assert_eq!(one, other);
        let mut theirs = [0; LEN];
        crypto_scalarmult(&mut theirs, a.secret.expose(), b.public.as_bytes()).expect("a good key");
        assert_eq!(*one, theirs);
        crypto_scalarmult_base(&mut theirs, a.secret.expose());
        assert_eq!(*a.public.as_bytes(), theirs);
    }

    /// The keys with which libzmq and libsodium spoke in `tests/vectors/curve-ok`.
    #[test]
    fn libsodium_has_the_same_public_key_for_a_secret_one() {
        for (secret, public) in [
            (
                "@JHaID6lrfM$KTNDY]^7j8#fM{5sJ!:jJw+!8(BY",
                "@Wgf2ngz%>YU${ckR>y[-Hvek9F3cEdj!(i+mM3p",
            ),
            (
                "0^bL2P?@4V>:]SW<NI}zjAu4V:F$ud!D#Y5x!HdZ",
                "Tg&]WNQl>%knSxFZC+PQ]GJO<a<DNJZOH.AZla{w",
            ),
        ] {
            let secret: SecretKey = secret.parse().expect("good text");
            assert_eq!(secret.public().to_string(), public);
        }
    }

    #[test]
    fn points_of_low_order_are_refused_in_every_form() {
        for point in LOW_ORDER {
            for high in [0, 0x80] {
                let mut bytes = point;
                bytes[LEN - 1] |= high;
                assert_eq!(PublicKey::from_bytes(bytes), Err(KeyError::LowOrder));
                // The list is right: whatever the secret, nothing is shared.
                assert!(pair(7).secret.agree(&PublicKey(bytes)).is_none());
            }
        }
        for near in [small(2, 0), small(0xeb, 0xff), small(0xef, 0xff)] {
            let key = PublicKey::from_bytes(near).expect("of no low order");
            assert!(pair(7).secret.agree(&key).is_some());
        }
    }

    #[test]
    fn a_public_key_is_read_back_from_its_text() {
        let key = pair(3).public();
        let text = key.to_string();
        assert_eq!(text.len(), 40);
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(format!("{key:?}"), format!("PublicKey({text})"));
        let secret = pair(3).secret().clone();
        let again: SecretKey = secret.to_text().as_str().parse().expect("good text");
        assert!(again == secret && again.public() == key);
    }

    #[test]
    fn the_debug_text_of_a_pair_has_no_secret() {
        let pair = pair(4);
        let shown = format!("{pair:?}");
        assert_eq!(
            shown,
            format!("Keypair {{ public: {:?}, .. }}", pair.public())
        );
        assert!(!shown.contains(pair.secret().to_text().as_str()));
    }

    #[test]
    fn two_keys_that_do_not_belong_together_are_no_pair() {
        assert!(Keypair::new(pair(1).public(), pair(1).secret().clone()).is_ok());
        assert_eq!(
            Keypair::new(pair(2).public(), pair(1).secret().clone()).err(),
            Some(KeyError::NoPair)
        );
    }

    #[test]
    fn a_text_of_another_form_is_told_as_what_it_looks_like() {
        let read = |text: &str| text.parse::<SecretKey>().err();
        let good = pair(5).public().to_string();
        assert_eq!(read(&"aB09".repeat(16)), Some(KeyError::Hex));
        assert_eq!(read(&format!("{}\n", "0f".repeat(32))), Some(KeyError::Hex));
        assert_eq!(
            read(&format!("{}=", "aB+/".repeat(11).split_at(43).0)),
            Some(KeyError::Base64)
        );
        assert_eq!(
            read("aB-_".repeat(11).split_at(43).0),
            Some(KeyError::Base64)
        );
        assert_eq!(read(&format!("{good}\n")), Some(KeyError::Blank));
        assert_eq!(read(&format!(" {good}")), Some(KeyError::Blank));
        assert_eq!(read(&format!("{good}\0")), Some(KeyError::Blank));
        assert_eq!(read(""), Some(KeyError::Length { len: 0 }));
        assert_eq!(read(&good[..39]), Some(KeyError::Length { len: 39 }));
        let bad = good.replacen(&good[7..8], "~", 1);
        let at = bad.find('~').expect("it was put there");
        assert_eq!(read(&bad), Some(KeyError::Z85(Z85Error::Character { at })));
        let over = format!("#####{}", &good[5..]);
        assert_eq!(read(&over), Some(KeyError::Z85(Z85Error::Group { at: 0 })));
    }

    #[test]
    fn generated_pairs_differ() {
        let (one, other) = (Keypair::generate(), Keypair::generate());
        assert!(one.public() != other.public() && one.secret() != other.secret());
    }
}

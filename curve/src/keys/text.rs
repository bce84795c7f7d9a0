//! The text form of keys, and what is wrong with a text that is none.
//!
//! Owns: the length of a text, and the errors.
//! Always true: an error tells lengths and positions, and nothing of what the text holds: it may be a secret.
//! Must not know: whether a key is public or secret.
//! Source: RFC 32/Z85.

use std::fmt;

use zeroize::Zeroize;

use super::LEN;
use crate::z85::{self, Z85Error};

/// The length of a key as Z85, in characters.
pub(super) const TEXT_LEN: usize = 40;

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
pub(super) fn parse(text: &str) -> Result<[u8; LEN], KeyError> {
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

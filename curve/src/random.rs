//! Randomness of the system.
//!
//! Owns: the one place in which this crate draws random bytes.
//! Must not know: what they become.

use std::fmt;

/// Random bytes of the system, fit for keys. May wait once after the machine has started, until the system has gathered
/// randomness.
///
/// # Errors
///
/// [`NoRandomness`] if the system gives none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// The system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gives no random bytes")
    }
}

impl std::error::Error for NoRandomness {}

//! What is known of a peer once it has shown who it is, and of one that was let in.
//!
//! Owns: the name by which events tell of a peer.
//! Always true: a password is no part of it.
//! Must not know: who decides.

use std::sync::Arc;

use bytes::Bytes;

use super::Proof;

/// What is known of a peer beside what it says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// `NULL`, `PLAIN` or `CURVE`.
    pub(crate) mechanism: &'static str,
    /// For events: the public key in Z85, or the name that was given with a password; empty for NULL.
    pub(crate) who: String,
    /// The user id in the verdict.
    pub(crate) user: String,
    #[cfg(feature = "curve")]
    pub(crate) key: Option<highwater_curve::PublicKey>,
    /// The properties in the verdict.
    pub(crate) granted: Arc<[(String, Bytes)]>,
}

impl Standing {
    pub(super) fn new(mechanism: &'static str) -> Self {
        Self {
            mechanism,
            who: String::new(),
            user: String::new(),
            #[cfg(feature = "curve")]
            key: None,
            granted: Arc::default(),
        }
    }

    #[cfg(feature = "curve")]
    pub(super) fn of_key(key: highwater_curve::PublicKey) -> Self {
        Self {
            who: key.to_string(),
            key: Some(key),
            ..Self::new("CURVE")
        }
    }
}

impl Proof {
    /// The name of the mechanism, as in a greeting: `NULL`, `PLAIN` or `CURVE`.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Plain { .. } => "PLAIN",
            #[cfg(feature = "curve")]
            Self::Curve { .. } => "CURVE",
        }
    }

    /// What is known of whoever has shown this.
    pub(crate) fn standing(&self) -> Standing {
        match self {
            Self::Null => Standing::new("NULL"),
            Self::Plain { user, .. } => Standing {
                who: user.escape_ascii().to_string(),
                ..Standing::new("PLAIN")
            },
            #[cfg(feature = "curve")]
            Self::Curve { key } => Standing::of_key(*key),
        }
    }
}

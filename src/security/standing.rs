//! The identity of a peer: what it has proved, and what the verdict has added.
//!
//! Owns: the name of a peer in events.
//! Always true: it contains no password.
//! Must not know: how the verdict was reached.

use std::sync::Arc;

use bytes::Bytes;

use super::Proof;

/// The identity of a peer, apart from the metadata that the peer has sent.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// `NULL`, `PLAIN` or `CURVE`.
    pub(crate) mechanism: &'static str,
    /// For events: the public key in Z85 (CURVE), the name (PLAIN), or nothing (NULL).
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

    /// The identity of a peer with this proof, before the verdict.
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

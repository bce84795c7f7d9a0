//! Who may come in: the decision that a security mechanism asks for.
//!
//! Owns: what is known of a peer before it is let in, what can be decided, and the usual ways to decide.
//! Always true: what nobody decides is refused. A password is in no error and in no `Debug` text, and is compared in
//! constant time for its length.
//! Must not know: the wire, sockets, threads.
//!
//! Nothing here is public, nor used by the engine, before a socket can be told to ask.

mod addresses;
#[cfg(feature = "curve")]
mod allow_keys;
#[cfg(feature = "curve")]
mod key_folder;
mod passwords;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use addresses::{Addresses, NetworkError};
#[cfg(feature = "curve")]
pub(crate) use allow_keys::AllowKeys;
#[cfg(feature = "curve")]
pub(crate) use key_folder::{FolderNews, KeyFolder};
pub(crate) use passwords::Passwords;

/// A peer that wants to come in.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Where it comes from; `None` for ipc.
    pub(crate) address: Option<IpAddr>,
    /// What it has shown.
    pub(crate) proof: Proof,
}

/// What a peer has shown of itself.
#[non_exhaustive]
#[derive(Clone)]
pub(crate) enum Proof {
    /// Nothing: the mechanism is NULL.
    Null,
    /// A name and a password, in clear: PLAIN.
    Plain {
        /// The name, of any bytes.
        user: Bytes,
        /// The password, of any bytes.
        password: Bytes,
    },
    /// That it has the secret key to this public one: CURVE.
    #[cfg(feature = "curve")]
    Curve {
        /// The public key.
        key: highwater_curve::PublicKey,
    },
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Plain { user, .. } => f
                .debug_struct("Plain")
                .field("user", user)
                .finish_non_exhaustive(),
            #[cfg(feature = "curve")]
            Self::Curve { key } => f.debug_struct("Curve").field("key", key).finish(),
        }
    }
}

/// What was decided about a candidate.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may come in.
    Allow {
        /// The user id under which its messages are known; may be empty.
        user: String,
        /// Properties that are told with its own.
        metadata: Vec<(String, Bytes)>,
    },
    /// It may not, for good.
    Deny {
        /// What it is told: at most 255 bytes, such as `400`.
        reason: String,
    },
    /// Not now; it may ask again.
    Later,
}

impl Verdict {
    /// In, as this user.
    pub(crate) fn allow(user: impl Into<String>) -> Self {
        Self::Allow {
            user: user.into(),
            metadata: Vec::new(),
        }
    }

    /// Not in, with the status by which libzmq's clients know a refusal.
    pub(crate) fn deny() -> Self {
        Self::Deny {
            reason: "400".to_owned(),
        }
    }
}

/// Decides who may come in. Called on a thread that may wait, never on an I/O thread.
pub(crate) trait Authenticate: Send + Sync {
    /// Decides about `who`.
    fn check(&self, who: &Candidate) -> Verdict;
}

impl<F: Fn(&Candidate) -> Verdict + Send + Sync> Authenticate for F {
    fn check(&self, who: &Candidate) -> Verdict {
        self(who)
    }
}

/// The security of a socket: its mechanism, its secrets, and who decides.
///
/// `Debug` shows the mechanism alone.
#[derive(Clone)]
pub(crate) struct Security {
    pub(crate) mechanism: Mechanism,
    /// `None` on the side that is not asked.
    pub(crate) decides: Option<Arc<dyn Authenticate>>,
}

/// The mechanism of a socket, with what it needs.
#[non_exhaustive]
#[derive(Clone)]
pub(crate) enum Mechanism {
    Null,
    PlainClient {
        user: Bytes,
        password: Bytes,
    },
    PlainServer,
    #[cfg(feature = "curve")]
    CurveClient {
        pair: highwater_curve::Keypair,
        server: highwater_curve::PublicKey,
    },
    #[cfg(feature = "curve")]
    CurveServer {
        pair: highwater_curve::Keypair,
    },
}

impl Mechanism {
    fn name(&self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::PlainClient { .. } => "PlainClient",
            Self::PlainServer => "PlainServer",
            #[cfg(feature = "curve")]
            Self::CurveClient { .. } => "CurveClient",
            #[cfg(feature = "curve")]
            Self::CurveServer { .. } => "CurveServer",
        }
    }
}

/// A mechanism for which it has to be said who may come in: without that there is no [`Security`].
#[must_use = "say who may come in: `only(..)` or `anyone()`"]
pub(crate) struct Undecided(Mechanism);

impl Undecided {
    /// Only those whom `decides` lets in.
    pub(crate) fn only(self, decides: impl Authenticate + 'static) -> Security {
        Security {
            mechanism: self.0,
            decides: Some(Arc::new(decides)),
        }
    }

    /// Whoever knows how to speak the mechanism.
    pub(crate) fn anyone(self) -> Security {
        self.only(|_: &Candidate| Verdict::allow(""))
    }
}

impl Security {
    /// No secrets and no proofs; addresses can be decided about.
    pub(crate) fn null() -> Undecided {
        Undecided(Mechanism::Null)
    }

    /// Tells this name and password; `None` if one has more than 255 bytes.
    pub(crate) fn plain_client(user: impl Into<Bytes>, password: impl Into<Bytes>) -> Option<Self> {
        let (user, password) = (user.into(), password.into());
        let fits = user.len() <= 255 && password.len() <= 255;
        fits.then_some(Self {
            mechanism: Mechanism::PlainClient { user, password },
            decides: None,
        })
    }

    /// Is told names and passwords, which `decides` judges.
    pub(crate) fn plain_server(decides: impl Authenticate + 'static) -> Self {
        Undecided(Mechanism::PlainServer).only(decides)
    }

    /// Connects to the owner of `server`, known there by the public key of `pair`.
    #[cfg(feature = "curve")]
    pub(crate) fn curve_client(
        pair: &highwater_curve::Keypair,
        server: highwater_curve::PublicKey,
    ) -> Self {
        Self {
            mechanism: Mechanism::CurveClient {
                pair: pair.clone(),
                server,
            },
            decides: None,
        }
    }

    /// Takes peers that know the public key of `pair`. Who of them may come in has to be said.
    #[cfg(feature = "curve")]
    pub(crate) fn curve_server(pair: &highwater_curve::Keypair) -> Undecided {
        Undecided(Mechanism::CurveServer { pair: pair.clone() })
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("mechanism", &self.mechanism.name())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Undecided").field(&self.0.name()).finish()
    }
}

#[cfg(test)]
mod tests;

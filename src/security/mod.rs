//! Security mechanisms, and the decision which peers may connect.
//!
//! [`Builder::security`](crate::Builder::security) gives a socket its [`Security`]. Both ends need the same mechanism:
//!
//! | mechanism | a server | a client | what the network sees |
//! |---|---|---|---|
//! | NULL, the default | `Security::null().anyone()`, or `.only(Addresses::allow([..])?)` | nothing to set | everything, in clear |
//! | PLAIN | `Security::plain_server(Passwords::from([..]))` | `Security::plain_client(user, password)?` | everything, in clear, the password as well |
//! | CURVE (feature `curve`) | `Security::curve_server(&keys).only(AllowKeys::new([..]))` | `Security::curve_client(&keys, server)` | sealed boxes; each end proves its key to the other |
//!
//! A server decides by a list of this module ([`Addresses`], [`Passwords`], `AllowKeys`, `KeyFolder`), by a closure
//! `Fn(&Candidate) -> Verdict`, or by the ZAP handler of the context ([`Zap`](crate::Zap)). A clone of a list shares its entries
//! with the original, so users and keys can be added and revoked while a socket uses the list.
//!
//! A client that is refused receives a status, such as `400`, and gives its endpoint up:
//! [`wait_until_ready`](crate::Push::wait_until_ready) returns the status, and the event [`GaveUp`](crate::EventKind::GaveUp)
//! contains it. If the server has another CURVE key than the client expects, it cannot answer: the connection ends without a
//! reason, and the client connects again. A client of CURVE also connects again after a status that the server has not sealed:
//! anybody on the path could have written it. A server of this library seals it, a libzmq server does not.
//!
//! ```
//! use std::time::Duration;
//! use highwater::security::{Passwords, Security};
//! use highwater::{Context, Pull, Push};
//!
//! let context = Context::new();
//! let users = Passwords::from([("anna", "secret")]);
//! let pull = Pull::builder(&context).security(Security::plain_server(users)).build();
//! let at = pull.bind("tcp://127.0.0.1:0")?;
//!
//! let wrong = Push::builder(&context).security(Security::plain_client("anna", "guess")?).build();
//! wrong.connect(&at)?;
//! let why = wrong.wait_until_ready(&at, Duration::from_secs(5)).expect_err("refused");
//! assert_eq!(why.to_string(), "given up: the peer refused the connection: 400");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A peer about which nothing is decided is refused. No error and no `Debug` text contains a password. The time of a
//! comparison with a password depends on the length of the given one alone.

// Owns: the mechanism of a socket with its secrets, and the usual ways to decide about a peer.
// Must not know: the wire, sockets, threads.

mod addresses;
#[cfg(feature = "curve")]
mod allow_keys;
#[cfg(highwater_curve_everywhere)]
mod everywhere;
#[cfg(feature = "curve")]
mod key_folder;
mod passwords;
mod standing;
mod verdict;
mod watchers;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;

pub use addresses::{Addresses, NetworkError};
#[cfg(feature = "curve")]
pub use allow_keys::AllowKeys;
#[cfg(feature = "curve")]
pub use highwater_curve::{
    Certificate, CertificateError, CertificateFileError, CertificateFileFlaw, FileNames, KeyError,
    Keypair, NoRandomness, PublicKey, SecretKey, SecretText, Z85Error, ZplError, ZplFlaw,
};
#[cfg(feature = "curve")]
pub use key_folder::KeyFolder;
pub use passwords::Passwords;
pub(crate) use standing::Standing;
use verdict::TIME_TO_DECIDE;
pub use verdict::{Authenticate, Candidate, Proof, Verdict};
pub use watchers::Watcher;

use crate::error::OptionError;

/// The security of a socket: its mechanism, its secrets, and the decision which peers may connect. Set by
/// [`Builder::security`](crate::Builder::security).
///
/// Clones share the secrets, which are wiped when the last clone is dropped. `Debug` shows the mechanism alone.
///
/// ```
/// use highwater::security::{Passwords, Security};
/// use highwater::{Context, Rep, Req};
///
/// let context = Context::new();
/// let users = Passwords::from([("admin", "secret")]);
/// let rep = Rep::builder(&context).security(Security::plain_server(users)).build();
/// let admin = Security::plain_client("admin", "secret")?;
/// let req = Req::builder(&context).security(admin).build();
/// # Ok::<(), highwater::OptionError>(())
/// ```
#[derive(Clone)]
pub struct Security {
    mechanism: Arc<Mechanism>,
    /// `None` for a client, and for NULL without a list.
    decision: Option<Decision>,
    time_to_decide: Duration,
}

/// Which peers may connect.
#[derive(Clone)]
pub(crate) enum Decision {
    /// Every peer that completes the mechanism.
    Anyone,
    /// The peers that this allows.
    Asks(Arc<dyn Authenticate>),
}

/// The mechanism of a socket, with its names, passwords and keys.
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

/// A mechanism without its decision. [`only`](Self::only) or [`anyone`](Self::anyone) makes it a [`Security`].
#[must_use = "say who may come in: `only(..)` or `anyone()`"]
pub struct Undecided(Mechanism);

impl Undecided {
    /// Allows only the peers that `decides` allows.
    pub fn only(self, decides: impl Authenticate + 'static) -> Security {
        self.decided(Decision::Asks(Arc::new(decides)))
    }

    /// Allows every peer that completes the mechanism.
    pub fn anyone(self) -> Security {
        self.decided(Decision::Anyone)
    }

    fn decided(self, decision: Decision) -> Security {
        Security {
            mechanism: Arc::new(self.0),
            decision: Some(decision),
            time_to_decide: TIME_TO_DECIDE,
        }
    }
}

impl Security {
    /// The mechanism NULL: no secrets, and no proof of identity. A decision can use the address of a peer.
    pub fn null() -> Undecided {
        Undecided(Mechanism::Null)
    }

    /// The mechanism PLAIN, as a client: sends this name and password to the server, in clear.
    ///
    /// # Errors
    ///
    /// [`OptionError::Invalid`]: one of them has more than 255 bytes.
    ///
    /// Source: RFC 24/ZMTP PLAIN.
    pub fn plain_client(
        user: impl Into<Bytes>,
        password: impl Into<Bytes>,
    ) -> Result<Self, OptionError> {
        // Copied: an owner of the application would be dropped wherever the last connection lets go of it.
        let (user, password) = (user.into(), password.into());
        let (user, password) = (
            Bytes::copy_from_slice(&user),
            Bytes::copy_from_slice(&password),
        );
        if user.len() > 255 || password.len() > 255 {
            return Err(OptionError::Invalid {
                name: "security",
                expected: "a name and a password of at most 255 bytes each",
            });
        }
        Ok(Self::undecided(Mechanism::PlainClient { user, password }))
    }

    /// The mechanism PLAIN, as a server: receives a name and a password from each peer, in clear, and `decides` about them.
    ///
    /// Source: RFC 24/ZMTP PLAIN.
    pub fn plain_server(decides: impl Authenticate + 'static) -> Self {
        Undecided(Mechanism::PlainServer).only(decides)
    }

    /// The mechanism CURVE, as a client: connects only to a server that has the secret key to `server`, proves to it that it
    /// has the secret key of `pair`, and seals all traffic.
    ///
    /// Source: RFC 26/CurveZMQ.
    #[cfg(feature = "curve")]
    pub fn curve_client(
        pair: &highwater_curve::Keypair,
        server: highwater_curve::PublicKey,
    ) -> Self {
        let pair = pair.clone();
        Self::undecided(Mechanism::CurveClient { pair, server })
    }

    /// The mechanism CURVE, as a server: accepts peers that know the public key of `pair`, and seals all traffic.
    /// [`Undecided`] asks which of these peers may connect.
    ///
    /// Source: RFC 26/CurveZMQ.
    #[cfg(feature = "curve")]
    pub fn curve_server(pair: &highwater_curve::Keypair) -> Undecided {
        Undecided(Mechanism::CurveServer { pair: pair.clone() })
    }

    fn undecided(mechanism: Mechanism) -> Self {
        Self {
            mechanism: Arc::new(mechanism),
            decision: None,
            time_to_decide: TIME_TO_DECIDE,
        }
    }

    pub(crate) fn mechanism(&self) -> &Mechanism {
        &self.mechanism
    }

    /// Which peers may connect; `None` for a client, and for NULL without a list.
    pub(crate) fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// Whether the traffic is sealed. Then each step of a handshake costs multiplications on the curve.
    pub(crate) fn seals(&self) -> bool {
        match *self.mechanism {
            Mechanism::Null | Mechanism::PlainClient { .. } | Mechanism::PlainServer => false,
            #[cfg(feature = "curve")]
            Mechanism::CurveClient { .. } | Mechanism::CurveServer { .. } => true,
        }
    }

    /// The longest time that a decision about one peer may take, counted from the proof of its identity. Default: 5 s. After
    /// that time without a verdict the connection ends, and the peer connects again.
    #[must_use]
    pub fn deadline(mut self, time: Duration) -> Self {
        self.time_to_decide = time;
        self
    }

    pub(crate) fn time_to_decide(&self) -> Duration {
        // 34 years: practically without a bound, and an `Instant` can hold the sum.
        self.time_to_decide.min(Duration::from_secs(1 << 30))
    }

    /// Whether a decision is made about each peer although NULL proves nothing.
    pub(crate) fn judges_null(&self) -> bool {
        matches!(*self.mechanism, Mechanism::Null)
            && matches!(self.decision, Some(Decision::Asks(_)))
    }

    /// A socket with this security was built: the decision tells `watcher` when it revokes peers.
    pub(crate) fn watched_by(&self, watcher: Weak<dyn Watcher>) {
        if let Some(Decision::Asks(decides)) = &self.decision {
            decides.watched_by(watcher);
        }
    }

    /// What a client knows of its server: with CURVE that it has the secret key to the expected one.
    pub(crate) fn standing_of_server(&self) -> Standing {
        match &*self.mechanism {
            Mechanism::Null => Standing::new("NULL"),
            Mechanism::PlainClient { .. } | Mechanism::PlainServer => Standing::new("PLAIN"),
            #[cfg(feature = "curve")]
            Mechanism::CurveClient { server, .. } => Standing::of_key(*server),
            #[cfg(feature = "curve")]
            Mechanism::CurveServer { .. } => Standing::new("CURVE"),
        }
    }

    /// Whether it differs from the default.
    pub(crate) fn is_chosen(&self) -> bool {
        self.decision.is_some() || !matches!(*self.mechanism, Mechanism::Null)
    }
}

/// NULL, and every peer may connect.
impl Default for Security {
    #[cfg(not(highwater_curve_everywhere))]
    fn default() -> Self {
        Self::undecided(Mechanism::Null)
    }

    #[cfg(highwater_curve_everywhere)]
    fn default() -> Self {
        Self::everywhere()
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

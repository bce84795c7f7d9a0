//! Who may come in: the decision that a security mechanism asks for.
//!
//! A socket is given a [`Security`] by [`Builder::security`](crate::Builder::security), and both ends need the same mechanism:
//!
//! | mechanism | a server | a client | on the network |
//! |---|---|---|---|
//! | NULL, the default | `Security::null().anyone()`, or `.only(Addresses::allow([..])?)` | nothing | all in clear |
//! | PLAIN | `Security::plain_server(Passwords::from([..]))` | `Security::plain_client(user, password)?` | all in clear, the password too |
//! | CURVE (feature `curve`) | `Security::curve_server(&keys).only(AllowKeys::new([..]))` | `Security::curve_client(&keys, server)` | sealed; both ends know each other by their keys |
//!
//! A decision is a list of this module ([`Addresses`], [`Passwords`], `AllowKeys`, `KeyFolder`), a closure
//! `Fn(&Candidate) -> Verdict`, or the ZAP handler of the context ([`Zap`](crate::Zap)). A clone of a list is the same list, so
//! that users and keys are added and revoked while it is in use.
//!
//! A client that is refused is told a status, such as `400`, and gives its endpoint up:
//! [`wait_until_ready`](crate::Push::wait_until_ready) and the event [`GaveUp`](crate::EventKind::GaveUp) have it. Of a server
//! that has another key than the client was given, CURVE lets the client learn nothing: the connection ends without an answer,
//! and is tried again.
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
//! Owns: what a socket speaks, and the usual ways to decide who may come in.
//! Always true: what nobody decides is refused. A password is in no error and in no `Debug` text, and is compared in
//! constant time for its length.
//! Must not know: the wire, sockets, threads.

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

/// The security of a socket: its mechanism, its secrets, and who decides. Set by
/// [`Builder::security`](crate::Builder::security).
///
/// A clone has the same secrets, which are wiped when the last of them is dropped. `Debug` shows the mechanism alone.
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
    /// `None` if nobody has said who may come in, or on the side that is not asked.
    decision: Option<Decision>,
    time_to_decide: Duration,
}

/// Who may come in.
#[derive(Clone)]
pub(crate) enum Decision {
    /// Whoever knows how to speak the mechanism.
    Anyone,
    /// Whom this lets in.
    Asks(Arc<dyn Authenticate>),
}

/// The mechanism of a socket, with what it needs.
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
pub struct Undecided(Mechanism);

impl Undecided {
    /// Only those whom `decides` lets in.
    pub fn only(self, decides: impl Authenticate + 'static) -> Security {
        self.decided(Decision::Asks(Arc::new(decides)))
    }

    /// Whoever knows how to speak the mechanism.
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
    /// No secrets and no proofs: the mechanism NULL. Peers can be judged by their addresses.
    pub fn null() -> Undecided {
        Undecided(Mechanism::Null)
    }

    /// The mechanism PLAIN, as a client: tells the server this name and password, in clear.
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
        let (user, password) = (user.into(), password.into());
        if user.len() > 255 || password.len() > 255 {
            return Err(OptionError::Invalid {
                name: "security",
                expected: "a name and a password of at most 255 bytes each",
            });
        }
        Ok(Self::undecided(Mechanism::PlainClient { user, password }))
    }

    /// The mechanism PLAIN, as a server: is told names and passwords in clear, which `decides` judges.
    ///
    /// Source: RFC 24/ZMTP PLAIN.
    pub fn plain_server(decides: impl Authenticate + 'static) -> Self {
        Undecided(Mechanism::PlainServer).only(decides)
    }

    /// The mechanism CURVE, as a client: connects to the owner of the key `server` alone, is known there by the public key
    /// of `pair`, and seals all traffic.
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

    /// The mechanism CURVE, as a server: takes peers that know the public key of `pair`, and seals all traffic. Who of them
    /// may come in has to be said.
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

    /// Who may come in; `None` if nobody has said, or on the side that is not asked.
    pub(crate) fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// Whether the traffic is sealed, and each step of a handshake takes much of the processor.
    pub(crate) fn seals(&self) -> bool {
        match *self.mechanism {
            Mechanism::Null | Mechanism::PlainClient { .. } | Mechanism::PlainServer => false,
            #[cfg(feature = "curve")]
            Mechanism::CurveClient { .. } | Mechanism::CurveServer { .. } => true,
        }
    }

    /// How long it may take to decide about one peer, from the moment at which it has shown who it is. Default: 5 s. A peer
    /// about whom nothing was decided by then is refused: its connection ends, and it tries again.
    #[must_use]
    pub fn deadline(mut self, time: Duration) -> Self {
        self.time_to_decide = time;
        self
    }

    pub(crate) fn time_to_decide(&self) -> Duration {
        // Longer than anybody waits, and within what an `Instant` can tell.
        self.time_to_decide.min(Duration::from_secs(1 << 30))
    }

    /// Whether it is asked who may come in although nobody shows anything.
    pub(crate) fn judges_null(&self) -> bool {
        matches!(*self.mechanism, Mechanism::Null)
            && matches!(self.decision, Some(Decision::Asks(_)))
    }

    /// A socket with this security was built: `watcher` hears what is revoked.
    pub(crate) fn watched_by(&self, watcher: Weak<dyn Watcher>) {
        if let Some(Decision::Asks(decides)) = &self.decision {
            decides.watched_by(watcher);
        }
    }

    /// What is known of a peer that was not asked for anything: that it has the server's key, with CURVE.
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

    /// Whether somebody has chosen it.
    pub(crate) fn is_chosen(&self) -> bool {
        self.decision.is_some() || !matches!(*self.mechanism, Mechanism::Null)
    }
}

/// NULL, of which nobody has said who may come in.
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

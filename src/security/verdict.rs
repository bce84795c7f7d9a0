//! The question who may come in, and the answer.
//!
//! Owns: what is known of a peer when the question is put, and what can be decided.
//! Must not know: who asks, and the ways to decide.

use std::fmt;
use std::net::IpAddr;
use std::sync::Weak;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::watchers::Watcher;
use crate::peer::Credentials;

/// A peer that wants to come in.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it comes from; `None` for ipc.
    pub address: Option<IpAddr>,
    /// Its user, group and process, where the transport knows them (ipc).
    pub credentials: Option<Credentials>,
    /// What it has shown.
    pub proof: Proof,
    /// After this time the verdict comes too late, and the peer is refused: see [`Security::deadline`](super::Security::deadline).
    pub until: Instant,
}

/// What a peer has shown of itself.
#[non_exhaustive]
#[derive(Clone)]
pub enum Proof {
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

impl Candidate {
    #[cfg(test)]
    pub(crate) fn for_tests(proof: Proof) -> Self {
        Self {
            address: None,
            credentials: None,
            proof,
            until: Instant::now() + TIME_TO_DECIDE,
        }
    }
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
pub enum Verdict {
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
        /// For the event at this end, behind the reason; the peer is not told. May be empty.
        why: String,
    },
    /// Not now: the connection ends without an ERROR, and the peer tries again after a pause.
    Later,
    /// Nothing could be decided, since something has failed. The peer is told nothing and tries again, as after
    /// [`Later`](Self::Later).
    Failed {
        /// For the event at this end; the peer is not told.
        why: String,
    },
}

impl Verdict {
    /// In, as this user.
    pub fn allow(user: impl Into<String>) -> Self {
        Self::Allow {
            user: user.into(),
            metadata: Vec::new(),
        }
    }

    /// Not in, with the status by which libzmq's clients know a refusal.
    pub fn deny() -> Self {
        Self::Deny {
            reason: "400".to_owned(),
            why: String::new(),
        }
    }
}

/// Decides who may come in: a list such as [`Passwords`](super::Passwords), or a closure `Fn(&Candidate) -> Verdict`.
///
/// Called on a thread that may wait, never on an I/O thread: up to four decisions are made at a time, for all sockets of a
/// [`Context`](crate::Context). A decision that does not return keeps its thread; four such decisions at a time, and every
/// later peer is refused at its [deadline](super::Security::deadline), until one of them returns. The lists in this module never
/// wait.
pub trait Authenticate: Send + Sync {
    /// Decides about `who`. A panic is a refusal.
    fn check(&self, who: &Candidate) -> Verdict;

    /// Called once for each socket that is built with this decision: `watcher` is to hear whenever somebody who was let in
    /// may no longer be in. By default nobody ever hears anything.
    fn watched_by(&self, watcher: Weak<dyn Watcher>) {
        let _ = watcher;
    }
}

impl<F: Fn(&Candidate) -> Verdict + Send + Sync> Authenticate for F {
    fn check(&self, who: &Candidate) -> Verdict {
        self(who)
    }
}

/// How long a decision may take if nobody says otherwise: see [`Security::deadline`](super::Security::deadline).
pub(super) const TIME_TO_DECIDE: Duration = Duration::from_secs(5);

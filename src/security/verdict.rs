//! A decision about one peer: its input and its result.
//!
//! Owns: the facts about a candidate, and the possible verdicts.
//! Must not know: which part asks, and how it is decided.

use std::fmt;
use std::net::IpAddr;
use std::sync::Weak;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::watchers::Watcher;
use crate::peer::Credentials;

/// A peer that has proved its identity, and about which it is to be decided whether it may connect.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its IP address; `None` for ipc.
    pub address: Option<IpAddr>,
    /// Its user, group and process, where the transport knows them (ipc).
    pub credentials: Option<Credentials>,
    /// What it has proved.
    pub proof: Proof,
    /// A verdict after this time is too late, and the peer is refused: see [`Security::deadline`](super::Security::deadline).
    pub until: Instant,
}

/// What a peer has proved about its identity.
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
    /// The peer has the secret key to this public key: CURVE.
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

/// The result of a decision about a candidate.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The peer may connect.
    Allow {
        /// The user id, which [`PeerInfo::user`](crate::PeerInfo::user) shows; may be empty.
        user: String,
        /// Properties, which [`PeerInfo::granted`](crate::PeerInfo::granted) shows.
        metadata: Vec<(String, Bytes)>,
    },
    /// The peer may not connect. It receives an ERROR, which is final.
    Deny {
        /// The reason in the ERROR: at most 255 bytes, such as `400`.
        reason: String,
        /// For the event at this end, behind the reason; the peer is not told. May be empty.
        why: String,
    },
    /// The peer may not connect now: the connection ends without an ERROR, and the peer connects again after a pause.
    Later,
    /// The decision has failed, for instance since a database was not reachable. For the peer this is as
    /// [`Later`](Self::Later).
    Failed {
        /// The cause, for the event at this end. The peer does not receive it.
        why: String,
    },
}

impl Verdict {
    /// The peer may connect, as this user.
    pub fn allow(user: impl Into<String>) -> Self {
        Self::Allow {
            user: user.into(),
            metadata: Vec::new(),
        }
    }

    /// The peer may not connect; the reason is `400`, by which a libzmq client recognises a refusal.
    pub fn deny() -> Self {
        Self::Deny {
            reason: "400".to_owned(),
            why: String::new(),
        }
    }
}

/// Decides which peers may connect: a list such as [`Passwords`](super::Passwords), or a closure `Fn(&Candidate) -> Verdict`.
///
/// A [`Context`](crate::Context) calls it on up to four threads of its own, for all of its sockets together, so it may block. A
/// decision that does not return keeps its thread. While four of them do not return, every other peer is refused at its
/// [deadline](super::Security::deadline). The lists in this module never block.
pub trait Authenticate: Send + Sync {
    /// Decides about `who`. If it panics, the peer is refused.
    fn check(&self, who: &Candidate) -> Verdict;

    /// Called once for each socket that is built with this decision, which tells `watcher` whenever a peer that was allowed is
    /// allowed no longer. The default does nothing, so connections stay.
    fn watched_by(&self, watcher: Weak<dyn Watcher>) {
        let _ = watcher;
    }
}

impl<F: Fn(&Candidate) -> Verdict + Send + Sync> Authenticate for F {
    fn check(&self, who: &Candidate) -> Verdict {
        self(who)
    }
}

/// The default of [`Security::deadline`](super::Security::deadline).
pub(super) const TIME_TO_DECIDE: Duration = Duration::from_secs(5);

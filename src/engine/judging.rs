//! Whether a peer may come in, as the security of the socket decides.
//!
//! Owns: nothing; it takes the handshakes of those peers that have shown who they are past the decision.
//! Always true: a peer for whom nobody has decided does not come in. The I/O thread does not wait for a decision: the
//! question goes to a [helping thread](super::helpers), the answer comes back as a request. A decision that panics, or has
//! not come by its deadline, is a refusal. What was revoked while a handshake was under way is decided about again.
//! Must not know: how a peer shows who it is, and how a decision is made.
//!
//! ```text
//!   candidate --> Asked --allow--> Given --> (asking: has the socket a place?) --> READY
//!                   |                 \-- something was revoked meanwhile: ends, and the peer comes again
//!                   +--deny--> ERROR, then the end      +--later, failed, panicked, too late--> the end
//! ```

use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Key;
use super::entries::Phase;
use super::event_loop::Loop;
use super::judgement::{Answer, Judgement};
use super::request::Request;
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::pipe::Wire;
use crate::security::{Candidate, Decision, Proof, Verdict};
use crate::zmtp;

impl Loop {
    /// Puts the question, if the handshake has come to it and that has not been done.
    pub(super) fn judge(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let config = Arc::clone(&entry.config);
        let security = &config.options.security;
        let Some(handshaking) = entry.phase.handshaking() else {
            return;
        };
        if !matches!(handshaking.judgement, Judgement::None) {
            return;
        }
        let proof = match handshaking.handshake.credentials() {
            Some(zmtp::Credentials::Plain { user, password }) => Proof::Plain {
                user: user.clone(),
                password: password.clone(),
            },
            #[cfg(feature = "curve")]
            Some(zmtp::Credentials::Curve { key }) => Proof::Curve {
                key: highwater_curve::PublicKey::from_bytes(*key)
                    .expect("the handshake refuses keys of low order"),
            },
            #[cfg(not(feature = "curve"))]
            Some(zmtp::Credentials::Curve { .. }) => return,
            None if security.judges_null() => Proof::Null,
            None => return,
        };
        let until = Instant::now() + security.time_to_decide();
        let standing = proof.standing();
        let known_as = standing.who.clone();
        handshaking.judgement = Judgement::Asked {
            until,
            standing,
            revoked: config.revoked.load(Ordering::Acquire),
        };
        let decides = match security.decision() {
            Some(Decision::Asks(decides)) => Arc::clone(decides),
            Some(Decision::Anyone) => {
                return self.judged(key, Answer::Verdict(Verdict::allow(known_as)));
            }
            None => return self.judged(key, Answer::Verdict(Verdict::deny())),
        };
        entry.link.want_input(false);
        let peer = entry.link.stream().peer_address();
        let address = peer.and_then(|peer| peer.ip());
        let credentials = entry.credentials();
        let who = Candidate {
            address,
            credentials,
            proof,
            until,
        };
        let answer_to = Arc::clone(self.shared());
        let asked = self.deciders.give(move || {
            let answer = decide(&*decides, &who);
            // The code of the application ends with the question.
            drop(decides);
            answer_to.send(Request::Judged { key, answer });
        });
        match asked {
            Ok(()) => self.set_link_timer(key),
            Err(error) => {
                let why = format!("there is no thread to decide: {error}");
                self.judged(key, Answer::Verdict(Verdict::Failed { why }));
            }
        }
    }

    /// The answer is there. One that nobody awaits any more changes nothing.
    pub(super) fn judged(&mut self, key: Key, answer: Answer) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let Some(handshaking) = entry.phase.handshaking() else {
            return;
        };
        let (mut standing, revoked) = match std::mem::take(&mut handshaking.judgement) {
            Judgement::Asked {
                standing, revoked, ..
            } => (standing, revoked),
            other => {
                handshaking.judgement = other;
                return;
            }
        };
        let denied = |reason: &str| LinkError::Denied {
            mechanism: standing.mechanism,
            who: standing.who.clone(),
            reason: reason.to_owned(),
        };
        let (user, metadata) = match answer {
            Answer::Verdict(Verdict::Allow { user, metadata }) => (user, metadata),
            Answer::Verdict(Verdict::Deny { reason, why }) => {
                let mut words = zmtp::escaped(&reason);
                if !why.is_empty() {
                    words = format!("{words}: {}", zmtp::escaped(&why));
                }
                return self.turn_away(key, denied(&words), Some(&reason));
            }
            Answer::Verdict(Verdict::Later) => {
                return self.turn_away(key, denied("not now"), None);
            }
            Answer::Verdict(Verdict::Failed { why }) => {
                return self.turn_away(key, denied(&zmtp::escaped(&why)), None);
            }
            Answer::Panicked => {
                return self.turn_away(key, denied("the decision panicked"), None);
            }
            Answer::TooLate => {
                return self.turn_away(key, denied("the decision has taken too long"), None);
            }
        };
        standing.user = user;
        standing.granted = metadata.into();
        handshaking.judgement = Judgement::Given { standing, revoked };
        let is_null = handshaking.handshake.credentials().is_none();
        let goes_on = handshaking.handshake.allow();
        let asks = entry.config.socket_type.facts();
        if is_null && !asks.asks_before_ready(entry.accepted) {
            // What held READY back was the decision alone.
            if let Some(handshaking) = entry.phase.handshaking() {
                handshaking.handshake.go_on();
            }
        }
        match goes_on {
            Ok(()) => {
                entry.link.want_input(true);
                self.set_link_timer(key);
                self.prepare(key, false);
            }
            Err(fault) => {
                self.say(key);
                self.link_failed(key, fault.into());
            }
        }
    }

    /// The peer does not come in; it is `told` why.
    fn turn_away(&mut self, key: Key, cause: LinkError, told: Option<&str>) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        entry.config.telemetry.denied.add(1);
        let Some(reason) = told else {
            return self.link_failed(key, cause);
        };
        if let Some(handshaking) = entry.phase.handshaking() {
            handshaking.handshake.refuse(reason);
        }
        self.say(key);
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        if !entry.accepted {
            return self.link_failed(key, cause);
        }
        // If the connection were closed with bytes unread, the reset could destroy the ERROR.
        entry.config.telemetry.handshakes_failed.add(1);
        entry.emit(EventKind::HandshakeFailed(cause));
        entry.withdraw();
        let is_live = entry.link.stream().shutdown(Shutdown::Write).is_ok();
        entry.phase = Phase::Parting {
            until: Instant::now().checked_add(TO_HEAR_OF_IT),
            heard: 0,
        };
        if is_live {
            entry.link.want_output(false);
            entry.link.want_input(true);
            self.set_link_timer(key);
            self.part(key);
        } else {
            self.link_parted(key);
        }
    }
}

/// Asks, on a helping thread.
fn decide(decides: &dyn crate::security::Authenticate, who: &Candidate) -> Answer {
    if Instant::now() >= who.until {
        return Answer::TooLate;
    }
    match catch_unwind(AssertUnwindSafe(|| decides.check(who))) {
        Ok(verdict) => Answer::Verdict(verdict),
        Err(_) => {
            tracing::error!(target: "highwater", "a decision about a peer panicked, which is a refusal");
            Answer::Panicked
        }
    }
}

/// How long a peer that was refused may take to read that and to close.
const TO_HEAR_OF_IT: Duration = Duration::from_secs(1);

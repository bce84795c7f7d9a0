//! How far the decision about a peer has come, and what comes of it.
//!
//! Owns: the states of a decision.
//! Must not know: who decides, and what follows.

use std::time::Instant;

use crate::security::{Standing, Verdict};

/// How far the decision about a peer has come.
#[derive(Debug, Clone, Default)]
pub(super) enum Judgement {
    /// It is not to be made, or not yet.
    #[default]
    None,
    /// It is being made.
    Asked {
        until: Instant,
        standing: Standing,
        /// How often something had been revoked when the question was put.
        revoked: u64,
    },
    /// The peer may come in.
    Given { standing: Standing, revoked: u64 },
}

impl Judgement {
    /// Whether the answer is awaited.
    pub(super) fn is_awaited(&self) -> bool {
        self.deadline().is_some()
    }

    /// Until when the answer is awaited.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Asked { until, .. } => Some(*until),
            Self::None | Self::Given { .. } => None,
        }
    }
}

/// What came of a question.
#[derive(Debug)]
pub(super) enum Answer {
    Verdict(Verdict),
    Panicked,
    TooLate,
}

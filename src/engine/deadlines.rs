//! The deadline of each link, and the action when it has passed.
//!
//! Owns: nothing; it reads the deadlines of phase, heartbeat and closing from a link's record.
//! Always true: code that changes a deadline sets the timer again.

use std::time::Instant;

use super::Key;
use super::entries::Phase;
use super::event_loop::Loop;
use super::judgement::Answer;
use super::sign_of_life::is_given_up;
use crate::error::LinkError;

impl Loop {
    pub(super) fn link_timer(&mut self, key: Key, now: Instant) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let overdue = entry
            .closing
            .as_ref()
            .and_then(|closing| closing.0.deadline)
            .is_some_and(|deadline| deadline <= now);
        if overdue {
            self.drop_link(key, LinkError::ClosedHere);
            return;
        }
        match &mut entry.phase {
            Phase::Connecting { until } if until.is_some_and(|until| until <= now) => {
                self.link_failed(key, LinkError::ConnectTimeout);
            }
            Phase::Preparing(preparing) if preparing.until.is_some_and(|until| until <= now) => {
                let cause = if preparing.is_with_peer() {
                    LinkError::HandshakeTimeout
                } else {
                    LinkError::ConnectTimeout
                };
                self.link_failed(key, cause);
            }
            Phase::Preparing(preparing) if preparing.awaits_in_vain(now) => {
                self.judged(key, Answer::TooLate);
            }
            // Our side of the stream is closed, so no PING can be sent; the deadline of its end holds.
            Phase::Traffic { .. } if entry.half_closed => self.set_link_timer(key),
            Phase::Traffic { heartbeat } => {
                if is_given_up(
                    &entry.link,
                    entry.pipe.as_deref(),
                    &entry.config,
                    heartbeat,
                    now,
                ) {
                    return self.link_failed(key, LinkError::HeartbeatTimeout);
                }
                self.set_link_timer(key);
            }
            Phase::Parting { until, .. } if until.is_some_and(|until| until <= now) => {
                self.link_parted(key);
            }
            _ => self.set_link_timer(key),
        }
    }

    pub(super) fn set_link_timer(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let own = match &entry.phase {
            Phase::Connecting { until } | Phase::Parting { until, .. } => *until,
            Phase::Preparing(preparing) => preparing.deadline(),
            Phase::Traffic { .. } if entry.half_closed => None,
            Phase::Traffic { heartbeat } => heartbeat.deadline(),
        };
        let closing = entry
            .closing
            .as_ref()
            .and_then(|closing| closing.0.deadline);
        let deadline = match (own, closing) {
            (Some(own), Some(closing)) => Some(own.min(closing)),
            (own, closing) => own.or(closing),
        };
        self.timers.set(key, deadline);
    }
}

//! The end of a session, when its socket closes, and the count of the messages that wait for the peer or are given up.
//!
//! Owns: nothing; it takes sessions out of the thread's entries.
//! Always true: each message that goes with a session is counted, once, as sent, lost or unread.

use std::time::{Duration, Instant};

use super::entries::{Entry, LinkEntry, SessionPhase};
use super::event_loop::Loop;
use super::{Closing, EndpointConfig, Key};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::pipe::{CutOff, PipeEvent};

impl Loop {
    /// The connection of `entry` has ended for `cause`, and `lost` messages with it; those left are `kept` for the next one.
    /// Gives the number of messages that are given up, since a peer has cut them off too often.
    pub(super) fn after_cut(
        &mut self,
        entry: &LinkEntry,
        cause: LinkError,
        kept: bool,
        lost: usize,
    ) -> usize {
        let Some(pipe) = entry.pipe.as_ref().filter(|_| cause.is_cut_off()) else {
            return 0;
        };
        let config = &entry.config;
        let most = config.options.send_attempts;
        if config.socket_type.facts().takes_turns {
            // Its rules send a request again, to any peer, and decide.
            let cut_off = CutOff {
                cause,
                most,
                is_counted: lost > 0,
            };
            let event = PipeEvent::CutOff(pipe.id, Box::new(cut_off));
            config.side.happened(event);
            return 0;
        }
        if !kept {
            return 0;
        }
        let Some(bytes) = pipe.outgoing.cut_by_peer(most) else {
            return 0;
        };
        config.telemetry.unsent.add(1);
        entry.emit(EventKind::MessageGivenUp { cause, bytes });
        // The cause that ended those connections is gone, so the next one needs no pause.
        if let Some(Entry::Session(session)) = self.entries.get_mut(&entry.owner) {
            session.backoff.lived(Duration::MAX);
        }
        1
    }

    /// Ends the session: at once if no message waits, otherwise when all are sent or the deadline has passed.
    pub(super) fn close_session(&mut self, key: Key, closing: &Closing) {
        let Some(session) = self.session(key) else {
            return;
        };
        let pipe = session.pipe.clone();
        let link = match session.phase {
            SessionPhase::Linked(link) => Some(link),
            _ => None,
        };
        let pipe = pipe.or_else(|| self.link_entry(link?)?.pipe.clone());
        let queued = pipe.map_or(0, |pipe| pipe.outgoing.queued());
        let Some(session) = self.session(key) else {
            return;
        };
        closing.drains.iter().for_each(|drain| drain.begin());
        session.lost_meanwhile = 0;
        if let Some((retiring, _)) = session.closing.replace((closing.clone(), queued)) {
            retiring.drains.iter().for_each(|drain| drain.finish(0, 0));
        }
        if session.is_done() || session.is_overdue(Instant::now()) {
            match session.phase {
                SessionPhase::Linked(link) if !session.is_overdue(Instant::now()) => {
                    self.link_drained(link);
                }
                _ => return self.end_session(key),
            }
        }
        if let Some(session) = self.session(key) {
            let phase = session.phase;
            self.timers.bring_forward(key, closing.deadline);
            if let SessionPhase::Linked(link) = phase {
                // The socket may have left the link unread at its mark; reading shows whether the peer is gone.
                self.read_link(link);
            }
        }
    }

    /// How this session is to end; `None` if it is not closing.
    pub(super) fn session_closing(&mut self, key: Key) -> Option<&Closing> {
        let session = self.session(key)?;
        session.closing.as_ref().map(|(closing, _)| closing)
    }

    /// Removes the session and its link, and counts the messages that were not sent.
    pub(super) fn end_session(&mut self, key: Key) {
        let Some(Entry::Session(session)) = self.entries.remove(&key) else {
            return;
        };
        self.timers.set(key, None);
        let mut lost = session.lost_meanwhile;
        if let SessionPhase::Linked(link) = session.phase {
            let live = self
                .link_entry(link)
                .is_some_and(|link| link.pipe.is_some());
            if let Some((closing, _)) = session.closing.as_ref().filter(|_| live) {
                let drains = closing.drains.iter();
                drains.for_each(|drain| drain.connection_ended(false));
            }
            lost += self.drop_link(link, LinkError::ClosedHere);
        }
        if let Some(pipe) = &session.pipe {
            let unsent = pipe.outgoing.discard();
            lost += unsent;
            let EndpointConfig {
                telemetry,
                endpoint,
                ..
            } = &*session.config;
            telemetry.lose_unsent(unsent, Some(endpoint));
            let delivers = session.closing.as_ref();
            if delivers.is_some_and(|(closing, _)| closing.delivers) {
                // Messages that have arrived can still be read.
                let pipe = pipe.id;
                let ended = PipeEvent::Disconnected { pipe, ends: true };
                session.config.side.happened(ended);
            } else {
                telemetry.lose_unread(pipe.incoming.close(), Some(endpoint));
                session.config.side.happened(PipeEvent::Gone(pipe.id));
            }
        }
        if let Some((closing, queued)) = session.closing {
            for drain in closing.drains {
                drain.finish(queued.saturating_sub(lost), lost);
            }
        }
    }
}

//! The dispatch of events and duties of a link, by the phase of the link: connecting, handshake, traffic, parting.
//!
//! Owns: the choice of the function that handles an event of the poller or a duty.
//! Always true: a link in traffic has a pipe, and that pipe is attached to it; every way out of a link goes through
//! `drop_link`.
//!
//! ```text
//!   Connecting --> Preparing: [proxy,] handshake --> Traffic --> Parting (all is sent; the peer is to close, briefly)
//!                                                    half closed: all is sent, and what the peer sends is still delivered
//!        \___________________\___________________________\___________\______> dropped, with a cause
//! ```

use std::sync::Arc;
use std::time::Instant;

use super::Key;
use super::entries::{LinkEntry, Phase};
use super::event_loop::Loop;
use super::sign_of_life::answered;
use crate::error::LinkError;
use crate::pipe::{Duty, PipeEvent, Pumped, Wire};

impl Loop {
    /// The poller reports an event of the link.
    pub(super) fn link_event(&mut self, key: Key, readable: bool, writable: bool) {
        let has_step = self.steps_left > 0;
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        if readable
            && !has_step
            && matches!(entry.phase, Phase::Preparing(_))
            && entry.config.options.security.seals()
        {
            // The poller tells of it again in the next turn.
            return;
        }
        match &mut entry.phase {
            Phase::Connecting { .. } => match entry.link.stream().take_error() {
                Ok(None) => self.stream_connected(key),
                Ok(Some(error)) | Err(error) => self.link_failed(key, error.into()),
            },
            Phase::Preparing(_) => {
                self.prepare(key, readable);
                if let Some(link) = self.link(key) {
                    link.rearm();
                }
            }
            Phase::Traffic { .. } => {
                if writable {
                    self.writable(key);
                }
                if readable {
                    self.read_link(key);
                }
                if let Some(link) = self.link(key) {
                    link.rearm();
                }
            }
            Phase::Parting { .. } => {
                if writable {
                    self.parting_writable(key);
                }
                self.part(key);
            }
        }
    }

    /// The kernel buffer has room again.
    fn writable(&mut self, key: Key) {
        let Some(LinkEntry {
            pipe: Some(pipe),
            link,
            ..
        }) = self.link_entry(key)
        else {
            return;
        };
        pipe.outgoing.writable();
        match pipe.outgoing.pump() {
            Ok(Pumped::Blocked) => {}
            Ok(Pumped::Contended | Pumped::Streaming | Pumped::Drafted) => self.schedule(key),
            Ok(Pumped::Drained | Pumped::Unwired | Pumped::Shared) => {
                link.want_output(false);
                // A sender may have filled the kernel buffer meanwhile, and have asked for this event before it was
                // turned off here.
                if pipe.outgoing.is_blocked() {
                    link.want_output(true);
                }
                self.schedule(key);
            }
            Err(error) => self.output_lost(key, error.into()),
        }
    }

    /// A write has failed. The peer may have sent messages before its end: they are read first.
    pub(super) fn output_lost(&mut self, key: Key, cause: LinkError) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        if matches!(entry.phase, Phase::Parting { .. }) {
            return self.link_parted(key);
        }
        entry.output_lost.get_or_insert_with(|| Box::new(cause));
        self.read_link(key);
    }

    /// Does what a sender or a leader has asked for.
    pub(super) fn do_duty(&mut self, key: Key, duty: Duty) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let resumes = matches!(duty, Duty::Resume);
        match duty {
            Duty::Flush => self.schedule(key),
            Duty::Room => {
                if let Some(pipe) = &entry.pipe {
                    entry.config.side.happened(PipeEvent::Writable(pipe.id));
                }
            }
            Duty::Resume | Duty::Returned => match entry.phase {
                Phase::Parting { .. } => self.part(key),
                // Only the undecoded bytes of the reader are delivered: the poller reports further input.
                _ if resumes && entry.link.listens() => self.read_some(key, 0),
                _ => self.read_link(key),
            },
            Duty::OutputLost(cause) => self.output_lost(key, cause),
            Duty::Failed(cause) | Duty::Close(cause) => self.link_failed(key, cause),
            Duty::Replace => self.replace_link(key),
            Duty::Ping(_) | Duty::Pong => {
                if let Phase::Traffic { heartbeat } = &mut entry.phase {
                    let now = Instant::now();
                    heartbeat.received(now);
                    entry.link.silence_begins();
                    // All heartbeats that the socket has read up to now; there is one duty for all of them.
                    let (ping, pong) = entry.link.take_heartbeats();
                    if let Some(ttl) = ping {
                        heartbeat.peer_ping(ttl, now);
                    }
                    if pong {
                        answered(heartbeat, entry.pipe.as_deref(), now);
                    }
                    self.set_link_timer(key);
                }
            }
            Duty::Answered(answer) => self.answered(key, answer),
            Duty::HandOver => self.hand_over_link(key),
            Duty::Told(reason) => entry.told = Some(reason.into()),
            Duty::Lent => {
                let side = Arc::clone(&entry.config.side);
                self.lenders.watch(side);
            }
        }
    }
}

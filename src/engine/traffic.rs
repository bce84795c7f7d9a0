//! The life of one link: connecting, handshake, traffic, end.
//!
//! Owns: the phase of each link, its deadline and its heartbeat.
//! Always true: a link in traffic has a pipe, and that pipe is attached to it; every way out of a link goes through
//! `drop_link`.
//!
//! ```text
//!   Connecting [--> Proxying] --> Handshaking --> Traffic --> Parting (all is sent; the peer is to close, briefly)
//!                                                 half closed: all is sent, and what the peer sends is still delivered
//!        \______________\______________\____________\___________\______> dropped, with a cause
//! ```

use std::sync::Arc;
use std::time::Instant;

use super::entries::{Entry, LinkEntry, OtherEnd, Phase};
use super::event_loop::Loop;
use super::hearing::Silence;
use super::link::{Link, Slot};
use super::reading::{Reading, answered};
use super::{EndpointConfig, Key};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::pipe::{Duty, Fill, Pipe, PipeEvent, Pumped, Wire};
use crate::zmtp::{self, Heartbeat, HeartbeatAction};

/// Reads of one link before the others get their turn.
pub(super) const READS_AT_ONCE: usize = 4;

/// With so many heartbeats in a turn, what else the link has waits for its next: each costs as much as a message, and
/// thousands of them fit into one read.
const MOST_HEARTBEATS: u32 = 256;

impl Loop {
    pub(super) fn link_entry(&mut self, key: Key) -> Option<&mut LinkEntry> {
        match self.entries.get_mut(&key) {
            Some(Entry::Link(entry)) => Some(entry),
            _ => None,
        }
    }

    /// The poller has news.
    pub(super) fn link_event(&mut self, key: Key, readable: bool, writable: bool) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        match &mut entry.phase {
            Phase::Connecting { .. } => match entry.link.stream().take_error() {
                Ok(None) => self.stream_connected(key),
                Ok(Some(error)) | Err(error) => self.link_failed(key, error.into()),
            },
            Phase::Proxying { .. } => self.proxy_event(key),
            Phase::Handshaking { .. } => {
                self.handshake_event(key, readable);
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

    /// The kernel has room again.
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
            Ok(Pumped::Contended | Pumped::Streaming | Pumped::Lent) => self.schedule(key),
            Ok(Pumped::Drained | Pumped::Unwired) => {
                link.want_output(false);
                // A sender may have filled the kernel meanwhile, and asked for output before we declined it.
                if pipe.outgoing.is_blocked() {
                    link.want_output(true);
                }
                self.schedule(key);
            }
            Err(error) => self.output_lost(key, error.into()),
        }
    }

    /// Writing has failed. The peer may have sent something before it went: that is read first.
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

    /// Reads what is there, as long as the socket wants more and the reader is here.
    pub(super) fn read_link(&mut self, key: Key) {
        self.read_some(key, READS_AT_ONCE);
    }

    /// Hands over what was read before, then reads so many times at most.
    fn read_some(&mut self, key: Key, reads: usize) {
        let Self {
            entries, scratch, ..
        } = self;
        let Some(Entry::Link(entry)) = entries.get_mut(&key) else {
            return;
        };
        let LinkEntry {
            link,
            pipe: Some(pipe),
            phase: Phase::Traffic { heartbeat },
            config,
            told,
            output_lost,
            ..
        } = &mut **entry
        else {
            return;
        };
        let mut slot = link.reader();
        let Slot::Here(reader) = &mut *slot else {
            return;
        };
        let mut intake = Reading {
            link,
            pipe,
            heartbeat,
            config,
            told,
            heartbeats: 0,
        };
        if pipe.incoming.is_paused() {
            // What the reader holds waits there, until the socket has read below its mark.
            link.want_input(false);
            if heartbeat.set_unread(true, Instant::now()) {
                drop(slot);
                self.set_link_timer(key);
            }
            return;
        }
        let mut outcome = intake.hand_over(reader);
        let mut dry = false;
        for _ in 0..reads {
            if !matches!(outcome, Ok(true)) || intake.heartbeats > MOST_HEARTBEATS {
                break;
            }
            reader.adopt(scratch);
            outcome = match reader.fill(&**link) {
                Ok(Fill::Bytes(read)) => {
                    pipe.has_read(read);
                    let more = reader.is_eager();
                    intake.hand_over(reader).map(|go_on| go_on && more)
                }
                Ok(Fill::Nothing) => {
                    dry = true;
                    Ok(false)
                }
                Ok(Fill::End) => Err(output_lost
                    .take()
                    .map(|cause| *cause)
                    .filter(|cause| !cause.is_hang_up())
                    .unwrap_or(LinkError::PeerClosed)),
                Err(error) => Err(error.into()),
            };
        }
        let pings = intake.heartbeats > 0;
        reader.release(scratch);
        drop(slot);
        let output_lost = output_lost.take_if(|_| dry);
        match outcome.and_then(|_| output_lost.map_or(Ok(()), |cause| Err(*cause))) {
            Ok(()) => {
                let is_paused = pipe.incoming.is_paused();
                link.want_input(!is_paused);
                let changed = heartbeat.is_unread() != is_paused;
                if changed {
                    heartbeat.set_unread(is_paused, Instant::now());
                }
                if pings || changed {
                    self.set_link_timer(key);
                }
            }
            Err(cause) => self.link_failed(key, cause),
        }
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
                // What the reader holds is wanted. If there is more, the poller will tell.
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
                    // All that were met up to now, for which there is this one duty.
                    let (ping, pong) = entry.link.take_met();
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
            Phase::Connecting { until } | Phase::Proxying { until, .. }
                if until.is_some_and(|until| until <= now) =>
            {
                self.link_failed(key, LinkError::ConnectTimeout);
            }
            Phase::Handshaking { until, .. } if until.is_some_and(|until| until <= now) => {
                self.link_failed(key, LinkError::HandshakeTimeout);
            }
            // It can be asked for a sign of life no more, and answers nothing; the deadline of its end holds.
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
            Phase::Connecting { until }
            | Phase::Proxying { until, .. }
            | Phase::Handshaking { until, .. }
            | Phase::Parting { until, .. } => *until,
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

impl LinkEntry {
    pub(super) fn emit(&self, kind: EventKind) {
        let endpoint = Some(&self.config.endpoint);
        self.config
            .telemetry
            .monitor
            .emit(kind, endpoint, Some(self.other_end.address()));
    }

    /// Tells those who wait for the end of a closing link.
    pub(super) fn finish(&self, lost: usize) {
        if let Some((closing, queued)) = self.closing.as_deref() {
            for drain in &closing.drains {
                drain.finish(queued.saturating_sub(lost), lost);
            }
        }
    }
}

impl OtherEnd {
    pub(super) fn address(&self) -> &str {
        match self {
            Self::At(address) => address,
            Self::Peer(peer) => &peer.address,
        }
    }
}

/// Sends the PINGs that are due, and says whether the peer has been silent for too long.
fn is_given_up(
    link: &Link,
    pipe: Option<&Pipe>,
    config: &EndpointConfig,
    heartbeat: &mut Heartbeat,
    now: Instant,
) -> bool {
    let Some(pipe) = pipe else { return false };
    let is_paused = || pipe.incoming.is_paused();
    // A peer that is not read, since the socket is at its mark or busy with what it has, is not to blame for silence.
    let is_unread = || is_paused() || link.is_lent() && !config.side.lending().is_waiting();
    heartbeat.set_unread(is_paused() && !link.is_lent(), now);
    let mut silence = link.silence(is_unread);
    loop {
        match silence {
            Silence::Broken => heartbeat.received(now),
            Silence::Ours => heartbeat.excused(now),
            Silence::Real => {}
        }
        match heartbeat.poll(now, pipe.outgoing.output()) {
            HeartbeatAction::None => return false,
            HeartbeatAction::SendPing { ttl } => {
                pipe.outgoing.heartbeat(|out| zmtp::encode_ping(ttl, out));
                silence = Silence::Real;
            }
            HeartbeatAction::Look => {
                silence = Silence::Real;
                if wants_a_sign(link, heartbeat)
                    && let HeartbeatAction::SendPing { ttl } =
                        heartbeat.send_ping(pipe.outgoing.output())
                {
                    pipe.outgoing.heartbeat(|out| zmtp::encode_ping(ttl, out));
                }
            }
            HeartbeatAction::Doubt => {
                silence = Silence::Real;
                let stream = link.stream();
                if stream.has_stopped_answering(heartbeat.timeout())
                    && link.long_silence(is_unread) == Silence::Real
                {
                    return true;
                }
            }
            HeartbeatAction::GiveUp => {
                silence = link.long_silence(is_unread);
                if silence == Silence::Real {
                    return true;
                }
            }
        }
    }
}

/// Whether a PING is among what the peer, which is not read, has sent since the last look, and it has not closed its side
/// behind that: bytes for a connection that is closed are answered by a reset, which destroys all that is unread.
fn wants_a_sign(link: &Link, heartbeat: &mut Heartbeat) -> bool {
    let stream = link.stream();
    let unread = stream.unread();
    let new = heartbeat.new_among(unread);
    if new == 0 || stream.has_ended() {
        return false;
    }
    if unread > MOST_PEEKED {
        return heartbeat.is_pinged();
    }
    let mut bytes = vec![0; unread];
    let len = stream.peek(&mut bytes);
    // The name of the command may lie across what is new and what was there.
    let from = (unread - new)
        .saturating_sub(zmtp::PING_NAME.len())
        .min(len);
    bytes[from..len]
        .windows(zmtp::PING_NAME.len())
        .any(|window| window == zmtp::PING_NAME)
}

/// So many unread bytes are looked at for a PING.
const MOST_PEEKED: usize = 256 * 1024;

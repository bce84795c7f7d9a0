//! The life of one link: connecting, handshake, traffic, end.
//!
//! Owns: the phase of each link, its deadline and its heartbeat.
//! Always true: a link in traffic has a pipe, and that pipe is attached to it; every way out of a link goes through
//! `drop_link`.
//!
//! ```text
//!   Connecting --> Handshaking --> Traffic --> Parting (all is sent; wait for the peer to close, briefly)
//!        \______________\____________\___________\______> dropped, with a cause
//! ```

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event_loop::{Closing, Entry, Loop};
use super::link::{Link, Slot};
use super::{EndpointConfig, Key};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::peer::{Credentials, PeerInfo};
use crate::pipe::{
    Delivery, Duty, Fill, Incoming, Outgoing, Pipe, PipeEvent, Pumped, Reader, Wire,
};
use crate::transport::{ConnectProgress, Stream};
use crate::zmtp::{
    self, Command, Handshake, HandshakeConfig, Heartbeat, HeartbeatAction, HeartbeatConfig,
    OwnedCommand, ProtocolError, Stop, Version,
};

/// How long the end of a connection waits for the peer to take everything and close in its turn.
const PARTING: Duration = Duration::from_secs(1);

/// Reads of one link before the others get their turn.
const READS_AT_ONCE: usize = 4;

/// One link, as its I/O thread sees it.
#[derive(Debug)]
pub(super) struct LinkEntry {
    pub(super) link: Arc<Link>,
    /// The listener or session it belongs to.
    pub(super) owner: Key,
    pub(super) pipe: Option<Arc<Pipe>>,
    config: Arc<EndpointConfig>,
    accepted: bool,
    address: String,
    phase: Phase,
    closing: Option<(Closing, usize)>,
}

#[derive(Debug)]
enum Phase {
    Connecting {
        until: Option<Instant>,
    },
    Handshaking {
        handshake: Box<Handshake>,
        /// Bytes the kernel has not taken yet.
        unsent: Vec<u8>,
        until: Option<Instant>,
    },
    Traffic {
        heartbeat: Box<Heartbeat>,
    },
    Parting {
        until: Instant,
    },
}

impl Loop {
    /// Looks after a stream that is being connected; call [`begin_link`](Self::begin_link) once its owner knows it.
    pub(super) fn add_connecting(
        &mut self,
        owner: Key,
        stream: Stream,
        progress: ConnectProgress,
        config: &Arc<EndpointConfig>,
    ) -> io::Result<Key> {
        let in_progress = matches!(progress, ConnectProgress::InProgress);
        self.add_link(owner, stream, config, false, in_progress)
    }

    /// Looks after an accepted stream.
    pub(super) fn adopt(&mut self, stream: Stream, listener: Key, config: Arc<EndpointConfig>) {
        let telemetry = &config.telemetry;
        match self.add_link(listener, stream, &config, true, false) {
            Ok(key) => {
                let address = match self.entries.get(&key) {
                    Some(Entry::Link(entry)) => entry.address.clone(),
                    _ => String::new(),
                };
                let (endpoint, address) = (Some(&config.endpoint), Some(address.as_str()));
                telemetry
                    .monitor
                    .emit(EventKind::Accepted, endpoint, address);
                self.begin_handshake(key);
            }
            Err(error) => {
                telemetry.accepts_failed.add(1);
                let kind = EventKind::AcceptFailed(error.into());
                telemetry.monitor.emit(kind, Some(&config.endpoint), None);
            }
        }
    }

    fn add_link(
        &mut self,
        owner: Key,
        stream: Stream,
        config: &Arc<EndpointConfig>,
        accepted: bool,
        in_progress: bool,
    ) -> io::Result<Key> {
        let key = self.new_key();
        let address = stream
            .peer_address()
            .map_or_else(String::new, |address| address.to_string());
        let reader = Reader::new(config.options.max_message_size);
        let link = Link::new(self.shared(), key, stream, reader, in_progress)?;
        let timeout = config.options.connect_timeout;
        let entry = LinkEntry {
            link: Arc::new(link),
            owner,
            pipe: None,
            config: Arc::clone(config),
            accepted,
            address,
            phase: Phase::Connecting {
                until: timeout
                    .filter(|_| in_progress)
                    .and_then(|timeout| Instant::now().checked_add(timeout)),
            },
            closing: None,
        };
        self.entries.insert(key, Entry::Link(entry));
        if in_progress {
            self.set_link_timer(key);
        }
        Ok(key)
    }

    /// Begins the handshake at once if the stream is connected already.
    pub(super) fn begin_link(&mut self, key: Key) {
        if let Some(entry) = self.link_entry(key)
            && matches!(entry.phase, Phase::Connecting { until: None })
            && entry.link.stream().peer_address().is_some()
        {
            self.stream_connected(key);
        }
    }

    fn link_entry(&mut self, key: Key) -> Option<&mut LinkEntry> {
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
            Phase::Handshaking { .. } => self.handshake_event(key, readable, writable),
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
            Phase::Parting { .. } => self.part(key),
        }
    }

    fn stream_connected(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        if entry.link.stream().is_self_connection() {
            return self.link_failed(key, LinkError::SelfConnection);
        }
        if let Some(address) = entry.link.stream().peer_address() {
            entry.address = address.to_string();
        }
        entry.emit(EventKind::Connected);
        entry.link.want_input(true);
        entry.link.want_output(false);
        self.begin_handshake(key);
    }

    fn begin_handshake(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let options = &entry.config.options;
        let handshake = Handshake::new(HandshakeConfig {
            routing_id: options.routing_id.clone(),
            ..HandshakeConfig::new(entry.config.socket_type)
        });
        entry.phase = Phase::Handshaking {
            handshake: Box::new(handshake),
            unsent: Vec::new(),
            until: options
                .handshake_timeout
                .and_then(|timeout| Instant::now().checked_add(timeout)),
        };
        self.set_link_timer(key);
        self.handshake_event(key, true, true);
    }

    /// Takes the handshake as far as it goes now.
    fn handshake_event(&mut self, key: Key, readable: bool, writable: bool) {
        let Self {
            entries, scratch, ..
        } = self;
        let Some(Entry::Link(entry)) = entries.get_mut(&key) else {
            return;
        };
        let Phase::Handshaking {
            handshake, unsent, ..
        } = &mut entry.phase
        else {
            return;
        };
        let wire = &*entry.link;
        let mut outcome = transmit(handshake, unsent, wire, writable);
        let mut rest = 0..0;
        if outcome.is_ok() && readable {
            scratch.clear();
            scratch.reserve(4096);
            outcome = match wire.read(scratch, 4096) {
                Ok(0) => Err(LinkError::PeerClosed),
                Ok(read) => match handshake.receive(&scratch[..read]) {
                    Ok(taken) => {
                        rest = taken..read;
                        transmit(handshake, unsent, wire, true)
                    }
                    Err(error) => {
                        // The peer should learn why, if it still listens; the error counts either way.
                        let _ = transmit(handshake, unsent, wire, true);
                        Err(error.into())
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
        match outcome {
            Err(cause) => self.link_failed(key, cause),
            Ok(()) if handshake.is_done() && unsent.is_empty() => {
                if let Slot::Here(reader) = &mut *entry.link.reader() {
                    reader.preload(&scratch[rest]);
                }
                self.handshake_done(key);
            }
            Ok(()) => {
                if let Slot::Here(reader) = &mut *entry.link.reader() {
                    reader.preload(&scratch[rest]);
                }
                let waits = !unsent.is_empty();
                entry.link.want_output(waits);
            }
        }
    }

    /// Both ends have agreed: the link gets its pipe, and messages flow.
    fn handshake_done(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let options = &entry.config.options;
        let heartbeat = Heartbeat::new(
            HeartbeatConfig {
                interval: options.heartbeat_interval,
                timeout: options.heartbeat_timeout,
                ttl: options.heartbeat_ttl,
            },
            Instant::now(),
        );
        let traffic = Phase::Traffic {
            heartbeat: Box::new(heartbeat),
        };
        let Phase::Handshaking { handshake, .. } = std::mem::replace(&mut entry.phase, traffic)
        else {
            unreachable!("only a handshake can be done");
        };
        let peer = handshake.into_peer().expect("the handshake is done");
        let info = Arc::new(PeerInfo {
            endpoint: entry.config.endpoint.clone(),
            address: entry.address.clone(),
            connected_here: !entry.accepted,
            socket_type: peer.socket_type,
            routing_id: peer.routing_id,
            version: match peer.version {
                Version::V3_0 => (3, 0),
                Version::V3_1 => (3, 1),
            },
            metadata: peer.metadata.into(),
            credentials: entry
                .link
                .stream()
                .peer_credentials()
                .map(|known| Credentials {
                    uid: known.user,
                    gid: known.group,
                    pid: i32::try_from(known.process).ok().filter(|pid| *pid > 0),
                }),
        });
        let config = Arc::clone(&entry.config);
        let wire: Arc<dyn Wire> = Arc::clone(&entry.link) as _;
        entry.link.want_output(false);
        entry.emit(EventKind::HandshakeSucceeded);
        config.telemetry.handshakes.add(1);

        let owner = entry.owner;
        let kept = match self.entries.get_mut(&owner) {
            Some(Entry::Session(session)) => {
                session.backoff.reset();
                session.pipe.clone()
            }
            _ => None,
        };
        let pipe = kept.unwrap_or_else(|| {
            let pipe = Arc::new(Pipe {
                id: config.side.next_pipe_id(),
                outgoing: Outgoing::new(config.options.send_limit(), config.options.conflate),
                incoming: Incoming::new(config.options.receive_limit()),
            });
            config.side.happened(PipeEvent::Attached(Arc::clone(&pipe)));
            pipe
        });
        if let Some(entry) = self.link_entry(key) {
            entry.pipe = Some(Arc::clone(&pipe));
        }
        pipe.outgoing.attach(Arc::clone(&wire));
        config.side.happened(PipeEvent::Connected {
            pipe: pipe.id,
            wire,
            peer: info,
        });
        self.set_link_timer(key);
        self.read_link(key);
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
            Ok(Pumped::Contended) => self.schedule(key),
            Ok(Pumped::Drained | Pumped::Unwired) => {
                link.want_output(false);
                self.schedule(key);
            }
            Err(error) => self.link_failed(key, error.into()),
        }
    }

    /// Reads what is there, as long as the socket wants more and the reader is here.
    fn read_link(&mut self, key: Key) {
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
            ..
        } = entry
        else {
            return;
        };
        let mut slot = link.reader();
        let Slot::Here(reader) = &mut *slot else {
            return;
        };
        let mut intake = Reading {
            pipe,
            heartbeat,
            config,
            pings: false,
        };
        let mut outcome = intake.hand_over(reader);
        for _ in 0..READS_AT_ONCE {
            if !matches!(outcome, Ok(true)) {
                break;
            }
            reader.adopt(scratch);
            outcome = match reader.fill(&**link) {
                Ok(Fill::Bytes(read)) => {
                    config.telemetry.bytes_received.add(read);
                    let more = reader.is_eager();
                    intake.hand_over(reader).map(|go_on| go_on && more)
                }
                Ok(Fill::Nothing) => Ok(false),
                Ok(Fill::End) => Err(LinkError::PeerClosed),
                Err(error) => Err(error.into()),
            };
        }
        let pings = intake.pings;
        reader.release(scratch);
        drop(slot);
        match outcome {
            Ok(_) => {
                link.want_input(!pipe.incoming.is_paused());
                if pings {
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
        match duty {
            Duty::Flush => self.schedule(key),
            Duty::Room => {
                if let Some(pipe) = &entry.pipe {
                    entry.config.side.happened(PipeEvent::Writable(pipe.id));
                }
            }
            Duty::Resume | Duty::Returned => self.read_link(key),
            Duty::Failed(cause) | Duty::Close(cause) => self.link_failed(key, cause),
            Duty::Ping(_) | Duty::Pong => {
                if let Phase::Traffic { heartbeat } = &mut entry.phase {
                    let now = Instant::now();
                    heartbeat.received(now);
                    match duty {
                        Duty::Ping(ttl) => heartbeat.peer_ping(ttl, now),
                        _ => heartbeat.pong_received(now),
                    }
                    self.set_link_timer(key);
                }
            }
            Duty::Lent => {
                let side = Arc::clone(&entry.config.side);
                self.watch(side);
            }
        }
    }

    /// Everything that was queued has gone to the kernel. A closing link parts.
    pub(super) fn link_drained(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        let own = entry.closing.as_ref().map(|(closing, _)| closing.deadline);
        let Some(deadline) = own.or_else(|| self.session_closing(owner)) else {
            return;
        };
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        if matches!(entry.phase, Phase::Parting { .. }) {
            return;
        }
        let sent_any = entry
            .pipe
            .as_ref()
            .is_some_and(|pipe| pipe.outgoing.counts().messages > 0);
        if !sent_any || entry.link.stream().shutdown(Shutdown::Write).is_err() {
            return self.link_parted(key);
        }
        let until = Instant::now() + PARTING;
        entry.phase = Phase::Parting {
            until: deadline.map_or(until, |deadline| deadline.min(until)),
        };
        entry.link.want_input(true);
        self.set_link_timer(key);
        self.part(key);
    }

    /// Reads and forgets, until the peer closes: a connection closed with bytes unread is reset, and a reset takes
    /// with it what the peer has not read.
    fn part(&mut self, key: Key) {
        let Self {
            entries, scratch, ..
        } = self;
        let Some(Entry::Link(entry)) = entries.get_mut(&key) else {
            return;
        };
        for _ in 0..READS_AT_ONCE {
            scratch.clear();
            scratch.reserve(4096);
            match entry.link.stream().read_into_spare(scratch, 4096) {
                Ok(read) if read > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => return self.link_parted(key),
            }
        }
    }

    /// The end of a closing link, and of its session if it has one.
    fn link_parted(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        if matches!(self.entries.get(&owner), Some(Entry::Session(_)))
            && self.session_closing(owner).is_some()
        {
            self.end_session(owner);
        } else {
            self.drop_link(key, LinkError::ClosedHere);
        }
    }

    /// Ends an accepted link: at once if nothing waits, else when it is sent or the deadline has passed.
    pub(super) fn close_link(&mut self, key: Key, closing: &Closing) {
        let now = Instant::now();
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let queued = entry.pipe.as_ref().map_or(0, |pipe| pipe.outgoing.queued());
        entry.closing = Some((closing.clone(), queued));
        let overdue = closing.deadline.is_some_and(|deadline| deadline <= now);
        match &entry.pipe {
            Some(pipe) if !overdue => {
                if pipe.outgoing.is_drained() {
                    self.link_drained(key);
                } else {
                    self.set_link_timer(key);
                }
            }
            _ => self.drop_link(key, LinkError::ClosedHere),
        }
    }

    pub(super) fn link_timer(&mut self, key: Key, now: Instant) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let overdue = entry
            .closing
            .as_ref()
            .is_some_and(|(closing, _)| closing.deadline.is_some_and(|deadline| deadline <= now));
        if overdue {
            return self.drop_link(key, LinkError::ClosedHere);
        }
        match &mut entry.phase {
            Phase::Connecting { until } if until.is_some_and(|until| until <= now) => {
                self.link_failed(key, LinkError::ConnectTimeout);
            }
            Phase::Handshaking { until, .. } if until.is_some_and(|until| until <= now) => {
                self.link_failed(key, LinkError::HandshakeTimeout);
            }
            Phase::Traffic { heartbeat } => {
                if entry.link.was_heard() {
                    heartbeat.received(now);
                }
                loop {
                    match heartbeat.poll(now) {
                        HeartbeatAction::None => break,
                        HeartbeatAction::SendPing { ttl } => {
                            if let Some(pipe) = &entry.pipe {
                                pipe.outgoing.command(|out| zmtp::encode_ping(ttl, out));
                            }
                        }
                        HeartbeatAction::GiveUp => {
                            return self.link_failed(key, LinkError::HeartbeatTimeout);
                        }
                    }
                }
                self.set_link_timer(key);
            }
            Phase::Parting { until } if *until <= now => self.link_parted(key),
            _ => self.set_link_timer(key),
        }
    }

    fn set_link_timer(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let own = match &entry.phase {
            Phase::Connecting { until } | Phase::Handshaking { until, .. } => *until,
            Phase::Traffic { heartbeat } => heartbeat.deadline(),
            Phase::Parting { until } => Some(*until),
        };
        let closing = entry
            .closing
            .as_ref()
            .and_then(|(closing, _)| closing.deadline);
        let deadline = match (own, closing) {
            (Some(own), Some(closing)) => Some(own.min(closing)),
            (own, closing) => own.or(closing),
        };
        self.timers.set(key, deadline);
    }

    /// A link has failed, whoever noticed: it is dropped, and its owner goes on from there.
    pub(super) fn link_failed(&mut self, key: Key, cause: LinkError) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        if matches!(entry.phase, Phase::Parting { .. }) {
            return self.link_parted(key);
        }
        let worked = matches!(entry.phase, Phase::Traffic { .. });
        self.drop_link(key, cause.clone());
        self.session_link_ended(owner, cause, worked);
    }

    /// Removes a link. The messages of a session's pipe stay for its next link; those of an accepted one are lost,
    /// and counted.
    pub(super) fn drop_link(&mut self, key: Key, cause: LinkError) {
        let Some(Entry::Link(entry)) = self.entries.remove(&key) else {
            return;
        };
        self.timers.set(key, None);
        entry.link.end();
        let telemetry = &entry.config.telemetry;
        let Some(pipe) = &entry.pipe else {
            if cause != LinkError::ClosedHere {
                let handshaking = matches!(entry.phase, Phase::Handshaking { .. });
                if handshaking {
                    telemetry.handshakes_failed.add(1);
                    entry.emit(EventKind::HandshakeFailed(cause));
                }
            }
            return entry.finish(0);
        };
        pipe.outgoing.detach();
        let kept = match self.entries.get(&entry.owner) {
            Some(Entry::Session(session)) => session.pipe.is_some(),
            _ => false,
        };
        let lost = if kept { 0 } else { pipe.outgoing.discard() };
        telemetry.disconnects.add(1);
        telemetry.unsent.add(lost);
        entry.emit(EventKind::Disconnected { cause, lost });
        entry.config.side.happened(PipeEvent::Disconnected {
            pipe: pipe.id,
            ends: !kept,
        });
        entry.finish(lost);
    }
}

impl LinkEntry {
    fn emit(&self, kind: EventKind) {
        let endpoint = Some(&self.config.endpoint);
        self.config
            .telemetry
            .monitor
            .emit(kind, endpoint, Some(&self.address));
    }

    /// Tells those who wait for the end of a closing link.
    fn finish(&self, lost: usize) {
        if let Some((closing, queued)) = &self.closing {
            for drain in &closing.drains {
                drain.finish(queued.saturating_sub(lost), lost);
            }
        }
    }
}

/// Writes what the handshake has to say.
fn transmit(
    handshake: &mut Handshake,
    unsent: &mut Vec<u8>,
    wire: &Link,
    writable: bool,
) -> Result<(), LinkError> {
    while let Some(bytes) = handshake.poll_transmit() {
        unsent.extend_from_slice(&bytes);
    }
    while writable && !unsent.is_empty() {
        match wire.stream().write(unsent) {
            Ok(written) => drop(unsent.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// One turn of reading a link.
struct Reading<'a> {
    pipe: &'a Pipe,
    heartbeat: &'a mut Heartbeat,
    config: &'a EndpointConfig,
    /// Heartbeats came, so that the deadline may have changed.
    pings: bool,
}

impl Reading<'_> {
    /// Gives the socket everything that the reader holds; true if the socket takes more.
    fn hand_over(&mut self, reader: &mut Reader) -> Result<bool, LinkError> {
        loop {
            let (chunk, stop) = reader.cut(
                || self.pipe.incoming.spare(),
                |command| match command {
                    Command::Ping { ttl, context } => {
                        let now = Instant::now();
                        self.heartbeat.received(now);
                        self.heartbeat.peer_ping(ttl, now);
                        self.pipe
                            .outgoing
                            .command(|out| zmtp::encode_pong(context, out));
                        self.pings = true;
                    }
                    Command::Pong { .. } => {
                        let now = Instant::now();
                        self.heartbeat.received(now);
                        self.heartbeat.pong_received(now);
                        self.pings = true;
                    }
                    _ => {}
                },
            );
            let mut go_on = chunk.is_none_or(|chunk| self.deliver(chunk));
            match stop {
                Stop::NeedMore | Stop::Limit => return Ok(go_on),
                Stop::Failed(error) => return Err(ProtocolError::from(error).into()),
                Stop::Decode => {}
            }
            let mut commands = Vec::new();
            let message = reader
                .decode_one(|command| commands.push(command))
                .map_err(ProtocolError::from)?;
            for command in commands {
                if let OwnedCommand::Ping { context, .. } = command {
                    self.pipe
                        .outgoing
                        .command(|out| zmtp::encode_pong(context, out));
                }
            }
            let Some(message) = message else {
                return Ok(go_on);
            };
            go_on &= self.deliver(Delivery::One(message));
            if !go_on && !reader.has_bytes() {
                return Ok(false);
            }
        }
    }

    fn deliver(&self, delivery: Delivery) -> bool {
        let delivered = self.pipe.incoming.deliver(delivery);
        if delivered.tell {
            self.config.side.happened(PipeEvent::Readable(self.pipe.id));
        }
        !delivered.pause
    }
}

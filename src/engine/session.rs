//! Sessions: each keeps one configured peer connected.
//!
//! Owns: the addresses still to be tried, the back-off, and the pipe that outlives connections.
//! Always true: a session has at most one link; it either has one, waits for an answer or a timer, or has given up.
//! Source: RFC 30 (the pipe exists while the peer does not); reconnecting as libzmq, with jitter added.
//!
//! ```text
//!   Resolving --addresses--> Linked(connecting, handshaking, live)
//!       ^                        | failed or lost
//!       +------ Waiting <--------+----- final error: GivenUp
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::entries::{Entry, Reached, SessionEntry, SessionPhase};
use super::event_loop::Loop;
use super::{EndpointConfig, Key, Status};
use crate::endpoint::{Endpoint, Transport};
use crate::error::LinkError;
use crate::monitor::{EndpointState, EventKind};
use crate::pipe::{Pipe, PipeEvent};
use crate::policy::Backoff;
use crate::transport::{self, ConnectProgress, Stream, StreamOptions, Target};
use crate::zmtp::ProtocolError;

impl Loop {
    pub(super) fn add_session(
        &mut self,
        key: Key,
        config: Arc<EndpointConfig>,
        pipe: Option<Arc<Pipe>>,
        status: Status,
        stream: Option<Stream>,
    ) {
        let options = &config.options;
        let backoff = Backoff::new(options.reconnect_interval, options.reconnect_interval_max);
        let session = SessionEntry {
            config,
            pipe,
            backoff,
            connections: 0,
            connected: None,
            routing_id: None,
            status,
            handed_in: stream.is_some(),
            phase: SessionPhase::Waiting,
            targets: VecDeque::new(),
            said_no: None,
            closing: None,
            lost_meanwhile: 0,
        };
        self.entries.insert(key, Entry::Session(Box::new(session)));
        match stream {
            None => self.attempt(key),
            Some(stream) => self.take_over(key, stream),
        }
    }

    /// Goes on with a connection that the user has made.
    fn take_over(&mut self, key: Key, stream: Stream) {
        let Some(session) = self.session(key) else {
            return;
        };
        let config = Arc::clone(&session.config);
        match self.add_connecting(key, stream, ConnectProgress::Connected, &config) {
            Ok(link) => {
                if let Some(session) = self.session(key) {
                    session.phase = SessionPhase::Linked(link);
                }
                self.stream_connected(link);
            }
            Err(error) => self.attempt_failed(key, error.into(), Reached::Nothing),
        }
    }

    /// The handshake of this session's link has succeeded.
    pub(super) fn session_ready(&mut self, key: Key) {
        if let Some(session) = self.session(key) {
            session.status.set(EndpointState::Ready, &session.config);
        }
    }

    pub(super) fn session(&mut self, key: Key) -> Option<&mut SessionEntry> {
        match self.entries.get_mut(&key) {
            Some(Entry::Session(session)) => Some(session),
            _ => None,
        }
    }

    /// Begins an attempt: looks the name up again, since it may have moved.
    fn attempt(&mut self, key: Key) {
        let Some(session) = self.session(key) else {
            return;
        };
        session.config.telemetry.monitor.emit(
            EventKind::Connecting,
            Some(&session.config.endpoint),
            None,
        );
        session.status.begins(&session.config);
        let endpoint = session.way();
        if let Some(targets) = transport::resolve_now(&endpoint) {
            self.try_each(key, targets);
        } else {
            session.phase = SessionPhase::Resolving;
            self.resolver.resolve(key, endpoint);
        }
    }

    pub(super) fn resolved(&mut self, key: Key, outcome: Result<Vec<Target>, LinkError>) {
        let Some(session) = self.session(key) else {
            return;
        };
        if session.phase != SessionPhase::Resolving {
            return;
        }
        match outcome {
            Ok(targets) => self.try_each(key, targets),
            Err(cause) => self.attempt_failed(key, cause, Reached::Nothing),
        }
    }

    /// Tries the resolved addresses of the peer, one after the other.
    fn try_each(&mut self, key: Key, targets: Vec<Target>) {
        let Some(session) = self.session(key) else {
            return;
        };
        session.targets = targets.into();
        let reason = "no address".to_owned();
        self.try_next(key, LinkError::Resolve { reason }, Reached::Nothing);
    }

    /// Tries the next address; `cause` says why the last one has failed, and `reached` how far its connection came.
    fn try_next(&mut self, key: Key, mut cause: LinkError, mut reached: Reached) {
        loop {
            let Some(session) = self.session(key) else {
                return;
            };
            let Some(target) = session.targets.pop_front() else {
                return self.attempt_failed(key, cause, reached);
            };
            let config = Arc::clone(&session.config);
            let options = StreamOptions::from(&config.options);
            let outcome = transport::connect(&target, &options).and_then(|(stream, progress)| {
                let link = self.add_connecting(key, stream, progress, &config)?;
                Ok((link, progress))
            });
            match outcome {
                Ok((link, progress)) => {
                    if let Some(session) = self.session(key) {
                        session.phase = SessionPhase::Linked(link);
                    }
                    if progress == ConnectProgress::Connected {
                        self.stream_connected(link);
                    }
                    return;
                }
                Err(error) => {
                    cause = if transport::tells_of_no_interface(&error) {
                        let reason = error.to_string();
                        LinkError::Resolve { reason }
                    } else {
                        error.into()
                    };
                    reached = Reached::Nothing;
                }
            }
        }
    }

    /// The link of this session has ended.
    pub(super) fn session_link_ended(&mut self, key: Key, cause: LinkError, reached: Reached) {
        let Some(session) = self.session(key) else {
            return;
        };
        if let Some(since) = session.connected.take() {
            session.backoff.lived(since.elapsed());
        }
        if reached == Reached::Traffic {
            session.targets.clear();
            return self.attempt_failed(key, cause, reached);
        }
        if session.is_final(&cause) {
            // Another address may lead to another peer.
            session.said_no.get_or_insert(cause.clone());
        }
        self.try_next(key, cause, reached);
    }

    /// The link of this session was dropped to be replaced: connects again without a pause, since nothing has failed.
    pub(super) fn session_link_replaced(&mut self, key: Key) {
        let Some(session) = self.session(key) else {
            return;
        };
        session.targets.clear();
        if let Some(since) = session.connected.take() {
            session.backoff.lived(since.elapsed());
        }
        if session.handed_in || session.closing.is_some() {
            return self.attempt_failed(key, LinkError::RequestGivenUp, Reached::Traffic);
        }
        session.config.telemetry.retries.add(1);
        self.attempt(key);
    }

    /// All addresses have failed, or the connection was lost: waits for the next attempt, or gives up.
    fn attempt_failed(&mut self, key: Key, cause: LinkError, reached: Reached) {
        let jitter = rand::random::<f64>();
        let Some(session) = self.session(key) else {
            return;
        };
        let cause = session.said_no.take().unwrap_or(cause);
        let delay = session.backoff.pause(jitter);
        let exhausted = session
            .config
            .options
            .reconnect_attempts
            .is_some_and(|most| session.backoff.failures() > most);
        if session.is_final(&cause) || exhausted || session.stops_after(&cause, reached) {
            return self.give_up(key, cause);
        }
        if session.is_done() {
            return self.end_session(key);
        }
        session.phase = SessionPhase::Waiting;
        let state = EndpointState::Retrying {
            delay,
            cause: cause.clone(),
        };
        session.status.set(state, &session.config);
        let telemetry = &session.config.telemetry;
        telemetry.retries.add(1);
        let kind = EventKind::Retrying { delay, cause };
        telemetry
            .monitor
            .emit(kind, Some(&session.config.endpoint), None);
        // A pause that no clock reaches is one without an end.
        let at = Instant::now().checked_add(delay);
        let closing = session.closing.as_ref();
        let deadline = closing.and_then(|(closing, _)| closing.deadline);
        self.timers.set(key, at.into_iter().chain(deadline).min());
    }

    /// There will be no further attempt: the messages for this peer are lost.
    fn give_up(&mut self, key: Key, cause: LinkError) {
        let Some(session) = self.session(key) else {
            return;
        };
        session.phase = SessionPhase::GivenUp;
        let config = Arc::clone(&session.config);
        session
            .status
            .set(EndpointState::GivenUp(cause.clone()), &config);
        config
            .telemetry
            .monitor
            .emit(EventKind::GaveUp(cause), Some(&config.endpoint), None);
        if session.closing.is_some() {
            return self.end_session(key);
        }
        if let Some(pipe) = session.pipe.take() {
            let lost = pipe.outgoing.discard();
            config.telemetry.lose_unsent(lost, Some(&config.endpoint));
            config.side.happened(PipeEvent::Disconnected {
                pipe: pipe.id,
                ends: true,
            });
        }
    }

    pub(super) fn session_timer(&mut self, key: Key, now: Instant) {
        let Some(session) = self.session(key) else {
            return;
        };
        if session.is_overdue(now) {
            self.end_session(key);
        } else if session.phase == SessionPhase::Waiting {
            self.attempt(key);
            if let Some(closing) = self.session_closing(key) {
                let deadline = closing.deadline;
                self.timers.bring_forward(key, deadline);
            }
        }
    }
}

impl SessionEntry {
    /// A handshake was completed.
    pub(super) fn is_connected(&mut self) {
        self.said_no = None;
        self.backoff.succeeded();
        self.connected = Some(Instant::now());
    }

    /// The address to connect to: that of the proxy, if there is one, otherwise that of the peer.
    fn way(&self) -> Endpoint {
        let endpoint = &self.config.endpoint;
        match &self.config.options.socks_proxy {
            Some(proxy) if endpoint.transport() == Transport::Tcp => {
                proxy.endpoint().with_source_of(endpoint)
            }
            _ => endpoint.clone(),
        }
    }

    /// Whether no further attempt can lead to more, or is to be made.
    ///
    /// A greeting is in clear, so whoever sits on the path can change the mechanism in it. With CURVE nobody but the owner of
    /// the server's key is believed, so one changed byte does not stop a client for ever. An ERROR that the server has not sealed
    /// is no `PeerError` here (`preparing`).
    fn is_final(&self, cause: &LinkError) -> bool {
        let options = &self.config.options;
        let is_tried_again = match cause {
            LinkError::Protocol(ProtocolError::PeerError { .. }) => options.retry_refused,
            LinkError::Protocol(ProtocolError::MechanismMismatch { .. }) => {
                options.security.seals()
            }
            _ => false,
        };
        cause.is_final() && !is_tried_again
    }

    /// Whether there is to be no further attempt after this.
    fn stops_after(&self, cause: &LinkError, reached: Reached) -> bool {
        let stop = self.config.options.reconnect_stop;
        self.handed_in
            || match reached {
                Reached::Nothing => stop.refused && cause.is_refused(),
                Reached::Handshake => stop.handshake_failed,
                Reached::Traffic => stop.disconnected,
            }
    }

    /// Closing, with nothing left to send.
    pub(super) fn is_done(&self) -> bool {
        self.closing.is_some()
            && self
                .pipe
                .as_ref()
                .is_none_or(|pipe| pipe.outgoing.is_drained())
    }

    /// Closing, and out of time.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.closing
            .as_ref()
            .is_some_and(|(closing, _)| closing.deadline.is_some_and(|deadline| deadline <= now))
    }
}

//! The beginning of a link: connecting and the handshake.
//!
//! Owns: nothing; it takes links from [`Phase::Connecting`] to [`Phase::Traffic`].
//! Always true: bytes that were read after the end of the handshake become the first of the traffic. A link gets its pipe here.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accepted_count::CountedConnection;
use super::asking::new_pipe;
use super::entries::{Entry, LinkEntry, OtherEnd, Phase};
use super::event_loop::Loop;
use super::judgement::Judgement;
use super::link::{Link, ReaderPlace};
use super::preparing::{Handshaking, Preparing, Step};
use super::{EndpointConfig, Key};
use crate::error::LinkError;
use crate::monitor::EventKind;
use crate::pipe::{PipeEvent, Reader, Wire};
use crate::transport::{ConnectProgress, Stream};
use crate::zmtp::{self, HandshakeConfig, Heartbeat};

impl Loop {
    /// Adds a link for a stream that connects. If `progress` says that it is connected already, the caller calls
    /// [`stream_connected`](Self::stream_connected) after it has told the session the key.
    pub(super) fn add_connecting(
        &mut self,
        owner: Key,
        stream: Stream,
        progress: ConnectProgress,
        config: &Arc<EndpointConfig>,
    ) -> io::Result<Key> {
        let in_progress = matches!(progress, ConnectProgress::InProgress);
        self.add_link(owner, stream, String::new(), config, None, in_progress)
    }

    /// Adds a link for an accepted stream, and begins its handshake.
    pub(super) fn adopt(
        &mut self,
        stream: Stream,
        address: String,
        counted: CountedConnection,
        listener: Key,
        config: Arc<EndpointConfig>,
    ) {
        match self.add_link(listener, stream, address, &config, Some(counted), false) {
            Ok(key) => {
                if let Some(entry) = self.link_entry(key) {
                    entry.emit(EventKind::Accepted);
                }
                self.begin_handshake(key);
            }
            Err(error) => {
                let telemetry = &config.telemetry;
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
        address: String,
        config: &Arc<EndpointConfig>,
        counted: Option<CountedConnection>,
        in_progress: bool,
    ) -> io::Result<Key> {
        let key = self.new_key();
        let most = config.options.max_message_size;
        let reader = Reader::new(
            most,
            Arc::clone(&self.buffers),
            Arc::clone(&self.busy_readers),
        );
        let telemetry = Arc::clone(&config.telemetry);
        let link = Link::new(self.shared(), key, stream, reader, telemetry, in_progress)?;
        let timeout = config.options.connect_timeout;
        let entry = LinkEntry {
            link: Arc::new(link),
            owner,
            pipe: None,
            config: Arc::clone(config),
            accepted: counted.is_some(),
            counted,
            other_end: OtherEnd::At(address.into()),
            phase: Phase::Connecting {
                until: timeout
                    .filter(|_| in_progress)
                    .and_then(|timeout| Instant::now().checked_add(timeout)),
            },
            closing: None,
            handed_over: false,
            half_closed: false,
            told: None,
            refused_after_all: false,
            output_lost: None,
        };
        self.entries.insert(key, Entry::Link(Box::new(entry)));
        if in_progress {
            self.set_link_timer(key);
        }
        Ok(key)
    }

    /// The stream is connected, to the peer or to the SOCKS proxy.
    pub(super) fn stream_connected(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let stream = entry.link.stream();
        if let Some(peer) = stream.peer_address() {
            if stream.is_self_connection(&peer) {
                return self.link_failed(key, LinkError::SelfConnection);
            }
            entry.other_end = OtherEnd::At(zmtp::escaped(&peer.to_string()).into());
        }
        entry.link.is_connected();
        if self.is_at_proxy(key) {
            self.begin_proxying(key);
        } else {
            self.stream_ready(key);
        }
    }

    /// The stream is connected to the peer, perhaps through the proxy.
    pub(super) fn stream_ready(&mut self, key: Key) {
        if let Some(entry) = self.link_entry(key) {
            entry.emit(EventKind::Connected);
            self.begin_handshake(key);
        }
    }

    pub(super) fn begin_handshake(&mut self, key: Key) {
        let Self {
            entries,
            mechanisms,
            ..
        } = self;
        let Some(Entry::Link(entry)) = entries.get_mut(&key) else {
            return;
        };
        let options = &entry.config.options;
        let facts = entry.config.socket_type.facts();
        let compares = zmtp::payload_of(options.metadata.properties()).is_some();
        // A server of CURVE seals its ERROR for a socket of which the token shows that it knows such seals.
        let tells_token = facts.may_be_refused || compares || options.security.seals();
        let config = HandshakeConfig {
            routing_id: options.routing_id.clone(),
            metadata: options.metadata.properties().to_vec(),
            token: tells_token.then_some(entry.config.token),
            listens_first: entry.accepted && compares,
            holds_back: facts.asks_before_ready(entry.accepted) || options.security.judges_null(),
            ..HandshakeConfig::new(entry.config.socket_type)
        };
        let handshake = match mechanisms.handshake(config, &entry.config, entry.accepted) {
            Ok(handshake) => handshake,
            Err(cause) => return self.link_failed(key, cause.into()),
        };
        let crowded = entry.counted.as_ref().is_some_and(|counted| {
            counted.is_in_a_crowd(options.handshake_limit, options.handshake_limit_per_address)
        });
        let timeout = match options.handshake_timeout {
            timeout if !crowded => timeout,
            timeout => Some(timeout.map_or(IN_A_CROWD, |timeout| timeout.min(IN_A_CROWD))),
        };
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let step = Step::Handshake(Box::new(Handshaking {
            handshake,
            judgement: Judgement::None,
            applied: None,
            refused_by: None,
        }));
        entry.phase = Phase::Preparing(Preparing::new(step, until));
        // A step of CURVE, which costs much computing, waits for an event of the poller: a turn of the loop has few of them.
        let reads = entry.accepted && !entry.config.options.security.seals();
        self.set_link_timer(key);
        // With NULL the decision needs the address alone, so it can begin now.
        self.judge(key);
        // A peer that has connected to us sends its greeting at once, so it may be here already.
        self.prepare(key, reads);
        self.ask(key);
    }

    /// Writes the waiting bytes of the handshake, as far as the kernel takes them.
    pub(super) fn say(&mut self, key: Key) {
        if let Some(LinkEntry {
            link,
            phase: Phase::Preparing(preparing),
            ..
        }) = self.link_entry(key)
        {
            // The connection is about to end, so a failure is ignored.
            let _ = preparing.say(link, false);
        }
    }

    /// Goes on with the handshake, or the exchange with a proxy, as far as possible without waiting.
    pub(super) fn prepare(&mut self, key: Key, readable: bool) {
        let messages_wait = self.messages_wait(key);
        let Self {
            entries,
            scratch,
            steps_left,
            ..
        } = self;
        let Some(Entry::Link(entry)) = entries.get_mut(&key) else {
            return;
        };
        let LinkEntry {
            link,
            config,
            phase: Phase::Preparing(preparing),
            ..
        } = &mut **entry
        else {
            return;
        };
        let before = preparing.steps();
        let (rest, outcome) = preparing.advance(link, scratch, readable, messages_wait);
        if config.options.security.seals() {
            // Only whole commands count, so a peer that sends byte by byte takes no turns from others.
            *steps_left = steps_left.saturating_sub(preparing.steps() - before);
        }
        config.telemetry.bytes_received.add(rest.len());
        if let Err(cause) = outcome {
            let cause = match &preparing.step {
                Step::Handshake(it) if it.handshake.awaits_welcome() && cause.is_hang_up() => {
                    LinkError::NoWelcome
                }
                _ => cause,
            };
            self.tell_who_refused(key);
            return self.link_failed(key, cause);
        }
        if let ReaderPlace::Here(reader) = &mut *link.reader() {
            reader.preload(&scratch[rest]);
        }
        if preparing.is_done() {
            return match preparing.step {
                Step::Proxy(_) => self.proxy_passed(key),
                Step::Handshake(_) => self.handshake_done(key),
            };
        }
        link.want_output(preparing.has_unsent());
        link.want_input(preparing.listens(link));
        self.ask(key);
        self.judge(key);
    }

    /// Whether messages wait in the pipe of the session that this link belongs to.
    fn messages_wait(&self, key: Key) -> bool {
        let Some(Entry::Link(link)) = self.entries.get(&key) else {
            return false;
        };
        match self.entries.get(&link.owner) {
            Some(Entry::Session(session)) => {
                let pipe = session.pipe.as_ref();
                pipe.is_some_and(|pipe| pipe.outgoing.queued() > 0)
            }
            _ => false,
        }
    }

    /// The handshake has succeeded: the link gets its pipe, and the traffic begins.
    fn handshake_done(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let traffic = Phase::Traffic {
            heartbeat: Heartbeat::new(Arc::clone(&entry.config.heartbeat), Instant::now()),
        };
        let Phase::Preparing(Preparing {
            step: Step::Handshake(handshaking),
            ..
        }) = std::mem::replace(&mut entry.phase, traffic)
        else {
            unreachable!("only a handshake can be done");
        };
        let Handshaking {
            handshake,
            judgement,
            applied,
            ..
        } = *handshaking;
        let (peer, sealing) = handshake.finish().expect("the handshake is done");
        let (seal, open) = sealing.map(|both| (both.seal, both.open)).unzip();
        let info = entry.introduce(peer, judgement);
        let preloaded = match &mut *entry.link.reader() {
            ReaderPlace::Here(reader) => {
                let preloaded = reader.len();
                if let Some(open) = open {
                    reader.opens(open);
                }
                preloaded
            }
            ReaderPlace::Lent | ReaderPlace::Gone => 0,
        };
        if let Some(counted) = &mut entry.counted {
            counted.handshake_done();
        }
        let config = Arc::clone(&entry.config);
        let wire: Arc<dyn Wire> = Arc::clone(&entry.link) as _;
        entry.link.want_output(false);
        entry.emit(EventKind::HandshakeSucceeded);
        config.telemetry.handshakes.add(1);

        let owner = entry.owner;
        let mut before = 0;
        let mut is_another = false;
        let kept = match self.entries.get_mut(&owner) {
            Some(Entry::Session(session)) => {
                session.is_connected();
                before = session.connections;
                session.connections += 1;
                let former = std::mem::replace(&mut session.routing_id, info.routing_id.clone());
                is_another = before > 0 && (former.is_none() || former != info.routing_id);
                session.pipe.clone()
            }
            _ => None,
        };
        let pipe = kept.or(applied).unwrap_or_else(|| {
            let pipe = new_pipe(&config, owner);
            config.side.happened(PipeEvent::Attached(Arc::clone(&pipe)));
            pipe
        });
        if let Some(entry) = self.link_entry(key) {
            entry.pipe = Some(Arc::clone(&pipe));
        }
        pipe.has_read(preloaded);
        pipe.set_reconnects(before);
        config.telemetry.reconnects.add(usize::from(before > 0));
        if is_another {
            let lost = pipe.outgoing.has_another_peer();
            config.telemetry.lose_unsent(lost, Some(&config.endpoint));
        }
        match seal {
            None => pipe.outgoing.attach(Arc::clone(&wire)),
            Some(seal) => pipe.outgoing.attach_sealed(Arc::clone(&wire), seal),
        }
        // The reading begins when the socket has applied the event `Connected`.
        pipe.incoming.connection_begins();
        config.side.happened(PipeEvent::Connected {
            pipe: pipe.id,
            wire,
            peer: info,
        });
        self.session_ready(owner);
        self.set_link_timer(key);
    }
}

impl Loop {
    /// The handshake has failed. If the peer's ERROR names its socket, our socket is told which socket has refused it.
    fn tell_who_refused(&mut self, key: Key) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let owner = entry.owner;
        let Some(handshaking) = entry.phase.handshaking() else {
            return;
        };
        let Some(token) = handshaking.refused_by else {
            return;
        };
        let applied = handshaking.applied.as_ref().map(|pipe| pipe.id);
        let Some(Entry::Session(session)) = self.entries.get(&owner) else {
            return;
        };
        if let Some(pipe) = applied.or_else(|| session.pipe.as_ref().map(|pipe| pipe.id)) {
            let leads_to = PipeEvent::LeadsTo { pipe, token };
            session.config.side.happened(leads_to);
        }
    }
}

/// The longest time of a handshake while more than half of `handshake_limit` or of `handshake_limit_per_address` are under way:
/// long enough for a distant peer, and so short that silent peers do not keep others out for long.
const IN_A_CROWD: Duration = Duration::from_secs(3);

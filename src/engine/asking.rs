//! The question to the socket whether it takes a peer, asked before our READY is sent.
//!
//! Owns: nothing; it asks for those sockets that may refuse a peer, and goes on with the handshake after the answer.
//! Always true: a refused peer has had no READY, so it has sent no message and loses none. After the answer the socket
//! has the pipe for which it was asked; that pipe ends with the link if the handshake fails after all.
//! Must not know: why a socket refuses.
//!
//! The accepting end asks when the peer's READY has come, which has the routing id. The connecting end asks before, so
//! two ends of this library do not wait for each other; libzmq never waits. A PAIR that connects asks without naming
//! the peer, since it only matters whether it has one already.
//!
//! *The refusal.* A peer of this library gets an ERROR that is [not final](LinkError::error_text). libzmq gives an
//! endpoint up after any ERROR, silently, while it connects again after the mere end of a connection: so it gets no
//! ERROR.
//! Source: the recorded conversations `error-free-text` and `error-close-early`.

use std::sync::Arc;

use super::entries::{Entry, LinkEntry, OtherEnd};
use super::event_loop::Loop;
use super::judgement::Judgement;
use super::{EndpointConfig, Key};
use crate::error::LinkError;
use crate::peer::{Credentials, PeerInfo};
use crate::pipe::{Incoming, Outgoing, Pipe, PipeEvent, Wire};
use crate::zmtp::{self, Version};

impl Loop {
    /// Asks the socket, if the handshake has come so far and it was not asked yet.
    pub(super) fn ask(&mut self, key: Key) {
        let Some(Entry::Link(entry)) = self.entries.get(&key) else {
            return;
        };
        let kept = match self.entries.get(&entry.owner) {
            Some(Entry::Session(session)) => session.pipe.clone(),
            _ => None,
        };
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let config = Arc::clone(&entry.config);
        let Some(handshaking) = entry.phase.handshaking() else {
            return;
        };
        let facts = config.socket_type.facts();
        if handshaking.applied.is_some()
            || !facts.asks_before_ready(entry.accepted)
            || handshaking.judgement.is_awaited()
        {
            return;
        }
        let judgement = handshaking.judgement.clone();
        let peer = match handshaking.handshake.held() {
            Some(peer) => Some(peer.clone()),
            None if entry.accepted => return,
            None => None,
        };
        let pipe = kept.unwrap_or_else(|| new_pipe(&config, entry.owner));
        handshaking.applied = Some(Arc::clone(&pipe));
        let wire: Arc<dyn Wire> = Arc::clone(&entry.link) as _;
        let peer = peer.filter(|_| entry.accepted).map(|peer| {
            // Bytes that the peer sends meanwhile wait until it is admitted.
            entry.link.want_input(false);
            entry.introduce(peer, judgement)
        });
        config
            .side
            .happened(PipeEvent::Applies { pipe, wire, peer });
    }

    /// The socket has answered.
    pub(super) fn answered(&mut self, key: Key, answer: Result<(), LinkError>) {
        let Some(entry) = self.link_entry(key) else {
            return;
        };
        let Some(handshaking) = entry.phase.handshaking() else {
            return;
        };
        match answer {
            Ok(()) => {
                handshaking.handshake.go_on();
                entry.link.want_input(true);
                self.prepare(key, false);
            }
            Err(cause) => {
                handshaking.applied = None;
                let understands = handshaking
                    .handshake
                    .held()
                    .is_some_and(|peer| peer.token.is_some());
                let words = match cause {
                    LinkError::AlreadyPaired | LinkError::DuplicateRoutingId => {
                        cause.error_text_with(entry.config.token)
                    }
                    _ => cause.error_text(),
                };
                if let Some(words) = words.filter(|_| understands) {
                    handshaking.handshake.refuse(&words);
                    self.say(key);
                }
                self.link_failed(key, cause);
            }
        }
    }
}

/// A pipe for a connection that has none yet.
pub(super) fn new_pipe(config: &EndpointConfig, owner: Key) -> Arc<Pipe> {
    let conflation = config.options.conflation(config.socket_type);
    Arc::new(Pipe::new(
        config.side.next_pipe_id(),
        Some(owner),
        Outgoing::new(config.options.send_limit(), conflation.sent)
            .with_fate(config.socket_type.facts().fate(false)),
        Incoming::new(config.options.receive_limit())
            .conflating(conflation.received)
            .with_subscriptions(config.socket_type.facts().hears_subscriptions),
    ))
}

impl LinkEntry {
    /// Makes a peer of the other end, of which only the address was known.
    pub(super) fn introduce(&mut self, peer: zmtp::Peer, judgement: Judgement) -> Arc<PeerInfo> {
        if let OtherEnd::Peer(known) = &self.other_end {
            return Arc::clone(known);
        }
        let (standing, asked_after) = match judgement {
            Judgement::Given { standing, revoked } => (standing, Some(revoked)),
            Judgement::None | Judgement::Asked { .. } => {
                (self.config.options.security.standing_of_server(), None)
            }
        };
        let info = Arc::new(PeerInfo {
            endpoint: self.config.endpoint.clone(),
            address: self.other_end.address().to_owned(),
            connected_here: !self.accepted,
            socket_type: peer.socket_type,
            routing_id: peer.routing_id,
            version: match peer.version {
                Version::V3_0 => (3, 0),
                Version::V3_1 => (3, 1),
            },
            // The empty metadata is shared by all peers without any.
            metadata: match peer.metadata {
                none if none.is_empty() => Arc::default(),
                some => some.into(),
            },
            mechanism: standing.mechanism,
            user: standing.user,
            #[cfg(feature = "curve")]
            key: standing.key,
            granted: standing.granted,
            credentials: self.credentials(),
            token: peer.token,
            asked_after,
        });
        self.other_end = OtherEnd::Peer(Arc::clone(&info));
        info
    }

    /// The user, group and process of the other end, where the transport knows them.
    pub(super) fn credentials(&self) -> Option<Credentials> {
        let known = self.link.stream().peer_credentials()?;
        Some(Credentials {
            uid: known.user,
            gid: known.group,
            pid: i32::try_from(known.process).ok().filter(|pid| *pid > 0),
        })
    }

    /// The handshake has failed: the pipe that the socket has attached for it is detached, and its queued messages are
    /// lost.
    pub(super) fn withdraw(&mut self) {
        let applied = self.phase.handshaking().and_then(|it| it.applied.take());
        if let Some(pipe) = applied.filter(|pipe| pipe.through.is_some()) {
            let config = &self.config;
            config.side.happened(PipeEvent::Wanted);
            let lost = pipe.outgoing.discard();
            config.telemetry.lose_unsent(lost, Some(&config.endpoint));
            config.side.happened(PipeEvent::Gone(pipe.id));
        }
    }
}

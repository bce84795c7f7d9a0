//! The handshake: from the first byte to the end of the security mechanism.
//!
//! Owns: the order greeting, mechanism, metadata; the bytes still to be sent; a command that is not yet complete.
//! Always true: the handshake takes nothing beyond its own end, keeps at most one command of bounded size, and once
//! failed stays failed:
//!
//! ```text
//! Greeting --both greetings--> Mechanism --READY sent and received------------> Done
//!     \                            \------READY received, ours held back--> Held --go_on--^
//!      \____________________________\_____________________________________\___> Failed
//! ```
//!
//! Must not know: sockets, clocks (the handshake timer is the caller's), reconnecting.
//! Source: RFC 37/ZMTP 3.1, "Connection Handshake".

mod payload;
mod peer;

use std::time::Instant;

use bytes::Bytes;

use super::Version;
use super::error::ProtocolError;
use super::frame::FrameHeader;
use super::greeting::Greeting;
use super::mechanism::{Credentials, Mechanism, PlainClient, PlainServer, Progress};
#[cfg(feature = "curve")]
use super::mechanism::{CurveClient, CurveServer};
use super::sealing::Sealing;
#[allow(unused_imports, reason = "for typed sockets, which are a feature")]
pub(crate) use payload::PAYLOAD;
pub(crate) use payload::{compare_payloads, mismatch_told, payload_of};
use peer::read_peer;
pub(crate) use peer::{HandshakeConfig, Peer};

/// One end of a handshake under way.
#[derive(Debug)]
pub(crate) struct Handshake {
    config: HandshakeConfig,
    mechanism: Mechanism,
    stage: Stage,
    /// To be sent.
    outbound: Vec<u8>,
    /// The front of a frame that is not yet complete.
    inbound: Vec<u8>,
    steps: u32,
}

#[derive(Debug)]
enum Stage {
    Greeting(Greeting),
    Mechanism(Version),
    /// The peer's READY has come, and ours is held back.
    Held(Peer),
    Done(Peer),
    Failed(ProtocolError),
}

impl Handshake {
    /// A handshake with the NULL mechanism, of which nothing has been sent.
    pub(crate) fn new(config: HandshakeConfig) -> Self {
        Self::with_mechanism(config, Mechanism::null())
    }

    /// A handshake as a client of PLAIN, with a name and a password of at most 255 bytes each.
    ///
    /// # Panics
    ///
    /// If one of them is longer.
    pub(crate) fn plain_client(config: HandshakeConfig, user: Bytes, password: Bytes) -> Self {
        let client = PlainClient::new(user, password);
        Self::with_mechanism(config, Mechanism::PlainClient(client))
    }

    /// A handshake as a server of PLAIN: it waits for [`allow`](Self::allow) once it has the client's
    /// [`credentials`](Self::credentials).
    pub(crate) fn plain_server(config: HandshakeConfig) -> Self {
        Self::with_mechanism(config, Mechanism::PlainServer(PlainServer::default()))
    }

    /// A handshake as a client of CURVE.
    #[cfg(feature = "curve")]
    pub(crate) fn curve_client(config: HandshakeConfig, client: CurveClient) -> Self {
        Self::with_mechanism(config, Mechanism::CurveClient(Box::new(client)))
    }

    /// A handshake as a server of CURVE: it waits for [`allow`](Self::allow) once it has the client's
    /// [`credentials`](Self::credentials).
    #[cfg(feature = "curve")]
    pub(crate) fn curve_server(config: HandshakeConfig, server: CurveServer) -> Self {
        Self::with_mechanism(config, Mechanism::CurveServer(Box::new(server)))
    }

    /// A handshake with this `mechanism`, of which nothing has been sent.
    pub(super) fn with_mechanism(config: HandshakeConfig, mut mechanism: Mechanism) -> Self {
        let greeting = Greeting::new(mechanism.name(), mechanism.is_server());
        let mut outbound = greeting.ours().to_vec();
        let waits = config.holds_back || config.listens_first;
        mechanism.start(config.encode_metadata(), waits, &mut outbound);
        Self {
            config,
            mechanism,
            stage: Stage::Greeting(greeting),
            outbound,
            inbound: Vec::new(),
            steps: 0,
        }
    }

    /// The bytes to send now, or `None`.
    ///
    /// To be asked after `new` and after each `receive`, also after one that failed or ended the handshake: an ERROR
    /// for the peer, or our READY, may still be due, and the latter goes before any traffic.
    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.outbound.is_empty()).then(|| std::mem::take(&mut self.outbound))
    }

    /// Takes bytes from the front of `input`, which arrived at `now`, and returns how many; all, unless the handshake ended:
    /// what is left then is traffic.
    ///
    /// # Errors
    ///
    /// What the peer did wrong. The connection is to be closed once `poll_transmit` has been asked a last time.
    pub(crate) fn receive(&mut self, input: &[u8], now: Instant) -> Result<usize, ProtocolError> {
        let mut taken = 0;
        while taken < input.len() && !self.has_peer() {
            match self.receive_some(&input[taken..], now) {
                Ok(some) => taken += some,
                Err(error) => {
                    self.stage = Stage::Failed(error.clone());
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    /// How often something whole has come, a greeting or a command, which is when a mechanism computes.
    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    /// Sends the READY that was held back; if the peer's comes first, as soon as that is there.
    pub(crate) fn go_on(&mut self) {
        if std::mem::take(&mut self.config.holds_back) {
            if self.has_peer() || !self.config.listens_first {
                self.mechanism.admit(&mut self.outbound);
            }
            self.stage = match std::mem::replace(&mut self.stage, Stage::Failed(NEVER)) {
                Stage::Held(peer) => Stage::Done(peer),
                other => other,
            };
        }
    }

    /// The credentials of a client, while the handshake waits for [`allow`](Self::allow) or [`refuse`](Self::refuse).
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        match self.stage {
            Stage::Mechanism(_) => self.mechanism.credentials(),
            _ => None,
        }
    }

    /// Lets the client in, whose credentials were judged.
    ///
    /// # Errors
    ///
    /// As `receive`: the metadata of the client is judged only now.
    pub(crate) fn allow(&mut self) -> Result<(), ProtocolError> {
        let Stage::Mechanism(version) = self.stage else {
            return Ok(());
        };
        let progress = self.mechanism.allow(&mut self.outbound);
        self.advanced(version, progress)
            .inspect_err(|error| self.stage = Stage::Failed(error.clone()))
    }

    /// Sends an ERROR with this `reason` instead. The connection is to be closed once `poll_transmit` has been asked a
    /// last time.
    pub(crate) fn refuse(&mut self, reason: &str) {
        self.mechanism.refuse(reason, &mut self.outbound);
    }

    /// Whether an ERROR that has ended this handshake is to be believed: with CURVE, only if the server has sealed it.
    pub(crate) fn believes_error(&self) -> bool {
        self.mechanism.believes_error()
    }

    /// The peer, if it is ready and our READY is held back.
    pub(crate) fn held(&self) -> Option<&Peer> {
        match &self.stage {
            Stage::Held(peer) => Some(peer),
            _ => None,
        }
    }

    /// Whether the server of CURVE has not answered our first command, or had not when the handshake failed: one that closes
    /// the connection before may have another key than the one that we know.
    pub(crate) fn awaits_welcome(&self) -> bool {
        matches!(self.stage, Stage::Mechanism(_) | Stage::Failed(_))
            && self.mechanism.awaits_welcome()
    }

    fn has_peer(&self) -> bool {
        matches!(self.stage, Stage::Held(_) | Stage::Done(_))
    }

    /// Whether traffic may begin.
    pub(crate) fn is_done(&self) -> bool {
        self.peer().is_some()
    }

    /// The other end, once the handshake is done.
    pub(crate) fn peer(&self) -> Option<&Peer> {
        match &self.stage {
            Stage::Done(peer) => Some(peer),
            _ => None,
        }
    }

    /// The other end and how the traffic with it is sealed, if the handshake is done.
    pub(crate) fn finish(self) -> Option<(Peer, Option<Sealing>)> {
        match self.stage {
            Stage::Done(peer) => Some((peer, self.mechanism.finish())),
            _ => None,
        }
    }

    /// Takes at least one byte of `input`, which has one, and none beyond the present stage.
    fn receive_some(&mut self, input: &[u8], now: Instant) -> Result<usize, ProtocolError> {
        match &mut self.stage {
            Stage::Greeting(greeting) => {
                let taken = greeting.receive(input)?;
                if let Some(version) = greeting.version() {
                    self.steps += 1;
                    let peer_is_server = greeting.peer_is_server();
                    self.stage = Stage::Mechanism(version);
                    self.mechanism.greeted(peer_is_server, &mut self.outbound)?;
                }
                Ok(taken)
            }
            Stage::Mechanism(version) => {
                let version = *version;
                let (taken, command) = self.receive_frame(input)?;
                if let Some(command) = command {
                    self.command_received(version, &command, now)?;
                }
                Ok(taken)
            }
            Stage::Held(_) | Stage::Done(_) => Ok(0),
            Stage::Failed(error) => Err(error.clone()),
        }
    }

    /// Takes bytes of one frame: how many, and the body if it is complete. A header is taken byte by byte.
    fn receive_frame(&mut self, input: &[u8]) -> Result<(usize, Option<Bytes>), ProtocolError> {
        let wanted = match self.frame_under_way()? {
            Some((_, frame_len)) => frame_len - self.inbound.len(),
            None => 1,
        };
        let taken = wanted.min(input.len());
        self.inbound.extend_from_slice(&input[..taken]);
        match self.frame_under_way()? {
            Some((header_len, frame_len)) if frame_len == self.inbound.len() => {
                let frame = Bytes::from(std::mem::take(&mut self.inbound));
                Ok((taken, Some(frame.slice(header_len..))))
            }
            _ => Ok((taken, None)),
        }
    }

    /// The lengths of the header and of the whole frame, once the header is complete and found to be allowed.
    ///
    /// libzmq takes READY in a message frame, too; the RFC does not, and neither do we.
    fn frame_under_way(&self) -> Result<Option<(usize, usize)>, ProtocolError> {
        let Some((header, header_len)) = FrameHeader::decode(&self.inbound)? else {
            return Ok(None);
        };
        if !header.command {
            return Err(ProtocolError::EarlyMessage);
        }
        let most = self.mechanism.longest_command();
        let max = self.config.max_command_size.min(most);
        match usize::try_from(header.body_len) {
            Ok(body_len) if body_len <= max => {
                Ok(Some((header_len, header_len.saturating_add(body_len))))
            }
            _ => Err(ProtocolError::CommandTooLong {
                len: header.body_len,
                max,
            }),
        }
    }

    fn command_received(
        &mut self,
        version: Version,
        command: &Bytes,
        now: Instant,
    ) -> Result<(), ProtocolError> {
        self.steps += 1;
        let progress = self.mechanism.receive(command, now, &mut self.outbound)?;
        self.advanced(version, progress)
    }

    fn advanced(&mut self, version: Version, progress: Progress) -> Result<(), ProtocolError> {
        if let Progress::Introduced(data) = progress {
            let peer = read_peer(version, data, self.config.socket_type).inspect_err(|error| {
                if let ProtocolError::IncompatibleSocketType { .. } = error {
                    self.mechanism.refuse(INCOMPATIBLE, &mut self.outbound);
                }
            })?;
            if let Err(differ) = compare_payloads(&self.config.metadata, &peer.metadata) {
                // Any other kind of peer would take an ERROR for final.
                if peer.token.is_some() {
                    self.mechanism
                        .refuse(&format!("{NOT_FINAL}{differ}"), &mut self.outbound);
                }
                return Err(differ);
            }
            self.stage = if self.config.holds_back {
                Stage::Held(peer)
            } else {
                self.mechanism.admit(&mut self.outbound);
                Stage::Done(peer)
            };
        }
        Ok(())
    }
}

/// Takes the place of a stage while it is being replaced.
const NEVER: ProtocolError = ProtocolError::MalformedCommand;
/// The reason in the ERROR to a peer whose socket type cannot talk to ours.
const INCOMPATIBLE: &str = "incompatible socket type";
/// The prefix of our ERRORs after which the peer may try again. Any other ERROR in a handshake is final to a connecting
/// socket, as RFC 37 requires ("SHALL treat this as a fatal error").
pub(crate) const NOT_FINAL: &str = "retry: ";

#[cfg(test)]
mod tests;

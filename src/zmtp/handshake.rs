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
//! Source: RFC 37/ZMTP 3.1, "Connection Handshake" and "The Socket-Type Property".

use std::time::Instant;

use bytes::Bytes;
use highwater_patterns::{InvalidRoutingId, RoutingId, SocketType};

use super::Version;
use super::command::encode_error;
use super::error::{ProtocolError, printable};
use super::frame::FrameHeader;
use super::greeting::Greeting;
use super::mechanism::{Candidate, Mechanism, PlainClient, PlainServer, Progress};
#[cfg(feature = "curve")]
use super::mechanism::{CurveClient, CurveServer};
use super::metadata::{self, write_property};
use super::sealing::Sealing;

/// What one end brings to a handshake.
#[derive(Debug, Clone)]
pub(crate) struct HandshakeConfig {
    /// Our socket's type: told to the peer, and compared with the peer's.
    pub(crate) socket_type: SocketType,
    /// Our routing id, told to the peer by the types that [announce](SocketType::announces_identity) one.
    pub(crate) routing_id: Option<RoutingId>,
    /// Further properties to tell; each name satisfies [`is_property_name`](super::is_property_name) and begins
    /// with `X-`.
    pub(crate) metadata: Vec<(String, Bytes)>,
    /// Names our socket to another of this library, beside its metadata: see [`Peer::token`].
    pub(crate) token: Option<u64>,
    /// READY is held back until [`Handshake::go_on`]: it may be that the peer is refused.
    pub(crate) holds_back: bool,
    /// The longest command, in bytes, that the peer may send during the handshake.
    pub(crate) max_command_size: usize,
}

impl HandshakeConfig {
    /// No routing id, no further properties, commands of up to 64 KiB.
    pub(crate) fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            routing_id: None,
            metadata: Vec::new(),
            token: None,
            holds_back: false,
            max_command_size: 64 * 1024,
        }
    }

    fn encode_metadata(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_property(SOCKET_TYPE, self.socket_type.name().as_bytes(), &mut out);
        if self.socket_type.announces_identity() {
            let id = self
                .routing_id
                .as_ref()
                .map_or(&[][..], RoutingId::as_bytes);
            write_property(IDENTITY, id, &mut out);
        }
        for (name, value) in &self.metadata {
            write_property(name, value, &mut out);
        }
        if let Some(token) = self.token {
            write_property(TOKEN, &token.to_be_bytes(), &mut out);
        }
        out
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// What to speak with the peer.
    pub(crate) version: Version,
    /// The peer's socket type, compatible with ours; `None` if it did not tell.
    pub(crate) socket_type: Option<SocketType>,
    /// The name the peer chose for itself.
    pub(crate) routing_id: Option<RoutingId>,
    /// The peer's other properties, named as it spelt them, in its order.
    pub(crate) metadata: Vec<(String, Bytes)>,
    /// Names the peer's socket, as long as it lives, if it is one of this library. It knows of ERRORs that are not
    /// final; to libzmq each is.
    pub(crate) token: Option<u64>,
}

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
}

#[derive(Debug)]
enum Stage {
    Greeting(Greeting),
    Mechanism(Version),
    /// The peer is ready, and we are not yet.
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
    #[allow(dead_code, reason = "no option of a socket chooses it yet")]
    pub(crate) fn plain_client(config: HandshakeConfig, user: Bytes, password: Bytes) -> Self {
        let client = PlainClient::new(user, password);
        Self::with_mechanism(config, Mechanism::PlainClient(client))
    }

    /// A handshake as a server of PLAIN: it waits for [`allow`](Self::allow) once there is a
    /// [`candidate`](Self::candidate).
    #[allow(dead_code, reason = "no option of a socket chooses it yet")]
    pub(crate) fn plain_server(config: HandshakeConfig) -> Self {
        Self::with_mechanism(config, Mechanism::PlainServer(PlainServer::default()))
    }

    /// A handshake as a client of CURVE.
    #[cfg(feature = "curve")]
    #[allow(dead_code, reason = "no option of a socket chooses it yet")]
    pub(crate) fn curve_client(config: HandshakeConfig, client: CurveClient) -> Self {
        Self::with_mechanism(config, Mechanism::CurveClient(Box::new(client)))
    }

    /// A handshake as a server of CURVE: it waits for [`allow`](Self::allow) once there is a
    /// [`candidate`](Self::candidate).
    #[cfg(feature = "curve")]
    #[allow(dead_code, reason = "no option of a socket chooses it yet")]
    pub(crate) fn curve_server(config: HandshakeConfig, server: CurveServer) -> Self {
        Self::with_mechanism(config, Mechanism::CurveServer(Box::new(server)))
    }

    /// A handshake with this `mechanism`, of which nothing has been sent.
    pub(super) fn with_mechanism(config: HandshakeConfig, mut mechanism: Mechanism) -> Self {
        let greeting = Greeting::new(mechanism.name(), mechanism.is_server());
        let mut outbound = greeting.ours().to_vec();
        mechanism.start(config.encode_metadata(), config.holds_back, &mut outbound);
        Self {
            config,
            mechanism,
            stage: Stage::Greeting(greeting),
            outbound,
            inbound: Vec::new(),
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

    /// Sends the READY that was held back.
    pub(crate) fn go_on(&mut self) {
        if std::mem::take(&mut self.config.holds_back) {
            self.mechanism.admit(&mut self.outbound);
            self.stage = match std::mem::replace(&mut self.stage, Stage::Failed(NEVER)) {
                Stage::Held(peer) => Stage::Done(peer),
                other => other,
            };
        }
    }

    /// Who asks to be let in, while the handshake waits for [`allow`](Self::allow) or [`refuse`](Self::refuse).
    #[allow(dead_code, reason = "no option of a socket chooses it yet")]
    pub(crate) fn candidate(&self) -> Option<&Candidate> {
        match self.stage {
            Stage::Mechanism(_) => self.mechanism.candidate(),
            _ => None,
        }
    }

    /// Lets the candidate in.
    ///
    /// # Errors
    ///
    /// As `receive`: what the candidate has said of itself is judged only now.
    #[allow(dead_code, reason = "no option of a socket chooses it yet")]
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
        encode_error(reason, &mut self.outbound);
    }

    /// The peer, if it is ready and our READY is held back.
    pub(crate) fn held(&self) -> Option<&Peer> {
        match &self.stage {
            Stage::Held(peer) => Some(peer),
            _ => None,
        }
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
        let max = self.config.max_command_size;
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
        let progress = self.mechanism.receive(command, now, &mut self.outbound)?;
        self.advanced(version, progress)
    }

    fn advanced(&mut self, version: Version, progress: Progress) -> Result<(), ProtocolError> {
        if let Progress::Introduced(data) = progress {
            let peer = read_peer(version, data, self.config.socket_type);
            if let Err(ProtocolError::IncompatibleSocketType { .. }) = peer {
                encode_error(INCOMPATIBLE, &mut self.outbound);
            }
            self.stage = if self.config.holds_back {
                Stage::Held(peer?)
            } else {
                let peer = peer?;
                self.mechanism.admit(&mut self.outbound);
                Stage::Done(peer)
            };
        }
        Ok(())
    }
}

/// Makes a peer of its metadata.
///
/// Names are compared without case, as the RFC says and libzmq does not. A peer that does not tell its type is taken
/// for compatible, as libzmq does.
fn read_peer(version: Version, data: Bytes, ours: SocketType) -> Result<Peer, ProtocolError> {
    let mut peer = Peer {
        version,
        socket_type: None,
        routing_id: None,
        metadata: Vec::new(),
        token: None,
    };
    for (name, value) in metadata::parse(data)? {
        if name.eq_ignore_ascii_case(SOCKET_TYPE) {
            peer.socket_type = Some(compatible_type(&value, ours)?);
        } else if name.eq_ignore_ascii_case(IDENTITY) {
            peer.routing_id = chosen_id(&value)?;
        } else if name.eq_ignore_ascii_case(TOKEN) {
            // Of another length it is not ours, and says nothing to us.
            peer.token = value.as_ref().try_into().ok().map(u64::from_be_bytes);
        } else {
            peer.metadata.push((name, value));
        }
    }
    Ok(peer)
}

fn compatible_type(name: &[u8], ours: SocketType) -> Result<SocketType, ProtocolError> {
    SocketType::from_name(name)
        .filter(|theirs| ours.is_compatible(*theirs))
        .ok_or_else(|| ProtocolError::IncompatibleSocketType {
            theirs: printable(name),
            ours,
        })
}

/// The id, or `None` for an empty one: the peer leaves the choice to us.
fn chosen_id(id: &[u8]) -> Result<Option<RoutingId>, ProtocolError> {
    match RoutingId::new(id) {
        Ok(id) => Ok(Some(id)),
        Err(InvalidRoutingId::Empty) => Ok(None),
        Err(why) => Err(ProtocolError::InvalidRoutingId(why)),
    }
}

const SOCKET_TYPE: &str = "Socket-Type";
const IDENTITY: &str = "Identity";
/// A property of this library alone, and so of the names that RFC 37 leaves to applications.
pub(crate) const TOKEN: &str = "X-Highwater";
/// Takes the place of a stage while it is being replaced.
const NEVER: ProtocolError = ProtocolError::MalformedCommand;
/// What we tell a peer whose type does not fit.
const INCOMPATIBLE: &str = "incompatible socket type";

#[cfg(test)]
mod tests;

//! The exchange on a stream before the traffic: first with a SOCKS proxy, if there is one, then with the peer.
//!
//! Owns: the current step, and its bytes that the kernel has not taken yet.
//! Always true: one step ends before the next begins, and no step consumes a byte of the next. The time and the memory of a step
//! are bounded.
//! Must not know: what follows after a step (proxying.rs and handshake.rs do).
//!
//! A further step (TLS, an upgrade from HTTP) is a variant of [`Step`] and an implementation of [`Preparation`].

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::judgement::Judgement;
use super::link::{Link, ReaderPlace};
use crate::error::LinkError;
use crate::pipe::Pipe;
use crate::policy::tuning::READ_BYTES;
use crate::transport::{Socks5, SocksError};
use crate::zmtp::{Handshake, ProtocolError};

/// The protocol of one step. It is pure: bytes and time are arguments.
pub(super) trait Preparation {
    /// Appends the bytes that are to be sent now to `out`.
    fn poll_transmit(&mut self, out: &mut Vec<u8>);

    /// The most bytes that may be read at once without reading into the next step.
    fn wanted(&self) -> usize;

    /// Consumes bytes, which arrived at `now`, from the front of `input`; gives their number.
    fn receive(&mut self, input: &[u8], now: Instant) -> Result<usize, LinkError>;

    /// Whether the step has received all of its bytes, and given out all that it sends.
    fn is_done(&self) -> bool;

    /// The deadline of a decision at this end, if the step waits for one. Until then nothing is read.
    fn awaits(&self) -> Option<Instant> {
        None
    }
}

/// The current step of a link before its traffic.
#[derive(Debug)]
pub(super) struct Preparing {
    pub(super) step: Step,
    /// Bytes that the kernel has not taken yet.
    unsent: Vec<u8>,
    pub(super) until: Option<Instant>,
}

/// The steps, in the order in which they come.
#[derive(Debug)]
pub(super) enum Step {
    /// With a SOCKS proxy, which is asked to connect to the peer.
    Proxy(Box<Socks5>),
    /// With the peer: greeting and mechanism.
    Handshake(Box<Handshaking>),
}

/// A handshake, with the questions to the socket and to its security about the peer.
#[derive(Debug)]
pub(super) struct Handshaking {
    pub(super) handshake: Handshake,
    /// The decision about the peer; see `judging`.
    pub(super) judgement: Judgement,
    /// The pipe for which the socket was asked for a seat; see `asking`.
    pub(super) applied: Option<Arc<Pipe>>,
    /// The token of the peer's socket, from the ERROR with which it has refused us.
    pub(super) refused_by: Option<u64>,
}

impl Preparing {
    pub(super) fn new(step: Step, until: Option<Instant>) -> Self {
        Self {
            step,
            unsent: Vec::new(),
            until,
        }
    }

    /// Reads once into `scratch`, if the link is `readable` and the step expects bytes, then writes what the step has to send.
    /// With `ahead`, messages follow at once, and the kernel may wait for them. Gives the range of `scratch` that belongs to the
    /// next step, and the outcome.
    pub(super) fn advance(
        &mut self,
        link: &Link,
        scratch: &mut Vec<u8>,
        readable: bool,
        ahead: bool,
    ) -> (Range<usize>, Result<(), LinkError>) {
        let mut rest = 0..0;
        let mut outcome = Ok(());
        if readable && self.listens(link) {
            match self.hear(link, scratch) {
                Ok(behind) => rest = behind,
                Err(cause) => outcome = Err(cause),
            }
        }
        // After reading, so that one write has all of it. After an error of the peer this sends the ERROR that says why; the
        // error is the outcome, whether or not that succeeds.
        let ahead = ahead && self.step.get_mut().is_done();
        let said = self.say(link, ahead);
        (rest, outcome.and(said))
    }

    /// Writes what the step has to send, as far as the kernel takes it.
    pub(super) fn say(&mut self, link: &Link, ahead: bool) -> Result<(), LinkError> {
        self.step.get_mut().poll_transmit(&mut self.unsent);
        while !self.unsent.is_empty() {
            let written = if ahead {
                link.stream().write_ahead(&self.unsent)
            } else {
                link.stream().write(&self.unsent)
            };
            match written {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn hear(&mut self, link: &Link, scratch: &mut Vec<u8>) -> Result<Range<usize>, LinkError> {
        let step = self.step.get_mut();
        scratch.clear();
        scratch.reserve(READ_BYTES);
        match link.stream().read_into_spare(scratch, step.wanted()) {
            Ok(0) => Err(LinkError::PeerClosed),
            Ok(read) => {
                let taken = step.receive(&scratch[..read], Instant::now())?;
                Ok(taken..read)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0..0),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the step expects bytes. Bytes of the next step stay in the kernel until this step has sent everything.
    pub(super) fn listens(&self, link: &Link) -> bool {
        let has_heard =
            |slot: &ReaderPlace| matches!(slot, ReaderPlace::Here(reader) if reader.has_bytes());
        let step = self.step.get();
        !step.is_done() && step.awaits().is_none() && !has_heard(&link.reader())
    }

    /// The time at which the step or its decision is too late.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let awaited = self.step.get().awaits();
        match (self.until, awaited) {
            (Some(until), Some(awaited)) => Some(until.min(awaited)),
            (until, awaited) => until.or(awaited),
        }
    }

    /// Whether the decision is too late at `now`.
    pub(super) fn awaits_in_vain(&self, now: Instant) -> bool {
        self.step.get().awaits().is_some_and(|until| until <= now)
    }

    /// How many commands of the peer the mechanism has computed with; see `CURVE_STEPS_IN_A_TURN`.
    pub(super) fn steps(&self) -> u32 {
        match &self.step {
            Step::Proxy(_) => 0,
            Step::Handshake(handshaking) => handshaking.handshake.steps(),
        }
    }

    /// Whether bytes wait that the kernel has not taken.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether the step is done and the kernel has taken all of its bytes.
    pub(super) fn is_done(&self) -> bool {
        self.step.get().is_done() && self.unsent.is_empty()
    }

    /// Whether the exchange is with the peer, and not with a proxy.
    pub(super) fn is_with_peer(&self) -> bool {
        matches!(self.step, Step::Handshake(_))
    }
}

impl Step {
    fn get(&self) -> &dyn Preparation {
        match self {
            Self::Proxy(socks) => &**socks,
            Self::Handshake(handshaking) => &**handshaking,
        }
    }

    fn get_mut(&mut self) -> &mut dyn Preparation {
        match self {
            Self::Proxy(socks) => &mut **socks,
            Self::Handshake(handshaking) => &mut **handshaking,
        }
    }
}

impl Preparation for Socks5 {
    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        Self::poll_transmit(self, out);
    }

    fn wanted(&self) -> usize {
        Self::wanted(self)
    }

    fn receive(&mut self, input: &[u8], _: Instant) -> Result<usize, LinkError> {
        let taken = Self::receive(self, input)?;
        debug_assert_eq!(taken, input.len(), "no more was read than is the proxy's");
        Ok(taken)
    }

    fn is_done(&self) -> bool {
        Self::is_done(self)
    }
}

impl Preparation for Handshaking {
    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        while let Some(mut bytes) = self.handshake.poll_transmit() {
            out.append(&mut bytes);
        }
    }

    /// Bytes after the handshake may be read as well: they are the first of the traffic, and go to the reader.
    fn wanted(&self) -> usize {
        READ_BYTES
    }

    fn receive(&mut self, input: &[u8], now: Instant) -> Result<usize, LinkError> {
        self.handshake
            .receive(input, now)
            .map_err(|error| match error {
                ProtocolError::PeerError { reason } if !self.handshake.believes_error() => {
                    LinkError::told(&reason)
                }
                ProtocolError::PeerError { reason } => {
                    self.refused_by = LinkError::speaker(&reason).1;
                    ProtocolError::PeerError { reason }.into()
                }
                error => error.into(),
            })
    }

    fn is_done(&self) -> bool {
        self.handshake.is_done()
    }

    fn awaits(&self) -> Option<Instant> {
        self.judgement.deadline()
    }
}

impl From<SocksError> for LinkError {
    fn from(error: SocksError) -> Self {
        Self::Proxy {
            reason: error.to_string(),
        }
    }
}

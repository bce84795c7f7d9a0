//! The exchange on a stream before its traffic: with a proxy on the way, then with the peer.
//!
//! Owns: the step at hand and the bytes of it that the kernel has not taken yet.
//! Always true: the steps come one after the other, and none takes a byte that belongs to the next; a step has bounded
//! time and takes bounded memory.
//! Must not know: what follows on a step, which is for proxying.rs and handshake.rs.
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

/// A conversation that comes before the traffic: pure, so that bytes and time are arguments.
pub(super) trait Preparation {
    /// Appends to `out` what is to be sent now.
    fn poll_transmit(&mut self, out: &mut Vec<u8>);

    /// How many bytes may be read at once, so that none is read that belongs to the next step.
    fn wanted(&self) -> usize;

    /// Takes bytes that arrived at `now` from the front of `input`; returns how many.
    fn receive(&mut self, input: &[u8], now: Instant) -> Result<usize, LinkError>;

    /// Whether everything is received, and handed out to be sent, that belongs to this step.
    fn is_done(&self) -> bool;

    /// Whether the other end is not to be heard before somebody here has decided something, and until when.
    fn awaits(&self) -> Option<Instant> {
        None
    }
}

/// The step at hand of a link that is being prepared.
#[derive(Debug)]
pub(super) struct Preparing {
    pub(super) step: Step,
    /// Bytes the kernel has not taken yet.
    unsent: Vec<u8>,
    pub(super) until: Option<Instant>,
}

/// The steps, in the order in which they come.
#[derive(Debug)]
pub(super) enum Step {
    /// Asking a proxy for the way to the peer.
    Proxy(Box<Socks5>),
    /// Greeting and mechanism, with the peer itself.
    Handshake(Box<Handshaking>),
}

/// A handshake, and what the socket was asked about its peer.
#[derive(Debug)]
pub(super) struct Handshaking {
    pub(super) handshake: Handshake,
    /// Whether the peer may come in; see `judging`.
    pub(super) judgement: Judgement,
    /// The pipe for which the socket was asked; see `asking`.
    pub(super) applied: Option<Arc<Pipe>>,
    /// The peer has refused us by an ERROR in which it names its socket.
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

    /// Reads once into `scratch`, if the link is `readable` and the step has not heard all, then writes what there is to
    /// say; `ahead` of messages, if they are to follow at once. Returns where in `scratch` the bytes behind the end of the
    /// step are, and what came of it.
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
        // After reading, so that all there is to say goes out in one piece. A peer that has failed should learn why, if
        // it still listens; its error counts either way.
        let ahead = ahead && self.step.get_mut().is_done();
        let said = self.say(link, ahead);
        (rest, outcome.and(said))
    }

    /// Writes what the step has to say, as far as the kernel takes it.
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

    /// Whether the other end has to say more that belongs to this step: what comes behind it waits in the kernel until our
    /// end has said all, too.
    pub(super) fn listens(&self, link: &Link) -> bool {
        let has_heard =
            |slot: &ReaderPlace| matches!(slot, ReaderPlace::Here(reader) if reader.has_bytes());
        let step = self.step.get();
        !step.is_done() && step.awaits().is_none() && !has_heard(&link.reader())
    }

    /// When something is to happen that has not happened by then.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let awaited = self.step.get().awaits();
        match (self.until, awaited) {
            (Some(until), Some(awaited)) => Some(until.min(awaited)),
            (until, awaited) => until.or(awaited),
        }
    }

    /// Whether somebody here was to decide something by now.
    pub(super) fn awaits_in_vain(&self, now: Instant) -> bool {
        self.step.get().awaits().is_some_and(|until| until <= now)
    }

    /// How often the peer has completed what a mechanism computes with.
    pub(super) fn steps(&self) -> u32 {
        match &self.step {
            Step::Proxy(_) => 0,
            Step::Handshake(handshaking) => handshaking.handshake.steps(),
        }
    }

    /// Whether something is left that the kernel has not taken.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether the step is over, and all of it with the kernel.
    pub(super) fn is_done(&self) -> bool {
        self.step.get().is_done() && self.unsent.is_empty()
    }

    /// Whether it is the peer that is spoken with, and not somebody on the way.
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

    /// Bytes read beyond the handshake are the first of the traffic, and go to the reader.
    fn wanted(&self) -> usize {
        READ_BYTES
    }

    fn receive(&mut self, input: &[u8], now: Instant) -> Result<usize, LinkError> {
        self.handshake.receive(input, now).map_err(|error| {
            if let ProtocolError::PeerError { reason } = &error {
                self.refused_by = LinkError::speaker(reason).1;
            }
            error.into()
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

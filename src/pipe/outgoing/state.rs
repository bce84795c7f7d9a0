//! The state of an `Outgoing`, and which combinations of its parts exist.
//!
//! Owns: the connection, who writes to it, whether messages may enter, and what is in flight.
//! Always true: what [`State::check`] asserts, whenever the lock is free.
//! Must not know: why a connection comes or goes; when a write is worth while.
//!
//! Each part is an enum, and changes along these arrows only:
//!
//! ```text
//! line    None ----attach----> Coming ---open, let_go---> Live ---a write fails---> Broken
//!          ^ \                   |                       ^ |                          |
//!          |  `-attach (nobody need see who is there)---'  |                          |
//!          `--------detach-------+--------detach, cut------+------detach, cut---------'
//!
//! kernel  Takes ---would block---> Full(Poller or Sender) ---writable, write_again---> HasRoom ---takes bytes---> Takes
//!                                  Full(Sender) ---the I/O thread looks twice in vain---> Full(Poller)
//!                                  Full(Poller) ---a sender begins to wait---> Full(Sender)
//!
//! writer  Nobody ---pump---> IoThread ---written---> Nobody
//!                            IoThread ---cut---> IoThreadCut ---written---> Nobody
//!         A sender that writes does so under the lock: for everybody else, nobody writes.
//!
//! send_side  Open ---close, let_go, discard---> Closed ---end, once all is written---> Ended ---attach---> Closed
//!            any of these ---the process is a forked child---> Foreign
//! ```

use std::sync::Arc;

use highwater_patterns::Fate;

use super::kernel::{Kernel, Waiter};
use super::sealed::Sealer;
use super::{Fullness, OutgoingCounts, UnsentChanges};
use crate::origin::Origin;
use crate::pipe::{Batch, HighWater, Wire};
use crate::policy::StreamDetector;

/// The connection that is written to.
#[derive(Debug, Default)]
pub(super) enum Line {
    /// There is no connection, or it was cut.
    #[default]
    None,
    /// The connection is not written to before the socket has seen to which peer it leads.
    Coming(Arc<dyn Wire>),
    /// The connection is written to.
    Live(Arc<dyn Wire>),
    /// A write to the connection has failed; the I/O thread has been told and will end it.
    Broken(Arc<dyn Wire>),
}

impl Line {
    /// The connection, if it takes bytes.
    #[inline]
    pub(super) fn live(&self) -> Option<&Arc<dyn Wire>> {
        match self {
            Self::Live(wire) => Some(wire),
            Self::None | Self::Coming(_) | Self::Broken(_) => None,
        }
    }

    /// The connection, if the waiting messages are written to it, also if a write has failed.
    #[inline]
    pub(super) fn wire(&self) -> Option<&Arc<dyn Wire>> {
        match self {
            Self::Live(wire) | Self::Broken(wire) => Some(wire),
            Self::None | Self::Coming(_) => None,
        }
    }

    /// A write to the connection has failed.
    #[cold]
    pub(super) fn fail(&mut self) {
        match std::mem::take(self) {
            Self::Live(wire) => *self = Self::Broken(wire),
            other => {
                debug_assert!(false, "nothing is written to {other:?}");
                *self = other;
            }
        }
    }
}

/// Whether messages may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendSide {
    Open,
    /// No further message is taken; queued ones are still sent.
    Closed,
    /// No further message is taken, and all are sent. Our side of the stream is closed, so no heartbeat is added
    /// either.
    Ended,
    /// This is a forked child and the connection belongs to its parent: nothing is ever written.
    Foreign,
}

impl SendSide {
    /// No message is taken any more.
    pub(super) fn close(&mut self) {
        if *self == Self::Open {
            *self = Self::Closed;
        }
    }
}

/// Whether a thread writes outside the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Nobody,
    /// The I/O thread writes `front`, which it has taken out of the state.
    IoThread,
    /// The I/O thread writes `front` to a connection that was cut meanwhile.
    IoThreadCut,
}

/// The batch that is being written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct InFlight {
    /// How many messages it has.
    pub(super) messages: usize,
    /// How many bytes it has on the wire.
    pub(super) bytes: usize,
    /// How many of its bytes are commands; they come first.
    pub(super) commands: usize,
    /// How many of its bytes the kernel has taken.
    pub(super) written: usize,
}

/// The state of an `Outgoing` under its lock.
#[derive(Debug)]
pub(super) struct State {
    /// The batch that senders fill.
    pub(super) back: Batch,
    /// The batch that is being written. Empty while the I/O thread writes: it has taken the batch out.
    pub(super) front: Batch,
    /// The counts of `front`, also while the I/O thread has it.
    pub(super) in_flight: InFlight,
    /// Encoded commands, to be written before `back`; never counted against the high-water mark.
    pub(super) commands: Vec<u8>,
    /// Subscriptions that are not encoded yet, since too many commands wait: the peer does not read.
    pub(super) unsent_changes: UnsentChanges,

    pub(super) line: Line,
    /// Seals what is written to the connection. Away while the I/O thread writes, as the batch is.
    pub(super) sealer: Option<Box<Sealer>>,
    pub(super) kernel: Kernel,
    /// Whether a sender or the poller waits, the next time that a sender finds the kernel full.
    pub(super) waiter: Waiter,
    pub(super) writer: Writer,
    pub(super) send_side: SendSide,

    /// The I/O thread has a duty here: it will look again.
    pub(super) scheduled: bool,
    /// The batch that is being filled is the [`Draft`](super::Draft) of a sender; `back` is empty.
    pub(super) drafted: bool,
    /// The socket knows that messages wait here, and flushes them before it waits for input.
    pub(super) unflushed: bool,
    /// The socket has flushed since the I/O thread last looked.
    pub(super) flushed: bool,

    pub(super) mark: HighWater,
    /// How many places are kept for messages to come.
    pub(super) reserved: usize,
    /// The room that is left below `mark` beside the places that are kept.
    pub(super) limit: HighWater,
    pub(super) conflate: bool,
    pub(super) fullness: Fullness,

    pub(super) fate: Fate,
    /// The next connection leads to another peer than the last.
    pub(super) another_peer: bool,
    /// The last connection ended within the first waiting message.
    pub(super) is_cut: bool,
    /// How often a peer has ended the connection within the first waiting message.
    pub(super) cuts: usize,

    /// How many messages the kernel has taken whole.
    pub(super) gone: u64,
    /// The value of `gone` when the connection began.
    pub(super) gone_before: u64,
    /// How often the kernel has taken bytes again after it was full.
    pub(super) resumed: u32,
    /// How many bytes the last batch had when its writing began.
    pub(super) last_batch: usize,
    /// How many bytes the kernel had taken when the I/O thread last found it full.
    pub(super) taken_at_look: u64,
    pub(super) detector: StreamDetector,
    pub(super) counts: OutgoingCounts,
    pub(super) origin: Origin,
}

impl State {
    pub(super) fn new(limit: HighWater, conflate: bool, origin: Origin) -> Self {
        Self {
            back: Batch::default(),
            front: Batch::default(),
            in_flight: InFlight::default(),
            commands: Vec::new(),
            unsent_changes: UnsentChanges::default(),
            line: Line::None,
            sealer: None,
            kernel: Kernel::Takes,
            waiter: Waiter::Poller,
            writer: Writer::Nobody,
            send_side: SendSide::Open,
            scheduled: false,
            drafted: false,
            unflushed: false,
            flushed: false,
            mark: limit,
            reserved: 0,
            limit,
            conflate,
            fullness: Fullness::default(),
            fate: Fate::default(),
            another_peer: false,
            is_cut: false,
            cuts: 0,
            gone: 0,
            gone_before: 0,
            resumed: 0,
            last_batch: 0,
            taken_at_look: 0,
            detector: StreamDetector::default(),
            counts: OutgoingCounts::default(),
            origin,
        }
    }

    #[inline]
    pub(super) fn queued(&self) -> usize {
        self.back.messages() + self.in_flight.messages
    }

    #[inline]
    pub(super) fn queued_bytes(&self) -> usize {
        self.back.len() + self.in_flight.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.back.is_empty()
            && self.in_flight.bytes == 0
            && self.commands.is_empty()
            && self.unsent_changes.is_empty()
    }

    /// Whether no message is taken any more.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.send_side != SendSide::Open
    }

    /// Whether no other thread writes and the kernel, if there is a connection, is not full.
    #[inline]
    pub(super) fn may_write(&self) -> bool {
        self.writer == Writer::Nobody
            && !self.kernel.is_full()
            && !matches!(self.line, Line::Broken(_))
    }

    /// Asserts that the state is one of the diagram. Called whenever the lock is taken, so it checks each state that
    /// was left.
    #[inline]
    pub(super) fn check(&self) {
        let (writer, flight) = (self.writer, self.in_flight);
        debug_assert!(
            writer == Writer::Nobody || self.front.is_empty(),
            "{writer:?} has taken the batch along"
        );
        debug_assert!(
            writer != Writer::IoThread || self.line.live().is_some(),
            "the I/O thread writes to {:?}",
            self.line
        );
        debug_assert!(
            writer != Writer::Nobody
                || (flight.messages, flight.bytes) == (self.front.messages(), self.front.len()),
            "{flight:?} is not what is written"
        );
        debug_assert!(
            flight.written <= flight.bytes && flight.commands <= flight.bytes,
            "more is written than there is: {flight:?}"
        );
        debug_assert!(
            !matches!(self.line, Line::None) || self.sealer.is_none(),
            "a seal belongs to one connection"
        );
        debug_assert!(
            self.line.wire().is_some() || flight == InFlight::default(),
            "{flight:?} without a connection"
        );
        debug_assert!(
            self.line.wire().is_some() || !self.kernel.is_full(),
            "{:?} without a connection",
            self.kernel
        );
        debug_assert!(
            self.kernel != Kernel::Full(Waiter::Sender)
                || self.scheduled
                || self.line.live().is_none()
                || self.send_side == SendSide::Foreign
                || self.is_empty(),
            "nobody hears when the kernel has room"
        );
        debug_assert!(
            self.send_side != SendSide::Ended || self.back.is_empty() && flight.bytes == 0,
            "it has ended, and something waits"
        );
    }
}

//! What a socket and one peer share.
//!
//! Owns: the two directions of a pipe, with their high-water marks, and the names of what passes between a socket and
//! the I/O thread that serves it.
//! Always true: bytes go out in the order of `send`; what arrived is read in order; a side is woken only if it asked.
//! Must not know: patterns, the event loop, how a connection comes to be. It is handed a [`Wire`] and a [`SocketSide`].

mod batch;
mod buffer_pool;
mod busy_readers;
mod encode;
mod fill_buffer;
mod high_water;
mod incoming;
mod inproc;
mod intake;
mod lane;
mod notices;
mod outgoing;
mod pace;
mod reader;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use highwater_patterns::{PipeId, SocketType};

pub(crate) use batch::Batch;
pub(crate) use buffer_pool::BufferPool;
pub(crate) use busy_readers::BusyReaders;
pub(crate) use encode::Encode;
pub(crate) use high_water::HighWater;
pub(crate) use incoming::{Delivery, Incoming};
pub(crate) use inproc::InprocEnd;
pub(crate) use intake::Intake;
pub(crate) use lane::{Lane, Party};
pub(crate) use notices::Notices;
pub(crate) use outgoing::{Change, Draft, Fate, Outgoing, Pumped};
pub(crate) use pace::Pace;
pub(crate) use reader::{Fill, Reader};

use crate::error::LinkError;
use crate::peer::PeerInfo;
use crate::sync::{AtomicBool, AtomicU32, Ordering};

/// Names what an I/O thread looks after: a listener, a session or a link; never used twice within a context.
pub(crate) type Key = usize;

/// A pipe over a wire: the part that a socket, its senders and the I/O thread share.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) id: PipeId,
    /// The listener or session that a connection has come through and got this pipe; `None` if the socket has made it for
    /// a session.
    pub(crate) through: Option<Key>,
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming,
    /// Subscriptions that the I/O thread has dropped, since the socket has no use for them.
    unexpected: AtomicU64,
    round_trip: AtomicU32,
    bytes_received: AtomicU64,
    reconnects: AtomicU32,
}

impl Pipe {
    pub(crate) fn new(
        id: PipeId,
        through: Option<Key>,
        outgoing: Outgoing,
        incoming: Incoming,
    ) -> Self {
        Self {
            id,
            through,
            outgoing,
            incoming,
            unexpected: AtomicU64::new(0),
            round_trip: AtomicU32::new(0),
            bytes_received: AtomicU64::new(0),
            reconnects: AtomicU32::new(0),
        }
    }

    /// How long the answer to the last heartbeat took.
    pub(crate) fn set_round_trip(&self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        self.round_trip.store(micros, Ordering::Relaxed);
    }

    /// So many bytes were read.
    pub(crate) fn has_read(&self, bytes: usize) {
        self.bytes_received
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// So many subscriptions were dropped, for which the socket has no use.
    pub(crate) fn has_dropped(&self, count: usize) {
        self.unexpected.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// How many that were so far.
    pub(crate) fn unexpected(&self) -> u64 {
        self.unexpected.load(Ordering::Relaxed)
    }

    /// Bytes read so far, over all connections.
    pub(crate) fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }

    /// There were so many connections to this peer before the present one.
    pub(crate) fn set_reconnects(&self, before: usize) {
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        self.reconnects.store(before, Ordering::Relaxed);
    }

    /// How often the connection was made again.
    pub(crate) fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed).into()
    }

    /// How long the answer to the last heartbeat took; `None` before the first.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros.into())),
        }
    }
}

/// Whether a socket of this type has a use for SUBSCRIBE and CANCEL.
pub(crate) fn takes_subscriptions(kind: SocketType) -> bool {
    matches!(kind, SocketType::Pub | SocketType::XPub)
}

/// One live connection, as a pipe sees it.
pub(crate) trait Wire: fmt::Debug + Send + Sync {
    /// Writes without blocking.
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Reads without blocking into the spare capacity of `buffer`, at most `most` bytes.
    fn read(&self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize>;

    /// Reads without blocking over `first`, and over `then` when that is full; the bytes of both together.
    fn read_over(&self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize>;

    /// What a leader waits on, or a sender for whom there is no room.
    fn as_fd(&self) -> BorrowedFd<'_>;

    /// Whether the I/O thread should hear that the kernel takes bytes again.
    fn want_output(&self, wanted: bool);

    /// Takes the reader away from the I/O thread, which stops listening for input; `None` if it is away already or
    /// the connection is ending. Waits for a read in progress.
    fn borrow_reader(&self) -> Option<Reader>;

    /// Gives the reader back to the I/O thread, which goes on with what the reader holds; `Some` if the connection has
    /// ended meanwhile, so that nobody would.
    fn return_reader(&self, reader: Reader) -> Option<Reader>;

    /// Work for the I/O thread.
    fn duty(&self, duty: Duty);
}

/// What a connection asks of its I/O thread.
#[derive(Debug)]
pub(crate) enum Duty {
    /// Bytes wait to be written.
    Flush,
    /// A pipe that was full has room; its socket wants to know.
    Room,
    /// The socket reads again: listen for input.
    Resume,
    /// A sender's write has failed. What the peer has sent may still be read.
    OutputLost(LinkError),
    /// The connection failed in the hands of a leader.
    Failed(LinkError),
    /// A leader met a PING that wants to be answered, with its time to live in tenths of a second.
    Ping(u16),
    /// A leader met a PONG.
    Pong,
    /// A leader met an ERROR: why the peer is about to close the connection.
    Told(String),
    /// The reader has been lent: watch over it.
    Lent,
    /// The reader came back and may hold messages.
    Returned,
    /// A request on it was given up whose answer must not come any more: it ends, and if it was made from here, another is
    /// made at once.
    Replace,
    /// The socket refuses this peer.
    Close(LinkError),
    /// The answer to [`PipeEvent::Applies`].
    Answered(Result<(), LinkError>),
    /// The routing id of this peer is another's now: nothing more is sent to it, what it has sent is still read.
    HandOver,
}

/// What happened to a pipe, told to its socket in order.
#[derive(Debug)]
pub(crate) enum PipeEvent {
    /// A pipe has come into being. Its messages may be queued from now on.
    Attached(Arc<Pipe>),
    /// A pipe within the process has come into being, likewise.
    AttachedInproc(InprocEnd),
    /// The other side of a pipe within the process is there; it writes to `incoming`, unless that is known already.
    Joined {
        pipe: PipeId,
        incoming: Option<Arc<Lane>>,
        peer: Arc<PeerInfo>,
    },
    /// The handshake of a peer is done but for our READY, or of one that we connect to has not begun: is it admitted? The
    /// answer comes as a [`Duty`]. If it is, the `pipe` is attached, unless it was already.
    Applies {
        pipe: Arc<Pipe>,
        wire: Arc<dyn Wire>,
        /// `None` where we connect.
        peer: Option<Arc<PeerInfo>>,
    },
    /// Likewise within the process: the candidate has the answer, and makes the pipe; or, where we connect, knows it: `pipe`.
    AppliesWithin {
        pipe: Option<PipeId>,
        peer: Arc<PeerInfo>,
        candidate: Box<dyn Candidate>,
    },
    /// The peer that the session of `pipe` has found refuses it, and is the socket `token`.
    LeadsTo { pipe: PipeId, token: u64 },
    /// A connection is ready for traffic.
    Connected {
        pipe: PipeId,
        wire: Arc<dyn Wire>,
        peer: Arc<PeerInfo>,
    },
    /// The connection is lost. If it `ends`, the pipe is going: what arrived can still be read, nothing be written.
    Disconnected { pipe: PipeId, ends: bool },
    /// Something has arrived where there was nothing.
    Readable(PipeId),
    /// A full pipe has room.
    Writable(PipeId),
    /// What senders have in their hands is to be written.
    Wanted,
    /// The pipe is gone, with what it held.
    Gone(PipeId),
    /// An endpoint that the socket has connected to is in another state.
    EndpointChanged,
}

/// A connection within the process that asks to be joined; it hears the answer under the lock of the socket that it asks.
pub(crate) trait Candidate: fmt::Debug + Send {
    /// There is a seat for it. What happens now, before anything else does, to the socket that was asked: nothing if either
    /// end has let go, or if the other end is to be asked as well.
    fn admitted(self: Box<Self>) -> Vec<PipeEvent>;

    /// There is none, for now: both ends are told, and it asks again when there is.
    fn refused(self: Box<Self>, cause: LinkError);

    /// Nobody can answer any more: it waits as if its name were not bound.
    fn later(self: Box<Self>);
}

/// The socket, as the I/O thread sees it. None of these calls blocks.
pub(crate) trait SocketSide: fmt::Debug + Send + Sync {
    /// An id for a new pipe.
    fn next_pipe_id(&self) -> PipeId;

    /// Tells what happened.
    fn happened(&self, event: PipeEvent);

    /// Applies what was told and lies unread, unless somebody is about to.
    fn read_mail(&self);

    /// The state of lending, read by the I/O thread.
    fn lending(&self) -> &Lending;

    /// Whether it has been told so much that it does not know yet that no more peers are to be let in.
    fn is_behind(&self) -> bool {
        false
    }

    /// Gives all lent readers back unless the socket is in use right now; false if it is.
    fn return_readers(&self) -> bool;
}

/// The flags by which a socket that reads its links itself and the I/O thread that watches over it find out about
/// each other. All accesses are sequentially consistent: a leaver clears `waiting`, then reads `watch`; the I/O
/// thread clears `watch`, then reads `waiting`; so at least one of them sees the other.
#[derive(Debug, Default)]
pub(crate) struct Lending {
    /// A leader waits for its links.
    waiting: AtomicBool,
    /// The I/O thread ticks and will look again by itself.
    watch: AtomicBool,
    /// Grows with each message that is received.
    uses: AtomicU32,
    /// At this many uses the receiver checks the idle peers. The I/O thread may bring that forward.
    check_at: AtomicU32,
}

impl Lending {
    /// A leader begins to wait.
    pub(crate) fn wait_begins(&self) {
        self.waiting.store(true, Ordering::SeqCst);
    }

    /// A leader stops waiting; true if the I/O thread must be told, because it has stopped to look by itself.
    #[must_use]
    pub(crate) fn wait_ends(&self) -> bool {
        self.waiting.store(false, Ordering::SeqCst);
        !self.watch.swap(true, Ordering::SeqCst)
    }

    /// A message was received; true if the idle peers are to be checked.
    #[inline]
    #[must_use]
    pub(crate) fn used(&self) -> bool {
        let uses = self.uses.load(Ordering::Relaxed).wrapping_add(1);
        self.uses.store(uses, Ordering::Relaxed);
        let past_due = uses.wrapping_sub(self.check_at.load(Ordering::Relaxed));
        past_due < u32::MAX / 2
    }

    /// After this many more messages, the idle peers are to be checked.
    pub(crate) fn check_after(&self, messages: u32) {
        let uses = self.uses.load(Ordering::Relaxed);
        self.check_at
            .store(uses.wrapping_add(messages), Ordering::Relaxed);
    }

    /// How often lent links have been used.
    pub(crate) fn uses(&self) -> u32 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Whether a leader waits at this moment.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::SeqCst)
    }

    /// The I/O thread looks again by itself, so that nobody need tell it.
    pub(crate) fn watched(&self) {
        self.watch.store(true, Ordering::SeqCst);
    }

    /// The I/O thread would rather not tick any more: true if it must, since nobody waits on the lent links.
    pub(crate) fn must_tick(&self) -> bool {
        self.watch.store(false, Ordering::SeqCst);
        !self.waiting.load(Ordering::SeqCst) && {
            self.watch.store(true, Ordering::SeqCst);
            true
        }
    }
}

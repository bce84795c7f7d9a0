//! The words that pass between a socket and the I/O thread that serves it.
//!
//! Owns: the requests to the thread (`Duty`) and the events to the socket (`PipeEvent`).
//! Always true: events are applied in the order in which they were told.
//! Must not know: how either travels, and what is done about it.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::{InprocEnd, JoinRequest, Lane, Pipe, Wire};
use crate::error::LinkError;
use crate::peer::PeerInfo;

/// A request of a connection to its I/O thread.
#[derive(Debug)]
pub(crate) enum Duty {
    /// Bytes wait to be written.
    Flush,
    /// A pipe that was full has room: tell its socket.
    Room,
    /// The socket reads again: listen for input.
    Resume,
    /// A sender's write has failed. Messages that the peer has sent may still be read.
    OutputLost(LinkError),
    /// The connection failed while a leader read it.
    Failed(LinkError),
    /// A leader has read a PING with this TTL, in tenths of a second, and has queued the PONG. A PING without a TTL
    /// needs no duty.
    Ping(u16),
    /// A leader has read a PONG.
    Pong,
    /// A leader has read an ERROR: why the peer is about to close the connection.
    Told(String),
    /// The reader has been lent: watch over it.
    Lent,
    /// The reader came back and may hold messages.
    Returned,
    /// A request on the connection was given up, and its answer must not arrive any more: end the connection, and if we
    /// made it, connect anew at once.
    Replace,
    /// The socket refuses this peer.
    Close(LinkError),
    /// The answer to [`PipeEvent::Applies`].
    Answered(Result<(), LinkError>),
    /// The routing id of this peer was given to a new peer: send nothing more, and read what the peer has sent.
    HandOver,
}

/// How a peer has ended its connection.
#[derive(Debug)]
pub(crate) struct CutOff {
    pub(crate) cause: LinkError,
    /// How many such ends show that the peers do not take a message; `None` if none do.
    pub(crate) most: Option<usize>,
    /// A message that had not left whole was lost with the connection, and is counted.
    pub(crate) is_counted: bool,
}

/// An event of a pipe; its socket gets the events in order.
#[derive(Debug)]
pub(crate) enum PipeEvent {
    /// A pipe has come into being. Its messages may be queued from now on.
    Attached(Arc<Pipe>),
    /// A pipe within the process has come into being, likewise; with the peer, if messages of it may be in it already.
    AttachedInproc(InprocEnd, Option<Arc<PeerInfo>>),
    /// The other side of a pipe within the process has come; it writes to `incoming`, unless that is known already.
    Joined {
        pipe: PipeId,
        incoming: Option<Arc<Lane>>,
        peer: Arc<PeerInfo>,
    },
    /// A peer applies for a seat: its handshake is done but for our READY, or, if we connect, has not begun. The answer
    /// is a [`Duty`]. If the peer is admitted, the `pipe` is attached, unless it was already.
    Applies {
        pipe: Arc<Pipe>,
        wire: Arc<dyn Wire>,
        /// `None` where we connect.
        peer: Option<Arc<PeerInfo>>,
    },
    /// A peer within the process applies for a seat. The request gets the answer. If we connect, `pipe` exists already;
    /// otherwise the request makes it.
    AppliesWithin {
        pipe: Option<PipeId>,
        peer: Arc<PeerInfo>,
        join_request: Box<dyn JoinRequest>,
    },
    /// The socket with this `token`, to which the session of `pipe` has connected, refuses us.
    LeadsTo { pipe: PipeId, token: u64 },
    /// A connection is ready for traffic.
    Connected {
        pipe: PipeId,
        wire: Arc<dyn Wire>,
        peer: Arc<PeerInfo>,
    },
    /// The peer has ended the connection of this pipe; `Disconnected` follows at once. Only for a socket type whose rules
    /// decide when a message is given up.
    CutOff(PipeId, Box<CutOff>),
    /// The connection is lost. If the pipe `ends` with it, what arrived can still be read, and nothing can be written.
    Disconnected { pipe: PipeId, ends: bool },
    /// Messages have arrived in a pipe that had none.
    Readable(PipeId),
    /// A full pipe has room.
    Writable(PipeId),
    /// The I/O thread asks for the drafts of senders, to write them.
    Wanted,
    /// The pattern goes on with what it has left over, since the budget of a hold was spent.
    WorkLeft,
    /// The pipe is gone, and with it what it held.
    Gone(PipeId),
    /// The state of an endpoint that the socket has connected to has changed.
    EndpointChanged,
}

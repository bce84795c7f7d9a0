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
    /// A pipe that was full has room; its socket wants to know.
    Room,
    /// The socket reads again: listen for input.
    Resume,
    /// A sender's write has failed. What the peer has sent may still be read.
    OutputLost(LinkError),
    /// The connection failed in the hands of a leader.
    Failed(LinkError),
    /// A leader met a PING, and has queued the PONG. The time to live in the PING, in tenths of a second; a PING without
    /// one is not told of.
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

/// An event of a pipe; its socket gets the events in order.
#[derive(Debug)]
pub(crate) enum PipeEvent {
    /// A pipe has come into being. Its messages may be queued from now on.
    Attached(Arc<Pipe>),
    /// A pipe within the process has come into being, likewise; with the peer, if messages of it may be there already.
    AttachedInproc(InprocEnd, Option<Arc<PeerInfo>>),
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
    /// The same within the process: the request gets the answer, and makes the pipe; or, if we connect, has it
    /// already: `pipe`.
    AppliesWithin {
        pipe: Option<PipeId>,
        peer: Arc<PeerInfo>,
        join_request: Box<dyn JoinRequest>,
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
    /// The drafts of senders are to be written.
    Wanted,
    /// The pipe is gone, with what it held.
    Gone(PipeId),
    /// An endpoint that the socket has connected to is in another state.
    EndpointChanged,
}

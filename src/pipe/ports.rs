//! The two ports through which the I/O threads and the sockets meet.
//!
//! Owns: what a pipe may ask of a connection (`Wire`), and what an I/O thread may ask of a socket (`SocketSide`).
//! Always true: no call waits for a peer. Both sides name these traits and never each other.
//! Must not know: the types that implement them.

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use highwater_patterns::{ConnectionRead, PipeId};

use super::{Duty, Lending, PipeEvent, Reader};
use crate::error::LinkError;
use crate::origin::Here;

/// One live connection, as a pipe sees it.
pub(crate) trait Wire: fmt::Debug + Send + Sync {
    /// Writes without blocking.
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Reads without blocking into the spare capacity of `buffer`, at most `most` bytes.
    fn read(&self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize>;

    /// Reads without blocking into `first`, and into `then` once `first` is full; gives the bytes of both together.
    fn read_over(&self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize>;

    /// The descriptor on which a leader waits, or a sender without room.
    fn as_fd(&self) -> BorrowedFd<'_>;

    /// Whether the I/O thread should hear that the kernel takes bytes again.
    fn want_output(&self, wanted: bool);

    /// Takes the reader away from the I/O thread, which stops listening for input; `None` if it is away already or
    /// the connection is ending. Waits for a read in progress.
    fn borrow_reader(&self) -> Option<Reader>;

    /// Gives the reader back to the I/O thread, which goes on with what the reader holds. `Some` if the connection has
    /// ended meanwhile: then the reader stays with the caller.
    fn return_reader(&self, reader: Reader) -> Option<Reader>;

    /// Whether the I/O thread, if it has the reader, has something to read. The end of the stream counts as bytes. Waits for a
    /// read in progress.
    fn look(&self) -> ConnectionRead;

    /// Asks the I/O thread of the connection to do this.
    fn duty(&self, duty: Duty);
}

/// The socket, as the I/O thread sees it. None of these calls blocks.
pub(crate) trait SocketSide: fmt::Debug + Send + Sync {
    /// An id for a new pipe.
    fn next_pipe_id(&self) -> PipeId;

    /// Tells the socket of an event.
    fn happened(&self, event: PipeEvent);

    /// As [`happened`](Self::happened), in a call that knows that this is the process of the socket.
    fn happened_here(&self, event: PipeEvent, _: Here) {
        self.happened(event);
    }

    /// Applies the mail of the socket, unless another thread is about to.
    fn read_mail(&self);

    /// The state of lending, read by the I/O thread.
    fn lending(&self) -> &Lending;

    /// Whether so many events wait unapplied that no further peers are to be let in.
    fn is_behind(&self) -> bool {
        false
    }

    /// Gives all lent readers back unless the socket is in use right now; false if it is.
    fn return_readers(&self) -> bool;
}

/// A connection within the process that asks to be joined; it hears the answer under the lock of the socket that it asks.
pub(crate) trait JoinRequest: fmt::Debug + Send {
    /// There is a seat for it. Gives the events that the asked socket is to apply next: none if either end has let go,
    /// or if the other end is still to be asked.
    fn admitted(self: Box<Self>) -> Vec<PipeEvent>;

    /// There is no seat for now: both ends are told, and it asks again when a seat is free.
    fn refused(self: Box<Self>, cause: LinkError);

    /// The asked socket has closed and cannot answer: the request waits as if its name were not bound.
    fn later(self: Box<Self>);
}

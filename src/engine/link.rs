//! One live connection, reachable from every thread.
//!
//! Owns: the stream with its registration, what the poller listens for, and the reader while it is not lent.
//! Always true: input is listened for only while the reader is here and nobody has paused it.
//! Must not know: what the bytes say.
//!
//! ```text
//!              borrow_reader                         return_reader
//!   Reader Here ------------> Lent (socket reads) ------------> Here, and a duty to look at once
//!        \______________________________ ending ______________________________> Gone
//! ```

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use polling::{Event, PollMode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Key;
use super::hearing::{Hearing, Silence};
use super::inbox::Shared;
use super::pending_heartbeats::PendingHeartbeats;
use super::registration::Registered;
use super::request::Request;
use crate::pipe::{Duty, Reader, Wire};
use crate::stats::Telemetry;
use crate::sync::{Mutex, MutexGuard};
use crate::transport::Stream;

/// One live connection.
#[derive(Debug)]
pub(super) struct Link {
    key: Key,
    stream: Registered<Stream>,
    interest: Mutex<PollInterest>,
    reader: Mutex<ReaderPlace>,
    hearing: Hearing,
    heartbeats: PendingHeartbeats,
    telemetry: Arc<Telemetry>,
    thread: Arc<Shared>,
}

/// The events that the poller reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PollInterest {
    input: bool,
    output: bool,
    /// The reader is away.
    lent: bool,
}

/// Where the reader is.
#[derive(Debug)]
pub(super) enum ReaderPlace {
    /// The I/O thread reads.
    Here(Reader),
    /// The socket reads.
    Lent,
    /// The connection is ending; nobody reads.
    Gone,
}

impl Link {
    /// Registers `stream`; `output` says that a connection is under way, whose end the poller tells.
    pub(super) fn new(
        thread: &Arc<Shared>,
        key: Key,
        stream: Stream,
        reader: Reader,
        telemetry: Arc<Telemetry>,
        output: bool,
    ) -> io::Result<Self> {
        let interest = PollInterest {
            input: !output,
            output,
            lent: false,
        };
        Ok(Self {
            key,
            stream: Registered::new(
                Arc::clone(&thread.poller),
                stream,
                interest.event(key),
                thread.origin,
            )?,
            interest: Mutex::new(interest),
            reader: Mutex::new(ReaderPlace::Here(reader)),
            hearing: Hearing::default(),
            heartbeats: PendingHeartbeats::default(),
            telemetry,
            thread: Arc::clone(thread),
        })
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The place of the reader; the lock keeps it there.
    pub(super) fn reader(&self) -> MutexGuard<'_, ReaderPlace> {
        self.reader.lock()
    }

    /// Whether the socket reads.
    pub(super) fn is_lent(&self) -> bool {
        matches!(*self.reader.lock(), ReaderPlace::Lent)
    }

    /// Nobody is to decode what comes any more; false while the socket does, who is to give the reader back.
    pub(super) fn end_reading(&self) -> bool {
        let mut slot = self.reader.lock();
        let is_here = !matches!(*slot, ReaderPlace::Lent);
        if is_here {
            *slot = ReaderPlace::Gone;
        }
        is_here
    }

    /// Whether the I/O thread hears of input.
    pub(super) fn listens(&self) -> bool {
        self.interest.lock().input
    }

    /// Whether the I/O thread should hear of input.
    pub(super) fn want_input(&self, wanted: bool) {
        self.change(|interest| interest.input = wanted && !interest.lent);
    }

    /// The stream is connected: from now on input matters, and no longer the end of connecting.
    pub(super) fn is_connected(&self) {
        self.change(|interest| {
            interest.input = !interest.lent;
            interest.output = false;
        });
    }

    /// An event was delivered: listens again for what is still wanted.
    pub(super) fn rearm(&self) {
        let interest = self.interest.lock();
        if interest.output && !interest.input {
            self.apply(*interest);
        }
    }

    /// The heartbeats that the socket has met since the last call: the time to live of the last PING, and whether there was
    /// a PONG.
    pub(super) fn take_heartbeats(&self) -> (Option<u16>, bool) {
        self.heartbeats.take()
    }

    /// Ends the connection: no more events, and the peer is told. The descriptor closes with the last user.
    pub(super) fn end(&self) {
        *self.reader.lock() = ReaderPlace::Gone;
        self.change(|interest| {
            *interest = PollInterest {
                input: false,
                output: false,
                lent: true,
            };
        });
        // A peer that is gone already makes this fail; there is nobody left to tell.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Whether the peer can be blamed for silence since the last call; not if nobody reads what it says.
    pub(super) fn silence(&self, is_unread: impl FnOnce() -> bool) -> Silence {
        self.hearing.silence(|| false, is_unread)
    }

    /// Likewise, and what the kernel holds is no silence either: we may have been the ones who did nothing.
    pub(super) fn long_silence(&self, is_unread: impl FnOnce() -> bool) -> Silence {
        self.hearing.silence(|| self.has_input(), is_unread)
    }

    /// A silence begins now: what was heard up to here does not break it.
    pub(super) fn silence_begins(&self) {
        self.hearing.silence(|| false, || false);
    }

    /// Whether the kernel holds something that nobody has read yet, be it an end or a failure.
    fn has_input(&self) -> bool {
        let mut descriptors = [PollFd::from_borrowed_fd(self.as_fd(), PollFlags::IN)];
        poll(&mut descriptors, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    fn heard(&self, read: usize) {
        self.hearing.heard();
        self.telemetry.bytes_received.add(read);
    }

    fn change(&self, change: impl FnOnce(&mut PollInterest)) {
        let mut interest = self.interest.lock();
        let before = *interest;
        change(&mut interest);
        if *interest != before {
            self.apply(*interest);
        }
    }

    fn apply(&self, interest: PollInterest) {
        // A hang-up is reported whether wanted or not. Where nobody reads, for now, it must not be so for ever.
        let mode = if interest.input {
            PollMode::Level
        } else {
            PollMode::Oneshot
        };
        if let Err(error) = self.stream.modify(interest.event(self.key), mode) {
            self.duty(Duty::Failed(error.into()));
        }
    }
}

impl PollInterest {
    fn event(self, key: Key) -> Event {
        Event::new(key, self.input, self.output)
    }
}

impl Wire for Link {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [only] => self.stream.write(only),
            several => self.stream.write_vectored(several),
        }
    }

    fn read(&self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let read = self.stream.read_into_spare(buffer, most)?;
        self.heard(read);
        Ok(read)
    }

    fn read_over(&self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        let mut pieces = [IoSliceMut::new(first), IoSliceMut::new(then)];
        let read = self.stream.read_vectored(&mut pieces)?;
        self.heard(read);
        Ok(read)
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    fn want_output(&self, wanted: bool) {
        self.change(|interest| interest.output = wanted);
    }

    fn borrow_reader(&self) -> Option<Reader> {
        let mut slot = self.reader.lock();
        match std::mem::replace(&mut *slot, ReaderPlace::Lent) {
            ReaderPlace::Here(reader) => {
                self.change(|interest| {
                    interest.input = false;
                    interest.lent = true;
                });
                drop(slot);
                self.duty(Duty::Lent);
                Some(reader)
            }
            other => {
                *slot = other;
                None
            }
        }
    }

    fn return_reader(&self, reader: Reader) -> Option<Reader> {
        let mut slot = self.reader.lock();
        if !matches!(*slot, ReaderPlace::Lent) {
            return Some(reader);
        }
        *slot = ReaderPlace::Here(reader);
        self.change(|interest| {
            interest.input = true;
            interest.lent = false;
        });
        drop(slot);
        self.duty(Duty::Returned);
        None
    }

    fn duty(&self, duty: Duty) {
        let is_known = match duty {
            Duty::Ping(ttl) => !self.heartbeats.ping(ttl),
            Duty::Pong => !self.heartbeats.pong(),
            _ => false,
        };
        if is_known {
            return;
        }
        self.thread.send(Request::Duty(self.key, duty));
    }
}

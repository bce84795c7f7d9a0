//! One live connection, reachable from every thread.
//!
//! Owns: the stream with its registration, what the poller listens for, and the reader while it is not lent.
//! Always true: the poller listens for input only while the reader is here and reading is not paused.
//! Must not know: the meaning of the bytes.
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

use highwater_patterns::ConnectionRead;
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
    /// The reader is lent or gone.
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
    /// Registers `stream`; with `output` the poller tells when the stream is connected.
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

    /// The place of the reader, locked, so that the reader stays there.
    pub(super) fn reader(&self) -> MutexGuard<'_, ReaderPlace> {
        self.reader.lock()
    }

    /// Whether the socket reads.
    pub(super) fn is_lent(&self) -> bool {
        matches!(*self.reader.lock(), ReaderPlace::Lent)
    }

    /// Input is not decoded any more. False while the reader is lent: then the socket has to give it back first.
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

    /// The stream is connected: the poller listens for input from now on, and no longer for the connection.
    pub(super) fn is_connected(&self) {
        self.change(|interest| {
            interest.input = !interest.lent;
            interest.output = false;
        });
    }

    /// The poller has reported an event: has it listen again for the events that are still wanted.
    pub(super) fn rearm(&self) {
        let interest = self.interest.lock();
        if interest.output && !interest.input {
            self.apply(*interest);
        }
    }

    /// The heartbeats that the socket has read since the last call: the TTL of the last PING, and whether there was a
    /// PONG.
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
        // This fails if the peer is gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Whether the peer was silent since the last call; see [`Hearing::silence`].
    pub(super) fn silence(&self, is_unread: impl FnOnce() -> bool) -> Silence {
        self.hearing.silence(|| false, is_unread)
    }

    /// Likewise; unread bytes in the kernel are no silence of the peer either, since this thread may have been held up.
    pub(super) fn long_silence(&self, is_unread: impl FnOnce() -> bool) -> Silence {
        self.hearing.silence(|| self.has_input(), is_unread)
    }

    /// A silence begins now: reads up to here do not end it.
    pub(super) fn silence_begins(&self) {
        self.hearing.silence(|| false, || false);
    }

    /// Whether the kernel holds unread bytes, the end of the stream, or an error.
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
        // The poller reports a hang-up even if no event is wanted. While reading is paused, it must not do so again and
        // again.
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

    fn look(&self) -> ConnectionRead {
        match &*self.reader.lock() {
            ReaderPlace::Here(_) if self.has_input() => ConnectionRead::Bytes,
            ReaderPlace::Here(reader) if reader.is_between_messages() => ConnectionRead::Nothing,
            ReaderPlace::Here(_) => ConnectionRead::Part,
            ReaderPlace::Lent => ConnectionRead::Nothing,
            ReaderPlace::Gone => ConnectionRead::Ended,
        }
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

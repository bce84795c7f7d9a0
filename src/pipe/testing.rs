//! A wire in memory and a socket that only listens, for the tests of pipes.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

use highwater_patterns::{ConnectionRead, Message, PipeId};

use super::{Draft, Duty, Lending, Outgoing, PipeEvent, Reader, SocketSide, Wire, WriteEffects};
use crate::policy::WritePolicy;
use crate::sync::Mutex;

/// Sends one message, and leaves nothing in the sender's hands.
pub(crate) fn push(pipe: &Outgoing, message: &Message, policy: &mut WritePolicy) -> bool {
    !push_with_effects(pipe, message, policy).contains(WriteEffects::REFUSED)
}

/// As above; gives the effects of the write.
pub(crate) fn push_with_effects(
    pipe: &Outgoing,
    message: &Message,
    policy: &mut WritePolicy,
) -> WriteEffects {
    let mut draft = Draft::default();
    let effects = draft.push(message, pipe, policy);
    assert_eq!(draft.end(pipe), 0);
    effects
}

/// Numbered messages as they stand on the wire.
pub(crate) fn framed(from: usize, to: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in from..to {
        crate::zmtp::encode_message(&Message::from(n.to_string()), &mut bytes);
    }
    bytes
}

/// Takes at most so many bytes with each write, and remembers what it was asked to do.
#[derive(Debug)]
pub(crate) struct MemoryWire {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken_at_once: usize,
    /// Bytes it still takes before it would block.
    room: usize,
    written: Vec<u8>,
    input: Vec<u8>,
    duties: Vec<Duty>,
    wants_output: bool,
    reader: Option<Reader>,
    failing: bool,
    ended: bool,
}

impl MemoryWire {
    /// A wire that takes everything, `step` bytes at a time.
    pub(crate) fn taking(step: usize) -> Self {
        Self {
            state: Mutex::new(State {
                taken_at_once: step,
                room: usize::MAX,
                ..State::default()
            }),
        }
    }

    /// From now on takes `bytes` more, then would block.
    pub(crate) fn set_room(&self, bytes: usize) {
        self.state.lock().room = bytes;
    }

    /// From now on every write fails.
    pub(crate) fn fail(&self) {
        self.state.lock().failing = true;
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        self.state.lock().written.clone()
    }

    /// Puts bytes where `read` finds them.
    pub(crate) fn feed(&self, bytes: &[u8]) {
        self.state.lock().input.extend_from_slice(bytes);
    }

    /// Behind what was fed, the stream ends.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
    }

    /// Puts a reader where `borrow_reader` finds it.
    pub(crate) fn place_reader(&self, reader: Reader) {
        self.state.lock().reader = Some(reader);
    }

    pub(crate) fn wants_output(&self) -> bool {
        self.state.lock().wants_output
    }

    /// The duties of the I/O thread since the last call.
    pub(crate) fn take_duties(&self) -> Vec<Duty> {
        std::mem::take(&mut self.state.lock().duties)
    }
}

impl Wire for MemoryWire {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if state.failing {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let most = state.taken_at_once.min(state.room);
        if most == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = state.written.len();
        for slice in slices {
            let left = most - (state.written.len() - before);
            state
                .written
                .extend_from_slice(&slice[..slice.len().min(left)]);
        }
        let taken = state.written.len() - before;
        state.room -= taken;
        Ok(taken)
    }

    fn read(&self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let mut state = self.state.lock();
        if state.ended && state.input.is_empty() {
            return Ok(0);
        }
        let count = state
            .input
            .len()
            .min(most)
            .min(buffer.capacity() - buffer.len());
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer.extend(state.input.drain(..count));
        Ok(count)
    }

    fn read_over(&self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if state.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = state.input.len().min(first.len() + then.len());
        let places = first.iter_mut().chain(then);
        for (place, byte) in places.zip(state.input.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        unreachable!("nobody waits on memory")
    }

    fn want_output(&self, wanted: bool) {
        self.state.lock().wants_output = wanted;
    }

    fn borrow_reader(&self) -> Option<Reader> {
        self.state.lock().reader.take()
    }

    fn return_reader(&self, reader: Reader) -> Option<Reader> {
        if self.state.lock().ended {
            return Some(reader);
        }
        self.place_reader(reader);
        self.duty(Duty::Returned);
        None
    }

    fn look(&self) -> ConnectionRead {
        let state = self.state.lock();
        match &state.reader {
            Some(_) if state.ended || !state.input.is_empty() => ConnectionRead::Bytes,
            Some(reader) if !reader.is_between_messages() => ConnectionRead::Part,
            _ => ConnectionRead::Nothing,
        }
    }

    fn duty(&self, duty: Duty) {
        self.state.lock().duties.push(duty);
    }
}

/// A socket that remembers what it is told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) events: Mutex<Vec<PipeEvent>>,
    lending: Lending,
}

impl SocketSide for Told {
    fn next_pipe_id(&self) -> PipeId {
        PipeId(9)
    }

    fn happened(&self, event: PipeEvent) {
        self.events.lock().push(event);
    }

    fn read_mail(&self) {}

    fn lending(&self) -> &Lending {
        &self.lending
    }

    fn return_readers(&self) -> bool {
        true
    }
}

//! The way in of a pipe: what the I/O thread has read and the socket has not.
//!
//! Owns: the queue of undecoded chunks and large messages, its count, and whether the socket wants to be told.
//! Always true: at the high-water mark the connection is not read any more (`paused`); a call that takes the queue
//! below half of the mark says that the I/O thread must be told to resume. `hungry` is set only while the queue is
//! empty. Nothing of a connection is in the queue before the socket has left the connection before it.
//! Must not know: what is in a chunk.
//! Source: the high-water mark as libzmq's ZMQ_RCVHWM, except that one read is taken whole (see `policy::read_size`).

use std::collections::VecDeque;

use highwater_patterns::Received;

use super::HighWater;
use crate::origin::Origin;
use crate::sync::Mutex;
use crate::zmtp;

/// The incoming half of a pipe.
#[derive(Debug)]
pub(crate) struct Incoming {
    state: Mutex<State>,
    origin: Origin,
    takes_subscriptions: bool,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Delivery>,
    messages: usize,
    bytes: usize,
    /// How many of `bytes` are commands.
    commands: usize,
    limit: HighWater,
    /// The I/O thread has stopped reading, since the queue is at its high-water mark.
    paused: bool,
    /// A connection has begun, and the socket does not know it yet.
    unknown: bool,
    /// The socket found the queue empty and is to be told of the next delivery.
    hungry: bool,
    /// The buffer of a chunk that was decoded, for the next chunk.
    spare: Option<Vec<u8>>,
    closed: bool,
    /// Only the latest message is kept: a delivery replaces what is in the queue, and no mark applies.
    conflates: bool,
    /// How many messages were replaced by later ones.
    replaced: u64,
}

/// The input that the I/O thread delivers in one call.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Whole messages, undecoded, and the commands between them: all bytes, the number of messages, and how many of the
    /// bytes are commands.
    Chunk {
        bytes: Vec<u8>,
        messages: usize,
        commands: usize,
    },
    /// An item that the I/O thread has decoded: a message with a large body, which was read straight into its buffer,
    /// or a subscription beside such a message.
    One(Received),
}

impl Delivery {
    fn messages(&self) -> usize {
        match self {
            Self::Chunk { messages, .. } => *messages,
            Self::One(received) => usize::from(matches!(received, Received::Message(_))),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Chunk { bytes, .. } => bytes.len(),
            Self::One(Received::Message(message)) => {
                message.size() + zmtp::cost_of_frames(message.frame_count())
            }
            Self::One(_) => self.commands(),
        }
    }

    fn commands(&self) -> usize {
        match self {
            Self::Chunk { commands, .. } => *commands,
            Self::One(Received::Subscribe(topic) | Received::Cancel(topic)) => {
                topic.len() + COMMAND_OVERHEAD
            }
            Self::One(_) => 0,
        }
    }
}

/// The I/O thread's next step after a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// The socket waits for news of this pipe.
    pub(crate) tell: bool,
    /// Read no more until the socket resumes.
    pub(crate) pause: bool,
}

/// How many bytes of commands may wait for the socket, for each peer; a connection with more is left unread. SUBSCRIBE
/// and CANCEL need this bound, since the high-water mark counts messages only.
const MOST_COMMANDS: usize = 1 << 20;

/// The memory of a decoded command beyond its topic.
const COMMAND_OVERHEAD: usize = 64;

impl Incoming {
    pub(crate) fn new(limit: HighWater) -> Self {
        Self {
            origin: Origin::here(),
            takes_subscriptions: false,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                messages: 0,
                bytes: 0,
                commands: 0,
                limit,
                paused: false,
                unknown: false,
                hungry: true,
                spare: None,
                closed: false,
                conflates: false,
                replaced: 0,
            }),
        }
    }

    /// The same queue, which from now on keeps only the latest message if `conflates`.
    pub(crate) fn conflating(self, conflates: bool) -> Self {
        self.state.lock().conflates = conflates;
        self
    }

    /// Whether only the newest message is kept; see the `conflate` option.
    pub(super) fn conflates(&self) -> bool {
        self.state.lock().conflates
    }

    /// How many messages were replaced by later ones, those included that still lie in a chunk before a later one.
    pub(crate) fn replaced(&self) -> u64 {
        let state = self.state.lock();
        state.replaced + state.stale() as u64
    }

    /// Whether the socket uses SUBSCRIBE and CANCEL. If not, the I/O thread drops those that come without a message.
    pub(crate) fn with_subscriptions(self, takes_subscriptions: bool) -> Self {
        Self {
            takes_subscriptions,
            ..self
        }
    }

    /// Whether the socket uses SUBSCRIBE and CANCEL.
    pub(crate) fn takes_subscriptions(&self) -> bool {
        self.takes_subscriptions
    }

    /// A connection begins. It is not read before the socket [knows](Self::connection_known) of it: until then the
    /// socket may hold the reader of the connection before, whose messages come first.
    pub(crate) fn connection_begins(&self) {
        let mut state = self.state.lock();
        state.unknown = !state.closed;
    }

    /// The socket knows of the connection: the I/O thread is to be told to resume.
    pub(crate) fn connection_known(&self) {
        self.state.lock().unknown = false;
    }

    /// The process in which the pipe was made.
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// Hands `delivery` to the socket.
    pub(crate) fn deliver(&self, delivery: Delivery) -> Delivered {
        let mut state = self.state.lock();
        if !state.closed {
            if state.conflates && delivery.messages() > 0 {
                state.make_way();
            }
            state.messages += delivery.messages();
            state.bytes += delivery.bytes();
            state.commands += delivery.commands();
            state.queue.push_back(delivery);
        }
        state.paused = state.is_full();
        Delivered {
            tell: std::mem::take(&mut state.hungry),
            pause: state.paused,
        }
    }

    /// Takes the next delivery, and gives back the buffer of the last one. True beside it if the I/O thread must be
    /// told to resume. If there is no delivery, the socket will be told of the next.
    pub(crate) fn take(&self, spent: Option<Vec<u8>>) -> (Option<Delivery>, bool) {
        let Some(mut state) = self.state.lock_here(|| self.origin.is_here()) else {
            // A forked child gets nothing.
            return (None, false);
        };
        if let Some(mut buffer) = spent {
            buffer.clear();
            state.spare = Some(buffer);
        }
        let Some(delivery) = state.queue.pop_front() else {
            state.hungry = true;
            return (None, false);
        };
        state.messages -= delivery.messages();
        state.bytes -= delivery.bytes();
        state.commands -= delivery.commands();
        let resume = state.paused && state.is_low();
        state.paused &= !resume;
        (Some(delivery), resume)
    }

    /// A buffer that the socket has finished with.
    pub(crate) fn spare(&self) -> Option<Vec<u8>> {
        self.state.lock().spare.take()
    }

    /// How many messages wait for the socket.
    pub(crate) fn queued(&self) -> usize {
        let state = self.state.lock();
        state.messages - state.stale()
    }

    /// Whether the socket has taken everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().queue.is_empty()
    }

    /// Whether the connection is not to be read.
    pub(crate) fn is_paused(&self) -> bool {
        let state = self.state.lock();
        state.paused || state.unknown
    }

    /// Bytes that wait here.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// The socket will not read any more; gives the number of messages that are left unread.
    pub(crate) fn close(&self) -> usize {
        let mut state = self.state.lock();
        state.closed = true;
        state.unknown = false;
        // Further input is dropped, and the I/O thread must read on to see the end of the connection.
        state.paused = false;
        let stale = state.stale();
        state.replaced += stale as u64;
        state.queue.clear();
        state.bytes = 0;
        state.commands = 0;
        std::mem::take(&mut state.messages) - stale
    }

    /// Drops what the socket has not taken. Gives the number of messages, and whether the I/O thread must be told to
    /// resume. The socket will be told of the next delivery.
    pub(crate) fn forget(&self) -> (usize, bool) {
        let mut state = self.state.lock();
        let stale = state.stale();
        state.replaced += stale as u64;
        state.queue.clear();
        state.bytes = 0;
        state.commands = 0;
        state.hungry = true;
        let resume = std::mem::take(&mut state.paused);
        (std::mem::take(&mut state.messages) - stale, resume)
    }

    /// Changes the high-water mark, at once; true if the I/O thread must be told to resume.
    pub(crate) fn set_limit(&self, limit: HighWater) -> bool {
        let mut state = self.state.lock();
        state.limit = limit;
        let resume = state.paused && !state.is_full();
        state.paused &= !resume;
        resume
    }
}

impl State {
    /// How many messages in the queue are not the latest, if only the latest is kept.
    fn stale(&self) -> usize {
        if self.conflates {
            self.messages.saturating_sub(1)
        } else {
            0
        }
    }

    /// If only the latest message is kept, drops what is in the queue, since a later message has come.
    fn make_way(&mut self) {
        self.replaced += self.messages as u64;
        self.messages = 0;
        self.bytes = 0;
        self.commands = 0;
        for delivery in self.queue.drain(..) {
            if let Delivery::Chunk { mut bytes, .. } = delivery {
                bytes.clear();
                self.spare = Some(bytes);
            }
        }
    }

    fn is_full(&self) -> bool {
        !self.conflates && self.is_at_mark()
    }

    fn is_at_mark(&self) -> bool {
        self.limit
            .messages
            .is_some_and(|most| self.messages >= most)
            || self.limit.bytes.is_some_and(|most| self.bytes >= most)
            || self.commands >= MOST_COMMANDS
    }

    fn is_low(&self) -> bool {
        self.limit.is_far_above(self.messages, self.bytes) && self.commands <= MOST_COMMANDS / 2
    }
}

#[cfg(test)]
mod tests;

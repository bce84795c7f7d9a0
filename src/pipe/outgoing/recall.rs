//! Messages that are not to be sent any more, or not to the peer of the next connection.
//!
//! Owns: the fate of waiting messages at the end of a connection, and the recall of the last message.
//! Always true: no byte of a message that was taken back has left. A message whose fate is to end with its connection
//! goes out on no other. If waiting messages are meant for one peer, nothing is written on a connection before the
//! socket has seen that it leads to that peer.
//! Must not know: why a message is given up.

use std::sync::Arc;

use highwater_patterns::{Fate, Recall, Recalled};

use super::state::{Line, Writer};
use super::{Outgoing, State};
use crate::pipe::{Duty, Wire};

impl Outgoing {
    /// Sets the fate of waiting messages, of a pipe that is still empty.
    pub(crate) fn with_fate(self, fate: Fate) -> Self {
        self.lock().fate = fate;
        self
    }

    /// The next connection leads to another peer than the last. If the socket has let go of the pipe, the messages for
    /// the former peer are dropped: gives their number.
    pub(crate) fn has_another_peer(&self) -> usize {
        let mut state = self.lock();
        state.another_peer = true;
        state.drop_misdirected()
    }

    /// The socket has seen to which peer `wire` leads, and has taken out the messages for others: the rest is written
    /// to it.
    pub(crate) fn open(&self, wire: &Arc<dyn Wire>) {
        let mut state = self.lock();
        if matches!(&state.line, Line::Coming(coming) if Arc::ptr_eq(coming, wire)) {
            state.begin_on(Arc::clone(wire));
        }
    }

    /// The socket lets go of the pipe: waiting messages still go out on a connection to the same peer. Gives the number
    /// of those that do not, since the connection leads to another peer.
    pub(crate) fn let_go(&self) -> usize {
        let mut state = self.lock();
        state.send_side.close();
        let lost = state.drop_misdirected();
        if let Line::Coming(wire) = &state.line {
            let wire = Arc::clone(wire);
            state.begin_on(wire);
        }
        lost
    }

    /// Drops the waiting messages if there is no connection, and gives their number. The pipe stays open.
    pub(crate) fn drop_waiting(&self) -> usize {
        let mut state = self.lock();
        let waiting = state.back.messages();
        state.back.clear();
        state.note_room();
        waiting
    }

    /// Takes the last message back, as far as that is possible; beside the outcome the number of messages that are lost
    /// by it.
    ///
    /// If the connection has to be cut for that and the pipe `ends` with it, the pipe is closed.
    pub(crate) fn recall(&self, recall: Recall, ends: bool) -> (Recalled, usize) {
        let Some(mut state) = self.lock_here() else {
            return (Recalled::Gone, 0);
        };
        if state.take_back_last() {
            if recall == Recall::Move {
                state.counts.messages -= 1;
                return (Recalled::Here, 0);
            }
            return (Recalled::Here, 1);
        }
        if state.line.wire().is_none() {
            return (Recalled::Gone, 0);
        }
        if recall != Recall::Replace {
            return (Recalled::Out, 0);
        }
        if ends {
            state.send_side.close();
        }
        (Recalled::Cut, state.cut())
    }
}

impl State {
    /// The waiting messages are written to `wire` from now on.
    pub(super) fn begin_on(&mut self, wire: Arc<dyn Wire>) {
        self.another_peer = false;
        self.line = Line::Live(wire);
        if !self.is_empty() {
            self.schedule();
        }
    }

    /// If the socket has let go and the connection leads to another peer than the messages are meant for, drops them:
    /// gives their number.
    fn drop_misdirected(&mut self) -> usize {
        if !self.is_closed() || !self.another_peer || self.fate != Fate::AwaitPeer {
            return 0;
        }
        let lost = self.back.messages();
        self.back.clear();
        lost
    }

    /// Bytes of the batch being written that have left, or that are sealed and so have to leave.
    fn committed(&self) -> usize {
        let sealed = self.sealer.as_ref().map_or(0, |sealer| sealer.sealed_to());
        sealed.max(self.in_flight.written)
    }

    /// Takes out the message that was pushed last; false if some of it has left, or it is not here.
    fn take_back_last(&mut self) -> bool {
        let is_taken = if self.back.messages() > 0 {
            self.back.take_back_last(0)
        } else {
            self.writer == Writer::Nobody
                && self.in_flight.messages > 0
                && self.front.take_back_last(self.committed())
        };
        if is_taken && self.back.messages() == 0 && self.writer == Writer::Nobody {
            self.in_flight.messages = self.front.messages();
            self.in_flight.bytes = self.front.len();
            if self.front.len() == self.in_flight.written {
                self.written_out();
            }
        }
        if is_taken {
            self.note_room();
        }
        is_taken
    }

    /// Cuts the connection: nothing more is written to it, and the I/O thread ends it. Gives the number of messages
    /// that it has not taken whole.
    #[cold]
    fn cut(&mut self) -> usize {
        let lost = self.in_flight.messages;
        if let Line::Live(wire) | Line::Broken(wire) = std::mem::take(&mut self.line) {
            wire.duty(Duty::Replace);
        }
        if self.writer == Writer::IoThread {
            self.writer = Writer::IoThreadCut;
        }
        self.sealer = None;
        self.commands.clear();
        self.forget_front();
        lost
    }
}

#[cfg(test)]
mod tests;

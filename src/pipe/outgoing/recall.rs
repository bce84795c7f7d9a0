//! A message that is not to be sent any more, or not to whoever comes next.
//!
//! Owns: what outlives a connection, and what becomes of the message that was written last if its sender gives it up.
//! Always true: of a message that was taken back, no byte has left; nothing that belongs to one connection goes out on
//! another, if it is to end with its connection; where it matters who is behind a connection, nothing is written on it
//! before the socket has seen who that is.
//! Must not know: why a message is given up.

use std::sync::Arc;

use highwater_patterns::{Fate, Recall, Recalled};

use super::state::{Line, Writer};
use super::{Outgoing, State};
use crate::pipe::{Duty, Wire};

impl Outgoing {
    /// Has messages fare like this from now on. For a pipe that nothing has been written to.
    pub(crate) fn with_fate(self, fate: Fate) -> Self {
        self.lock().fate = fate;
        self
    }

    /// The connection to come is one with another peer than before. If nobody is left who could tell what was meant for
    /// the former one, that is dropped: how many messages those are.
    pub(crate) fn has_another_peer(&self) -> usize {
        let mut state = self.lock();
        state.another_peer = true;
        state.drop_misdirected()
    }

    /// The socket knows who is behind `wire`, and has taken out what is not for them: what waits is written to it.
    pub(crate) fn open(&self, wire: &Arc<dyn Wire>) {
        let mut state = self.lock();
        if matches!(&state.line, Line::Coming(coming) if Arc::ptr_eq(coming, wire)) {
            state.begin_on(Arc::clone(wire));
        }
    }

    /// The socket lets go of the pipe: what is in here still goes out, if a connection to the same peer lets it. How many
    /// messages do not, since another one has come.
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

    /// Forgets what waits while there is no connection; how many messages that were. The pipe goes on.
    pub(crate) fn drop_waiting(&self) -> usize {
        let mut state = self.lock();
        let waiting = state.back.messages();
        state.back.clear();
        state.note_room();
        waiting
    }

    /// Has the last message that was pushed not be sent, as far as that is possible; how many messages are lost with that.
    ///
    /// The pipe takes no more if it `ends` with a connection that is cut.
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
    /// The waiting messages are written to `wire`.
    pub(super) fn begin_on(&mut self, wire: Arc<dyn Wire>) {
        self.another_peer = false;
        self.line = Line::Live(wire);
        if !self.is_empty() {
            self.schedule();
        }
    }

    /// The socket has gone, and another peer than the one it meant has come.
    fn drop_misdirected(&mut self) -> usize {
        if !self.is_closed() || !self.another_peer || self.fate != Fate::AwaitPeer {
            return 0;
        }
        let lost = self.back.messages();
        self.back.clear();
        lost
    }

    /// Takes out the message that was pushed last; false if some of it has left, or it is not here.
    fn take_back_last(&mut self) -> bool {
        let is_taken = if self.back.messages() > 0 {
            self.back.take_back_last(0)
        } else {
            self.writer == Writer::Nobody
                && self.in_flight.messages > 0
                && self.front.take_back_last(self.in_flight.written)
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

    /// Nothing more is written to the connection, which ends; the I/O thread makes another if there is to be one. How many
    /// messages it has not taken whole.
    #[cold]
    fn cut(&mut self) -> usize {
        let lost = self.in_flight.messages;
        if let Line::Live(wire) | Line::Broken(wire) = std::mem::take(&mut self.line) {
            wire.duty(Duty::Replace);
        }
        if self.writer == Writer::IoThread {
            self.writer = Writer::IoThreadCut;
        }
        self.commands.clear();
        self.forget_front();
        lost
    }
}

#[cfg(test)]
mod tests;

//! The way out from one connection to the next, and to its end.
//!
//! Owns: what becomes of messages when a connection comes, goes or is the last.
//! Always true: a message that no connection has delivered whole stays, in order, until it is discarded and counted.
//! Must not know: why a connection comes or goes.

use std::io::IoSlice;
use std::sync::Arc;

use highwater_patterns::Fate;

use super::kernel::Kernel;
use super::state::{InFlight, Line, SendSide, Writer};
use super::{Outgoing, State};
use crate::pipe::{Batch, Wire};

impl Outgoing {
    /// A connection is there: what waits will be written to it, once the socket has [seen](Self::open) who is behind it if
    /// that matters.
    pub(crate) fn attach(&self, wire: Arc<dyn Wire>) {
        let mut state = self.lock();
        debug_assert!(
            matches!(state.line, Line::None),
            "one connection at a time, not {:?} as well",
            state.line
        );
        state.kernel = Kernel::Takes;
        state.gone_before = state.gone;
        if state.send_side == SendSide::Ended {
            state.send_side = SendSide::Closed;
        }
        state.scheduled = false;
        if state.fate == Fate::Stay || state.is_closed() {
            state.begin_on(wire);
        } else {
            state.line = Line::Coming(wire);
        }
    }

    /// The connection is gone. Messages that it did not deliver whole stay, in order, for the next one, unless they end with
    /// it: says how many do.
    pub(crate) fn detach(&self) -> usize {
        let mut state = self.lock();
        debug_assert!(
            state.writer == Writer::Nobody,
            "the thread that detaches is the one that writes"
        );
        state.commands.clear();
        state.unsaid.clear();
        let line = std::mem::take(&mut state.line);
        // Messages that came after the connection was cut, or before it was opened, were not meant for it.
        if line.wire().is_some() && state.fate == Fate::End {
            let lost = state.queued();
            state.forget_all();
            return lost;
        }
        let in_flight = std::mem::take(&mut state.in_flight);
        let rewound = state.front.rewind(in_flight.written);
        state.gone += rewound.delivered as u64;
        state.is_cut = rewound.is_cut;
        if state.gone != state.gone_before {
            state.cuts = 0;
        }
        if state.front.messages() > 0 {
            let newer = std::mem::take(&mut state.back);
            let mut older = std::mem::take(&mut state.front);
            older.extend_from(&newer);
            state.back = older;
        }
        state.front.clear();
        state.kernel.clear();
        state.scheduled = false;
        0
    }

    /// Before the connection is closed for a reason that the peer shall know: writes what `encode` appends, framed, in
    /// front of all that waits. It is only tried: not where a message is half written, nor where the kernel has no room.
    pub(crate) fn last_words(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let state = self.lock();
        if let Some(wire) = state.line.live()
            && state.writer == Writer::Nobody
            && state.in_flight.written == 0
        {
            let mut words = Vec::new();
            encode(&mut words);
            // Nobody may be there any more to read it, so a failure is ignored.
            let _ = wire.write(&[IoSlice::new(&words)]);
        }
    }

    /// The connection that is gone was ended by the peer. If that cut a message off, and it is the `most`-th time with no
    /// other message delivered meanwhile, it is given up: there are messages that a peer will not have, however often they
    /// are sent. Gives its length in bytes, framing included.
    pub(crate) fn cut_by_peer(&self, most: Option<usize>) -> Option<usize> {
        let mut state = self.lock();
        if !std::mem::take(&mut state.is_cut) {
            return None;
        }
        state.cuts += 1;
        if most.is_none_or(|most| state.cuts < most) {
            return None;
        }
        state.cuts = 0;
        let bytes = state.back.drop_first();
        state.note_room();
        (bytes > 0).then_some(bytes)
    }

    /// Takes out what waits, for another way to the same peer, unless there is a connection.
    pub(crate) fn give_up(&self) -> Option<Batch> {
        let mut state = self.lock();
        let is_idle = state.line.wire().is_none() && !state.drafted && state.front.is_empty();
        let batch = is_idle.then(|| std::mem::take(&mut state.back))?;
        state.counts.messages -= batch.messages() as u64;
        Some(batch)
    }

    /// Takes over what another way to the same peer has [given up](Self::give_up), behind what it holds.
    pub(crate) fn take_over(&self, batch: &Batch) {
        let mut state = self.lock();
        state.back.extend_from(batch);
        state.counts.messages += batch.messages() as u64;
    }

    /// Takes no more messages. Those in here still go out, if a connection lets them.
    pub(crate) fn close(&self) {
        self.lock().send_side.close();
    }

    /// If the pipe is closed and all is written, it takes nothing more for this connection, not even a heartbeat; whether that
    /// is so.
    pub(crate) fn end(&self) -> bool {
        let mut state = self.lock();
        let has_ended = state.is_closed() && state.is_empty();
        if has_ended && state.send_side == SendSide::Closed {
            state.send_side = SendSide::Ended;
        }
        has_ended
    }

    /// Forgets what waits; says how many messages that were.
    pub(crate) fn discard(&self) -> usize {
        let mut state = self.lock();
        let lost = state.queued();
        state.send_side.close();
        let mut dropped = std::mem::take(&mut state.back);
        state.commands.clear();
        state.unsaid.clear();
        drop(state);
        dropped.release();
        lost
    }
}

impl State {
    /// Forgets all messages: none of them goes out any more.
    fn forget_all(&mut self) {
        self.back.clear();
        self.forget_front();
        self.scheduled = false;
        self.note_room();
    }

    /// Forgets the batch that is being written: the rest of it does not go out any more.
    pub(super) fn forget_front(&mut self) {
        self.front.clear();
        self.in_flight = InFlight::default();
        self.is_cut = false;
        self.kernel.clear();
    }
}

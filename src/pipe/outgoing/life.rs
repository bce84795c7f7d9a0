//! The way out from one connection to the next, and to its end.
//!
//! Owns: the fate of waiting messages when a connection begins, ends or was the last.
//! Always true: a message that no connection has delivered whole stays, in order, until it is discarded and counted.
//! Must not know: why a connection comes or goes.

use std::io::IoSlice;
use std::sync::Arc;

use highwater_patterns::Fate;

use super::kernel::Kernel;
use super::sealed::Sealer;
use super::state::{InFlight, Line, SendSide, Writer};
use super::{Outgoing, State};
use crate::pipe::{Batch, Wire};
use crate::zmtp::Seal;

impl Outgoing {
    /// A connection begins: the waiting messages are written to it, at once or, if they are meant for one peer, after
    /// the socket has [seen](Self::open) that it leads there.
    pub(crate) fn attach(&self, wire: Arc<dyn Wire>) {
        self.attach_with(wire, None);
    }

    /// As [`attach`](Self::attach), of a connection whose traffic is sealed.
    #[cold]
    pub(crate) fn attach_sealed(&self, wire: Arc<dyn Wire>, seal: Box<dyn Seal>) {
        self.attach_with(wire, Some(Box::new(Sealer::new(seal))));
    }

    fn attach_with(&self, wire: Arc<dyn Wire>, sealer: Option<Box<Sealer>>) {
        let mut state = self.lock();
        debug_assert!(
            matches!(state.line, Line::None),
            "one connection at a time, not {:?} as well",
            state.line
        );
        state.sealer = sealer;
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

    /// The connection is gone. Messages that it did not deliver whole stay, in order, for the next one, unless their
    /// fate is to end with it: gives the number of those.
    pub(crate) fn detach(&self) -> usize {
        let mut state = self.lock();
        debug_assert!(
            state.writer == Writer::Nobody,
            "the thread that detaches is the one that writes"
        );
        state.commands.clear();
        state.unsent_changes.clear();
        let line = std::mem::take(&mut state.line);
        state.sealer = None;
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

    /// Before the connection is closed: writes the ERROR that `encode` appends, framed, in front of all that waits. It
    /// is not written if a message is half written or the kernel has no room.
    pub(crate) fn write_error(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let state = &mut *self.lock();
        if let Some(wire) = state.line.live()
            && state.writer == Writer::Nobody
            && state.in_flight.written == 0
        {
            let mut words = Vec::new();
            encode(&mut words);
            if let Some(sealer) = &mut state.sealer {
                return sealer.write_apart(&words, &**wire);
            }
            // The peer may be gone already, so a failure is ignored.
            let _ = wire.write(&[IoSlice::new(&words)]);
        }
    }

    /// The peer has ended the connection. If that cut a message off for the `most`-th time, with no other message
    /// delivered meanwhile, the message is given up: the peer refuses it, however often it is sent. Gives its length in
    /// bytes, framing included.
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

    /// Takes out the waiting messages, for another pipe to the same peer, unless there is a connection.
    pub(crate) fn give_up(&self) -> Option<Batch> {
        let mut state = self.lock();
        let is_idle = state.line.wire().is_none() && !state.drafted && state.front.is_empty();
        let batch = is_idle.then(|| std::mem::take(&mut state.back))?;
        state.counts.messages -= batch.messages() as u64;
        Some(batch)
    }

    /// Appends the messages that another pipe to the same peer has [given up](Self::give_up).
    pub(crate) fn take_over(&self, batch: &Batch) {
        let mut state = self.lock();
        state.back.extend_from(batch);
        state.counts.messages += batch.messages() as u64;
    }

    /// Whether no message is taken any more. In a forked child none is, but no connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock_here()
            .is_some_and(|state| state.is_closed() && state.send_side != SendSide::Foreign)
    }

    /// Takes no more messages. The waiting ones still go out, if there is a connection.
    pub(crate) fn close(&self) {
        self.lock().send_side.close();
    }

    /// If the pipe is closed and all is written, ends the sending side: not even a heartbeat is taken for this
    /// connection any more. Whether it has ended.
    pub(crate) fn end(&self) -> bool {
        let mut state = self.lock();
        let has_ended = state.is_closed() && state.is_empty();
        if has_ended && state.send_side == SendSide::Closed {
            state.send_side = SendSide::Ended;
        }
        has_ended
    }

    /// Drops the waiting messages, and gives their number.
    pub(crate) fn discard(&self) -> usize {
        let mut state = self.lock();
        let lost = state.queued();
        state.send_side.close();
        let mut dropped = std::mem::take(&mut state.back);
        state.commands.clear();
        state.unsent_changes.clear();
        drop(state);
        dropped.release();
        lost
    }
}

impl State {
    /// Drops all messages: none of them goes out any more.
    fn forget_all(&mut self) {
        self.back.clear();
        self.forget_front();
        self.scheduled = false;
        self.note_room();
    }

    /// Drops the batch that is being written: the rest of it does not go out any more.
    pub(super) fn forget_front(&mut self) {
        self.front.clear();
        self.in_flight = InFlight::default();
        self.is_cut = false;
        self.kernel.clear();
    }
}

//! The end of a pipe whose connection gives way to another.
//!
//! Owns: nothing; it takes back what has not left, and ends connections within the process.
//! Must not know: why, and who makes the next connection.

use std::sync::Arc;

use highwater_patterns::{Recall, Recalled};

use super::{Slot, Way};
use crate::pipe::{Duty, Wire};

impl Slot {
    /// The connection is `wire`, and the pattern knows who is behind it: what waits goes out.
    pub(in crate::socket) fn open(&self, wire: &Arc<dyn Wire>) {
        if let Way::Wire { pipe, .. } = &self.way {
            pipe.outgoing.open(wire);
        }
    }

    /// Has the message written last not be sent, if that is possible; how many are lost with that.
    pub(in crate::socket) fn recall(&mut self, recall: Recall) -> (Recalled, usize) {
        match &mut self.way {
            Way::Wire { pipe, draft, .. } => {
                draft.hand_back(&pipe.outgoing);
                pipe.outgoing.recall(recall, pipe.through.is_some())
            }
            Way::Inproc(end) => end.recall(recall),
        }
    }

    /// Ends the connection within the process: messages that this end has not read, and whether the pipe goes on, since this
    /// end has connected; then it is to do so again.
    pub(in crate::socket) fn cut_within(&mut self) -> (usize, bool) {
        let connected_here = self.peer.take().is_some_and(|peer| peer.connected_here);
        self.ending |= !connected_here;
        let Way::Inproc(end) = &mut self.way else {
            return (0, true);
        };
        if connected_here {
            let (_, unread) = end.renew();
            (unread, true)
        } else {
            (end.cut(), false)
        }
    }

    /// The other end has cut the connection within the process: messages that were sent and will not arrive, and that came
    /// and will not be read. The pipe is as it was before anybody was there.
    pub(in crate::socket) fn renew(&mut self) -> (usize, usize) {
        self.peer = None;
        match &mut self.way {
            Way::Inproc(end) => end.renew(),
            Way::Wire { .. } => (0, 0),
        }
    }

    /// Forgets what waits for a connection; how many messages that were.
    pub(in crate::socket) fn drop_waiting(&mut self) -> usize {
        match &mut self.way {
            Way::Wire { pipe, draft, .. } => {
                draft.hand_back(&pipe.outgoing);
                pipe.outgoing.drop_waiting()
            }
            Way::Inproc(_) => 0,
        }
    }

    /// Messages that have come and were not read, of a pipe without a connection.
    pub(in crate::socket) fn unread(&self) -> usize {
        match &self.way {
            Way::Wire { intake, .. } => intake.unread(),
            Way::Inproc(end) => end.counts().queued_in,
        }
    }

    /// Its peer's routing id is another's now: what it has sent is still read. False if this cannot be had, since the
    /// pipe is to stay, or is within the process.
    pub(in crate::socket) fn hand_over(&mut self) -> bool {
        let Way::Wire { pipe, intake, .. } = &self.way else {
            return false;
        };
        let wire = intake.wire().cloned();
        if pipe.through.is_none() || wire.is_none() && self.admitted.is_none() {
            return false;
        }
        self.handed_over = true;
        self.retire();
        if let Some(wire) = wire {
            wire.duty(Duty::HandOver);
        }
        true
    }
}

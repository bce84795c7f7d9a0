//! The end of a pipe whose connection gives way to another.
//!
//! Owns: nothing; it takes back what has not left, and ends connections within the process.
//! Must not know: why, and who makes the next connection.

use std::sync::Arc;

use highwater_patterns::{Recall, Recalled};

use super::Slot;
use super::way::either;
use crate::pipe::Wire;

impl Slot {
    /// The connection is `wire`, and the pattern knows who is behind it: what waits goes out.
    pub(in crate::socket) fn open(&self, wire: &Arc<dyn Wire>) {
        if let Some(end) = self.way.wire() {
            end.outgoing().open(wire);
        }
    }

    /// Has what waits here go out by `other`, unless there is a connection. Two pipes of different kinds are left alone:
    /// a wire and a lane lead to different endpoints.
    pub(in crate::socket) fn move_unsent(&self, other: &Self) {
        if let (Some(from), Some(to)) = (self.way.wire(), other.way.wire()) {
            from.move_unsent(to);
        }
        if let (Some(from), Some(to)) = (self.way.lane(), other.way.lane()) {
            from.move_unsent(to);
        }
    }

    /// Has the message written last not be sent, if that is possible; how many are lost with that.
    pub(in crate::socket) fn recall(&mut self, recall: Recall) -> (Recalled, usize) {
        either!(&mut self.way, end => end.recall(recall))
    }

    /// Ends the connection within the process: messages that this end has not read, and whether the pipe goes on, since this
    /// end has connected; then it is to do so again.
    pub(in crate::socket) fn cut_within(&mut self) -> (usize, bool) {
        let connected_here = self.peer.take().is_some_and(|peer| peer.connected_here);
        self.ending |= !connected_here;
        let Some(end) = self.way.lane_mut() else {
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
        self.way.lane_mut().map_or((0, 0), |end| end.renew())
    }

    /// Forgets what waits for a connection; how many messages that were.
    pub(in crate::socket) fn drop_waiting(&mut self) -> usize {
        self.way.wire_mut().map_or(0, |end| end.drop_waiting())
    }

    /// Messages that have come and were not read, of a pipe without a connection.
    pub(in crate::socket) fn unread(&self) -> usize {
        either!(&self.way, end => end.unread())
    }

    /// Its peer's routing id is another's now: what it has sent is still read. False if this cannot be had, since the
    /// pipe is to stay, or is within the process.
    pub(in crate::socket) fn hand_over(&mut self) -> bool {
        let admitted = self.admitted.is_some();
        let wire = self.way.wire_mut();
        let handed_over = wire.is_some_and(|end| end.hand_over(admitted));
        self.retired |= handed_over;
        handed_over
    }
}

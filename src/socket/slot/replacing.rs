//! The slot of a pipe whose connection is replaced by another.
//!
//! Owns: nothing; it takes messages back that have not left, and ends connections within the process.
//! Must not know: why, and how the next connection is made.

use std::sync::Arc;

use highwater_patterns::{Recall, Recalled};

use super::Slot;
use super::way::either;
use crate::pipe::Wire;

impl Slot {
    /// The pattern has seen to which peer `wire` leads: the waiting messages go out on it.
    pub(in crate::socket) fn open(&self, wire: &Arc<dyn Wire>) {
        if let Some(end) = self.way.wire() {
            end.outgoing().open(wire);
        }
    }

    /// Moves the waiting messages to `other`, unless this pipe has a connection. Between pipes of different kinds
    /// nothing is moved: a wire and a lane lead to different endpoints.
    pub(in crate::socket) fn move_unsent(&self, other: &Self) {
        if let (Some(from), Some(to)) = (self.way.wire(), other.way.wire()) {
            from.move_unsent(to);
        }
        if let (Some(from), Some(to)) = (self.way.lane(), other.way.lane()) {
            from.move_unsent(to);
        }
    }

    /// Takes the last message back, if that is possible; beside the outcome the number of messages that are lost by it.
    pub(in crate::socket) fn recall(&mut self, recall: Recall) -> (Recalled, usize) {
        either!(&mut self.way, end => end.recall(recall))
    }

    /// Cuts the connection within the process. Gives the number of messages that this end has not read, and whether
    /// this end had connected: then the pipe stays, and is to connect again.
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

    /// The other end has cut the connection within the process. Gives the number of sent messages that will not arrive,
    /// and of arrived messages that will not be read. The pipe is as new, and waits for a peer.
    pub(in crate::socket) fn renew(&mut self) -> (usize, usize) {
        self.peer = None;
        self.way.lane_mut().map_or((0, 0), |end| end.renew())
    }

    /// Drops the messages that wait for a connection, and gives their number.
    pub(in crate::socket) fn drop_waiting(&mut self) -> usize {
        self.way.wire_mut().map_or(0, |end| end.drop_waiting())
    }

    /// How many messages have arrived and were not read, in a pipe without a connection.
    pub(in crate::socket) fn unread(&self) -> usize {
        either!(&self.way, end => end.unread())
    }

    /// The routing id of the peer was given to a new peer: ends the connection once its messages are read. False if
    /// that is not possible, since the pipe belongs to a session or is within the process.
    pub(in crate::socket) fn hand_over(&mut self) -> bool {
        let admitted = self.admitted.is_some();
        let wire = self.way.wire_mut();
        let handed_over = wire.is_some_and(|end| end.hand_over(admitted));
        self.retired |= handed_over;
        handed_over
    }
}

//! The slot of a pipe that keeps room for messages to come.
//!
//! Owns: nothing.
//! Must not know: the other pipes, and who has a place.

use highwater_patterns::Outbound;

use super::Slot;
use super::way::either;
use crate::pipe::WriteEffects;
use crate::policy::WritePolicy;

impl Slot {
    /// Keeps a place for a message to come.
    pub(in crate::socket) fn reserve(&mut self) -> bool {
        !self.ending && either!(&mut self.way, end => end.reserve())
    }

    /// Keeps a place that another pipe has kept.
    pub(in crate::socket) fn take_place_over(&mut self) {
        either!(&mut self.way, end => end.take_place_over());
    }

    /// A place is not used: true if the pipe was full and has room now.
    pub(in crate::socket) fn give_place_back(&mut self) -> bool {
        either!(&mut self.way, end => end.give_place_back())
    }

    /// Queues a message at a place that was kept; refused only if the pipe takes no message any more. Beside the effects,
    /// whether the pipe was full and has room now.
    pub(in crate::socket) fn push_at_place(
        &mut self,
        message: &mut impl Outbound,
        policy: &mut WritePolicy,
    ) -> (WriteEffects, bool) {
        either!(&mut self.way, end => end.push_at_place(message, policy))
    }
}

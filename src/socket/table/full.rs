//! The room in the pipes of a socket, and the waits of its senders for the only pipe.
//!
//! Owns: nothing; it asks the only pipe, if there is only one.
//! Always true: a sender waits for one connection only if there is no other to which the message could go.
//! Must not know: how the sender waits.

use std::sync::Arc;

use highwater_patterns::PipeId;

use super::Table;
use crate::pipe::Wire;
use crate::socket::slot::Slot;

impl Table {
    /// How many messages are sure to find room in any of the pipes, `most` at the most.
    pub(crate) fn room(&self, most: usize) -> usize {
        let mut room: usize = 0;
        let live = |slot: &&Slot| !slot.is_ending() && !slot.has_retired();
        for slot in self.pipes.values().filter(live) {
            if room >= most {
                break;
            }
            room = room.saturating_add(slot.room());
        }
        room.min(most)
    }

    /// Asks to be told when the only pipe holds less than half of its soft mark. Gives how many bytes the kernel has
    /// taken of it, or `None` if it holds less now.
    pub(in crate::socket) fn ask_for_soft_room(&self) -> Option<u64> {
        let slot = self.pipes.values().next()?;
        slot.ask_for_soft_room().then(|| slot.counts().bytes_sent)
    }

    /// A sender has waited for the soft mark in vain.
    pub(in crate::socket) fn has_stalled(&self) {
        self.pipes.values().for_each(Slot::has_stalled);
    }

    /// A sender has found no room; `wait` says whether it waits for some.
    pub(in crate::socket) fn set_senders_wait(&mut self, wait: bool) {
        self.write_policy.set_senders_wait(wait);
    }

    /// The only pipe and its connection, if a sender is to wait until the connection takes bytes.
    pub(in crate::socket) fn wait_here(&self) -> Option<(PipeId, Arc<dyn Wire>)> {
        let mut slots = self.pipes.values();
        match (slots.next(), slots.next()) {
            (Some(only), None) => only.wait_here().map(|wire| (only.id(), wire)),
            _ => None,
        }
    }

    /// The kernel takes bytes of `pipe` again: writes, and says whether the pipe has room now.
    pub(in crate::socket) fn write_again(&self, pipe: PipeId) -> bool {
        self.pipes.get(pipe).is_some_and(Slot::write_again)
    }
}

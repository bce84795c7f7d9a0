//! A full kernel buffer: whether a sender or the poller waits until it has room.
//!
//! Owns: nothing; it changes the state of the kernel's buffer, and asks the poller to watch it.
//! Always true: while the kernel's buffer is full and the poller does not watch it, the I/O thread has a duty here. If nothing
//! was written between two of its looks, it asks the poller to watch.
//! Must not know: how a sender waits.
//!
//! In a socket with one pipe, a sender that may block and finds no room waits for the connection itself, and then
//! writes. If the I/O thread did that instead, it and the sender would wait for each other in turn, and three threads
//! (sender, I/O thread, receiver) would share two processors.

use std::sync::Arc;

use super::kernel::{Kernel, Waiter};
use super::state::Writer;
use super::{Outgoing, Pumped, State};
use crate::pipe::Wire;

impl Outgoing {
    /// Whether the kernel's buffer is full, so that somebody must hear when it is not.
    pub(crate) fn is_blocked(&self) -> bool {
        self.lock().kernel.is_full()
    }

    /// The kernel has room again.
    pub(crate) fn writable(&self) {
        self.lock().kernel.clear();
    }

    /// The connection for which a sender without room is to wait itself, in place of the poller; `None` if it takes
    /// bytes.
    pub(crate) fn wait_here(&self) -> Option<Arc<dyn Wire>> {
        let mut state = self.lock_here()?;
        let wire = state.line.live().cloned()?;
        if state.kernel.is_told() && state.writer == Writer::Nobody {
            wire.want_output(false);
            // The I/O thread has given its duty up, since the poller was to tell it.
            state.scheduled = false;
            state.block(&*wire, Waiter::Sender);
        }
        state.may_write_again().then_some(wire)
    }

    /// A sender has [waited](Self::wait_here) until the connection takes bytes: writes, and says whether a message has
    /// room now.
    pub(crate) fn write_again(&self) -> bool {
        let Some(mut state) = self.lock_here() else {
            return false;
        };
        if state.may_write_again() {
            state.kernel.clear();
            // The sender that has waited here knows of the room already; it tells the others.
            let wanted = std::mem::take(&mut state.fullness.room_wanted);
            state.write_here();
            state.fullness.room_wanted = wanted && !state.has_room();
        }
        state.has_room()
    }
}

impl State {
    fn may_write_again(&self) -> bool {
        self.kernel == Kernel::Full(Waiter::Sender)
            && self.writer == Writer::Nobody
            && self.line.live().is_some()
    }

    /// The kernel's buffer is full. If senders wait for it, the I/O thread only looks at it from time to time.
    #[cold]
    pub(super) fn block(&mut self, wire: &dyn Wire, waiter: Waiter) {
        self.kernel = Kernel::Full(waiter);
        match waiter {
            Waiter::Poller => wire.want_output(true),
            Waiter::Sender if !self.scheduled => self.schedule(),
            Waiter::Sender => {}
        }
    }

    /// The I/O thread looks at a buffer that is full.
    pub(super) fn look_at_full(&mut self, wire: &dyn Wire) -> Pumped {
        let taken = self.counts.bytes;
        if self.kernel == Kernel::Full(Waiter::Sender) {
            if std::mem::replace(&mut self.taken_at_look, taken) != taken {
                return Pumped::Streaming;
            }
            self.block(wire, Waiter::Poller);
        }
        Pumped::Blocked
    }
}

#[cfg(test)]
mod tests {
    use highwater_patterns::Message;

    use super::*;
    use crate::pipe::testing::{MemoryWire, push};
    use crate::pipe::{Duty, HighWater};
    use crate::policy::WritePolicy;

    /// A pipe of a socket with `pipes` pipes. A sender has filled the kernel and then the pipe; `waits` says whether it may
    /// wait for room.
    fn full(pipes: usize, waits: bool) -> (Outgoing, Arc<MemoryWire>, WritePolicy) {
        let mark = HighWater {
            messages: Some(5),
            bytes: None,
        };
        let pipe = Outgoing::new(mark, false);
        let wire = Arc::new(MemoryWire::taking(usize::MAX));
        pipe.attach(wire.clone());
        let mut policy = WritePolicy::of_a_stream();
        policy.set_pipes(pipes);
        policy.set_senders_wait(waits);
        wire.set_room(3);
        while push(&pipe, &Message::from("0"), &mut policy) {}
        (pipe, wire, policy)
    }

    fn is_told(wire: &MemoryWire) -> bool {
        wire.take_duties()
            .iter()
            .any(|duty| matches!(duty, Duty::Room))
    }

    #[test]
    fn the_only_pipe_is_left_to_its_sender_who_waits_and_writes() {
        let (pipe, wire, mut policy) = full(1, true);
        assert!(pipe.is_blocked() && !wire.wants_output());
        let flushes = |duty: &Duty| matches!(duty, Duty::Flush);
        assert!(wire.take_duties().iter().any(flushes));
        assert!(pipe.wait_here().is_some());
        wire.set_room(6);
        assert!(!pipe.write_again(), "a part of the batch is left");
        assert_eq!(pipe.queued(), 5);
        wire.set_room(6);
        assert!(pipe.write_again());
        assert!(!is_told(&wire), "it knows");
        assert!(pipe.is_drained() && !pipe.is_blocked());
        assert!(pipe.wait_here().is_none());
        wire.set_room(0);
        while push(&pipe, &Message::from("1"), &mut policy) {}
        assert_eq!(pipe.queued(), 5);
        assert!(pipe.wait_here().is_some());
    }

    #[test]
    fn if_nobody_writes_between_two_looks_the_poller_tells() {
        let (pipe, wire, _) = full(1, true);
        assert_eq!(pipe.pump().expect("it writes nothing"), Pumped::Streaming);
        assert!(!pipe.end_duty(), "the duty goes on");
        wire.set_room(1);
        pipe.write_again();
        assert_eq!(pipe.pump().expect("it writes nothing"), Pumped::Streaming);
        assert!(!wire.wants_output());
        assert_eq!(pipe.pump().expect("it writes nothing"), Pumped::Blocked);
        assert!(wire.wants_output() && pipe.end_duty());
        wire.set_room(usize::MAX);
        assert!(!pipe.write_again(), "from now on the I/O thread writes");
        pipe.writable();
        while pipe.pump().expect("it writes") != Pumped::Drained {}
        assert!(is_told(&wire));
    }

    #[test]
    fn one_of_several_pipes_or_of_a_sender_that_does_not_wait_is_left_to_the_poller() {
        for (pipes, waits) in [(2, true), (1, false)] {
            let (pipe, wire, _) = full(pipes, waits);
            assert!(pipe.is_blocked() && wire.wants_output());
        }
    }

    #[test]
    fn a_sender_that_begins_to_wait_does_so_instead_of_the_poller() {
        let (pipe, wire, _) = full(1, false);
        wire.take_duties();
        assert!(pipe.wait_here().is_some());
        assert!(pipe.is_blocked() && !wire.wants_output());
        let flushes = |duty: &Duty| matches!(duty, Duty::Flush);
        assert!(pipe.pump().expect("it writes nothing") == Pumped::Streaming);
        assert!(
            wire.take_duties().iter().any(flushes),
            "the I/O thread looks"
        );
        wire.set_room(usize::MAX);
        assert!(pipe.write_again());
        assert!(pipe.wait_here().is_none(), "it takes bytes");
    }

    #[test]
    fn a_connection_that_has_failed_is_waited_for_by_nobody() {
        let (pipe, wire, _) = full(1, true);
        wire.fail();
        assert!(!pipe.write_again());
        assert!(pipe.wait_here().is_none());
        let fails = |duty: &Duty| matches!(duty, Duty::OutputLost(_));
        assert!(wire.take_duties().iter().any(fails));
    }
}

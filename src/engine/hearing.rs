//! Whether the silence of a peer may be our own fault.
//!
//! Owns: how often something was read, and what the I/O thread knows of that.
//! Always true: what has reached the kernel is never called silence, whoever reads it and however slowly. A socket that
//! reads a link itself says first that it waits no more, then reads, then tells, and only then waits again. The I/O
//! thread asks in the same order: what the kernel holds, whether somebody waits, what was told. What is no longer in
//! the kernel was taken by somebody who either does not wait yet, or has told.
//! Must not know: clocks; how silent is too silent.

use crate::sync::{AtomicU32, Ordering, fence};

/// Whose fault it is that nothing was heard since the last question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Something was heard.
    Broken,
    /// Ours: there is input that was not read, or nobody reads at the moment.
    Ours,
    /// The peer's.
    Real,
}

/// What was heard on one connection.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// Grows with each read; written by whoever has the reader.
    heard: AtomicU32,
    /// What `heard` was when last asked for; only the I/O thread's.
    known: AtomicU32,
}

impl Hearing {
    /// Something was read. For whoever reads, before it waits again.
    pub(super) fn heard(&self) {
        let heard = self.heard.load(Ordering::Relaxed).wrapping_add(1);
        // Whoever sees that the reader waits again sees this as well, since that is told by a later store, which releases.
        self.heard.store(heard, Ordering::Relaxed);
    }

    /// Whether the peer can be blamed for silence since the last call: not if it has input in the kernel, is not read at
    /// the moment, or was heard.
    pub(super) fn silence(
        &self,
        has_input: impl FnOnce() -> bool,
        is_unread: impl FnOnce() -> bool,
    ) -> Silence {
        let has_input = has_input();
        // What the kernel says is ordered by none of our atomics.
        fence(Ordering::SeqCst);
        let may_be_heard = has_input || is_unread();
        // Asked last, and always, so that no old excuse is left for the next silence.
        let heard = self.heard.load(Ordering::Relaxed);
        let was_heard = heard != self.known.load(Ordering::Relaxed);
        self.known.store(heard, Ordering::Relaxed);
        match (was_heard, may_be_heard) {
            (true, _) => Silence::Broken,
            (false, true) => Silence::Ours,
            (false, false) => Silence::Real,
        }
    }
}

#[cfg(all(test, highwater_model))]
mod models {
    use std::sync::Arc;

    use loom::thread;

    use super::{Hearing, Silence};
    use crate::pipe::Lending;
    use crate::sync::Mutex;

    /// Everything that is waiting in the kernel is taken at once, as `recv` does.
    fn take(kernel: &Mutex<bool>) -> bool {
        std::mem::take(&mut *kernel.lock())
    }

    #[test]
    fn an_answer_in_the_kernel_is_found_there_or_heard_of() {
        loom::model(|| {
            let shared = Arc::new((Mutex::new(true), Lending::default(), Hearing::default()));
            shared.1.wait_begins();
            let leader = thread::spawn({
                let shared = Arc::clone(&shared);
                move || {
                    let (kernel, lending, hearing) = &*shared;
                    let _ = lending.wait_ends();
                    if take(kernel) {
                        hearing.heard();
                    }
                    lending.wait_begins();
                }
            });
            let (kernel, lending, hearing) = &*shared;
            // The I/O thread looks before each PING, and once more before it gives up.
            let real = hearing.silence(|| false, || !lending.is_waiting()) == Silence::Real
                && hearing.silence(|| *kernel.lock(), || !lending.is_waiting()) == Silence::Real;
            assert!(!real, "a peer that has answered would be given up");
            leader.join().expect("read");
        });
    }

    #[test]
    fn an_excuse_serves_once() {
        loom::model(|| {
            let hearing = Hearing::default();
            hearing.heard();
            assert_eq!(hearing.silence(|| true, || true), Silence::Broken);
            assert_eq!(hearing.silence(|| true, || false), Silence::Ours);
            assert_eq!(hearing.silence(|| false, || false), Silence::Real);
        });
    }
}

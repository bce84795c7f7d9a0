//! Whether the silence of a peer may be our own fault.
//!
//! Owns: the count of reads, and the value of it that the I/O thread last saw.
//! Always true: bytes that have reached the kernel never count as silence, whichever thread reads them and however
//! slowly. A socket that reads a link itself first clears its waiting mark, then reads, then counts the read, then sets
//! the mark. The I/O thread checks in the same order: the kernel's unread bytes, the waiting mark, the count. So bytes
//! that have left the kernel were read by a thread whose mark is still clear, or which has counted the read.
//! Must not know: clocks; which silence is too long.

use crate::sync::{AtomicU32, Ordering, fence};

/// The answer to the question whether the peer was silent since the last question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// The peer was not silent: something was read.
    Broken,
    /// The silence may be ours: there is unread input, or no thread reads at the moment.
    Ours,
    /// The peer was silent.
    Real,
}

/// The signs of life on one connection.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// Grows with each read; written by the thread that has the reader.
    heard: AtomicU32,
    /// The value of `heard` at the last check; used by the I/O thread alone.
    known: AtomicU32,
}

impl Hearing {
    /// Something was read. A thread that reads calls this before it waits again.
    pub(super) fn heard(&self) {
        let heard = self.heard.load(Ordering::Relaxed).wrapping_add(1);
        // Relaxed: the store that sets the waiting mark comes later and is a release, so it publishes this one.
        self.heard.store(heard, Ordering::Relaxed);
    }

    /// Whether the peer was silent since the last call: not if input of it lies in the kernel, if it is not read at the
    /// moment, or if something was read.
    pub(super) fn silence(
        &self,
        has_input: impl FnOnce() -> bool,
        is_unread: impl FnOnce() -> bool,
    ) -> Silence {
        let has_input = has_input();
        // The answer of the kernel is not ordered by our atomics.
        fence(Ordering::SeqCst);
        let may_be_heard = has_input || is_unread();
        // Read last, and in any case, so that a read from before does not excuse the next silence.
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

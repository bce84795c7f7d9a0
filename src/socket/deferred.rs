//! Work that a socket defers to an I/O thread, because the budget of one hold of its lock is spent.
//!
//! Owns: the way from a socket to an I/O thread that calls it again.
//! Always true: deferred work is done, or the call says that there is no thread to do it.
//! Must not know: how the work is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use highwater_patterns::PipeId;

use super::Core;
use crate::context::Hub;
use crate::pipe::{PipeEvent, SocketSide};

/// Defers the reading of a pipe to an I/O thread.
#[derive(Debug)]
pub(crate) struct DeferredReads {
    hub: Arc<Hub>,
    socket: Weak<Core>,
}

impl DeferredReads {
    pub(super) fn new(hub: Arc<Hub>, socket: Weak<Core>) -> Self {
        Self { hub, socket }
    }

    /// Has an I/O thread tell the socket that `pipe` is readable; false if there is none and none can be started.
    #[cold]
    pub(super) fn read_on(&self, pipe: PipeId) -> bool {
        let Some(here) = self.hub.origin().ask() else {
            // In a forked child, the messages of the parent are not read.
            return true;
        };
        let socket = Weak::clone(&self.socket) as Weak<dyn SocketSide>;
        self.hub
            .engine(here)
            .map(|engine| engine.tell(socket, Some(PipeEvent::Readable(pipe))))
            .is_ok()
    }
}

/// Whether an I/O thread was asked to apply the mail of a socket and has not begun yet.
#[derive(Debug, Default)]
pub(super) struct DeferredMail(AtomicBool);

impl DeferredMail {
    /// The I/O thread is being asked now; false if it was already.
    pub(super) fn ask(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }

    /// The I/O thread begins: for mail that is posted from now on it must be asked again.
    pub(super) fn begins(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

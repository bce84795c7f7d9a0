//! Work that a socket leaves to an I/O thread because its budget is spent.
//!
//! Owns: the way from a socket to a thread that comes back to it.
//! Always true: what is left to it is done, or it says that nobody does.
//! Must not know: what is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use highwater_patterns::PipeId;

use super::Core;
use crate::context::Hub;
use crate::pipe::{PipeEvent, SocketSide};

/// The way from a socket to a thread that comes back to it.
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
            // Nobody reads what the parent has received.
            return true;
        };
        let socket = Weak::clone(&self.socket) as Weak<dyn SocketSide>;
        self.hub
            .engine(here)
            .map(|engine| engine.tell(socket, Some(PipeEvent::Readable(pipe))))
            .is_ok()
    }
}

/// Whether an I/O thread has been asked to apply the mail of a socket, and has not begun to.
#[derive(Debug, Default)]
pub(super) struct DeferredMail(AtomicBool);

impl DeferredMail {
    /// From now on somebody is; false if somebody was.
    pub(super) fn ask(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }

    /// The one who was asked begins: what is posted from now on is asked for anew.
    pub(super) fn begins(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

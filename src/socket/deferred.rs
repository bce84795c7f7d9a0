//! Work that a socket defers to an I/O thread, because the budget of one hold of its lock is spent.
//!
//! Owns: the way from a socket to an I/O thread that calls it again.
//! Always true: deferred work is done, or the call says that there is no thread to do it.
//! Must not know: how the work is done.

use std::sync::{Arc, Weak};

use highwater_patterns::PipeId;

use super::Core;
use crate::context::Hub;
use crate::pipe::{PipeEvent, SocketSide};
use crate::sync::{AtomicBool, Ordering};

/// Defers the reading of a pipe, or what a pattern has left over, to an I/O thread.
#[derive(Debug)]
pub(crate) struct DeferredWork {
    hub: Arc<Hub>,
    socket: Weak<Core>,
}

impl DeferredWork {
    pub(super) fn new(hub: Arc<Hub>, socket: Weak<Core>) -> Self {
        Self { hub, socket }
    }

    /// Has an I/O thread tell the socket that `pipe` is readable; false if there is none and none can be started.
    pub(super) fn read_on(&self, pipe: PipeId) -> bool {
        self.tell(PipeEvent::Readable(pipe))
    }

    /// Has an I/O thread tell the socket to go on with what its pattern has left over; false if there is none and none
    /// can be started.
    pub(super) fn go_on(&self) -> bool {
        self.tell(PipeEvent::WorkLeft)
    }

    #[cold]
    fn tell(&self, event: PipeEvent) -> bool {
        let Some(here) = self.hub.origin().ask() else {
            // A forked child does not go on with the work of its parent.
            return true;
        };
        let socket = Weak::clone(&self.socket) as Weak<dyn SocketSide>;
        self.hub
            .engine(here)
            .map(|engine| engine.tell(socket, Some(event)))
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
    ///
    /// A swap and not a store, since it also reads: this thread then sees what another did before it found the I/O thread
    /// asked already, and that is to release the lock.
    pub(super) fn begins(&self) {
        self.0.swap(false, Ordering::SeqCst);
    }
}

#[cfg(all(test, highwater_model))]
mod models {
    use loom::sync::Mutex;
    use loom::thread;

    use super::*;
    use crate::origin::Here;
    use crate::sync::{Combine, Room};

    /// A socket whose state is the list of its mail, and whose callers leave all mail that comes late to an I/O thread.
    struct Socket {
        room: Room<Vec<u32>, u32>,
        deferred: DeferredMail,
        /// How many requests wait in the inbox of the I/O thread.
        inbox: Mutex<u32>,
    }

    impl Combine for Socket {
        type State = Vec<u32>;
        type Mail = u32;

        fn room(&self) -> &Room<Vec<u32>, u32> {
            &self.room
        }

        fn apply(&self, state: &mut Vec<u32>, mail: u32) {
            state.push(mail);
        }

        fn leave_to_another_thread(&self) -> bool {
            if self.deferred.ask() {
                *self.inbox.lock().expect("whole") += 1;
            }
            true
        }
    }

    impl Socket {
        /// What the I/O thread does with a request, if there is one.
        fn read_mail(&self) -> bool {
            let mut inbox = self.inbox.lock().expect("whole");
            let is_asked = *inbox > 0;
            *inbox -= u32::from(is_asked);
            drop(inbox);
            if is_asked {
                self.deferred.begins();
                drop(self.room.try_lock(self));
            }
            is_asked
        }
    }

    #[test]
    fn mail_that_is_left_to_an_io_thread_is_applied() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let socket = Arc::new(Socket {
                room: Room::new(Vec::new()),
                deferred: DeferredMail::default(),
                inbox: Mutex::new(0),
            });
            let poster = thread::spawn({
                let socket = Arc::clone(&socket);
                move || {
                    for number in [1, 2] {
                        socket.room.post(&*socket, number, None);
                    }
                }
            });
            let io_thread = thread::spawn({
                let socket = Arc::clone(&socket);
                move || socket.read_mail()
            });
            drop(socket.room.lock(&*socket, Here::in_test()));
            poster.join().expect("posted");
            io_thread.join().expect("done");
            // It does what it finds later as well.
            while socket.read_mail() {}
            assert_eq!(socket.room.peek(|state| state.clone()), [1, 2]);
        });
    }
}

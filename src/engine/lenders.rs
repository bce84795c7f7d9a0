//! The sockets that have borrowed readers of this thread, and the ticks at which it checks whether they use them.
//!
//! Owns: the list of these sockets, and the time of the next tick.
//! Always true: a socket on the list is checked at each tick, or waits on its links and tells the thread when it stops.
//! Must not know: links and readers; it asks the socket to give them back.

use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::pipe::SocketSide;
use crate::policy::tuning::LENDING_TICK;

/// The sockets that have borrowed a reader.
#[derive(Debug, Default)]
pub(super) struct Lenders {
    known: Vec<Lender>,
    next_tick: Option<Instant>,
}

/// A socket that has borrowed a reader.
#[derive(Debug)]
struct Lender {
    /// Weak: a socket that is closed while it waits has no link any more through which it could tell this thread.
    side: Weak<dyn SocketSide>,
    /// How many messages the socket had received at the last tick.
    seen: u32,
    /// The socket is checked at each tick; otherwise it waits on its links, and tells this thread when it stops.
    ticking: bool,
}

impl Lenders {
    /// When the next tick is; `None` if no socket is to be checked.
    pub(super) fn next_tick(&mut self, now: Instant) -> Option<Instant> {
        let watched = self.known.iter().any(|lender| lender.ticking);
        self.next_tick = watched.then(|| self.next_tick.unwrap_or(now + LENDING_TICK));
        self.next_tick
    }

    /// Checks each socket that has borrowed readers. A socket that has received nothing since the last tick gives all
    /// its readers back. A socket that waits on its links keeps them, and is not checked again before it says that the
    /// wait is over.
    pub(super) fn tick(&mut self) {
        if self.next_tick.is_none_or(|tick| Instant::now() < tick) {
            return;
        }
        self.next_tick = None;
        self.known.retain_mut(|lender| {
            let Some(side) = lender.side.upgrade() else {
                return false;
            };
            let lending = side.lending();
            let uses = lending.uses();
            if !lender.ticking {
                return true;
            }
            if std::mem::replace(&mut lender.seen, uses) != uses {
                // The socket is busy with some of its links. It checks the others with its next message, in case that a
                // message takes it long.
                lending.check_after(0);
                return true;
            }
            if lending.is_waiting() {
                lender.ticking = lending.must_tick();
                return true;
            }
            !side.return_readers()
        });
    }

    /// A socket has borrowed a reader, or has stopped waiting on its links after the ticks for it had ended.
    pub(super) fn watch(&mut self, side: Arc<dyn SocketSide>) {
        side.lending().watched();
        let seen = side.lending().uses();
        let side = Arc::downgrade(&side);
        self.known.retain(|known| known.side.strong_count() > 0);
        match self.known.iter_mut().find(|known| known.side.ptr_eq(&side)) {
            Some(lender) => lender.ticking = true,
            None => self.known.push(Lender {
                side,
                seen,
                ticking: true,
            }),
        }
    }
}

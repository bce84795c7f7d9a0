//! The sockets that have borrowed readers of this thread, and the ticks by which it looks after them.
//!
//! Owns: the list of these sockets, and the time of the next tick.
//! Always true: a socket on the list is looked at with each tick, or waits on its links and tells when it no longer does.
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
    /// Weak: a socket that is closed while it waits has no link left through which it could tell of that.
    side: Weak<dyn SocketSide>,
    /// Its uses at the last tick.
    seen: u32,
    /// It is looked at with each tick; otherwise it waits, and tells when it no longer does.
    ticking: bool,
}

impl Lenders {
    /// When the next tick is; `None` if nobody is to be looked at.
    pub(super) fn next_tick(&mut self, now: Instant) -> Option<Instant> {
        let watched = self.known.iter().any(|lender| lender.ticking);
        self.next_tick = watched.then(|| self.next_tick.unwrap_or(now + LENDING_TICK));
        self.next_tick
    }

    /// Looks after the sockets that have borrowed readers. A socket that has received nothing for a whole tick gives all of
    /// its readers back; or, if it waits on its links, it is left alone until it says that the wait is over.
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
                // The socket is busy with some of its links. A receiver that takes long over each message checks the
                // others now.
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

    /// A socket has borrowed a reader, or has stopped to wait after so long that nobody ticked any more.
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

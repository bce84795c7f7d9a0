//! A socket that retires, in the hands of the user.
//!
//! Owns: nothing; it looks at how far the connections have ended.
//! Must not know: how a socket retires.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{Drain, RetireReport};
use crate::origin::Origin;

/// A socket that retires: how its connections come to their end.
///
/// Given by [`retire`](crate::Pull::retire) of a socket, and independent of it.
#[derive(Clone)]
pub struct Retirement {
    pub(super) drain: Arc<Drain>,
    pub(super) origin: Origin,
}

/// One line: whether it is over.
impl fmt::Debug for Retirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retirement")
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}

impl Retirement {
    /// Whether every connection has ended. The last messages may still wait to be received. True in a forked child.
    pub fn is_over(&self) -> bool {
        !self.origin.is_here() || self.drain.is_done()
    }

    /// Waits at most `timeout` until every connection has ended; false if the time was over first.
    ///
    /// A receiving socket has to be received from meanwhile: at its high-water mark it does not read its peers. True at
    /// once in a forked child.
    pub fn wait(&self, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        self.origin
            .ask()
            .is_none_or(|here| self.drain.wait(until, here))
    }

    /// The outcome of connections and messages so far. All zero in a forked child.
    pub fn report(&self) -> RetireReport {
        if self.origin.is_here() {
            self.drain.retire_report()
        } else {
            RetireReport::default()
        }
    }
}

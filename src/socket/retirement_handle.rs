//! The handle by which a user follows a socket that retires.
//!
//! Owns: nothing; it reads the counts of the drain.
//! Must not know: how a socket retires.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{Drain, RetireReport};
use crate::origin::Origin;

/// The progress of a socket that retires: how many of its connections have ended, and how.
///
/// Returned by [`retire`](crate::Pull::retire) of a socket; it can be used after the socket is gone.
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

    /// Blocks until every connection has ended, at most for `timeout`; false if the time was over first.
    ///
    /// Go on receiving meanwhile, from another thread if need be: at its high-water mark a socket does not read its
    /// peers, so their connections do not end. In a forked child it returns true at once.
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

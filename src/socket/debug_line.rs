//! The `Debug` output of a socket, in one line.
//!
//! Owns: the content of the line: the socket's type, its endpoints, the number of its peers.
//! Always true: it waits for no lock. If another thread holds the socket's lock, or in a forked child, the line has the
//! type alone.
//! Must not know: what a peer has sent: neither bodies nor names chosen by peers are in the line.

use std::fmt;

use super::Core;
use crate::endpoint::Endpoint;

/// How many endpoints are written out at most.
const SHOWN: usize = 8;

impl Core {
    /// Writes the line, for a type called `name`.
    pub(crate) fn debug_line(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = f.debug_struct(name);
        let seen = self
            .is_here()
            .then(|| self.room.try_lock(self))
            .flatten()
            .map(|state| {
                let bound = state.endpoints.bound.iter();
                let connected = state.endpoints.connected.iter();
                (
                    Names::of(
                        bound
                            .filter(|bound| bound.listens)
                            .map(|bound| &bound.endpoint),
                    ),
                    Names::of(connected.map(|connected| &connected.endpoint)),
                    state.table.peers().count(),
                )
            });
        // Written after the lock is released: the formatter may be slow, or print the same socket again.
        let Some((bound, connected, peers)) = seen else {
            return line.finish_non_exhaustive();
        };
        line.field("bound", &bound)
            .field("connected", &connected)
            .field("peers", &peers)
            .finish()
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug_line(self.kind.name(), f)
    }
}

/// The first of some endpoints, and how many more there are.
struct Names {
    shown: Vec<Endpoint>,
    more: usize,
}

impl Names {
    fn of<'a>(mut all: impl Iterator<Item = &'a Endpoint>) -> Self {
        Self {
            shown: all.by_ref().take(SHOWN).cloned().collect(),
            more: all.count(),
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for endpoint in &self.shown {
            list.entry(&format_args!("{}", endpoint.in_one_line()));
        }
        if self.more > 0 {
            list.entry(&format_args!("and {} more", self.more));
        }
        list.finish()
    }
}

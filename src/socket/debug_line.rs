//! A socket in one line, for those who print a value that has one.
//!
//! Owns: what of a socket is worth such a line: its type, its endpoints, the number of its peers.
//! Always true: it waits for nobody. Of a socket that another thread is at work on, or that belongs to the parent of a
//! forked process, the line has the type alone.
//! Must not know: what a peer has said; neither bodies nor names chosen by peers are in it.

use std::fmt;

use super::Core;
use crate::endpoint::Endpoint;

/// The most endpoints that are written out.
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
        // Without the lock: who reads what is written may be slow, or have the same socket print more.
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
            list.entry(&format_args!("{endpoint}"));
        }
        if self.more > 0 {
            list.entry(&format_args!("and {} more", self.more));
        }
        list.finish()
    }
}

//! Those who are to hear that a decision has changed its mind.
//!
//! Owns: the list of them.
//! Always true: nobody is told with a lock of a list of keys or users held; who has gone is forgotten.
//! Must not know: what they do about it.

use std::fmt;
use std::sync::{Mutex, PoisonError, Weak};

use crate::peer::PeerInfo;

/// A socket whose peers were let in by a decision.
pub trait Watcher: Send + Sync {
    /// Peers of whom `is_meant` is true may no longer be in.
    fn revoked(&self, is_meant: &dyn Fn(&PeerInfo) -> bool);

    /// The file or folder at `path`, by which is decided, has a flaw.
    fn flawed(&self, path: &str, flaw: &str);
}

/// Everybody who watches one decision.
#[derive(Default)]
pub(super) struct Watchers(Mutex<Vec<Weak<dyn Watcher>>>);

impl Watchers {
    pub(super) fn add(&self, watcher: Weak<dyn Watcher>) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(watcher);
    }

    pub(super) fn tell(&self, tell: impl Fn(&dyn Watcher)) {
        let watchers = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for watcher in watchers.iter().filter_map(Weak::upgrade) {
            tell(&*watcher);
        }
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchers")
    }
}

//! The sockets that a decision tells of its changes.
//!
//! Owns: the list of these sockets.
//! Always true: a watcher is called without the lock of a list of keys or users. A socket that has gone leaves the list.
//! Must not know: what a watcher does.

use std::fmt;
use std::sync::{Mutex, PoisonError, Weak};

use crate::peer::PeerInfo;

/// A socket whose peers were allowed by a decision.
pub trait Watcher: Send + Sync {
    /// The peers for which `is_meant` is true are allowed no longer.
    fn revoked(&self, is_meant: &dyn Fn(&PeerInfo) -> bool);

    /// The file or folder at `path`, which the decision uses, has a flaw.
    fn flawed(&self, path: &str, flaw: &str);
}

/// The watchers of one decision.
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

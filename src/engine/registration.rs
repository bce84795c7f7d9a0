//! The one unsafe fence: telling the poller about a file descriptor.
//!
//! Owns: the pairing of a source with its registration.
//! Always true: a source is registered exactly as long as its [`Registered`] lives, and is open for all that time.
//! Must not know: which kind of source it is.
#![expect(
    unsafe_code,
    reason = "Poller::add_with_mode is an unsafe fn: the source must be deleted before it is closed"
)]

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use polling::{Event, PollMode, Poller};

use crate::origin::Origin;

/// A source together with its registration: dropped as one, the registration first.
#[derive(Debug)]
pub(super) struct Registered<S: AsFd> {
    source: S,
    poller: Arc<Poller>,
    origin: Origin,
}

impl<S: AsFd> Registered<S> {
    /// Registers `source` under the key in `interest`, level-triggered. `origin`: this process.
    pub(super) fn new(
        poller: Arc<Poller>,
        source: S,
        interest: Event,
        origin: Origin,
    ) -> io::Result<Self> {
        let descriptor = source.as_fd().as_raw_fd();
        // SAFETY: `add_with_mode` asks that the source be deleted from the poller before it is dropped. `source` moves
        // into the returned value, which never gives it away and whose `drop` deletes it while the field still lives;
        // should the registration fail, nothing was added.
        unsafe { poller.add_with_mode(descriptor, interest, PollMode::Level)? };
        Ok(Self {
            source,
            poller,
            origin,
        })
    }

    /// Changes what is listened for.
    pub(super) fn modify(&self, interest: Event, mode: PollMode) -> io::Result<()> {
        self.poller
            .modify_with_mode(self.source.as_fd(), interest, mode)
    }
}

impl<S: AsFd> Deref for Registered<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.source
    }
}

impl<S: AsFd> Drop for Registered<S> {
    fn drop(&mut self) {
        // A forked child shares the poller's list of sources with its parent, which still needs it.
        if !self.origin.is_here() {
            return;
        }
        // The descriptor is open, so this fails only if the poller itself is broken; then nothing listens any more.
        let _ = self.poller.delete(self.source.as_fd());
    }
}

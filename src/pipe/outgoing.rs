//! The way out of a pipe: what a socket has sent and the kernel has not taken.
//!
//! Owns: the two batches (one being filled, one being written), their counts, and who may write now.
//! Always true: at most one thread writes; a message is in exactly one batch; while `scheduled`, the I/O thread will look
//! here again; every change of the [state](State) happens under the one lock.
//! Must not know: sockets, patterns, how the I/O thread finds its work.
//! Source: the high-water mark as in RFC 30 and libzmq's ZMQ_SNDHWM: whole messages, per peer.
//!
//! ```text
//!             push                      direct write, or the I/O thread
//!   message ---------> back ---swap---> front ---------> kernel
//!                       ^                 |  short write: the kernel is full until it has room
//!                       +--- rewind <-----+  connection lost: what was not delivered stays
//! ```

use std::ops::{Deref, DerefMut};

use super::HighWater;
use crate::origin::Origin;
use crate::sync::{AtomicU32, LateDrops, Mutex, MutexGuard};

mod draft;
mod flush;
mod full_kernel;
mod fullness;
mod kernel;
mod life;
mod places;
mod pump;
mod push;
mod recall;
mod report;
mod room;
mod sealed;
mod state;
mod subscriptions;
mod unsent_changes;
mod writing;

pub(crate) use draft::Draft;
use fullness::Fullness;
pub(crate) use report::{OutgoingCounts, Pumped};
use state::{SendSide, State};
pub(crate) use unsent_changes::Change;
pub(super) use unsent_changes::{MOST_BYTES, UnsentChanges};

/// No heartbeat is added while more bytes of commands than this wait to be written.
const MOST_COMMAND_BYTES: usize = 16 * 1024;

/// The outgoing half of a pipe; shared by the senders of a socket and its I/O thread.
#[derive(Debug)]
pub(crate) struct Outgoing {
    state: Mutex<State>,
    origin: Origin,
    /// A [`TryLockStreak`](crate::policy::TryLockStreak) in bits, used by the I/O thread alone.
    streak: AtomicU32,
}

impl Outgoing {
    pub(crate) fn new(limit: HighWater, conflate: bool) -> Self {
        let origin = Origin::here();
        Self {
            origin,
            streak: AtomicU32::new(0),
            state: Mutex::new(State::new(limit, conflate, origin)),
        }
    }

    /// Queues a PING or a PONG: `encode` appends it, framed. It goes out before the messages that wait, also while the
    /// last of them linger. It is dropped without a connection, and also if 16 KiB of commands wait, since then the
    /// peer does not read, and its PINGs must not make us keep ever more answers. The I/O thread writes it together
    /// with others that have gathered, so that a peer that sends only PINGs does not cost a write for each.
    pub(crate) fn heartbeat(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let Some(mut state) = self.lock_here() else {
            return;
        };
        let goes_out = state.line.wire().is_some() && state.send_side != SendSide::Ended;
        if goes_out && state.commands.len() < MOST_COMMAND_BYTES {
            encode(&mut state.commands);
            if !state.scheduled && state.may_write() {
                state.schedule();
            }
        }
    }

    fn lock(&self) -> Held<'_> {
        let state = self.state.lock();
        state.check();
        Held::new(state)
    }

    /// The lock, unless another thread holds it.
    fn try_lock(&self) -> Option<Held<'_>> {
        Some(Held::new(self.state.try_lock()?))
    }

    /// The lock, for a thread that holds the lock of the socket or drops no message; `None` in a forked child whose parent
    /// was here at the fork.
    #[inline]
    fn lock_here(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.state.lock_here(|| self.origin.is_here())?;
        state.check();
        Some(state)
    }
}

/// The lock, under which messages may be dropped: bodies with an owner wait for its release, since the owner may use the
/// socket.
#[derive(Debug)]
struct Held<'a> {
    // Declared in the order in which they must be dropped.
    state: MutexGuard<'a, State>,
    _drops: LateDrops,
}

impl<'a> Held<'a> {
    fn new(state: MutexGuard<'a, State>) -> Self {
        Self {
            state,
            _drops: LateDrops::begin(),
        }
    }
}

impl Deref for Held<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

#[cfg(test)]
mod tests;

//! The heartbeats that a socket has read in a link that it reads itself, until the I/O thread handles them.
//!
//! Owns: one number for all of them: whether there was a PING and a PONG, and the TTL of the last PING.
//! Always true: while a heartbeat is pending, the I/O thread has one duty for it, however many more the peer sends.
//! Must not know: what a heartbeat is for.

use crate::sync::{AtomicU32, Ordering};

/// The pending heartbeats: the bits [`PING`] and [`PONG`], and in the low 16 bits the TTL of the last PING.
#[derive(Debug, Default)]
pub(super) struct PendingHeartbeats(AtomicU32);

const PING: u32 = 1 << 16;
const PONG: u32 = 1 << 17;

impl PendingHeartbeats {
    /// A PING was read; true if nothing was pending, so that the I/O thread needs a duty.
    pub(super) fn ping(&self, ttl: u16) -> bool {
        let newest = |met| Some(met & PONG | PING | u32::from(ttl));
        // The number is all that is published here. The duty that follows goes through a lock.
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, newest)
            .is_ok_and(|before| before == 0)
    }

    /// A PONG was read; true likewise.
    pub(super) fn pong(&self) -> bool {
        self.0.fetch_or(PONG, Ordering::AcqRel) == 0
    }

    /// Takes the pending heartbeats: the TTL of the last PING, and whether there was a PONG.
    pub(super) fn take(&self) -> (Option<u16>, bool) {
        let met = self.0.swap(0, Ordering::AcqRel);
        let ttl = (met & PING != 0).then_some((met & 0xFFFF) as u16);
        (ttl, met & PONG != 0)
    }
}

#[cfg(all(test, not(highwater_model)))]
mod tests {
    use super::*;

    #[test]
    fn however_many_come_the_io_thread_is_told_once_and_hears_of_the_last() {
        let met = PendingHeartbeats::default();
        assert_eq!(met.take(), (None, false));
        assert!(met.ping(7));
        for _ in 0..1000 {
            assert!(!met.ping(u16::MAX) && !met.pong());
        }
        assert!(!met.ping(3));
        assert_eq!(met.take(), (Some(3), true));
        assert!(met.pong() && !met.ping(0), "it is told again");
        assert_eq!(met.take(), (Some(0), true));
    }
}

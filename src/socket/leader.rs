//! Waiting on borrowed links: what a receiver does instead of sleeping until the I/O thread wakes it.
//!
//! Owns: the descriptor that ends such a wait from outside.
//! Always true: a wake-up that comes before the wait is not lost.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Wakes a leader; made when a socket first has one.
#[derive(Debug, Default)]
pub(super) struct LeaderWake(OnceLock<Option<(OwnedFd, OwnedFd)>>);

impl LeaderWake {
    /// Gets ready; false if the system has no descriptor for it, so that nobody can lead.
    pub(super) fn prepare(&self) -> bool {
        self.ends().is_some()
    }

    /// The reading and the writing end.
    fn ends(&self) -> Option<&(OwnedFd, OwnedFd)> {
        self.0
            .get_or_init(|| {
                let (read, write) = rustix::pipe::pipe().ok()?;
                for end in [&read, &write] {
                    rustix::io::ioctl_fionbio(end, true).ok()?;
                    rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC).ok()?;
                }
                Some((read, write))
            })
            .as_ref()
    }

    /// Ends the wait of a leader, now or at its next.
    pub(super) fn wake(&self) {
        if let Some((_, write)) = self.ends() {
            // A full pipe wakes just as well.
            let _ = rustix::io::write(write, &[1]);
        }
    }

    /// Waits until one of `links` has input (true in `ready`), somebody calls [`wake`](Self::wake), or the deadline
    /// passes.
    pub(super) fn wait(
        &self,
        links: &[BorrowedFd<'_>],
        deadline: Option<Instant>,
        ready: &mut Vec<bool>,
    ) {
        ready.clear();
        ready.resize(links.len(), false);
        let Some((read, _)) = self.ends() else { return };
        let mut descriptors = Vec::with_capacity(links.len() + 1);
        descriptors.push(PollFd::new(read, PollFlags::IN));
        descriptors.extend(links.iter().map(|link| PollFd::new(link, PollFlags::IN)));
        let timeout =
            deadline.map(|deadline| timespec(deadline.saturating_duration_since(Instant::now())));
        // Any error ends the wait early; the caller looks at everything again.
        if poll(&mut descriptors, timeout.as_ref()).is_err() {
            return;
        }
        if !descriptors[0].revents().is_empty() {
            let mut sink = [0; 64];
            while matches!(rustix::io::read(read, &mut sink), Ok(count) if count == sink.len()) {}
        }
        for (ready, descriptor) in ready.iter_mut().zip(&descriptors[1..]) {
            *ready = !descriptor.revents().is_empty();
        }
    }
}

/// The longest that one wait may last; the caller waits again.
const LONGEST: Duration = Duration::from_secs(3600);

fn timespec(duration: Duration) -> Timespec {
    let duration = duration.min(LONGEST);
    Timespec {
        tv_sec: duration.as_secs() as _,
        tv_nsec: duration.subsec_nanos() as _,
    }
}

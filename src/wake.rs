//! A descriptor that ends a wait in poll(2) from outside.
//!
//! Always true: a call that comes before the wait is not lost; any number of calls before a wait are one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::Wake;
use std::time::Duration;

use rustix::event::Timespec;

use crate::origin::Origin;

/// The longest that one wait in poll(2) may last; the caller waits again.
const LONGEST: Duration = Duration::from_secs(3600);

/// A pipe: the waiting thread polls one end, and a waker writes to the other.
#[derive(Debug)]
pub(crate) struct WakePipe {
    read: OwnedFd,
    write: OwnedFd,
    origin: Origin,
}

impl WakePipe {
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = rustix::pipe::pipe()?;
        for end in [&read, &write] {
            rustix::io::ioctl_fionbio(end, true)?;
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        }
        Ok(Self {
            read,
            write,
            origin: Origin::here(),
        })
    }

    /// The process whose thread it wakes; a call in any other process does nothing.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Makes the descriptor readable.
    pub(crate) fn wake(&self) {
        if !self.origin.is_here() {
            return;
        }
        // A full pipe wakes the thread, too.
        let _ = rustix::io::write(&self.write, &[1]);
    }

    /// Makes it unreadable again.
    pub(crate) fn drain(&self) {
        if !self.origin.is_here() {
            return;
        }
        let mut sink = [0; 64];
        while matches!(rustix::io::read(&self.read, &mut sink), Ok(count) if count == sink.len()) {}
    }
}

impl Wake for WakePipe {
    fn wake(self: Arc<Self>) {
        Self::wake(&self);
    }
}

impl AsFd for WakePipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// A time to wait as poll(2) takes it.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    let duration = duration.min(LONGEST);
    Timespec {
        tv_sec: duration.as_secs() as _,
        tv_nsec: duration.subsec_nanos() as _,
    }
}

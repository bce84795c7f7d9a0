//! A socket in an event loop of the application.
//!
//! Owns: the descriptor that stands for one socket's readiness.
//! Always true: the descriptor is readable from when something may be ready until a check finds that nothing is.
//! Must not know: the event loop.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::Waker;

use super::watch::{Interest, Watch};
use crate::socket::Core;
use crate::wake::WakePipe;

/// A descriptor by which an event loop learns when a call on a socket would not wait: made by `readiness`.
///
/// Register it for reading, level triggered. When it is readable, call [`check`](Self::check), and make the calls that it
/// allows, such as `try_recv`. The descriptor stays readable until a check finds nothing ready; so an event loop that serves one
/// message a turn comes back for the next.
///
/// Nothing is to be read from the descriptor itself. A socket that is watched in this way is read by its I/O thread.
///
/// ```
/// use highwater::{Context, Interest, Pull, Push};
///
/// let context = Context::new();
/// let (push, pull) = (Push::new(&context), Pull::new(&context));
/// push.connect(pull.bind("tcp://127.0.0.1:0")?)?;
/// let mut readiness = pull.readiness(Interest::READABLE)?;
/// push.send("x")?;
/// # fn wait_until_readable(fd: &impl std::os::fd::AsFd) {
/// #     use rustix::event::{PollFd, PollFlags, poll};
/// #     poll(&mut [PollFd::new(fd, PollFlags::IN)], None).expect("poll(2)");
/// # }
/// loop {
///     wait_until_readable(&readiness); // by epoll, kqueue, or whatever the loop uses
///     if readiness.check()?.readable && pull.try_recv().is_ok() {
///         break;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Readiness {
    watch: Watch,
    pipe: Arc<WakePipe>,
    waker: Waker,
}

impl Readiness {
    pub(crate) fn new(core: &Arc<Core>, interest: Interest) -> io::Result<Self> {
        let pipe = Arc::new(WakePipe::new()?);
        // Readable from the beginning, since no check was made yet.
        WakePipe::wake(&pipe);
        Ok(Self {
            watch: Watch::new(core, interest),
            waker: Waker::from(Arc::clone(&pipe)),
            pipe,
        })
    }

    /// The part of the interest that is ready now. If nothing is, the descriptor is readable no more, until something may be.
    ///
    /// Everything is ready once the socket has ended: the calls say so at once.
    ///
    /// # Errors
    ///
    /// In a forked child, if it was made by the parent.
    pub fn check(&mut self) -> io::Result<Interest> {
        self.pipe.origin().check()?;
        self.pipe.drain();
        let found = self.watch.check();
        if found.is_any() || !self.watch.arm(&self.waker) {
            WakePipe::wake(&self.pipe);
        }
        Ok(found)
    }

    /// Waits for something else from the next check on.
    pub fn set_interest(&mut self, interest: Interest) {
        self.watch.set_interest(interest);
        WakePipe::wake(&self.pipe);
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl AsRawFd for Readiness {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("interest", &self.watch.interest())
            .finish_non_exhaustive()
    }
}

//! The process in which a value was made: a forked child must not use the values of its parent.
//!
//! Always true: the check costs a system call, and is made only where a call enters the kernel anyway, or waits.
//! Source: fork(2). A child has copies of our memory and descriptors, but none of our threads: a lock held by one of
//! them stays locked for ever, and writes to a descriptor reach the parent's peer.
//!
//! Being notified of a fork would need `pthread_atfork` or a page that is wiped on fork; both are unsafe calls.

use std::io;

use rustix::process::{Pid, getpid};

/// The process in which a value was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin(Pid);

/// The proof that a call runs in the process of its socket. Code that has it may wait for that process's locks and for
/// its threads.
///
/// Only [`Origin::ask`] gives one, so the compiler refuses a waiting call that has not checked. It holds for the call
/// that has checked, and is not kept longer. An I/O thread needs none: it runs in its own process, and never waits for
/// a socket ([`Room::post`](crate::sync::Room::post)).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Here(());

impl Origin {
    /// This process.
    pub(crate) fn here() -> Self {
        Self(getpid())
    }

    /// Whether this is still that process, and not a forked child of it. A system call.
    pub(crate) fn ask(self) -> Option<Here> {
        (self.0 == getpid()).then_some(Here(()))
    }

    /// As [`ask`](Self::ask), where nobody waits for the process's threads.
    pub(crate) fn is_here(self) -> bool {
        self.ask().is_some()
    }

    /// An error in any other process.
    pub(crate) fn check(self) -> io::Result<()> {
        if self.is_here() {
            Ok(())
        } else {
            Err(io::Error::other("made before this process was forked"))
        }
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::here()
    }
}

#[cfg(test)]
impl Here {
    /// For tests, whose process has made what they test.
    pub(crate) fn in_test() -> Self {
        Self(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_here_is_of_use_and_what_was_made_elsewhere_is_refused() {
        assert!(Origin::here().ask().is_some() && Origin::here().is_here());
        assert!(Origin::here().check().is_ok());
        let parent = rustix::process::getppid().expect("a test has a parent");
        assert!(Origin(parent).ask().is_none() && !Origin(parent).is_here());
        assert_eq!(
            Origin(parent).check().map_err(|error| error.to_string()),
            Err("made before this process was forked".to_owned())
        );
    }
}

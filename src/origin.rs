//! In which process a thing was made: a forked child leaves alone what it has from its parent.
//!
//! Always true: what is asked costs a system call, and is asked only where a call goes to the kernel anyway, or waits.
//! Source: fork(2). A child has copies of our memory and descriptors, but none of our threads: a lock that one of them
//! held is held for ever, and what is written to a descriptor is written in the name of the parent.
//!
//! Being told instead of asking would take `pthread_atfork` or a page that is wiped on fork: both are unsafe calls.

use std::io;

use rustix::process::{Pid, getpid};

/// The process in which something was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin(Pid);

impl Origin {
    /// This process.
    pub(crate) fn here() -> Self {
        Self(getpid())
    }

    /// Whether this still is that process, and not a child that has forked from it.
    pub(crate) fn is_here(self) -> bool {
        self.0 == getpid()
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
mod tests {
    use super::*;

    #[test]
    fn what_was_made_here_is_of_use_and_what_was_made_elsewhere_is_refused() {
        assert!(Origin::here().is_here() && Origin::here().check().is_ok());
        let parent = rustix::process::getppid().expect("a test has a parent");
        assert!(!Origin(parent).is_here());
        assert_eq!(
            Origin(parent).check().map_err(|error| error.to_string()),
            Err("made before this process was forked".to_owned())
        );
    }
}

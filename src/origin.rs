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

/// The knowledge that a call is in the process of what it is about: who has it may wait for that process's locks and for
/// the answers of its threads.
///
/// [`Origin::ask`] alone gives it, so that the compiler refuses a call that waits and has not asked. It holds for the call
/// that has asked and is not kept beyond it. An I/O thread does not need it: it is in its own process by nature, and
/// never waits for a socket ([`Room::post`](crate::sync::Room::post)).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Here(());

impl Origin {
    /// This process.
    pub(crate) fn here() -> Self {
        Self(getpid())
    }

    /// Asks whether this still is that process, and not a child that has forked from it. A system call.
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

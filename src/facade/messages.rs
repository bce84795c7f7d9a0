//! The messages of a socket as an iterator.

use std::fmt;

use highwater_patterns::Message;

use crate::error::RecvError;
use crate::socket::{Core, Wait};

/// The messages that a socket receives, until it ends or its `receive_timeout` is over.
pub struct Messages<'a> {
    core: &'a Core,
}

impl<'a> Messages<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core }
    }
}

impl Iterator for Messages<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.core.recv::<RecvError>(Wait::Configured).ok()
    }
}

impl fmt::Debug for Messages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").finish_non_exhaustive()
    }
}

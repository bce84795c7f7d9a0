//! Fair queueing: one whole message from each pipe in turn.
//!
//! Owns: the rotation of inbound pipes, which of them are empty, and a message that was looked at but not taken.
//! Always true: each attached pipe is either in rotation or known to be empty.
//! Must not know: what a message means.
//! Source: RFC 30/PIPELINE, "The PULL Socket Type"; RFC 28/REQREP, "The DEALER Socket Type".

use super::rotation::Rotation;
use crate::{DropCause, Message, PipeId, Pipes, Received};

/// The inbound half of every socket type that takes messages from all its peers alike.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    rotation: Rotation,
    /// Put back by [`FairQueue::unread`]; comes first.
    ahead: Option<(PipeId, Message)>,
}

impl FairQueue {
    /// The next message, and the pipe it came from; `None` if no pipe has one.
    #[inline]
    pub(crate) fn recv(&mut self, pipes: &mut impl Pipes) -> Option<(PipeId, Message)> {
        if self.ahead.is_some() {
            return self.ahead.take();
        }
        while let Some(pipe) = self.rotation.current() {
            match pipes.try_read(pipe) {
                Some(Received::Message(message)) => {
                    self.rotation.advance();
                    return Some((pipe, message));
                }
                Some(_) => pipes.dropped(Some(pipe), DropCause::Unexpected),
                None => self.rotation.rest_current(),
            }
        }
        None
    }

    /// Puts the message read last back, so that it is the next.
    pub(crate) fn unread(&mut self, pipe: PipeId, message: Message) {
        debug_assert!(self.ahead.is_none(), "two messages put back");
        self.ahead = Some((pipe, message));
    }

    /// Whether [`FairQueue::recv`] would give a message now.
    pub(crate) fn has_message(&mut self, pipes: &mut impl Pipes) -> bool {
        if let Some((pipe, message)) = self.recv(pipes) {
            self.unread(pipe, message);
        }
        self.ahead.is_some()
    }

    /// A new pipe.
    pub(crate) fn attach(&mut self, pipe: PipeId) {
        self.rotation.attach(pipe);
    }

    /// A pipe that was empty has something again.
    pub(crate) fn readable(&mut self, pipe: PipeId) {
        self.rotation.activate(pipe);
    }

    /// Nothing can be read from `pipe` any more; what was put back of it is lost with it.
    pub(crate) fn detach(&mut self, pipe: PipeId) {
        self.rotation.detach(pipe);
        if self.ahead.as_ref().is_some_and(|(from, _)| *from == pipe) {
            self.ahead = None;
        }
    }

    #[cfg(test)]
    pub(crate) fn rotation(&self) -> &Rotation {
        &self.rotation
    }
}

#[cfg(test)]
mod tests;
